import { freemem } from 'node:os'
import { isExternal, setByUser, stateOf, variablesOf } from './environment.ts'
import { messageOf, ServerError } from './errors.ts'
import { answers, end, isPrepared, type Phase, runningProcess, start } from './lifecycle.ts'
import { withLock } from './lock.ts'
import { NAMES, type ServerName } from './names.ts'
import { placesOf } from './places.ts'
import { residentMegabytes } from './processes.ts'
import { SERVERS as DEFINITIONS, serverNamed } from './servers/index.ts'
import type { Ports, ServerDefinition } from './types.ts'

export { ServerError } from './errors.ts'
export type { Phase } from './lifecycle.ts'
export { isServerName, NAMES, type ServerName } from './names.ts'
export { cacheFolder } from './places.ts'

export interface ServerInfo {
  readonly name: ServerName
  readonly title: string
  readonly version: string
  readonly source: string
  readonly variables: readonly string[]
  /** Resident memory to expect, in MB. */
  readonly memory: number
}

/** Every server there is. */
export const SERVERS: readonly ServerInfo[] = DEFINITIONS.map((server) => ({
  name: server.name,
  title: server.title,
  version: server.version,
  source: server.source,
  variables: variablesOf(server),
  memory: server.memory,
}))

/**
 * `external`: the user's own, told by a variable; `silent`: it runs and does not answer;
 * `crashed`: it should run and does not; `absent`: never installed.
 */
export type State = 'running' | 'silent' | 'stopped' | 'crashed' | 'absent' | 'external'

export interface ServerStatus {
  readonly name: ServerName
  readonly title: string
  readonly version: string
  readonly state: State
  readonly ports?: Ports
  readonly pid?: number
  /** Resident memory, in MB. */
  readonly rss?: number
  readonly log: string
  readonly env: Readonly<Record<string, string>>
}

export interface Event {
  readonly name: ServerName
  readonly phase: Phase
  readonly detail: string
}

export interface UpOptions {
  /** Wipes the data before the start. */
  readonly fresh?: boolean
  /** How many servers are prepared and started at the same time. */
  readonly jobs?: number
  readonly onProgress?: (event: Event) => void
}

export interface Failure {
  readonly name: ServerName
  readonly error: Error
}

const locked = async <T>(
  server: ServerDefinition,
  work: () => Promise<T>,
  onWait?: (pid: number) => void,
): Promise<T> => withLock((await placesOf(server)).lock, work, onWait ? { onWait: ({ pid }) => onWait(pid) } : {})

const definitions = (names: readonly ServerName[] = NAMES): ServerDefinition[] =>
  [...new Set(names)].map((name) => serverNamed(name))

/** Works off `items`, `width` at a time. */
const pooled = async <T>(items: readonly T[], width: number, work: (item: T) => Promise<void>): Promise<void> => {
  const queue = [...items]
  const worker = async (): Promise<void> => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item)
  }
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, worker))
}

const asError = (error: unknown): Error => (error instanceof Error ? error : new Error(messageOf(error)))

/** Like `up`, but goes on with the others where one fails, and answers what failed. */
export const tryUp = async (names?: readonly ServerName[], options: UpOptions = {}): Promise<Failure[]> => {
  const failures: Failure[] = []
  // What is quick to prepare comes first: it can be used while the rest is built.
  const queue = definitions(names).sort((a, b) => a.prepareSeconds - b.prepareSeconds)
  await pooled(queue, options.jobs ?? 3, async (server) => {
    const tell = (phase: Phase, detail: string): void => options.onProgress?.({ name: server.name, phase, detail })
    try {
      if (isExternal(server, await stateOf(server))) {
        tell('ready', `yours, as ${Object.keys(setByUser(server)).join(' and ')} says; left alone`)
        return
      }
      await locked(
        server,
        () => start(server, { fresh: options.fresh ?? false }, tell),
        (pid) => tell('waiting', `process ${pid} is busy with it`),
      )
    } catch (error) {
      failures.push({ name: server.name, error: asError(error) })
      tell('failed', messageOf(error))
    }
  })
  return failures
}

/** Installs, starts and waits for servers (all of them without names). Throws where one does not come up. */
export const up = async (names?: readonly ServerName[], options: UpOptions = {}): Promise<ServerStatus[]> => {
  const failures = await tryUp(names, options)
  if (failures.length > 0)
    throw new ServerError(failures.map(({ name, error }) => `${name}: ${error.message}`).join('\n'), {
      next: failures
        .flatMap(({ error }) => (error instanceof ServerError && error.next ? [error.next] : []))
        .join('\n'),
      cause: new AggregateError(failures.map(({ error }) => error)),
    })
  return status(names)
}

