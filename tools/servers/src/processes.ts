import { execFile } from 'node:child_process'
import { readdir, readFile, readlink } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { hasCode, ServerError } from './errors.ts'

const exec = promisify(execFile)

/** A process and the moment it started: a number alone may belong to somebody else by now. */
export interface ProcessId {
  readonly pid: number
  readonly started: string
}

const bootId = async (): Promise<string> => {
  try {
    return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim()
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'EACCES')) return 'boot'
    throw error
  }
}

const startedOnLinux = async (pid: number): Promise<string | undefined> => {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
    // The name in parentheses may hold spaces and parentheses itself, so count from the last one.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    if (fields[0] === 'Z' || fields[0] === 'X') return undefined
    return `${await bootId()}:${fields[19]}`
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ESRCH')) return undefined
    throw error
  }
}

const startedElsewhere = async (pid: number): Promise<string | undefined> => {
  try {
    const { stdout } = await exec('ps', ['-o', 'stat=,lstart=', '-p', String(pid)])
    const [stat, ...started] = stdout.trim().split(/\s+/)
    return !stat || stat.startsWith('Z') ? undefined : started.join(' ')
  } catch (error) {
    // ps ends with 1 where there is no such process
    if (error instanceof Error && 'code' in error && error.code === 1) return undefined
    throw error
  }
}

/** When a process started, in the system's own terms; nothing where it does not run. */
export const startOf = (pid: number): Promise<string | undefined> =>
  process.platform === 'linux' ? startedOnLinux(pid) : startedElsewhere(pid)

export const isAlive = async (id: ProcessId): Promise<boolean> => (await startOf(id.pid)) === id.started

let own: Promise<ProcessId> | undefined

export const ownProcess = (): Promise<ProcessId> => {
  own ??= startOf(process.pid).then((started) => ({ pid: process.pid, started: started ?? 'unknown' }))
  return own
}

const send = (pid: number, signal: NodeJS.Signals): void => {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if (!hasCode(error, 'ESRCH')) throw error
  }
}

const waitForEnd = async (id: ProcessId, ms: number): Promise<boolean> => {
  const until = Date.now() + ms
  while (await isAlive(id)) {
    if (Date.now() > until) return false
    await sleep(25)
  }
  return true
}

/** Ends a process by `signal`, and by SIGKILL where it has not ended after `ms`. */
export const stop = async (id: ProcessId, signal: NodeJS.Signals, ms = 15_000): Promise<void> => {
  if (!(await isAlive(id))) return
  send(id.pid, signal)
  if (await waitForEnd(id, ms)) return
  send(id.pid, 'SIGKILL')
  if (!(await waitForEnd(id, 5_000))) {
    throw new ServerError(`Process ${id.pid} does not end, not even by SIGKILL`, {
      next: `Look at it with: ps -o pid,stat,wchan:30,cmd -p ${id.pid}`,
    })
  }
}

/** Resident memory of a process and its children, in MB. */
export const residentMegabytes = async (pids: readonly number[]): Promise<Map<number, number>> => {
  const { stdout } = await exec('ps', ['-eo', 'pid=,ppid=,rss='], { maxBuffer: 16 * 1024 * 1024 })
  const children = new Map<number, number[]>()
  const rss = new Map<number, number>()
  for (const line of stdout.split('\n')) {
    const [pid, parent, size] = line.trim().split(/\s+/).map(Number)
    if (pid === undefined || parent === undefined || size === undefined) continue
    rss.set(pid, size)
    children.set(parent, [...(children.get(parent) ?? []), pid])
  }
  const sum = (pid: number): number =>
    (children.get(pid) ?? []).reduce((total, child) => total + sum(child), rss.get(pid) ?? 0)
  return new Map(pids.map((pid) => [pid, Math.round(sum(pid) / 1024)]))
}

/** Whether `pid` itself listens on `port`; unknown where the system does not tell. */
export const listens = async (pid: number, port: number): Promise<boolean | undefined> => {
  if (process.platform !== 'linux') return undefined
  try {
    const tables = await Promise.all(['tcp', 'tcp6'].map((table) => readFile(`/proc/${pid}/net/${table}`, 'utf8')))
    const hexPort = port.toString(16).toUpperCase().padStart(4, '0')
    const inodes = new Set<string>()
    for (const line of tables.join('\n').split('\n')) {
      const fields = line.trim().split(/\s+/)
      if (fields[3] === '0A' && fields[1]?.endsWith(`:${hexPort}`)) inodes.add(`socket:[${fields[9]}]`)
    }
    for (const fd of await readdir(`/proc/${pid}/fd`)) {
      const target = await readlink(`/proc/${pid}/fd/${fd}`).catch((error: unknown) => {
        // descriptors come and go while we look
        if (hasCode(error, 'ENOENT')) return ''
        throw error
      })
      if (inodes.has(target)) return true
    }
    return false
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'EACCES', 'ESRCH', 'EPERM')) return undefined
    throw error
  }
}
