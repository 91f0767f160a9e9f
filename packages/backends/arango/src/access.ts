import {
  type CallOptions,
  checkScope,
  type RoleName,
  type Scope,
  throwIfAborted,
  VeritasError,
} from '@veritas-db/core/contract'
import type { Call, Connection, Locks } from './connection.js'
import { toVeritasError } from './errors.js'
import type { Answer, Session, TransactionSession } from './session.js'
import type { Spaces } from './spaces.js'

/** What the roles work through: the connection as a whole, or one unit of work. */
export interface Access {
  readonly session: Session
  readonly spaces: Spaces
  /** Runs one call of a role: checks its scope, refuses it where its signal has fired, names role and operation in its errors. */
  call<T>(
    role: RoleName,
    operation: string,
    options: (CallOptions & { readonly scope?: Scope }) | undefined,
    work: (call: Call) => Promise<T>,
  ): Promise<T>
  /** Runs several queries as one: in a transaction of their own, or within the unit of work. */
  transaction<T>(call: Call, locks: Locks, work: (session: Session) => Promise<T>): Promise<T>
}

const checked = async <T>(call: Call, scope: Scope | undefined, work: (call: Call) => Promise<T>): Promise<T> => {
  throwIfAborted(call.signal)
  if (scope !== undefined) checkScope(scope)
  return work(call)
}

/** What is remembered of collections may be why a call failed: the next one reads it anew. */
const forgetting = async <T>(spaces: Spaces, work: () => Promise<T>): Promise<T> => {
  try {
    return await work()
  } catch (error) {
    if (VeritasError.is(error, 'NOT_FOUND') || VeritasError.is(error, 'CONFLICT')) spaces.forget()
    throw error
  }
}

const scopeOf = (options: object | undefined): Scope | undefined =>
  options && 'scope' in options ? (options.scope as Scope) : undefined

/** Each call by itself. */
export const directAccess = (connection: Connection, spaces: Spaces): Access => ({
  session: connection.session,
  spaces,
  call: (role, operation, options, work) => {
    const call: Call = { role, operation, signal: options?.signal }
    return connection.call(call, () => forgetting(spaces, () => checked(call, scopeOf(options), work)))
  },
  transaction: (call, locks, work) => connection.transaction(call, locks, work),
})

/** All calls in one transaction, which begins with the first of them. */
export class UnitAccess implements Access {
  readonly spaces: Spaces
  readonly session: Session
  readonly #connection: Connection
  readonly #signal: AbortSignal | undefined
  #begun: Promise<TransactionSession> | undefined

  constructor(connection: Connection, spaces: Spaces, signal: AbortSignal | undefined) {
    this.#connection = connection
    this.#signal = signal
    this.spaces = spaces
    this.session = {
      transaction: true,
      exclusive: '',
      query: async <Row>(
        call: Call,
        aql: string,
        binds: Readonly<Record<string, unknown>>,
        write?: boolean,
      ): Promise<Answer<Row>> => (await this.#begin(call)).query<Row>(call, aql, binds, write),
      count: async (call, collection) => (await this.#begin(call)).count(call, collection),
    }
  }

  /** Which collections the calls will need is not known, so all of ours are declared; writers of others are not kept out by it. */
  #begin(call: Call): Promise<TransactionSession> {
    this.#begun ??= (async () => {
      const own: Call = { ...call, signal: this.#signal }
      return this.#connection.begin(own, { write: await this.spaces.collections(own) })
    })()
    return this.#begun
  }

  async call<T>(
    role: RoleName,
    operation: string,
    options: (CallOptions & { readonly scope?: Scope }) | undefined,
    work: (call: Call) => Promise<T>,
  ): Promise<T> {
    const { signal } = options ?? {}
    const both = signal && this.#signal ? AbortSignal.any([signal, this.#signal]) : (signal ?? this.#signal)
    const call: Call = { role, operation, signal: both }
    try {
      return await forgetting(this.spaces, () => checked(call, scopeOf(options), work))
    } catch (error) {
      throw toVeritasError(error, { ...call, target: this.#connection.target })
    }
  }

  transaction<T>(_call: Call, _locks: Locks, work: (session: Session) => Promise<T>): Promise<T> {
    return work(this.session)
  }

  async commit(call: Call): Promise<void> {
    const session = await this.#begun
    await session?.commit(call)
  }

  async abort(): Promise<void> {
    // Where it could not begin, the call that wanted it has the error, and there is nothing to take back.
    const session = await this.#begun?.catch(() => undefined)
    await session?.abort()
  }
}
