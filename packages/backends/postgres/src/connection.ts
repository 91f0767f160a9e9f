import { Lifecycle, throwIfAborted, untilAborted, VeritasError } from '@veritas-db/core/contract'
import type { Pool, PoolClient } from 'pg'
import type { PostgresConfig } from './config.js'
import { PRODUCT, toVeritasError } from './errors.js'
import { addressOf, poolOptions } from './options.js'
import { type Access, Link, type LinkOptions, Session } from './session.js'

/** What the manager says of limits. */
export interface Limits {
  readonly poolSize: number
  readonly queryTimeoutMs: number
}

/** The pool, owned or injected, and what runs on it. */
export class Connection implements Access {
  readonly inTransaction = false
  /** `host:port/database`. */
  readonly location: string
  readonly #config: PostgresConfig
  readonly #limits: Limits
  readonly #link: LinkOptions
  readonly #prepare: (session: Session) => Promise<void>
  readonly #life = new Lifecycle(PRODUCT)
  #pool: Pool | undefined

  /** @param prepare makes what must be there before anything else, in a session of its own */
  constructor(config: PostgresConfig, limits: Limits, prepare: (session: Session) => Promise<void>) {
    this.#config = config
    this.#limits = limits
    this.#prepare = prepare
    const { address, location } = addressOf(config)
    this.location = location
    this.#link = {
      address,
      maxStatements: config.maxPreparedStatements,
      transactionPooling: config.transactionPooling,
      loadCopy: once(async () => (await import('pg-copy-streams')).from),
    }
  }

  async connect(signal?: AbortSignal): Promise<void> {
    throwIfAborted(signal)
    await this.#life.open(() => this.#open(), signal)
  }

  async #open(): Promise<void> {
    if (this.#config.client) this.#pool = this.#config.client
    else {
      const { default: pg } = await import('pg')
      const pool = new pg.Pool(poolOptions(this.#config, this.#limits))
      // An unused connection that breaks is taken out by the pool itself; without a listener the process would end.
      pool.on('error', () => undefined)
      this.#pool = pool
    }
    try {
      await this.#use(undefined, true, this.#prepare)
    } catch (error) {
      const pool = this.#pool
      this.#pool = undefined
      if (pool && pool !== this.#config.client) await pool.end()
      throw error
    }
  }

  /** Waits for what is under way, runs `before`, then closes the pool; an injected one stays open. */
  close(before: () => Promise<void>): Promise<void> {
    return this.#life.close(async () => {
      await before()
      const pool = this.#pool
      this.#pool = undefined
      if (pool && pool !== this.#config.client) await pool.end()
    })
  }

  read<T>(signal: AbortSignal | undefined, work: (session: Session) => Promise<T>): Promise<T> {
    return this.#use(signal, false, work)
  }

  write<T>(signal: AbortSignal | undefined, work: (session: Session) => Promise<T>): Promise<T> {
    return this.#use(signal, true, work)
  }

  transact<T>(signal: AbortSignal | undefined, work: (session: Session) => Promise<T>): Promise<T> {
    return this.#use(signal, true, (session) => session.transaction(() => work(session)))
  }

  /** One transaction around `work`, whose calls go through the access it is given. */
  unitOfWork<T>(signal: AbortSignal | undefined, work: (access: Access) => Promise<T>): Promise<T> {
    return this.transact(signal, async (session) => {
      const { link } = session
      let over = false
      const inTurn = <R>(own: AbortSignal | undefined, run: (inner: Session) => Promise<R>): Promise<R> =>
        link.inTurn(async () => {
          if (over)
            throw new VeritasError({
              code: 'CONFLICT',
              message: 'The unit of work is over: its roles cannot be used any more.',
            })
          return run(new Session(link, own ?? signal, true))
        })
      try {
        return await work({ inTransaction: true, call: (own) => own(), read: inTurn, write: inTurn, transact: inTurn })
      } finally {
        // Calls that were not awaited are part of it still.
        await link.inTurn(async () => {
          over = true
        })
      }
    })
  }

  call<T>(work: () => Promise<T>): Promise<T> {
    return this.#life.run(work)
  }

  async #use<T>(signal: AbortSignal | undefined, write: boolean, work: (session: Session) => Promise<T>): Promise<T> {
    const client = await this.#acquire(signal)
    const link = new Link(client, this.#link)
    // While it is in use nobody else listens, and the statement under way fails by itself.
    const onError = (): void => {
      link.broken = true
    }
    client.on('error', onError)
    try {
      return await work(new Session(link, signal, write))
    } finally {
      client.off('error', onError)
      client.release(link.broken || link.worn)
    }
  }

  async #acquire(signal: AbortSignal | undefined): Promise<PoolClient> {
    throwIfAborted(signal)
    const pool = this.#pool
    // A build that was about to begin when the backend was closed.
    if (!pool) throw new VeritasError({ code: 'CONNECTION', message: 'There is no connection.', retryable: false })
    const waiting = pool.connect()
    let client: PoolClient | undefined
    try {
      client = await untilAborted(waiting, signal)
      return client
    } catch (error) {
      // Where the caller did not wait for it, it goes back unused.
      if (!client) waiting.then((late) => late.release()).catch(() => undefined)
      throw toVeritasError(error, { target: this.#link.address })
    }
  }
}

/** Runs `make` at the first call, and gives what it gave ever after. */
const once = <T>(make: () => Promise<T>): (() => Promise<T>) => {
  let made: Promise<T> | undefined
  return () => {
    made ??= make()
    return made
  }
}
