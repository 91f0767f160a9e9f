// npm run bench: side-by-side measurements, as ratios in one run. Usage: npm run bench [-- NAME...] [--large] [--runs N]
// `npm run bench -- servers [NAME...]` measures the backends whose servers run (npm run servers -- up) or that variables name.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { root, run, setup, tryRun } from './x.mjs'

const args = process.argv.slice(2)
const env = setup()
// Of several servers those that are named; else everything.
const named = args
  .slice(args.indexOf('servers') + 1)
  .filter((word) => existsSync(path.join(root, 'packages/backends', word)))
const filters = args.includes('servers') ? named.map((name) => `--filter=@veritas-db/${name}`) : []
run('turbo', ['run', 'build', '--output-logs=errors-only', ...filters], { env })

const rivals = path.join(root, 'benchmarks', 'rivals')
const wanted = readFileSync(path.join(rivals, 'package.json'), 'utf8')
const stamp = path.join(rivals, 'node_modules', '.veritas-stamp')
if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== wanted) {
  run('npm', ['install', '--no-package-lock', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: rivals, env })
  writeFileSync(stamp, wanted)
}

if (args.includes('servers')) {
  const cli = path.join(root, 'tools', 'servers', 'src', 'cli.ts')
  const answer = spawnSync('node', [cli, 'env', '--json'], { cwd: root, env, encoding: 'utf8' })
  if (answer.status !== 0) throw new Error(`The servers did not tell where they are: ${answer.stderr}`)
  // A variable that is set names a server of the user's own.
  for (const [name, value] of Object.entries(JSON.parse(answer.stdout))) env[name] ??= value
}
process.exit(tryRun('node', ['--expose-gc', 'benchmarks/src/main.ts', ...args], { env }))
