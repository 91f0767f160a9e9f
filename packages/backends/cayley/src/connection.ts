import { abortError, CallsUnderWay, throwIfAborted, untilAborted, VeritasError } from '@veritas-db/core/contract'
import type { Dispatcher } from 'undici'
import type { CayleyConfig } from './config.js'
import { fromAnswer, fromClient, fromStatus, MissingQuadError } from './errors.js'
import { withParameters } from './gizmo.js'
import type { Line } from './nquads.js'

/** The server commits this many quads at a time; a request stays below, so that it happens as a whole or not at all. */
const MAX_QUADS = 8000
const MAX_BYTES = 8 * 1024 * 1024

const clientIds = new WeakMap<Dispatcher, number>()
let clients = 0

/** The HTTP connections to one server. */
export class Connection {
  readonly engineId: string
  /** Host and port, for messages. */
  readonly server: string
  readonly #config: CayleyConfig
  readonly #base: string
  readonly #poolSize: number
  readonly #timeoutMs: number
  readonly #headers: Readonly<Record<string, string>>
  readonly #running = new CallsUnderWay()
  /** The last write of each scope. */
  readonly #writes = new Map<string, Promise<unknown>>()
  #connecting: Promise<void> | undefined
  #client: Dispatcher | undefined
  #closed: Promise<void> | undefined

  constructor(config: CayleyConfig, defaults: { readonly poolSize: number; readonly queryTimeoutMs: number }) {
    this.#config = config
    const { protocol, hostname, port, pathname } = new URL(config.url)
    this.server = `${hostname}:${port || (protocol === 'https:' ? '443' : '80')}`
    this.#base = pathname.replace(/\/+$/, '')
    this.engineId = `cayley:${config.client ? clientId(config.client) : ''}${this.server.toLowerCase()}${this.#base}`
    this.#poolSize = config.poolSize ?? defaults.poolSize
    this.#timeoutMs = config.queryTimeoutMs ?? defaults.queryTimeoutMs
    const { username, password, bearerToken } = config
    const basic =
      username !== undefined && password
        ? `Basic ${Buffer.from(`${username}:${password.reveal()}`, 'utf8').toString('base64')}`
        : undefined
    const authorization = bearerToken ? `Bearer ${bearerToken.reveal()}` : basic
    this.#headers = authorization === undefined ? {} : { authorization }
  }

