import { throwIfAborted } from '@veritas-db/core/contract'
import { MissingQuadError } from './errors.js'
import { withParameters } from './gizmo.js'
import type { Line } from './nquads.js'
import type { Transport } from './transport.js'

/** The server commits this many quads at a time; a request stays below, so that it happens as a whole or not at all. */
const MAX_QUADS = 8000
const MAX_BYTES = 8 * 1024 * 1024

/** One call: its requests, and how far it has come. */
export class Session {
  readonly signal: AbortSignal | undefined
  /** Whether a part of the call's work has been done, so that its failure leaves that part behind. */
  changed = false
  readonly #transport: Transport

  constructor(transport: Transport, signal: AbortSignal | undefined) {
    this.#transport = transport
    this.signal = signal
  }

  /** Runs a Gizmo script with its parameters; answers what it emits. */
  async query(script: string, parameters: unknown): Promise<readonly unknown[]> {
    throwIfAborted(this.signal)
    // Version 1 of the API takes scripts of any length, and `limit=-1`, without which 100 answers are all.
    const body = withParameters(script, parameters)
    const result = await this.#transport.post(
      '/api/v1/query/gizmo?limit=-1',
      body,
      'application/javascript',
      this.signal,
    )
    return Array.isArray(result) ? result : []
  }

  /** Writes groups of quads; each group is written as a whole. Those that are there already stay. */
  async write(groups: readonly (readonly Line[])[]): Promise<void> {
    for (const lines of requests(groups)) await this.#send('/api/v2/write', lines)
  }

  /** Deletes quads, those of a group together. One that is not there, since somebody else was faster, is none to delete. */
  async remove(groups: readonly (readonly Line[])[]): Promise<void> {
    for (const lines of requests(groups)) await this.#removeLines(lines)
  }

  async #removeLines(lines: readonly Line[]): Promise<void> {
    try {
      await this.#send('/api/v2/delete', lines)
    } catch (error) {
      // The server refuses the whole request for one missing quad: the halves that hold none are deleted.
      if (!(error instanceof MissingQuadError)) throw error
      if (lines.length === 1) return
      const middle = lines.length >> 1
      await this.#removeLines(lines.slice(0, middle))
      await this.#removeLines(lines.slice(middle))
    }
  }

  async #send(path: string, lines: readonly Line[]): Promise<void> {
    throwIfAborted(this.signal)
    await this.#transport.post(path, `${lines.join('\n')}\n`, 'application/n-quads', this.signal)
    this.changed = true
  }
}

/** Groups of lines as requests within the limits; the lines of a group, each once, stay together as far as they fit. */
export function* requests(groups: readonly (readonly Line[])[]): Generator<readonly Line[]> {
  let lines: Line[] = []
  let bytes = 0
  const seen = new Set<Line>()
  for (const group of groups) {
    const fresh = [...new Set(group)].filter((line) => !seen.has(line))
    const size = fresh.reduce((sum, line) => sum + line.length + 1, 0)
    if (lines.length > 0 && (lines.length + fresh.length > MAX_QUADS || bytes + size > MAX_BYTES)) {
      yield lines
      lines = []
      bytes = 0
    }
    for (const line of fresh) {
      // A record with more quads or bytes than one request takes.
      if (lines.length > 0 && (lines.length === MAX_QUADS || bytes + line.length > MAX_BYTES)) {
        yield lines
        lines = []
        bytes = 0
      }
      seen.add(line)
      lines.push(line)
      bytes += line.length + 1
    }
  }
  if (lines.length > 0) yield lines
}
