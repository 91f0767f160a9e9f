import { hash } from 'node:crypto'
import { finished } from 'node:stream/promises'
import { abortError, throwIfAborted, untilAborted, VeritasError } from '@veritas-db/core/contract'
import type { CustomTypesConfig, PoolClient, QueryConfig } from 'pg'
import type { CopyStreamQuery } from 'pg-copy-streams'
import { isStalePlan, sqlState, toVeritasError } from './errors.js'

/** One row of an answer, by column: text, number, boolean or null. */
export type Row = Readonly<Record<string, unknown>>

/** A uuid without its hyphens, as the contract writes keys. */
export const uuidDigits = (uuid: unknown): string => (uuid as string).replaceAll('-', '')

export interface Answer {
  readonly rows: readonly Row[]
  /** Rows that the statement wrote, deleted or gave. */
  readonly count: number
}

const text = (value: string): unknown => value
const PARSERS: Readonly<Record<number, (value: string) => unknown>> = {
  16: (value) => value === 't',
  20: Number,
  21: Number,
  23: Number,
  26: Number,
  700: Number,
  701: Number,
  1700: Number,
}
/** Our own reading of answers, whatever an injected pool has been told of types. */
const TYPES: CustomTypesConfig = { getTypeParser: (id: number) => PARSERS[id] ?? text }

/** What is remembered of a connection as long as it lives. */
interface Memory {
  /** The names of prepared statements. */
  readonly statements: Map<string, string>
  /** Statements that found no room among the prepared ones. */
  overflow: number
  /** The search settings of the connection, as set by us. */
  settings: string
}
const memories = new WeakMap<PoolClient, Memory>()

const memoryOf = (client: PoolClient): Memory => {
  const known = memories.get(client)
  if (known) return known
  const memory: Memory = { statements: new Map(), overflow: 0, settings: '' }
  memories.set(client, memory)
  return memory
}

export interface LinkOptions {
  /** Host and port, for messages. */
  readonly address: string
  readonly maxStatements: number
  readonly transactionPooling: boolean
  /** Loads what COPY needs. */
  readonly loadCopy: () => Promise<(sql: string) => CopyStreamQuery>
}

/** A connection of the pool while somebody uses it. */
export class Link {
  readonly client: PoolClient
  readonly options: LinkOptions
  readonly #memory: Memory
  /** Whether it is in a state that nobody knows, and must be closed. */
  broken = false
  /** Whether statements are part of a transaction: without one, each commits by itself. */
  transaction = false
  #last: Promise<unknown> = Promise.resolve()

  constructor(client: PoolClient, options: LinkOptions) {
    this.client = client
    this.options = options
    this.#memory = memoryOf(client)
  }

  /** Whether the connection should be replaced by a fresh one, for its prepared statements are others than those in use. */
  get worn(): boolean {
    return this.#memory.overflow > this.options.maxStatements
  }

  /** The name of a prepared statement; undefined where it is to be sent without. */
  nameOf(sql: string): string | undefined {
    const { statements } = this.#memory
    if (this.options.maxStatements === 0 || this.options.transactionPooling) return undefined
    const known = statements.get(sql)
    if (known !== undefined) return known
    if (statements.size >= this.options.maxStatements) {
      this.#memory.overflow++
      return undefined
    }
    const name = `veritas_${hash('sha256', sql).slice(0, 32)}`
    statements.set(sql, name)
    return name
  }

  get settings(): string {
    return this.#memory.settings
  }
  set settings(settings: string) {
    this.#memory.settings = settings
  }

  /** Runs one piece of work after the other. */
  async inTurn<T>(work: () => Promise<T>): Promise<T> {
    const before = this.#last
    const mine = before.then(work, work)
    this.#last = mine.catch(() => undefined)
    return mine
  }
}

/** Statements on one connection. A statement ends at once where the signal fires; the connection is closed then. */
export class Session {
  readonly link: Link
  readonly signal: AbortSignal | undefined
  readonly #write: boolean

  /** @param write whether its statements change something: then a broken one may have done so */
  constructor(link: Link, signal: AbortSignal | undefined, write: boolean) {
    this.link = link
    this.signal = signal
    this.#write = write
  }

  /**
   * Runs one statement. `prepare` keeps its plan on the connection: for statements that come again and again, and whose plan
   * is right for tables of any size. A plan made while a table was small may be wrong when it has grown.
   */
  async query(
    sql: string,
    values: readonly unknown[] = [],
    options: { readonly prepare?: boolean } = {},
  ): Promise<Answer> {
    const name = options.prepare ? this.link.nameOf(sql) : undefined
    const config: QueryConfig = { text: sql, types: TYPES, values: [...values], ...(name !== undefined && { name }) }
    const result = await this.#send(() => this.link.client.query<Record<string, unknown>>(config))
    return { rows: result.rows, count: result.rowCount ?? 0 }
  }

