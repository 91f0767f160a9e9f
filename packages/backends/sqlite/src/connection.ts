import { mkdirSync, realpathSync } from 'node:fs'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { throwIfAborted, VeritasError } from '@veritas-db/core/contract'
import { load as loadVectorExtension } from 'sqlite-vec'
import type { SqliteConfig } from './config.js'
import { isBusy, toVeritasError } from './errors.js'
import { isMigrated, migrate } from './schema.js'
import { type Access, Session, Transaction } from './session.js'

/** Lets one task after the other do its work. */
class Mutex {
  #last: Promise<void> = Promise.resolve()

  async run<T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
    const before = this.#last
    let release = (): void => undefined
    this.#last = new Promise((resolve) => {
      release = resolve
    })
    try {
      await before
      throwIfAborted(signal)
      return await work()
    } finally {
      release()
    }
  }
}

const memoryPath = ':memory:'
let memories = 0

/** The path that tells files apart: absolute, links resolved as far as the folders exist. */
const canonical = (file: string): string => {
  const absolute = path.resolve(file)
  try {
    return realpathSync(absolute)
  } catch {
    // Not there yet: its folder may be.
    const folder = path.dirname(absolute)
    return folder === absolute ? absolute : path.join(canonical(folder), path.basename(absolute))
  }
}

/**
 * The connections to one file: one that writes, and one that reads what has been committed, so that a unit of work that
 * waits in between is not seen by others. In memory, and with an injected client, one connection does both in turn.
 */
export class Connection implements Access {
  readonly engineId: string
  readonly #config: SqliteConfig
  readonly #file: string
  readonly #mutex = new Mutex()
  readonly #running = new Set<Promise<unknown>>()
  #writer: Session | undefined
  #reader: Session | undefined
  #opening: Promise<void> | undefined
  #closed = false

  constructor(config: SqliteConfig) {
    this.#config = config
    const location = config.client ? (config.client.location() ?? memoryPath) : config.path
    this.#file = location === memoryPath ? memoryPath : canonical(location)
    this.engineId = `sqlite:${this.#file === memoryPath ? `memory:${process.pid}:${++memories}` : this.#file}`
  }

  /** Whether one connection reads and writes in turn. */
  get single(): boolean {
    return this.#reader === this.#writer
  }

