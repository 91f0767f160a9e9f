import {
  abortError,
  type CallOptions,
  CallsUnderWay,
  type ProbeResult,
  type RoleName,
  throwIfAborted,
  untilAborted,
  VeritasError,
} from '@veritas-db/core/contract'
import type { ChromaClient } from 'chromadb'
import { type ClientFactory, clientFactory, injectedFactory, type ServerArgs } from './client.js'
import type { ChromaConfig } from './config.js'
import { backendName, notReached, toVeritasError } from './errors.js'

/** What the server says it takes at once, until it has been asked. */
const DEFAULT_BATCH = 5461

const injected = new WeakMap<ChromaClient, number>()
let injectedCount = 0
const numberOf = (client: ChromaClient): number => {
  const number = injected.get(client) ?? ++injectedCount
  injected.set(client, number)
  return number
}

/** One call: a client for its signal, and how vectors are handed to that client. */
export interface Session {
  readonly client: ChromaClient
  readonly signal: AbortSignal | undefined
  /** Whether a part of the call's work has been done, so that its failure leaves that part behind. */
  changed: boolean
  vector(vector: Float32Array): number[]
}

/** What a call says of itself, for its errors. */
export interface Call extends CallOptions {
  readonly operation: string
  readonly role?: RoleName
  /** Whether it changes anything. */
  readonly write?: boolean
}

/** The way to one server: opened once, and closed when the last call has ended. */
export class Connection {
  readonly engineId: string
  readonly #config: ChromaConfig
  readonly #target: string
  readonly #connectTimeoutMs: number
  readonly #running = new CallsUnderWay()
  #opening: Promise<void> | undefined
  #factory: ClientFactory | undefined
  #maxBatch = DEFAULT_BATCH
  #closed = false

  constructor(config: ChromaConfig, queryTimeoutMs: number) {
    const { client, url, tenant, database } = config
    const { host } = new URL(url)
    this.#config = config
    this.#target = client ? `the injected client's address` : withPort(url)
    this.#connectTimeoutMs = config.connectTimeoutMs ?? queryTimeoutMs
    this.engineId = client ? `chroma:injected:${numberOf(client)}` : `chroma:${host}/${tenant}/${database}`
  }

  /** Records that one request may hold. */
  get maxBatch(): number {
    return Math.min(this.#maxBatch, this.#config.maxBatchRecords ?? Number.POSITIVE_INFINITY)
  }

  async connect(options: CallOptions = {}): Promise<void> {
    const { signal } = options
    throwIfAborted(signal)
    if (this.#closed) throw closedError()
    // Shared by all who ask meanwhile: one who leaves ends it for nobody else.
    this.#opening ??= this.#open().catch((error: unknown) => {
      this.#opening = undefined
      throw error
    })
    await untilAborted(this.#opening, signal, (fired) =>
      abortError(fired, { backend: backendName, operation: 'connect' }),
    )
  }

  async probe(options: CallOptions = {}): Promise<ProbeResult> {
    const version = await this.run({ ...options, operation: 'probe' }, ({ client }) => client.version())
    return { product: 'Chroma', version: typeof version === 'string' && version !== '' ? version : 'unknown' }
  }