/** Stops servers that were started here; answers which ones ran. The user's own are left alone. */
export const down = async (
  names?: readonly ServerName[],
  options: { signal?: 'SIGTERM' | 'SIGKILL'; onProgress?: (event: Event) => void } = {},
): Promise<ServerName[]> => {
  const ran = await Promise.all(
    definitions(names).map(async (server) => {
      if (isExternal(server, await stateOf(server))) return false
      // SIGTERM means "cleanly", and that is another signal for some.
      const signal = options.signal === 'SIGKILL' ? 'SIGKILL' : undefined
      return locked(
        server,
        () => end(server, signal),
        (pid) =>
          options.onProgress?.({ name: server.name, phase: 'waiting', detail: `process ${pid} is busy with it` }),
      )
    }),
  )
  return definitions(names).flatMap((server, index) => (ran[index] ? [server.name] : []))
}

const statusOf = async (server: ServerDefinition): Promise<ServerStatus> => {
  const [state, places] = await Promise.all([stateOf(server), placesOf(server)])
  const base = { name: server.name, title: server.title, version: server.version, log: places.log }
  if (isExternal(server, state)) return { ...base, state: 'external', env: setByUser(server) }
  const running = await runningProcess(state)
  if (state && running) {
    return {
      ...base,
      state: (await answers(server, state)) ? 'running' : 'silent',
      ports: state.ports,
      pid: running.pid,
      env: server.env(state.ports),
    }
  }
  if (state?.process) return { ...base, state: 'crashed', ports: state.ports, env: {} }
  const stopped = state ? { ports: state.ports } : {}
  return { ...base, state: (await isPrepared(server)) ? 'stopped' : 'absent', ...stopped, env: {} }
}

/** How the servers are: each one that runs is asked. */
export const status = async (names?: readonly ServerName[]): Promise<ServerStatus[]> => {
  const found = await Promise.all(definitions(names).map(statusOf))
  const pids = found.flatMap(({ pid }) => (pid === undefined ? [] : [pid]))
  if (pids.length === 0) return found
  const sizes = await residentMegabytes(pids)
  return found.map((one) => {
    const rss = one.pid === undefined ? undefined : sizes.get(one.pid)
    return rss === undefined ? one : { ...one, rss }
  })
}

/** The variables of all servers which run, and of those that the user has set. */
export const env = async (): Promise<Record<string, string>> => {
  const found: Record<string, string> = {}
  for (const server of DEFINITIONS) {
    const state = await stateOf(server)
    if (isExternal(server, state)) Object.assign(found, setByUser(server))
    else if (state?.ready && (await runningProcess(state))) Object.assign(found, server.env(state.ports))
  }
  return found
}

const ownOnly = async (name: ServerName): Promise<ServerDefinition> => {
  const server = serverNamed(name)
  if (isExternal(server, await stateOf(server)))
    throw new ServerError(`${name} is yours, as ${Object.keys(setByUser(server)).join(' and ')} says`, {
      next: 'Unset that variable to use a server that is started from here.',
    })
  return server
}

/** Ends a server by SIGKILL, as a crash would, for fault tests. */
export const kill = async (name: ServerName): Promise<void> => {
  const server = await ownOnly(name)
  if (!(await locked(server, () => end(server, 'SIGKILL')))) throw new ServerError(`${name} does not run`)
}

/** Stops a server, where it runs, and starts it again on the same ports. */
export const restart = async (name: ServerName, options: Omit<UpOptions, 'jobs'> = {}): Promise<ServerStatus> => {
  const server = await ownOnly(name)
  const tell = (phase: Phase, detail: string): void => options.onProgress?.({ name, phase, detail })
  await locked(server, async () => {
    await end(server)
    await start(server, { fresh: options.fresh ?? false }, tell)
  })
  return statusOf(server)
}

/** Memory that the named servers still need, and what the machine has left, in MB. */
export const memoryPlan = async (names?: readonly ServerName[]): Promise<{ needed: number; free: number }> => {
  let needed = 0
  for (const server of definitions(names)) {
    const state = await stateOf(server)
    if (!isExternal(server, state) && !(await runningProcess(state))) needed += server.memory
  }
  return { needed, free: Math.round(freemem() / 1024 / 1024) }
}
