import {
  abortError,
  addressOf,
  type FailedCall,
  Lifecycle,
  type RoleName,
  throwIfAborted,
  untilAborted,
  type VeritasError,
} from '@veritas-db/core/contract'
import type { Database } from 'arangojs'
import type { ArangoConfig } from './config.js'
import { toVeritasError } from './errors.js'
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
  /** Host and port, for messages. */
  readonly target: string
  readonly #poolSize: number
  readonly #life = new Lifecycle('ArangoDB')
  #clients: Clients | undefined

  constructor(config: ArangoConfig, defaults: { readonly poolSize: number; readonly queryTimeoutMs: number }) {
    this.config = config
    this.timeoutMs = config.timeoutMs ?? defaults.queryTimeoutMs
    this.#poolSize = config.poolSize ?? defaults.poolSize
    this.target = config.client ? "the injected client's address" : addressOf(config.url)
  }

  /** Makes the clients and asks the server for its version. Several callers at once share one attempt; after a failure the next tries again. */
  async open(call: Call): Promise<void> {
    try {
      throwIfAborted(call.signal)
      // Not with the caller's signal: others may be waiting for the same attempt.
      await this.#life.open(() => this.#open({ ...call, signal: undefined }), call.signal)
    } catch (error) {
      throw this.#error(error, call)
    }
  }

  async #open(call: Call): Promise<void> {
    const clients = await this.#make()
    this.#clients = clients
    try {
      await this.version(call)
    } catch (error) {
      this.#release()
      throw error
    }
  }

  async #make(): Promise<Clients> {
    const { url, database, username, password, token, tls, client } = this.config
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
        ...(tls && { agentOptions: { connect: { ...tls, key: tls.key?.reveal() } } }),
      })
    return { pool: make(), transactions: make() }
  }

  async version(call: Call): Promise<string> {
    const { version } = await this.request(call, (client) => client.version())
    return version
  }

  /** Runs one call of a role; `close` waits for it. Its errors name role and operation. */
  async call<T>(call: Call, work: () => Promise<T>): Promise<T> {
    try {
      throwIfAborted(call.signal)
      return await this.#life.run(work)
    } catch (error) {
      throw this.#error(error, call)
    }
  }

  #error(error: unknown, call: Omit<FailedCall, 'target'>): VeritasError {
    return toVeritasError(error, { ...call, target: this.target })
  }

  get #ready(): Clients {
    if (!this.#clients) throw new Error('There are no clients before the connection is open.')
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
  close(): Promise<void> {
    return this.#life.close(() => this.#release())
  }

  #release(): void {
    const clients = this.#clients
    this.#clients = undefined
    if (!clients || this.config.client) return
    clients.pool.close()
    clients.transactions.close()
  }
}
