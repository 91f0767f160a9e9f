// Sets everything up, builds what has changed, and runs the sample app: npm run demo -- [option...]
import { spawn, spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { root, setup } from './x.mjs'

const env = setup()
build()
await start()

/** Only failures have something to say; turbo itself knows what is built already. */
function build() {
  process.stderr.write('Building…\n')
  const filters = ['@veritas-db/demo', ...backends()].map((name) => `--filter=${name}`)
  const result = spawnSync('turbo', ['run', 'build', ...filters, '--output-logs=errors-only'], {
    cwd: root,
    env,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    shell: process.platform === 'win32',
  })
  if (result.status === 0) return
  process.stderr.write(`${result.stdout ?? ''}${result.stderr ?? ''}${result.error ? `${result.error.message}\n` : ''}`)
  process.stderr.write('The build failed. Install everything anew and try again: rm -r node_modules && npm run demo\n')
  process.exit(1)
}

/** Only the databases that will be used, and what they are made of; a config file may name any. */
function backends() {
  const { values } = parseArgs({
    args: process.argv.slice(2),
    options: { backends: { type: 'string' }, config: { type: 'string' } },
    strict: false,
  })
  if (typeof values.config === 'string') return ['@veritas-db/demo^...']
  const names = typeof values.backends === 'string' ? values.backends.toLowerCase().split(',') : []
  const known = readdirSync(path.join(root, 'packages', 'backends'))
  // An alias such as "postgresql" begins like the name; what is no name at all the app will say.
  const wanted = known.filter((folder) => names.some((name) => name.trim().startsWith(folder)))
  return ['sqlite', ...wanted].map((name) => `@veritas-db/${name}...`)
}

function start() {
  // npm moves to the repository; paths that the user gives are seen from where the user is.
  const { npm_lifecycle_event: script, INIT_CWD: from } = process.env
  const cwd = script === 'demo' && from ? from : process.cwd()
  const child = spawn('node', [path.join(root, 'apps', 'demo', 'dist', 'index.js'), ...process.argv.slice(2)], {
    cwd,
    env,
    stdio: 'inherit',
  })
  // Ctrl-C reaches the app as well, which closes its databases first: wait for it.
  process.on('SIGINT', () => undefined)
  process.on('SIGTERM', () => child.kill('SIGTERM'))
  return new Promise((resolve) => {
    child.on('error', (error) => {
      process.stderr.write(`The sample app did not start: ${error.message}\n`)
      process.exitCode = 1
      resolve()
    })
    child.on('exit', (code, signal) => {
      process.exitCode = code ?? (signal === 'SIGINT' ? 130 : 1)
      resolve()
    })
  })
}
