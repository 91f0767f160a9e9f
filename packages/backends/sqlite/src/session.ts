import type { DatabaseSync, SQLOutputValue, StatementSync } from 'node:sqlite'
import { VeritasError } from '@veritas-db/core/contract'
import type { SqlValue } from './sql.js'

/** One row of a result, by column name. */
export type SqlRow = Record<string, SQLOutputValue>

const maxStatements = 500

/** One connection with its prepared statements, and what it remembers of the database until somebody else writes. */
export class Session {
  readonly db: DatabaseSync
  /** Catalogue entries read through this connection; emptied when they may have changed. */
  readonly spaces: Map<string, unknown> = new Map()
  /** Grows whenever what is remembered may be wrong: somebody else has written, or something was rolled back. */
  epoch = 0
  readonly #statements = new Map<string, StatementSync>()
  #dataVersion = -1

  constructor(db: DatabaseSync) {
    this.db = db
  }

  /** A prepared statement, kept for the next time. */
  prepare(sql: string): StatementSync {
    const known = this.#statements.get(sql)
    if (known !== undefined) return known
    const statement = this.db.prepare(sql)
    if (this.#statements.size >= maxStatements) {
      // The oldest goes: a Map keeps the order of insertion.
      for (const oldest of this.#statements.keys()) {
        this.#statements.delete(oldest)
        break
      }
    }
    this.#statements.set(sql, statement)
    return statement
  }

  run(sql: string, ...params: SqlValue[]): number {
    return Number(this.prepare(sql).run(...params).changes)
  }

  get(sql: string, ...params: SqlValue[]): SqlRow | undefined {
    return this.prepare(sql).get(...params)
  }

  all(sql: string, ...params: SqlValue[]): SqlRow[] {
    return this.prepare(sql).all(...params)
  }

  /** Forgets what is remembered of the database. */
  forget(): void {
    this.spaces.clear()
    this.epoch++
  }

  /** Forgets what is remembered of the database where another connection has committed since the last call. */
  refresh(): void {
    const version = this.get('PRAGMA data_version')?.data_version as number
    if (version === this.#dataVersion) return
    this.#dataVersion = version
    this.forget()
  }

  /** Runs `work` on one snapshot of the database. */
  snapshot<T>(work: () => T): T {
    if (this.db.isTransaction) return work()
    this.db.exec('BEGIN')
    try {
      this.refresh()
      return work()
    } finally {
      if (this.db.isTransaction) this.db.exec('COMMIT')
    }
  }
}

/** What a transaction carries beside its connection. */
export class Transaction {
  readonly session: Session
  readonly #states = new Map<unknown, unknown>()
  readonly #beforeCommit: (() => void)[] = []
  #doom: unknown

  constructor(session: Session) {
    this.session = session
  }

  /** State that lives as long as the transaction, made on first use. */
  state<T>(key: unknown, make: () => T): T {
    if (this.#states.has(key)) return this.#states.get(key) as T
    const made = make()
    this.#states.set(key, made)
    return made
  }

  /** Runs `work` right before the commit. */
  beforeCommit(work: () => void): void {
    this.#beforeCommit.push(work)
  }

  /** Makes the transaction fail in the end, as a call in it has failed and left a part of its writes. */
  doom(cause: unknown): void {
    this.#doom ??= cause
  }

  /** @throws VeritasError CONFLICT where the transaction is over, or can't commit any more */
  check(): void {
    if (!this.session.db.isTransaction)
      throw new VeritasError({
        code: 'CONFLICT',
        message: 'The unit of work is over: its roles cannot be used any more.',
      })
    if (this.#doom !== undefined)
      throw new VeritasError({
        code: 'CONFLICT',
        message: 'A write of this unit of work failed half-way, so nothing of it can be committed.',
        cause: this.#doom,
      })
  }

  /** Writes what is left to write. Right before the commit. */
  flush(): void {
    this.check()
    for (const work of this.#beforeCommit) work()
  }
}

/** How a role reaches the database: each write a transaction of its own, or all within one unit of work. */
export interface Access {
  /** Runs one call of a role; `close` waits for it. */
  call<T>(work: () => Promise<T>): Promise<T>
  /** Reads, on one snapshot, what was committed before; in a unit of work, what it wrote itself too. */
  read<T>(signal: AbortSignal | undefined, work: (session: Session) => T): Promise<T>
  /** Reads without a snapshot, so that `work` may wait in between; it takes snapshots itself. */
  readSteps<T>(signal: AbortSignal | undefined, work: (session: Session) => Promise<T>): Promise<T>
  /** Writes atomically; `work` must not wait for anything. */
  write<T>(signal: AbortSignal | undefined, work: (transaction: Transaction) => T): Promise<T>
  /** The open transaction of a unit of work. */
  readonly transaction?: Transaction
}