  /** Runs statements of the caller's own, with the value parsers of `pg`. */
  async raw(sql: string, values: readonly unknown[]): Promise<readonly unknown[]> {
    const result = await this.#send(() => this.link.client.query<Record<string, unknown>>(sql, [...values]))
    return result.rows
  }

  /** Runs several statements without parameters, in one round trip. Outside a transaction they are one. */
  async run(sql: string): Promise<void> {
    await this.#send(() => this.link.client.query(sql))
  }

  /** Sends the input of a `COPY … FROM STDIN`. */
  async copy(sql: string, input: Iterable<Buffer>): Promise<void> {
    throwIfAborted(this.signal)
    const from = await this.link.options.loadCopy()
    await this.#send(() => this.#pump(this.link.client.query(from(sql)), input))
  }

  async #pump(stream: CopyStreamQuery, input: Iterable<Buffer>): Promise<void> {
    const end = finished(stream)
    let failed = false
    // Known at once: a stream that the server has refused must not be written to.
    stream.once('error', () => {
      failed = true
    })
    end.catch(() => undefined)
    for (const chunk of input) {
      if (failed || this.link.broken) break
      if (!stream.write(chunk)) await Promise.race([new Promise((resolve) => stream.once('drain', resolve)), end])
    }
    if (!failed && !this.link.broken) stream.end()
    await end
  }

  /** Runs `work` in the transaction that is under way, or in one of its own, which commits when it resolves and rolls back when it rejects. */
  async transaction<T>(work: () => Promise<T>): Promise<T> {
    if (this.link.transaction) return work()
    await this.run('BEGIN')
    this.link.transaction = true
    try {
      const result = await work()
      await this.#commit()
      return result
    } catch (error) {
      await this.#rollback()
      throw error
    }
  }

  /** @throws VeritasError CONFLICT where an earlier statement failed, so that everything was rolled back */
  async #commit(): Promise<void> {
    // A connection that breaks now leaves it open whether the commit was done.
    this.link.transaction = false
    const { command } = await this.#send(() => this.link.client.query('COMMIT'))
    if (command === 'ROLLBACK')
      throw new VeritasError({
        code: 'CONFLICT',
        message: 'A call within the unit of work had failed, so that all of it was rolled back.',
      })
  }

  async #rollback(): Promise<void> {
    this.link.transaction = false
    if (this.link.broken) return
    // Not the caller's to abort: the connection goes back to the pool.
    const session = new Session(this.link, undefined, false)
    await session.run('ROLLBACK').catch(() => {
      this.link.broken = true
    })
  }

  async #send<T>(send: () => Promise<T>): Promise<T> {
    throwIfAborted(this.signal)
    const { link } = this
    if (link.broken)
      throw new VeritasError({
        code: 'CONNECTION',
        message: 'The connection broke in the middle of this unit of work.',
      })
    const uncertain = this.#write && !link.transaction
    try {
      return await this.#abortable(send(), uncertain)
    } catch (error) {
      // After an error of the server the connection is as good as before, but for errors that end it.
      const state = sqlState(error)
      if (isStalePlan(error)) link.broken = true
      if (!VeritasError.is(error) && (state === undefined || state.startsWith('08') || state.startsWith('57P')))
        link.broken = true
      throw toVeritasError(error, { target: link.options.address, write: uncertain })
    }
  }

  #abortable<T>(sent: Promise<T>, uncertain: boolean): Promise<T> {
    const { signal, link } = this
    if (!signal) return sent
    return untilAborted(sent, signal, (fired) => {
      // The connection is closed when it is given back, which ends the statement; its own end comes too late to matter.
      link.broken = true
      sent.catch(() => undefined)
      return abortError(fired, uncertain ? { outcome: 'unknown' } : {})
    })
  }
}

/** How a role reaches the database: over the pool, or all within one unit of work. */
export interface Access {
  /** One call of the backend, which close waits for. */
  call<T>(work: () => Promise<T>): Promise<T>
  /** Statements on one connection; each commits by itself, but in a unit of work. */
  read<T>(signal: AbortSignal | undefined, work: (session: Session) => Promise<T>): Promise<T>
  /** The same for statements that write. */
  write<T>(signal: AbortSignal | undefined, work: (session: Session) => Promise<T>): Promise<T>
  /** Statements that commit together; in a unit of work, with all else in it. */
  transact<T>(signal: AbortSignal | undefined, work: (session: Session) => Promise<T>): Promise<T>
  /** Whether this is a unit of work. */
  readonly inTransaction: boolean
}
