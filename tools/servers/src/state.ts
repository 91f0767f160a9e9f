import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { hasCode } from './errors.ts'
import type { ProcessId } from './processes.ts'
import type { Ports } from './types.ts'

/** What is remembered of a server between runs: its ports always, its process while it should run. */
export interface ServerState {
  readonly version: string
  readonly ports: Ports
  readonly process?: ProcessId
  /** It has answered since it was started. */
  readonly ready?: boolean
  readonly log?: string
  readonly startedAt?: string
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

const portsFrom = (value: unknown): Ports | undefined => {
  if (!isRecord(value)) return undefined
  const ports: Record<string, number> = {}
  for (const [use, port] of Object.entries(value)) {
    if (typeof port !== 'number' || !Number.isInteger(port) || port < 1 || port > 65_535) return undefined
    ports[use] = port
  }
  return ports
}

/** Reads a state from text; nothing where it is not one, e.g. cut short by a crash. */
export const parseState = (text: string): ServerState | undefined => {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
  if (!isRecord(value) || typeof value.version !== 'string') return undefined
  const ports = portsFrom(value.ports)
  if (!ports) return undefined
  const { process: id, ready, log, startedAt } = value
  return {
    version: value.version,
    ports,
    ...(isRecord(id) && typeof id.pid === 'number' && id.pid > 1 && typeof id.started === 'string'
      ? { process: { pid: id.pid, started: id.started } }
      : {}),
    ...(typeof ready === 'boolean' ? { ready } : {}),
    ...(typeof log === 'string' ? { log } : {}),
    ...(typeof startedAt === 'string' ? { startedAt } : {}),
  }
}

export const readState = async (file: string): Promise<ServerState | undefined> => {
  try {
    return parseState(await readFile(file, 'utf8'))
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined
    throw error
  }
}

export const writeState = async (file: string, state: ServerState): Promise<void> => {
  await mkdir(path.dirname(file), { recursive: true })
  const draft = `${file}.${process.pid}.tmp`
  await writeFile(draft, `${JSON.stringify(state, null, 2)}\n`)
  await rename(draft, file)
}
