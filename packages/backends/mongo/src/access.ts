import {
  type CallOptions,
  checkScope,
  type RoleName,
  type Scope,
  throwIfAborted,
  untilAborted,
  VeritasError,
} from '@veritas-db/core/contract'
import type { ClientSession, Db } from 'mongodb'
import { toVeritasError } from './errors.js'

/** What every read of the driver is given. */
export interface ReadSettings {
  readonly maxTimeMS: number
  readonly session?: ClientSession
  readonly signal?: AbortSignal
}

/** What every write of the driver is given. */
export interface WriteSettings {
  readonly session?: ClientSession
}

/** What a server was found to do. */
export interface Abilities {
  readonly transactions: boolean
  /** `$text` and text indexes. */
  readonly text: boolean
}

/** A way to the database: the connection itself, or one transaction on it. */
export interface Access {
  readonly db: Db
  /** Hosts with ports, for messages. */
  readonly hosts: string
  readonly transactional: boolean
  readonly abilities: Abilities
  /** Collections in which the last large batch met nothing that was there: the next is inserted without looking first. */
  readonly loading: Set<string>
  /** Runs one call of a role; `close` waits for it. */
  call<T>(
    role: RoleName,
    operation: string,
    options: CallOptions & { readonly scope?: Scope },
    work: () => Promise<T>,
  ): Promise<T>
  read<T>(signal: AbortSignal | undefined, work: (settings: ReadSettings) => Promise<T>): Promise<T>
  write<T>(signal: AbortSignal | undefined, work: (settings: WriteSettings) => Promise<T>): Promise<T>
}

/** Reads and writes of one transaction. The driver allows one command at a time in it, so they wait for each other. */
export class Transaction implements Access {
  readonly transactional = true
  readonly loading: Set<string> = new Set()
  readonly db: Db
  readonly #connection: { readonly abilities: Abilities; readonly hosts: string }
  readonly #session: ClientSession
  readonly #maxTimeMS: number
  #last: Promise<unknown> = Promise.resolve()
  #over = false

  constructor(
    connection: { readonly abilities: Abilities; readonly hosts: string },
    db: Db,
    session: ClientSession,
    maxTimeMS: number,
  ) {
    this.#connection = connection
    this.db = db
    this.#session = session
    this.#maxTimeMS = maxTimeMS
  }

  get hosts(): string {
    return this.#connection.hosts
  }

  get abilities(): Abilities {
    return this.#connection.abilities
  }

  async call<T>(
    role: RoleName,
    operation: string,
    options: CallOptions & { readonly scope?: Scope },
    work: () => Promise<T>,
  ): Promise<T> {
    try {
      throwIfAborted(options.signal)
      if ('scope' in options) checkScope(options.scope as Scope)
      return await work()
    } catch (error) {
      // What a transaction has written so far is rolled back with it.
      throw toVeritasError(error, { role, operation, target: this.hosts })
    }
  }

  read<T>(signal: AbortSignal | undefined, work: (settings: ReadSettings) => Promise<T>): Promise<T> {
    return this.#next(signal, () => work({ session: this.#session, maxTimeMS: this.#maxTimeMS }))
  }

  write<T>(signal: AbortSignal | undefined, work: (settings: WriteSettings) => Promise<T>): Promise<T> {
    return this.#next(signal, () => work({ session: this.#session }))
  }

  /** Waits for what is under way, and lets nothing else begin. */
  async end(): Promise<void> {
    this.#over = true
    // Its caller has its error.
    await Promise.allSettled([this.#last])
  }

  #next<T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
    const before = this.#last
    const run = async (): Promise<T> => {
      await Promise.allSettled([before])
      throwIfAborted(signal)
      if (this.#over)
        throw new VeritasError({
          code: 'CONFLICT',
          message: 'The transaction is over: its roles cannot be used any more.',
        })
      return work()
    }
    const promise = run()
    this.#last = promise
    return untilAborted(promise, signal)
  }
}
