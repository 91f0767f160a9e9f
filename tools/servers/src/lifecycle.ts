import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { runLogged, tail } from './commands.ts'
import { hasCode, messageOf, ServerError } from './errors.ts'
import { instanceName, type Places, placesOf } from './places.ts'
import { takePorts } from './ports.ts'
import { isAlive, listens, type ProcessId, startOf, stop } from './processes.ts'
import { readState, type ServerState, writeState } from './state.ts'
import type { Context, Ports, ServerDefinition } from './types.ts'

export type Phase = 'waiting' | 'preparing' | 'starting' | 'ready' | 'failed'

/** Tells people how far a server is. */
export type Progress = (phase: Phase, detail: string) => void

const contextOf = (places: Places, ports: Ports): Context => ({
  install: places.install,
  data: places.data,
  ports,
  run: (command, args, options) => runLogged(places.prepareLog, command, args, options),
})

const readOrNothing = async (file: string): Promise<string | undefined> => {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined
    throw error
  }
}

const stampOf = (folder: string): string => `${folder}.done`

/** Fills a folder by `work` once; what a crash left half done is done again from the start. */
const fillOnce = async (folder: string, work: () => Promise<void>): Promise<boolean> => {
  if ((await readOrNothing(stampOf(folder))) !== undefined) return false
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true })
  await work()
  await writeFile(stampOf(folder), `${new Date().toISOString()}\n`)
  return true
}

export const isPrepared = async (server: ServerDefinition): Promise<boolean> =>
  !server.prepare || (await readOrNothing(stampOf((await placesOf(server)).install))) !== undefined

const checkNeeds = async (server: ServerDefinition): Promise<void> => {
  const found = await Promise.all(
    server.needs.map(async (need) => {
      const problem = await need.check()
      return problem ? [`${problem}. Usual way to install it: ${need.install}`] : []
    }),
  )
  const problems = found.flat()
  if (problems.length > 0)
    throw new ServerError(`${server.name} lacks: ${problems.join('; ')}`, {
      next: `Install that, then run this again; or set ${Object.keys(server.env(server.ports))[0]} to a server of your own.`,
    })
}

export const prepare = async (server: ServerDefinition, progress: Progress): Promise<void> => {
  const places = await placesOf(server)
  await mkdir(places.folder, { recursive: true })
  if (server.prepare && (await isPrepared(server))) return
  // The lock of an instance keeps nobody else from installing at the same time.
  if (server.prepare && instanceName())
    throw new ServerError(`${server.name} is not installed`, { next: `Run: npm run servers -- up ${server.name}` })
  await checkNeeds(server)
  if (!server.prepare) return
  progress('preparing', `${server.version} from ${server.source} (about ${server.prepareSeconds} s)`)
  await rm(places.prepareLog, { force: true })
  const started = Date.now()
  const timer = setInterval(() => progress('preparing', `still at it; what it does is in ${places.prepareLog}`), 60_000)
  try {
    await fillOnce(places.install, async () => server.prepare?.(contextOf(places, server.ports)))
  } finally {
    clearInterval(timer)
  }
  progress('preparing', `done in ${((Date.now() - started) / 1000).toFixed(1)} s`)
}

/** What a server gets to see of our environment: not the variables by which many servers are configured. */
const baseEnvironment = (): Record<string, string> => {
  const kept: Record<string, string> = {}
  for (const name of ['PATH', 'HOME', 'USER', 'LANG', 'LC_ALL', 'TMPDIR', 'TZ', 'JAVA_HOME', 'SYSTEMROOT']) {
    const value = process.env[name]
    if (value !== undefined) kept[name] = value
  }
  return kept
}

const launch = async (server: ServerDefinition, context: Context, places: Places): Promise<ChildProcess> => {
  const command = await server.command(context)
  await rename(places.log, `${places.log}.1`).catch((error: unknown) => {
    if (!hasCode(error, 'ENOENT')) throw error
  })
  const log = await open(places.log, 'a')
  try {
    const child = spawn(command.file, [...command.args], {
      cwd: command.cwd ?? context.data,
      env: { ...baseEnvironment(), ...command.env },
      stdio: ['ignore', log.fd, log.fd],
      // Ctrl-C in the terminal and the end of this process are not its concern.
      detached: true,
    })
    await once(child, 'spawn')
    child.unref()
    return child
  } finally {
    await log.close()
  }
}

