// npm run bench: side-by-side measurements, as ratios in one run. Usage: npm run bench [-- NAME...] [--large] [--runs N]
import { existsSync } from 'node:fs'
import path from 'node:path'
import { root, run, setup, tryRun } from './x.mjs'

const env = setup()
run('turbo', ['run', 'build', '--output-logs=errors-only'], { env })
const rivals = path.join(root, 'benchmarks', 'rivals')
if (!existsSync(path.join(rivals, 'node_modules')))
  run('npm', ['install', '--no-package-lock', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: rivals, env })
process.exit(tryRun('node', ['--expose-gc', 'benchmarks/src/main.ts', ...process.argv.slice(2)], { env }))
