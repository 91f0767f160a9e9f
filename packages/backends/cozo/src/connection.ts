import { setTimeout as sleep } from 'node:timers/promises'
import {
  abortError,
  addressOf,
  type CallOptions,
  checkScope,
  clientNumber,
  connectWithin,
  type FailedCall,
  Lifecycle,
  type ProbeResult,
  type RoleName,
  type Scope,
  throwIfAborted,
  type VeritasError,
} from '@veritas-db/core/contract'
import type { Dispatcher } from 'undici'
import type { CozoConfig } from './config.js'
import { CozoError, isContention, toVeritasError } from './errors.js'

/** What a parameter of a script may be. */
export type Parameters = Readonly<Record<string, unknown>>
/** The rows of an answer. */
export type Rows = readonly (readonly unknown[])[]

const reads: ReadonlySet<string> = new Set([
  'listCollections',
  'query',
  'get',
  'find',
  'count',
  'scan',
  'searchText',
  'digest',
  'raw',
  'getNodes',
  'getEdges',
  'findNodes',
  'neighbors',
  'shortestPath',
  'scanNodes',
  'scanEdges',
])
/** How often a script is run again that met another write. */
const mostAttempts = 40

/** The HTTP side of one server: scripts go out, rows come back. */
export class Connection {
  readonly engineId: string
  /** Host and port. */
  readonly target: string
  readonly #config: CozoConfig
  readonly #origin: string
  readonly #path: string
  readonly #poolSize: number
  readonly #queryTimeoutMs: number
  readonly #life = new Lifecycle('CozoDB')
  /** The last write of each relation that was begun here. */
  readonly #queues = new Map<string, Promise<unknown>>()
  #dispatcher: Dispatcher | undefined

  constructor(config: CozoConfig, poolSize: number, queryTimeoutMs: number) {
    this.#config = config
    this.#poolSize = config.poolSize ?? poolSize
    this.#queryTimeoutMs = config.queryTimeoutMs ?? queryTimeoutMs
    const url = new URL(config.url)
    this.#origin = url.origin
    const path = url.pathname.replace(/\/+$/, '')
    this.#path = `${path}/text-query`
    this.target = addressOf(url)
    // Where an injected dispatcher goes is not known.
    const owner = config.client ? `client:${clientNumber(config.client)}:` : ''
    this.engineId = `cozo:${owner}${url.origin}${path}`
  }