/** Waits until the process `id` answers a real round trip. */
const untilReady = async (server: ServerDefinition, id: ProcessId, ports: Ports, log: string): Promise<void> => {
  const until = Date.now() + (server.startSeconds ?? 60) * 1000
  const failed = async (message: string, cause?: unknown): Promise<ServerError> =>
    new ServerError(message, {
      next: `Read ${log}; data that it can't read is wiped by: npm run servers -- up --fresh ${server.name}`,
      log: await tail(log, 15),
      cause,
    })
  for (;;) {
    if (!(await isAlive(id))) throw await failed(`${server.name} ended while it was starting`)
    try {
      await server.ready(ports)
    } catch (error) {
      if (Date.now() > until) throw await failed(`${server.name} does not get ready: ${messageOf(error)}`, error)
      await sleep(100)
      continue
    }
    // Somebody else may have taken the port first, and have answered.
    const port = Object.values(ports)[0] ?? 0
    if ((await listens(id.pid, port)) !== false && (await isAlive(id))) return
    if (Date.now() > until) throw await failed(`Port ${port} is answered by another process than ${server.name}`)
    await sleep(100)
  }
}

const initialise = async (server: ServerDefinition, context: Context): Promise<void> => {
  await fillOnce(context.data, async () => server.init?.(context))
  await server.beforeStart?.(context)
}

const startOnce = async (server: ServerDefinition, last: Ports | undefined): Promise<ServerState> => {
  const places = await placesOf(server)
  const { ports, release } = await takePorts(server.ports, last)
  try {
    const context = contextOf(places, ports)
    await initialise(server, context)
    const child = await launch(server, context, places)
    const pid = child.pid
    const started = pid === undefined ? undefined : await startOf(pid)
    if (pid === undefined || started === undefined)
      throw new ServerError(`${server.name} ended at once`, {
        next: `Read ${places.log}`,
        log: await tail(places.log, 15),
      })
    const id = { pid, started }
    const state: ServerState = {
      version: server.version,
      ports,
      process: id,
      ready: false,
      log: places.log,
      startedAt: new Date().toISOString(),
    }
    // Before it is ready, so that nothing is lost should we end now.
    await writeState(places.state, state)
    try {
      await untilReady(server, id, ports, places.log)
    } catch (error) {
      await stop(id, 'SIGKILL')
      await writeState(places.state, { version: server.version, ports })
      throw error
    }
    const ready = { ...state, ready: true }
    await writeState(places.state, ready)
    return ready
  } finally {
    release()
  }
}

/** The process of a state, where it still runs. */
export const runningProcess = async (state: ServerState | undefined): Promise<ProcessId | undefined> =>
  state?.process && (await isAlive(state.process)) ? state.process : undefined

/** Whether the server of a state answers now. */
export const answers = async (server: ServerDefinition, state: ServerState): Promise<boolean> => {
  try {
    await server.ready(state.ports)
    return true
  } catch (error) {
    if (error instanceof Error) return false
    throw error
  }
}

const where = (ports: Ports): string => `port ${Object.values(ports)[0]}`

/** Brings one server up. Hold its lock. */
export const start = async (
  server: ServerDefinition,
  options: { fresh?: boolean },
  progress: Progress,
): Promise<ServerState> => {
  const places = await placesOf(server)
  let state = await readState(places.state)
  const running = await runningProcess(state)
  if (running && state) {
    const current = state.version === server.version && !options.fresh
    if (current && (state.ready ? await answers(server, state) : true)) {
      // An interrupted `up` may have left it while it was starting.
      try {
        await untilReady(server, running, state.ports, places.log)
        state = { ...state, ready: true }
        await writeState(places.state, state)
        progress('ready', `already running on ${where(state.ports)}`)
        return state
      } catch (error) {
        progress('starting', `it runs without answering (${messageOf(error)}), so it is started anew`)
      }
    }
    await stop(running, server.stopSignal ?? 'SIGTERM', current ? 3_000 : undefined)
  }
  await prepare(server, progress)
  if (options.fresh) {
    await rm(stampOf(places.data), { force: true })
    await rm(places.data, { recursive: true, force: true })
  }
  progress('starting', `${server.title} ${server.version}`)
  const begun = Date.now()
  let ready: ServerState
  try {
    ready = await startOnce(server, state?.ports)
  } catch (error) {
    // Something may have been uninstalled since it was prepared; that is a clearer answer.
    await checkNeeds(server)
    // A second time: the port may have been taken meanwhile, or what was killed was still letting go.
    progress('starting', `once more, for it failed: ${messageOf(error)}`)
    ready = await startOnce(server, state?.ports)
  }
  progress('ready', `on ${where(ready.ports)} after ${((Date.now() - begun) / 1000).toFixed(1)} s`)
  return ready
}

/** Takes one server down, and remembers its ports. Hold its lock. Answers whether it ran. */
export const end = async (server: ServerDefinition, signal?: NodeJS.Signals): Promise<boolean> => {
  const places = await placesOf(server)
  const state = await readState(places.state)
  const running = await runningProcess(state)
  if (running) await stop(running, signal ?? server.stopSignal ?? 'SIGTERM')
  if (state?.process) await writeState(places.state, { version: state.version, ports: state.ports })
  return running !== undefined
}