  /** Waits for what is under way. There is nothing to release: connections are those of `fetch`, which hold no process up. */
  async close(): Promise<void> {
    this.#closed = true
    await Promise.allSettled([this.#running.ended(), this.#opening])
    this.#factory = undefined
  }

  /** Runs one call, which `close` waits for, and explains its errors. */
  run<T>(call: Call, work: (session: Session) => Promise<T>): Promise<T> {
    return this.#running.add(this.#run(call, work))
  }

  async #run<T>(call: Call, work: (session: Session) => Promise<T>): Promise<T> {
    const { signal } = call
    let session: Session | undefined
    try {
      throwIfAborted(signal)
      if (this.#closed) throw closedError()
      const factory = this.#factory
      if (!factory)
        throw new VeritasError({ code: 'CONNECTION', message: 'Chroma is not connected: call connect() first.' })
      session = { client: factory.client(signal), signal, vector: factory.vector, changed: false }
      const promise = work(session)
      return await (this.#config.client ? untilAborted(promise, signal, reasonOf) : promise)
    } catch (error) {
      throw toVeritasError(error, { ...call, target: this.#target, changed: session?.changed ?? false })
    }
  }

  async #open(): Promise<void> {
    const { client } = this.#config
    const limit = AbortSignal.timeout(this.#connectTimeoutMs)
    try {
      const factory = client
        ? injectedFactory(client)
        : clientFactory(await import('chromadb'), serverArgs(this.#config))
      // The first tells what the server takes at once; the second needs a token that is valid for the tenant.
      const preflight = await untilAborted(factory.preflight(limit), limit, reasonOf)
      await untilAborted(factory.checkDatabase(limit), limit, reasonOf)
      if (preflight.max_batch_size > 0) this.#maxBatch = preflight.max_batch_size
      this.#factory = factory
    } catch (error) {
      if (limit.aborted)
        throw new VeritasError({
          code: 'CONNECTION',
          backend: backendName,
          operation: 'connect',
          message: `Chroma at ${this.#target} did not answer within ${this.#connectTimeoutMs} ms.`,
          cause: error,
        })
      throw await this.#explain(toVeritasError(error, { target: this.#target, operation: 'connect' }), limit)
    }
  }

  /** The client hides why it could not connect: a request of our own tells, such as a refused connection or an unknown certificate. */
  async #explain(error: VeritasError, signal: AbortSignal): Promise<VeritasError> {
    const { client, tenant, database, url, fetchOptions } = this.#config
    if (error.code === 'NOT_FOUND' && !client)
      return new VeritasError({
        code: 'CONFIGURATION',
        backend: backendName,
        operation: 'connect',
        message: `Chroma at ${this.#target} has no database "${database}" of the tenant "${tenant}", or is older than 1.0: make the database, or set tenant and database.`,
        cause: error.cause,
      })
    if (error.code !== 'CONNECTION' || client) return error
    try {
      const answer = await fetch(new URL('/api/v2/heartbeat', url), { ...fetchOptions, signal })
      await answer.body?.cancel()
      return error
    } catch (reason) {
      const cause = reason instanceof Error ? reason.cause : undefined
      if (!(cause instanceof Error)) return error
      const reached = notReached(cause)
      return new VeritasError({
        code: 'CONNECTION',
        backend: backendName,
        operation: 'connect',
        message: `Chroma at ${this.#target} cannot be reached: ${reached.why}`,
        retryable: reached.retryable,
        cause: reason,
      })
    }
  }
}

/** Left as it is: what explains the errors of a call knows whether it may have changed something. */
const reasonOf = (signal: AbortSignal): unknown => signal.reason

const closedError = (): VeritasError =>
  new VeritasError({ code: 'CONNECTION', message: 'The connection to Chroma has been closed.', retryable: false })

/** Host and port of a URL, also where the port is the protocol's own. */
const withPort = (url: string): string => {
  const { hostname, port, protocol } = new URL(url)
  return `${hostname}:${port || (protocol === 'https:' ? 443 : 80)}`
}

const serverArgs = (config: ChromaConfig): ServerArgs => {
  const { hostname, port, protocol } = new URL(config.url)
  const ssl = protocol === 'https:'
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(config.headers ?? {})) headers[name] = value.reveal()
  const token = config.token?.reveal()
  if (token !== undefined)
    headers[config.tokenHeader] = config.tokenHeader === 'authorization' ? `Bearer ${token}` : token
  return {
    host: hostname,
    port: port === '' ? (ssl ? 443 : 80) : Number(port),
    ssl,
    tenant: config.tenant,
    database: config.database,
    headers,
    ...(config.fetchOptions && { fetchOptions: config.fetchOptions }),
  }
}
