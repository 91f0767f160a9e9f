import {
  addressOf,
  type CallOptions,
  clientNumber,
  connectWithin,
  Lifecycle,
  type NamedCall,
  type ProbeResult,
  throwIfAborted,
  untilAborted,
  VeritasError,
} from '@veritas-db/core/contract'
import type { ChromaClient } from 'chromadb'
import { type ClientFactory, clientFactory, injectedFactory, type ServerArgs } from './client.js'
import type { ChromaConfig } from './config.js'
import { isNotFound, toVeritasError } from './errors.js'

/** What the server says it takes at once, until it has been asked. */
export const DEFAULT_BATCH = 5461

/** One call: a client for its signal, and how vectors are handed to that client. */
export interface Session {
  readonly client: ChromaClient
  readonly signal: AbortSignal | undefined
  /** Whether a part of the call's work has been done, so that its failure leaves that part behind. */
  changed: boolean
  vector(vector: Float32Array): number[]
}

/** The way to one server: opened once, and closed when the last call has ended. */
export class Connection {
  readonly engineId: string
  readonly #config: ChromaConfig
  readonly #target: string
  readonly #connectTimeoutMs: number
  readonly #life = new Lifecycle('Chroma')
  #factory: ClientFactory | undefined
  #maxBatch = DEFAULT_BATCH

  constructor(config: ChromaConfig, queryTimeoutMs: number) {
    const { client, url, tenant, database } = config
    const { host } = new URL(url)
    this.#config = config
    this.#target = client ? "the injected client's address" : addressOf(url)
    this.#connectTimeoutMs = config.connectTimeoutMs ?? queryTimeoutMs
    this.engineId = client ? `chroma:injected:${clientNumber(client)}` : `chroma:${host}/${tenant}/${database}`
  }

  /** Records that one request may hold. */
  get maxBatch(): number {
    return Math.min(this.#maxBatch, this.#config.maxBatchRecords ?? Number.POSITIVE_INFINITY)
  }

  async connect({ signal }: CallOptions = {}): Promise<void> {
    try {
      throwIfAborted(signal)
      await this.#life.open(() => this.#open(), signal)
    } catch (error) {
      throw toVeritasError(error, { target: this.#target, operation: 'connect', signal })
    }
  }

  async probe(options: CallOptions = {}): Promise<ProbeResult> {
    const version = await this.run({ ...options, operation: 'probe' }, ({ client }) => client.version())
    return { product: 'Chroma', version: typeof version === 'string' && version !== '' ? version : 'unknown' }
  }

  /** Waits for what is under way. There is nothing to release: connections are those of `fetch`, which hold no process up. */
  close(): Promise<void> {
    return this.#life.close(() => {
      this.#factory = undefined
    })
  }

  /** Runs one call, which `close` waits for, and explains its errors. */
  async run<T>(call: NamedCall, work: (session: Session) => Promise<T>): Promise<T> {
    const { signal } = call
    let session: Session | undefined
    try {
      throwIfAborted(signal)
      return await this.#life.run(() => {
        session = this.#session(signal)
        const promise = work(session)
        return this.#config.client ? untilAborted(promise, signal, reasonOf) : promise
      })
    } catch (error) {
      throw toVeritasError(error, { ...call, target: this.#target, changed: session?.changed ?? false })
    }
  }

  #session(signal: AbortSignal | undefined): Session {
    const factory = this.#factory
    if (!factory) throw new Error('There are no clients before the connection is open.')
    return { client: factory.client(signal), signal, vector: factory.vector, changed: false }
  }

  async #open(): Promise<void> {
    const { client } = this.#config
    const connecting = { product: 'Chroma', target: this.#target, timeoutMs: this.#connectTimeoutMs }
    const { factory, batch } = await connectWithin(connecting, async (signal) => {
      try {
        const made = client
          ? injectedFactory(client)
          : clientFactory(await import('chromadb'), serverArgs(this.#config))
        // The first tells what the server takes at once; the second needs a token that is valid for the tenant.
        const preflight = await made.preflight(signal)
        await made.checkDatabase(signal)
        return { factory: made, batch: preflight.max_batch_size }
      } catch (error) {
        throw await this.#explained(error, signal)
      }
    })
    if (batch > 0) this.#maxBatch = batch
    this.#factory = factory
  }

  /** The client hides why it could not connect: a request of our own tells, such as a refused connection or an unknown certificate. */
  async #explained(error: unknown, signal: AbortSignal): Promise<unknown> {
    const { client, tenant, database, url, fetchOptions } = this.#config
    if (client) return error
    if (isNotFound(error))
      return new VeritasError({
        code: 'CONFIGURATION',
        message: `Chroma at ${this.#target} has no database "${database}" of the tenant "${tenant}", or is older than 1.0: make the database, or set tenant and database.`,
        cause: error,
      })
    if (!(error instanceof Error && error.name === 'ChromaConnectionError')) return error
    try {
      const answer = await fetch(new URL('/api/v2/heartbeat', url), { ...fetchOptions, signal })
      await answer.body?.cancel()
      return error
    } catch (reason) {
      return reason instanceof Error && reason.cause instanceof Error ? reason.cause : error
    }
  }
}

/** Left as it is: what explains the errors of a call knows whether it may have changed something. */
const reasonOf = (signal: AbortSignal): unknown => signal.reason

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
