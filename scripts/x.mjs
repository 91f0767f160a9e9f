// Runs a command on the pinned Node 24 and pnpm, installing both and the workspace first where needed.
// Needs plain Node >= 20 and npm, nothing else.  Usage: node scripts/x.mjs COMMAND [ARGUMENT...]
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..')
const toolchain = path.join(root, 'tools', 'toolchain')
const platform = process.platform === 'win32' ? 'win' : process.platform

const hash = (...files) => {
  const h = createHash('sha256')
  for (const f of files) if (existsSync(f)) h.update(readFileSync(f))
  return h.digest('hex')
}

/** Runs `work` unless it already ran in `dir` for the same inputs. */
const once = (dir, key, work) => {
  const stamp = path.join(dir, '.veritas-stamp')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === key) return
  work()
  mkdirSync(dir, { recursive: true })
  writeFileSync(stamp, key)
}

/** Runs a command in the foreground and returns its exit code. */
export const tryRun = (cmd, args, options = {}) => {
  const result = spawnSync(cmd, args, { stdio: 'inherit', cwd: root, ...options })
  if (result.error) throw result.error
  return result.status ?? 1
}

/** Runs a command in the foreground and ends this process where it fails. */
export const run = (cmd, args, options = {}) => {
  const status = tryRun(cmd, args, options)
  if (status !== 0) process.exit(status)
}

/** Installs toolchain and workspace where needed; returns the environment in which their commands run. */
export const setup = () => {
  once(path.join(toolchain, 'node_modules'), hash(path.join(toolchain, 'package.json')), () =>
    run('npm', ['install', '--no-package-lock', '--no-audit', '--no-fund', '--loglevel=error'], {
      cwd: toolchain,
      shell: platform === 'win',
    }),
  )
  const env = { ...process.env }
  const bins = [path.join(root, 'node_modules', '.bin'), path.join(toolchain, 'node_modules', '.bin')]
  // Where no Node package exists for the platform (macOS), the machine's own Node must be >= 22.18.
  const ownNode = path.join(toolchain, 'node_modules', `node-${platform}-${process.arch}`)
  if (existsSync(ownNode)) {
    bins.splice(1, 0, path.join(ownNode, 'bin'))
    env.npm_config_nodedir = ownNode
  } else {
    const [major, minor] = process.versions.node.split('.').map(Number)
    if (major < 22 || (major === 22 && minor < 18)) {
      console.error(
        `VERITAS needs Node >= 22.18, and this is ${process.version}. Install a newer Node, then run this again.`,
      )
      process.exit(1)
    }
  }
  env.PATH = bins.join(path.delimiter) + path.delimiter + process.env.PATH
  env.TURBO_TELEMETRY_DISABLED = '1'
  // What npm tells its scripts would confuse the package managers started from here.
  for (const key of Object.keys(env))
    if (
      /^npm_(config_(?!nodedir|registry|cafile|userconfig)|package_|lifecycle_|node_execpath|execpath|command)/.test(
        key,
      )
    )
      delete env[key]
  once(
    path.join(root, 'node_modules'),
    hash(path.join(root, 'pnpm-lock.yaml'), path.join(root, 'pnpm-workspace.yaml')),
    () => run('pnpm', ['install', '--frozen-lockfile', '--reporter=append-only'], { env }),
  )
  return env
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const env = setup()
  const [cmd, ...args] = process.argv.slice(2)
  if (cmd) process.exit(tryRun(cmd, args, { env, shell: platform === 'win' }))
}