  /** Opens the pool and makes sure that the server answers, once for all that ask. */
  async connect(signal: AbortSignal | undefined, prepare: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const { target } = this
    const connecting = { product: 'CozoDB', target, timeoutMs: this.#config.connectTimeoutMs }
    try {
      throwIfAborted(signal)
      // Not with the caller's signal: others may be waiting for the same attempt.
      await this.#life.open(async () => {
        this.#dispatcher = this.#config.client ?? (await this.#makePool())
        try {
          await connectWithin(connecting, prepare)
        } catch (error) {
          await this.#release()
          throw error
        }
      }, signal)
    } catch (error) {
      throw this.#error(error, { operation: 'connect', signal })
    }
  }

  async #makePool(): Promise<Dispatcher> {
    const { Pool } = await import('undici')
    const { connectTimeoutMs, tls } = this.#config
    return new Pool(this.#origin, {
      connections: this.#poolSize,
      headersTimeout: this.#queryTimeoutMs,
      bodyTimeout: this.#queryTimeoutMs,
      connect: {
        timeout: connectTimeoutMs,
        ...(tls?.ca !== undefined && { ca: tls.ca }),
        ...(tls?.cert !== undefined && { cert: tls.cert }),
        ...(tls?.key !== undefined && { key: tls.key.reveal() }),
        ...(tls?.rejectUnauthorized !== undefined && { rejectUnauthorized: tls.rejectUnauthorized }),
        ...(tls?.servername !== undefined && { servername: tls.servername }),
      },
    })
  }

  /** Waits for calls under way, then ends the connections that are ours. */
  close(): Promise<void> {
    return this.#life.close(() => this.#release())
  }

  async #release(): Promise<void> {
    const dispatcher = this.#dispatcher
    this.#dispatcher = undefined
    // Not `close`, which waits for connections to fall idle: nothing is under way any more.
    if (dispatcher && !this.#config.client) await dispatcher.destroy()
  }

  /** A cheap real round trip. CozoDB does not tell its version. */
  async probe(signal?: AbortSignal): Promise<ProbeResult> {
    try {
      throwIfAborted(signal)
      await this.#life.run(() => this.read('?[one] <- [[1]]', {}, signal))
      return { product: 'CozoDB', version: 'unknown' }
    } catch (error) {
      throw this.#error(error, { operation: 'probe', signal })
    }
  }

  /** Runs one call of a role; `close` waits for it. */
  async call<T>(
    role: RoleName,
    operation: string,
    options: CallOptions & { readonly scope?: Scope },
    work: () => Promise<T>,
  ): Promise<T> {
    try {
      throwIfAborted(options.signal)
      if ('scope' in options) checkScope(options.scope as Scope)
      return await this.#life.run(work)
    } catch (error) {
      throw this.#error(error, { role, operation, write: !reads.has(operation), signal: options.signal })
    }
  }

  #error(error: unknown, call: Omit<FailedCall, 'target'>): VeritasError {
    return toVeritasError(error, { ...call, target: this.target })
  }

  /** Runs a script that reads. */
  read(script: string, parameters: Parameters, signal: AbortSignal | undefined): Promise<Rows> {
    return this.#send(script, parameters, signal, false)
  }

  /**
   * Runs a script that writes. Where another write of the same records was faster, the server refuses all of it; then it
   * is run again on what is there now, which is how versions are compared. Writes of one relation wait for each other here.
   */
  write(relation: string, script: string, parameters: Parameters, signal: AbortSignal | undefined): Promise<Rows> {
    return this.serially(relation, signal, async () => {
      for (let attempt = 1; ; attempt++) {
        try {
          return await this.#send(script, parameters, signal, true)
        } catch (error) {
          if (!isContention(error) || attempt >= mostAttempts) throw error
          await sleep(Math.random() * Math.min(attempt * 5, 50))
          throwIfAborted(signal)
        }
      }
    })
  }

  /** Lets work on one relation wait for what was begun before. */
  async serially<T>(relation: string, signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
    const before = this.#queues.get(relation)
    const run = async (): Promise<T> => {
      // Its caller has its error.
      await Promise.allSettled([before])
      throwIfAborted(signal)
      return work()
    }
    const promise = run()
    this.#queues.set(relation, promise)
    try {
      return await promise
    } finally {
      if (this.#queues.get(relation) === promise) this.#queues.delete(relation)
    }
  }

  async #send(script: string, params: Parameters, signal: AbortSignal | undefined, write: boolean): Promise<Rows> {
    throwIfAborted(signal)
    const dispatcher = this.#dispatcher
    if (!dispatcher) throw new Error('There is no pool before the connection is open.')
    const { authToken } = this.#config
    try {
      const { statusCode, headers, body } = await dispatcher.request({
        origin: this.#origin,
        path: this.#path,
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          ...(authToken && { 'x-cozo-auth': authToken.reveal() }),
        },
        body: JSON.stringify(write ? { script, params } : { script, params, immutable: true }),
        ...(signal && { signal }),
      })
      const text = await body.text()
      return readAnswer(statusCode, text, headers['retry-after'])
    } catch (error) {
      if (signal?.aborted) throw abortError(signal, { outcome: write ? 'unknown' : 'not-applied' })
      throw error
    }
  }
}

/** The rows of an answer. @throws CozoError for a refusal */
export const readAnswer = (status: number, text: string, retryAfter?: string | readonly string[]): Rows => {
  const answer = parseJson(text)
  if (status === 200 && answer !== undefined && Array.isArray(answer.rows)) return answer.rows
  const seconds = Number(typeof retryAfter === 'string' ? retryAfter : undefined)
  const message = typeof answer?.message === 'string' ? answer.message : `answered ${status} and ${text.slice(0, 200)}`
  const display = typeof answer?.display === 'string' ? causeOf(answer.display) : ''
  throw new CozoError(
    status === 200 ? 500 : status,
    typeof answer?.code === 'string' ? answer.code : undefined,
    display ? `${message}: ${display}` : message,
    Number.isFinite(seconds) ? seconds * 1000 : undefined,
  )
}

const parseJson = (text: string): Record<string, unknown> | undefined => {
  try {
    const parsed: unknown = JSON.parse(text)
    return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>) : undefined
  } catch {
    // A proxy in between, perhaps: its text is told instead.
    return undefined
  }
}

/** What `display` says beyond the message: the causes, which are drawn as a tree in colours. */
const causeOf = (display: string): string => {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the colours of a terminal are what is taken out
  const plain = display.replace(/\u001b\[[0-9;]*m/g, '')
  return [...plain.matchAll(/[├╰]─▶ (.+)/g)].map((match) => match[1]?.trim()).join(': ')
}
