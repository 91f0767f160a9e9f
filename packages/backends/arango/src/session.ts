import { VeritasError } from '@veritas-db/core/contract'
import type { Database } from 'arangojs'
import type { Transaction } from 'arangojs/transactions'
import type { Call, Connection } from './connection.js'

/** A query's answer. */
export interface Answer<Row> {
  readonly rows: readonly Row[]
  /** Documents that it inserted, changed or removed. */
  readonly written: number
}

/** Where queries run: each by itself, or all in one transaction. */
export interface Session {
  /** Whether it is a transaction. */
  readonly transaction: boolean
  /**
   * What goes into the options of a modification. By itself, a query takes its collection for itself: of two that change the
   * same documents the later waits, where it would otherwise fail. A transaction has its locks from the start.
   */
  readonly exclusive: '' | ', exclusive: true'
  query<Row>(call: Call, aql: string, binds: Readonly<Record<string, unknown>>, write?: boolean): Promise<Answer<Row>>
  /** How many documents a collection holds. */
  count(call: Call, collection: string): Promise<number>
}

/** Rows of one answer; more are fetched as they are asked for. */
const BATCH_ROWS = 5000

const ask = async <Row>(
  connection: Connection,
  client: Database,
  aql: string,
  binds: Readonly<Record<string, unknown>>,
): Promise<Answer<Row>> => {
  // The server ends what nobody waits for any more.
  const options = { batchSize: BATCH_ROWS, maxRuntime: connection.timeoutMs / 1000 }
  const cursor = await client.query<Row>(aql, { ...binds }, options)
  const written = cursor.extra?.stats?.writesExecuted ?? 0
  return { rows: await cursor.all(), written }
}

export class PoolSession implements Session {
  readonly transaction = false
  readonly exclusive = ', exclusive: true'
  readonly #connection: Connection
  readonly #client: () => Database

  constructor(connection: Connection, client: () => Database) {
    this.#connection = connection
    this.#client = client
  }

  query<Row>(call: Call, aql: string, binds: Readonly<Record<string, unknown>>, write = false): Promise<Answer<Row>> {
    return this.#connection.run(call, () => ask<Row>(this.#connection, this.#client(), aql, binds), write)
  }

  async count(call: Call, collection: string): Promise<number> {
    const { count } = await this.#connection.run(call, () => this.#client().collection(collection).count())
    return count
  }
}

export class TransactionSession implements Session {
  readonly transaction = true
  readonly exclusive = ''
  readonly #connection: Connection
  readonly #transaction: Transaction
  readonly #declared: ReadonlySet<string>
  /** The last request; a transaction takes them one at a time. */
  #last: Promise<unknown> = Promise.resolve()

  constructor(connection: Connection, transaction: Transaction, declared: ReadonlySet<string>) {
    this.#connection = connection
    this.#transaction = transaction
    this.#declared = declared
  }

  query<Row>(call: Call, aql: string, binds: Readonly<Record<string, unknown>>, write = false): Promise<Answer<Row>> {
    for (const [name, collection] of Object.entries(binds)) if (name.startsWith('@')) this.#check(String(collection))
    const client = this.#transaction.database
    return this.#step(call, () => ask<Row>(this.#connection, client, aql, binds), write)
  }

  async count(call: Call, collection: string): Promise<number> {
    this.#check(collection)
    const of = this.#transaction.database.collection(collection)
    const { count } = await this.#step(call, () => of.count())
    return count
  }

  #check(collection: string): void {
    if (this.#declared.has(collection)) return
    throw new VeritasError({
      code: 'CONFLICT',
      retryable: true,
      message: `The collection ${collection} was made after this transaction began: begin it again.`,
    })
  }

  #step<T>(call: Call, work: () => Promise<T>, write = false): Promise<T> {
    const next = (): Promise<T> => {
      // The client marks what is started synchronously as a part of the transaction, which a request is.
      const running = this.#last.then(() => this.#transaction.step(work))
      // Its caller gets the error; the next only waits.
      this.#last = running.catch(() => undefined)
      return running
    }
    return this.#connection.run(call, next, write)
  }

  async commit(call: Call): Promise<void> {
    await this.#last
    await this.#connection.run(call, () => this.#transaction.commit(), true)
  }

  /** Takes everything back, for an error that the caller throws. Where the server can't be told, it does so by itself when nothing more comes. */
  async abort(): Promise<void> {
    await this.#last
    await this.#transaction.abort().catch(() => undefined)
  }
}
