import type { Index, Pinecone } from '@pinecone-database/pinecone'
import { CallsUnderWay, type RoleName, throwIfAborted, untilAborted, VeritasError } from '@veritas-db/core/contract'
import type { PineconeConfig } from './config.js'
import { backendName, toVeritasError } from './errors.js'
import { during, type Exchange, pineconeFetch } from './transport.js'

/** One call of the contract, as all requests made for it know it. */
export interface Call {
  readonly operation: string
  readonly role?: RoleName
  readonly signal: AbortSignal | undefined
}

type State = 'new' | 'open' | 'closed'

/** The client, and all requests to it: with signals, limits of time and errors in the contract's words. */
export class Connection {
  readonly config: PineconeConfig
  readonly timeoutMs: number
  /** How many requests of one call run at the same time. */
  readonly width: number
  #client: Pinecone | undefined
  #opening: Promise<void> | undefined
  #state: State = 'new'
  readonly #underWay = new CallsUnderWay()
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
      if (this.#state === 'closed') throw closed()
      if (this.#state === 'open') return
      // One who leaves ends it for nobody else.
      this.#opening ??= this.#open({ ...call, signal: undefined }, first).finally(() => {
        this.#opening = undefined
      })
      await untilAborted(this.#opening, call.signal)
    } catch (error) {
      throw toVeritasError(error, call)
    }
  }

  async #open(call: Call, first: (call: Call) => Promise<void>): Promise<void> {
    this.#client ??= await this.#make()
    await first(call)
    if (this.#state === 'new') this.#state = 'open'
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
  call<T>(call: Call, work: () => Promise<T>): Promise<T> {
    return this.#underWay.add(this.#guarded(call, work))
  }

  async #guarded<T>(call: Call, work: () => Promise<T>): Promise<T> {
    try {
      throwIfAborted(call.signal)
      if (this.#state !== 'open') throw this.#state === 'closed' ? closed() : unopened()
      return await work()
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
    if (!client) throw unopened()
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
  async close(): Promise<void> {
    this.#state = 'closed'
    await Promise.allSettled([this.#underWay.ended(), this.#opening])
    this.#client = undefined
    this.#indexes.clear()
  }
}

const closed = (): VeritasError =>
  new VeritasError({
    code: 'UNAVAILABLE',
    retryable: false,
    backend: backendName,
    message: 'This connection to Pinecone was closed.',
  })

const unopened = (): VeritasError =>
  new VeritasError({
    code: 'UNAVAILABLE',
    retryable: false,
    backend: backendName,
    message: 'There is no connection to Pinecone: call connect first.',
  })
