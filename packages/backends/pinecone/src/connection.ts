import type { Index, Pinecone } from '@pinecone-database/pinecone'
import { Lifecycle, type RoleName, throwIfAborted } from '@veritas-db/core/contract'
import type { PineconeConfig } from './config.js'
import { toVeritasError } from './errors.js'
import { during, type Exchange, pineconeFetch } from './transport.js'

/** One call of the contract, as all requests made for it know it. */
export interface Call {
  readonly operation: string
  readonly role?: RoleName
  readonly signal: AbortSignal | undefined
}

/** The client, and all requests to it: with signals, limits of time and errors in the contract's words. */
export class Connection {
  readonly config: PineconeConfig
  readonly timeoutMs: number
  /** How many requests of one call run at the same time. */
  readonly width: number
  #client: Pinecone | undefined
  readonly #life = new Lifecycle('Pinecone')
  readonly #indexes = new Map<string, Index>()

  constructor(config: PineconeConfig, defaults: { readonly poolSize: number; readonly queryTimeoutMs: number }) {
    this.config = config
    this.timeoutMs = config.timeoutMs ?? defaults.queryTimeoutMs
    this.width = config.poolSize ?? defaults.poolSize
  }

  /** Makes the client, and lets `first` try it. Several callers at once share one attempt; after a failure the next one tries again. */
  async open(call: Call, first: (call: Call) => Promise<void>): Promise<void> {
    try {
      throwIfAborted(call.signal)
      // Not with the caller's signal: others may be waiting for the same attempt.
      await this.#life.open(() => this.#open({ ...call, signal: undefined }, first), call.signal)
    } catch (error) {
      throw toVeritasError(error, call)
    }
  }

  async #open(call: Call, first: (call: Call) => Promise<void>): Promise<void> {
    this.#client ??= await this.#make()
    await first(call)
  }

  async #make(): Promise<Pinecone> {
    const { apiKey, url, client, fetch } = this.config
    if (client) return client
    const { Pinecone } = await import('@pinecone-database/pinecone')
    return new Pinecone({
      apiKey: apiKey?.reveal() ?? '',
      controllerHostUrl: url,
      fetchApi: pineconeFetch(fetch),
      maxRetries: 0,
    })
  }

  /** Runs one call of a role; `close` waits for it. Its errors name role and operation. */
  async call<T>(call: Call, work: () => Promise<T>): Promise<T> {
    try {
      throwIfAborted(call.signal)
      return await this.#life.run(work)
    } catch (error) {
      throw toVeritasError(error, call)
    }
  }

  /** Makes one request through the client, and answers with what its headers said. */
  async request<T>(
    call: Call,
    work: (client: Pinecone) => Promise<T>,
    options: { readonly write?: boolean } = {},
  ): Promise<{ readonly value: T; readonly exchange: Exchange }> {
    throwIfAborted(call.signal)
    const client = this.#client
    if (!client) throw new Error('There is no client before the connection is open.')
    const limit = AbortSignal.timeout(this.timeoutMs)
    const exchange: Exchange = { signal: call.signal ? AbortSignal.any([call.signal, limit]) : limit }
    try {
      return { value: await during(exchange, () => work(client)), exchange }
    } catch (error) {
      throw toVeritasError(error, { ...call, ...options, exchange })
    }
  }

  /** Makes one request to an index. With its host given, the client looks nothing up. */
  onIndex<T>(
    call: Call,
    host: string,
    work: (index: Index) => Promise<T>,
    options: { readonly write?: boolean } = {},
  ): Promise<{ readonly value: T; readonly exchange: Exchange }> {
    return this.request(
      call,
      (client) => {
        const index = this.#indexes.get(host) ?? client.index({ host })
        this.#indexes.set(host, index)
        return work(index)
      },
      options,
    )
  }

  /** Waits for calls under way. The client holds no connections of its own: idle ones of `fetch` keep no process alive. */
  close(): Promise<void> {
    return this.#life.close(() => {
      this.#client = undefined
      this.#indexes.clear()
    })
  }
}