  async connect(signal?: AbortSignal): Promise<void> {
    throwIfAborted(signal)
    if (this.#closed) throw this.#closedError()
    this.#connecting ??= this.#connect().catch((error: unknown) => {
      this.#connecting = undefined
      throw error
    })
    await this.#connecting
    throwIfAborted(signal)
  }

  /** Runs one call from the outside, however many requests it takes: `close` waits for it. */
  call<T>(work: () => Promise<T>): Promise<T> {
    if (this.#closed) return Promise.reject(this.#closedError())
    return this.#running.add(work())
  }

  /** Lets the writes of a scope, in this process, read and write one after the other. */
  async writing<T>(scope: string, signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
    const before = this.#writes.get(scope) ?? Promise.resolve()
    const turn = before.then(() => {
      throwIfAborted(signal)
      return work()
    })
    // Its caller gets the error; the next only waits.
    const done = turn.then(
      () => undefined,
      () => undefined,
    )
    this.#writes.set(scope, done)
    done.then(() => {
      if (this.#writes.get(scope) === done) this.#writes.delete(scope)
    })
    return untilAborted(turn, signal, inFlight)
  }

  /** Runs a Gizmo script with its parameters; answers what it emits. */
  async query(script: string, parameters: unknown, signal: AbortSignal | undefined): Promise<readonly unknown[]> {
    // Version 1 of the API takes scripts of any length, and `limit=-1`, without which 100 answers are all.
    const result = await this.#post('/api/v1/query/gizmo?limit=-1', withParameters(script, parameters), signal)
    return Array.isArray(result) ? result : []
  }

  /** Writes groups of quads; each group is written as a whole. Those that are there already stay. */
  async write(groups: readonly (readonly Line[])[], signal: AbortSignal | undefined): Promise<void> {
    for (const lines of requests(groups)) {
      throwIfAborted(signal)
      await this.#send('/api/v2/write', lines, signal)
    }
  }

  /** Deletes quads, those of a group together. One that is not there, since somebody else was faster, is none to delete. */
  async remove(groups: readonly (readonly Line[])[], signal: AbortSignal | undefined): Promise<void> {
    for (const lines of requests(groups)) {
      throwIfAborted(signal)
      await this.#removeLines(lines, signal)
    }
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #removeLines(lines: readonly Line[], signal: AbortSignal | undefined): Promise<void> {
    try {
      await this.#send('/api/v2/delete', lines, signal)
    } catch (error) {
      // The server refuses the whole request for one missing quad: the halves that hold none are deleted.
      if (!(error instanceof MissingQuadError)) throw error
      if (lines.length === 1) return
      const middle = lines.length >> 1
      await this.#removeLines(lines.slice(0, middle), signal)
      await this.#removeLines(lines.slice(middle), signal)
    }
  }

  async #send(path: string, lines: readonly Line[], signal: AbortSignal | undefined): Promise<void> {
    await this.#post(path, `${lines.join('\n')}\n`, signal, 'application/n-quads')
  }

  async #connect(): Promise<void> {
    const { client, connectTimeoutMs, tls, url } = this.#config
    const { Pool } = await import('undici')
    const made = client
      ? undefined
      : new Pool(new URL(url).origin, {
          connections: this.#poolSize,
          headersTimeout: this.#timeoutMs,
          bodyTimeout: this.#timeoutMs,
          connect: {
            timeout: connectTimeoutMs,
            ...(tls?.ca !== undefined && { ca: tls.ca }),
            ...(tls?.cert !== undefined && { cert: tls.cert }),
            ...(tls?.key !== undefined && { key: tls.key.reveal() }),
            ...(tls?.rejectUnauthorized !== undefined && { rejectUnauthorized: tls.rejectUnauthorized }),
          },
        })
    this.#client = client ?? made
    try {
      await this.query('g.emit(1)', {}, AbortSignal.timeout(connectTimeoutMs))
    } catch (error) {
      this.#client = undefined
      await made?.destroy()
      if (VeritasError.is(error, 'ABORTED'))
        throw new VeritasError({
          code: 'CONNECTION',
          message: `Cayley at ${this.server} did not answer within ${connectTimeoutMs} ms (connectTimeoutMs).`,
        })
      throw error
    }
  }

  async #close(): Promise<void> {
    await Promise.allSettled([this.#connecting, this.#running.ended()])
    const client = this.#client
    this.#client = undefined
    if (client && !this.#config.client) await client.close()
  }

  /** The `result` of an answer. */
  async #post(
    path: string,
    body: string,
    signal: AbortSignal | undefined,
    contentType = 'application/javascript',
  ): Promise<unknown> {
    throwIfAborted(signal)
    const client = this.#client
    if (!client)
      throw this.#closed
        ? this.#closedError()
        : new VeritasError({ code: 'CONNECTION', message: 'There is no connection to Cayley: call connect() first.' })
    let status: number
    let retryAfter: string | undefined
    let text: string
    try {
      const answer = await client.request({
        origin: new URL(this.#config.url).origin,
        path: `${this.#base}${path}`,
        method: 'POST',
        headers: { ...this.#headers, 'content-type': contentType },
        body,
        ...(signal && { signal }),
      })
      status = answer.statusCode
      retryAfter = [answer.headers['retry-after']].flat()[0]
      text = await answer.body.text()
    } catch (error) {
      if (signal?.aborted) throw inFlight(signal)
      throw fromClient(error, this.server)
    }
    const answer = parse(text)
    if (answer !== undefined && 'error' in answer) throw fromAnswer(String(answer.error))
    if (status < 200 || status > 299) throw fromStatus(status, retryAfter, this.server)
    if (answer === undefined || !('result' in answer))
      throw new VeritasError({
        code: 'CONFIGURATION',
        message: `${this.server} does not answer as Cayley does: is the URL that of a Cayley server?`,
      })
    return answer.result
  }

  #closedError(): VeritasError {
    return new VeritasError({
      code: 'CONNECTION',
      retryable: false,
      message: `The connection to Cayley at ${this.server} has been closed.`,
    })
  }
}

/** Where the signal fired, a request may have reached the server: it may have been carried out. */
const inFlight = (signal: AbortSignal): VeritasError => abortError(signal, { outcome: 'unknown' })

const clientId = (client: Dispatcher): string => {
  const id = clientIds.get(client) ?? ++clients
  clientIds.set(client, id)
  return `client:${process.pid}:${id}:`
}

const parse = (text: string): object | undefined => {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? value : undefined
  } catch {
    // No JSON: somebody else's page, told by its status.
    return undefined
  }
}

/** Groups of lines as requests within the limits; the lines of a group, each once, stay together as far as they fit. */
function* requests(groups: readonly (readonly Line[])[]): Generator<readonly Line[]> {
  let lines: Line[] = []
  let bytes = 0
  const seen = new Set<Line>()
  for (const group of groups) {
    const fresh = group.filter((line) => !seen.has(line))
    const size = fresh.reduce((sum, line) => sum + line.length + 1, 0)
    if (lines.length > 0 && (lines.length + fresh.length > MAX_QUADS || bytes + size > MAX_BYTES)) {
      yield lines
      lines = []
      bytes = 0
    }
    for (const line of fresh) {
      if (seen.has(line)) continue
      seen.add(line)
      lines.push(line)
      // A node with more properties than one request takes.
      if (lines.length === MAX_QUADS) {
        yield lines
        lines = []
        bytes = 0
      }
    }
    bytes += size
  }
  if (lines.length > 0) yield lines
}
