import {
  abortError,
  CallsUnderWay,
  type RoleName,
  throwIfAborted,
  untilAborted,
  VeritasError,
} from '@veritas-db/core/contract'
import type { Database } from 'arangojs'
import type { ArangoConfig } from './config.js'
import { backendName, type FailedCall, toVeritasError } from './errors.js'
import { PoolSession, type Session, TransactionSession } from './session.js'

/** One call of the contract, as all requests made for it know it. */
export interface Call {
  readonly operation: string
  readonly role?: RoleName
  readonly signal: AbortSignal | undefined
}

/** Collections of a transaction, by what it does to them. */
export interface Locks {
  readonly write?: readonly string[]
  readonly exclusive?: readonly string[]
}

interface Clients {
  readonly pool: Database
  /** What requests within transactions go through: were the pool full of requests that wait for a transaction's locks, it could not end. */
  readonly transactions: Database
}

/** The client, and all requests to it: with signals, limits of time, and errors in the contract's words. */
export class Connection {
  readonly config: ArangoConfig
  readonly timeoutMs: number
  /** Where the server is, for messages. */
  readonly where: string
  readonly #poolSize: number
  #clients: Clients | undefined
  #opening: Promise<void> | undefined
  #state: 'new' | 'open' | 'closed' = 'new'
  readonly #underWay = new CallsUnderWay()

  constructor(config: ArangoConfig, defaults: { readonly poolSize: number; readonly queryTimeoutMs: number }) {
    this.config = config
    this.timeoutMs = config.timeoutMs ?? defaults.queryTimeoutMs
    this.#poolSize = config.poolSize ?? defaults.poolSize
    const { hostname, port, protocol } = new URL(config.url)
    this.where = config.client ? 'ArangoDB' : `ArangoDB at ${hostname}:${port || (protocol === 'https:' ? 443 : 80)}`
  }

  /** Makes the clients and asks the server for its version. Several callers at once share one attempt; after a failure the next tries again. */
  async open(call: Call): Promise<void> {
    try {
      throwIfAborted(call.signal)
      if (this.#state === 'closed') throw closed()
      if (this.#state === 'open') return
      this.#opening ??= this.#open(call).finally(() => {
        this.#opening = undefined
      })
      await this.#opening
    } catch (error) {
      throw this.#error(error, call)
    }
  }

  async #open(call: Call): Promise<void> {
    this.#clients ??= await this.#make()
    await this.version(call)
    if (this.#state === 'new') this.#state = 'open'
  }

  async #make(): Promise<Clients> {
    const { url, database, username, password, token, agentOptions, client } = this.config
    if (client) return { pool: client, transactions: client }
    const { Database } = await import('arangojs')
    const make = (): Database =>
      new Database({
        url,
        databaseName: database,
        auth: token ? { token: token.reveal() } : { username, password: password?.reveal() ?? '' },
        poolSize: this.#poolSize,
        maxRetries: false,
        retryOnConflict: 0,
        timeout: this.timeoutMs,
        ...(agentOptions && { agentOptions }),
      })
    return { pool: make(), transactions: make() }
  }

  async version(call: Call): Promise<string> {
    const { version } = await this.request(call, (client) => client.version())
    return version
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
      throw this.#error(error, call)
    }
  }

  #error(error: unknown, call: FailedCall): VeritasError {
    return toVeritasError(error, { ...call, where: this.where })
  }

  get #ready(): Clients {
    if (!this.#clients) throw unopened()
    return this.#clients
  }

  /** A request outside of transactions. */
  request<T>(call: Call, work: (client: Database) => Promise<T>, write = false): Promise<T> {
    return this.run(call, () => work(this.#ready.pool), write)
  }

  /** Makes one request. The client cannot end one that is under way, so an aborted call leaves it behind; the server ends it in time. */
  async run<T>(call: Call, work: () => Promise<T>, write = false): Promise<T> {
    throwIfAborted(call.signal)
    const { signal } = call
    try {
      return await untilAborted(work(), signal, (fired) =>
        abortError(fired, { outcome: write ? 'unknown' : 'not-applied' }),
      )
    } catch (error) {
      throw this.#error(error, { ...call, write })
    }
  }

  /** What runs each query by itself. */
  get session(): Session {
    return new PoolSession(this, () => this.#ready.pool)
  }

  /** Begins a stream transaction. */
  async begin(call: Call, locks: Locks): Promise<TransactionSession> {
    const collections = { write: [...(locks.write ?? [])], exclusive: [...(locks.exclusive ?? [])] }
    const { pool, transactions } = this.#ready
    throwIfAborted(call.signal)
    // Waiting for locks happens here, so the request goes through the pool; the server stops waiting when we do.
    const beginning = pool.beginTransaction(collections, { lockTimeout: this.timeoutMs / 1000 })
    try {
      const { id } = await this.run(call, () => beginning)
      const declared = new Set([...collections.write, ...collections.exclusive])
      return new TransactionSession(this, transactions.transaction(id), declared)
    } catch (error) {
      // Aborted while it began, it would keep its locks until the server gives it up. That it could not begin is being thrown;
      // where it cannot be ended either, the server does so in time.
      beginning.then((begun) => begun.abort()).catch(() => undefined)
      throw error
    }
  }

  /** Runs work in a stream transaction that commits when it resolves and is aborted when it rejects. */
  async transaction<T>(call: Call, locks: Locks, work: (session: Session) => Promise<T>): Promise<T> {
    const session = await this.begin(call, locks)
    let result: T
    try {
      result = await work(session)
    } catch (error) {
      await session.abort()
      throw error
    }
    await session.commit(call)
    return result
  }

  /** Waits for calls under way, then closes the clients that are ours. */
  async close(): Promise<void> {
    this.#state = 'closed'
    await this.#underWay.ended()
    const clients = this.#clients
    this.#clients = undefined
    if (!clients || this.config.client) return
    clients.pool.close()
    clients.transactions.close()
  }
}

const closed = (): VeritasError =>
  new VeritasError({
    code: 'UNAVAILABLE',
    retryable: false,
    backend: backendName,
    message: 'This connection to ArangoDB was closed.',
  })

const unopened = (): VeritasError =>
  new VeritasError({
    code: 'UNAVAILABLE',
    retryable: false,
    backend: backendName,
    message: 'There is no connection to ArangoDB: call connect first.',
  })