  /** Opens the connections, once for all that ask. */
  async connect(signal?: AbortSignal): Promise<void> {
    if (this.#closed) throw closedError()
    throwIfAborted(signal)
    this.#opening ??= this.call(() => this.#connect(signal)).catch((error: unknown) => {
      this.#opening = undefined
      throw error
    })
    return this.#opening
  }

  async #connect(signal: AbortSignal | undefined): Promise<void> {
    const { client, wal } = this.#config
    let opened: DatabaseSync | undefined
    try {
      if (!client && this.#file !== memoryPath) mkdirSync(path.dirname(this.#file), { recursive: true })
      opened = client ? undefined : new DatabaseSync(this.#file, { allowExtension: true })
      const writer = new Session(client ?? (opened as DatabaseSync))
      await this.#retry(signal, () => this.#setUp(writer))
      if (!client) await this.#retry(signal, () => this.#useJournal(writer, wal && this.#file !== memoryPath))
      // Opening a file that is in use needs no turn as its writer.
      const isReady = await this.#retry(signal, () => isMigrated(writer))
      if (!isReady) await this.#transact(writer, signal, async () => migrate(writer))
      if (client || this.#file === memoryPath) this.#reader = writer
      else {
        const reader = new Session(new DatabaseSync(this.#file, { allowExtension: true }))
        this.#setUp(reader)
        this.#reader = reader
      }
      this.#writer = writer
    } catch (error) {
      if (opened?.isOpen) opened.close()
      throw toVeritasError(error)
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    await Promise.allSettled([...this.#running])
    const { client } = this.#config
    const [reader, writer] = [this.#reader, this.#writer]
    this.#reader = undefined
    this.#writer = undefined
    if (client || !writer) return
    if (reader && reader !== writer && reader.db.isOpen) reader.db.close()
    if (writer.db.isOpen) writer.db.close()
  }

  /** What the connection that writes remembers; undefined while it is not open. */
  get writer(): Session | undefined {
    return this.#writer
  }

  read<T>(signal: AbortSignal | undefined, work: (session: Session) => T): Promise<T> {
    return this.#read(signal, (reader) => reader.snapshot(() => work(reader)))
  }

  readSteps<T>(signal: AbortSignal | undefined, work: (session: Session) => Promise<T>): Promise<T> {
    return this.#read(signal, work)
  }

  async #read<T>(signal: AbortSignal | undefined, work: (session: Session) => T | Promise<T>): Promise<T> {
    throwIfAborted(signal)
    const reader = this.#open(this.#reader)
    const attempt = (): Promise<T> => this.#retry(signal, () => work(reader))
    // One connection that does both may be in the middle of a unit of work, which nobody else must see.
    return this.single ? this.#mutex.run(signal, attempt) : attempt()
  }

  write<T>(signal: AbortSignal | undefined, work: (transaction: Transaction) => T): Promise<T> {
    return this.unitOfWork(signal, async (access) => work(access.transaction as Transaction))
  }

  /** One transaction around `work`, whose reads and writes go through the access it is given. */
  unitOfWork<T>(signal: AbortSignal | undefined, work: (access: Access) => Promise<T>): Promise<T> {
    return this.#mutex.run(signal, async () => {
      const writer = this.#open(this.#writer)
      return this.#transact(writer, signal, async () => {
        writer.refresh()
        const transaction = new Transaction(writer)
        const result = await work(insideTransaction(transaction))
        throwIfAborted(signal)
        transaction.flush()
        return result
      })
    })
  }

  call<T>(work: () => Promise<T>): Promise<T> {
    if (this.#closed) return Promise.reject(closedError())
    const promise = work()
    this.#running.add(promise)
    const forget = (): void => {
      this.#running.delete(promise)
    }
    promise.then(forget, forget)
    return promise
  }

  #open(session: Session | undefined): Session {
    if (session) return session
    throw new VeritasError({ code: 'CONNECTION', message: 'The database is not open: call connect() first.' })
  }

  #setUp(session: Session): void {
    const { client, busyTimeoutMs, synchronous, cacheSizeKb, walCheckpointKb, pageSizeBytes, wal } = this.#config
    const { db } = session
    const hasExtension =
      session.get("SELECT 1 FROM pragma_function_list WHERE name = 'vec_distance_cosine'") !== undefined
    if (!hasExtension) {
      loadVectorExtension(db)
      if (!client) db.enableLoadExtension(false)
    }
    if (client) return
    // Waiting inside SQLite would hold up the event loop. With the write-ahead log only BEGIN meets a busy database,
    // and #retry waits for it; a rollback journal may meet one in any statement.
    db.exec(`PRAGMA busy_timeout = ${wal ? 0 : busyTimeoutMs}`)
    // Takes effect on a new file only.
    db.exec(`PRAGMA page_size = ${pageSizeBytes}`)
    db.exec(`PRAGMA synchronous = ${synchronous.toUpperCase()}`)
    db.exec(`PRAGMA cache_size = -${cacheSizeKb}`)
    const { page_size: pageSize } = session.get('PRAGMA page_size') as { page_size: number }
    db.exec(`PRAGMA wal_autocheckpoint = ${Math.ceil((walCheckpointKb * 1024) / pageSize)}`)
    db.exec(`PRAGMA journal_size_limit = ${walCheckpointKb * 1024}`)
    db.exec('PRAGMA temp_store = MEMORY')
  }

  #useJournal(session: Session, wal: boolean): void {
    const wanted = wal ? 'wal' : this.#file === memoryPath ? 'memory' : 'delete'
    const { journal_mode: mode } = session.get(`PRAGMA journal_mode = ${wanted}`) as { journal_mode: string }
    if (wal && mode !== 'wal')
      throw new VeritasError({
        code: 'CONFIGURATION',
        message: `The file system of ${this.#file} allows no write-ahead log: set wal to false.`,
      })
  }

  async #transact<T>(session: Session, signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
    const { db } = session
    await this.#retry(signal, () => db.exec('BEGIN IMMEDIATE'))
    try {
      const result = await work()
      // Readers may delay the commit of a rollback journal; nothing is lost by trying again.
      await this.#retry(undefined, () => db.exec('COMMIT'))
      return result
    } catch (error) {
      session.forget()
      if (db.isTransaction) db.exec('ROLLBACK')
      throw error
    }
  }

  /** Tries again, at growing intervals, while another connection holds a lock, until `busyTimeoutMs` have passed. */
  async #retry<T>(signal: AbortSignal | undefined, step: () => T | Promise<T>): Promise<T> {
    const deadline = performance.now() + this.#config.busyTimeoutMs
    for (let delay = 1; ; delay = Math.min(delay * 2, 25)) {
      try {
        return await step()
      } catch (error) {
        if (!isBusy(error) || performance.now() >= deadline) throw error
        await sleep(delay)
        throwIfAborted(signal)
      }
    }
  }
}

const closedError = (): VeritasError =>
  new VeritasError({ code: 'CONNECTION', message: 'The database has been closed.', retryable: false })

/** Reads and writes of a unit of work. */
const insideTransaction = (transaction: Transaction): Access => {
  const { session } = transaction
  const check = (signal: AbortSignal | undefined): void => {
    throwIfAborted(signal)
    transaction.check()
  }
  const changes = (): unknown => session.get('SELECT total_changes() AS n')?.n
  return {
    transaction,
    call: (work) => work(),
    read: async (signal, work) => {
      check(signal)
      return work(session)
    },
    readSteps: async (signal, work) => {
      check(signal)
      return work(session)
    },
    write: async (signal, work) => {
      check(signal)
      const before = changes()
      try {
        return work(transaction)
      } catch (error) {
        // A savepoint around every call would undo it, and cost as much as a tenth of all writing.
        if (changes() !== before) transaction.doom(error)
        throw error
      }
    },
  }
}
