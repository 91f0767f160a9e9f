import {
  type CallOptions,
  checkScope,
  type ProbeResult,
  type RoleName,
  type Scope,
  throwIfAborted,
  VeritasError,
} from '@veritas-db/core/contract'
import type { ClientSession, Db, MongoClient, MongoClientOptions } from 'mongodb'
import type { MongoConfig } from './config.js'
import { abortError, codeOf, type ErrorContext, isNative, toVeritasError } from './errors.js'

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
  readonly transactional: boolean
  readonly abilities: Abilities
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

const reads: ReadonlySet<string> = new Set([
  'get',
  'find',
  'count',
  'scan',
  'searchText',
  'digest',
  'raw',
  'getNodes',
  'getEdges',
  'findNodes',
  'neighbors',
  'shortestPath',
  'scanNodes',
  'scanEdges',
])

/** The hosts of a connection string, without user and password. */
export const hostsOf = (url: string): string => {
  const authority = /^mongodb(?:\+srv)?:\/\/([^/?]*)/i.exec(url)?.[1] ?? ''
  const hosts = authority.slice(authority.lastIndexOf('@') + 1).split(',')
  const port = url.toLowerCase().startsWith('mongodb+srv:') ? '' : ':27017'
  return hosts
    .map((host) => (/:\d+$/.test(host) || host.includes('%2F') ? host : host + port))
    .sort()
    .join(',')
}

/** Ends the wait for `promise` when the signal fires; the work itself goes on, and `close` waits for it. */
const abortable = async <T>(promise: Promise<T>, signal: AbortSignal | undefined, write: boolean): Promise<T> => {
  if (!signal) return promise
  let stop = (): void => undefined
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(abortError(signal, write))
    signal.addEventListener('abort', stop, { once: true })
  })
  try {
    return await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

/** One client, made here or injected, and what its server can do. */
export class Connection implements Access {
  readonly engineId: string
  readonly transactional = false
  readonly hosts: string
  readonly #config: MongoConfig
  readonly #poolSize: number
  readonly #queryTimeoutMs: number
  readonly #running = new Set<Promise<unknown>>()
  #client: MongoClient | undefined
  #db: Db | undefined
  #abilities: Abilities = { transactions: false, text: false }
  #product: ProbeResult = { product: 'MongoDB', version: 'unknown' }
  #opening: Promise<void> | undefined
  #closing: Promise<void> | undefined

  constructor(config: MongoConfig, poolSize: number, queryTimeoutMs: number) {
    this.#config = config
    this.#poolSize = config.poolSize ?? poolSize
    this.#queryTimeoutMs = config.queryTimeoutMs ?? queryTimeoutMs
    const { client } = config
    this.hosts = client
      ? client.options.hosts
          .map((host) => host.toString())
          .sort()
          .join(',')
      : hostsOf(config.url.reveal())
    this.engineId = `mongodb://${this.hosts}/${config.database}`
  }

  get abilities(): Abilities {
    return this.#abilities
  }

  get connected(): boolean {
    return this.#db !== undefined
  }

  get product(): ProbeResult {
    return this.#product
  }

  get db(): Db {
    if (this.#db) return this.#db
    throw new VeritasError({ code: 'CONNECTION', message: 'MongoDB is not connected: call connect() first.' })
  }

  /** Opens the client, once for all that ask. */
  async connect(signal?: AbortSignal): Promise<void> {
    throwIfAborted(signal)
    if (this.#closing) throw closedError()
    this.#opening ??= this.#open().catch((error: unknown) => {
      this.#opening = undefined
      throw this.#describe(error, { operation: 'connect' })
    })
    return abortable(this.#opening, signal, false)
  }

  async #open(): Promise<void> {
    const client = this.#config.client ?? (await this.#makeClient())
    try {
      await client.connect()
      const { database, writeConcern } = this.#config
      const db = client.db(database, {
        ignoreUndefined: true,
        promoteLongs: true,
        promoteValues: true,
        useBigInt64: false,
        serializeFunctions: false,
        readPreference: 'primary',
        writeConcern: { w: writeConcern },
      })
      const build = await db.command({ buildInfo: 1 })
      this.#product = describeProduct(build)
      this.#abilities = {
        transactions: this.#config.transactions !== 'off' && (await hasTransactions(client, db)),
        text: await hasText(db, this.#queryTimeoutMs),
      }
      if (this.#config.transactions === 'required' && !this.#abilities.transactions)
        throw new VeritasError({
          code: 'CONFIGURATION',
          path: 'transactions',
          message: `MongoDB at ${this.hosts} has no transactions, which need a replica set or a sharded cluster: start it as one, or leave out transactions: 'required'.`,
        })
      this.#client = client
      this.#db = db
    } catch (error) {
      if (!this.#config.client) await client.close()
      throw error
    }
  }

  async #makeClient(): Promise<MongoClient> {
    const { MongoClient } = await import('mongodb')
    return new MongoClient(this.#config.url.reveal(), clientOptions(this.#config, this.#poolSize, this.#queryTimeoutMs))
  }

  /** A cheap real round trip. */
  async probe(signal?: AbortSignal): Promise<ProbeResult> {
    try {
      throwIfAborted(signal)
      await this.#track(() =>
        this.read(signal, (settings) =>
          this.db.command({ ping: 1, maxTimeMS: settings.maxTimeMS }, signal ? { signal } : {}),
        ),
      )
      return this.#product
    } catch (error) {
      throw this.#describe(error, { operation: 'probe' })
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    await this.#opening?.catch(() => undefined)
    await Promise.allSettled([...this.#running])
    const client = this.#client
    this.#client = undefined
    this.#db = undefined
    if (client && !this.#config.client) await client.close()
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
      return await this.#track(work)
    } catch (error) {
      throw this.#describe(error, { role, operation, write: !reads.has(operation) })
    }
  }

  async read<T>(signal: AbortSignal | undefined, work: (settings: ReadSettings) => Promise<T>): Promise<T> {
    throwIfAborted(signal)
    // The driver ends a read itself where it can; where it cannot, the wait for it ends.
    const promise = work({ maxTimeMS: this.#queryTimeoutMs, ...(signal && { signal }) })
    return abortable(this.#keep(promise), signal, false)
  }

  async write<T>(signal: AbortSignal | undefined, work: (settings: WriteSettings) => Promise<T>): Promise<T> {
    throwIfAborted(signal)
    return abortable(this.#keep(work({})), signal, true)
  }

  /** One transaction around `work`, whose reads and writes go through the access it is given. */
  async transact<T>(signal: AbortSignal | undefined, work: (access: Access) => Promise<T>): Promise<T> {
    throwIfAborted(signal)
    return this.#track(async () => {
      const { db } = this
      const session = (this.#client as MongoClient).startSession()
      const transaction = new Transaction(this, db, session, this.#queryTimeoutMs)
      try {
        session.startTransaction({
          readConcern: { level: 'snapshot' },
          writeConcern: { w: this.#config.writeConcern },
          readPreference: 'primary',
        })
        try {
          const result = await work(transaction)
          throwIfAborted(signal)
          await transaction.end()
          await session.commitTransaction()
          return result
        } catch (error) {
          await transaction.end()
          // Where this fails too, the server ends the transaction by itself; the first error is the one to tell.
          if (session.inTransaction()) await session.abortTransaction().catch(() => undefined)
          throw error
        }
      } catch (error) {
        // What the caller's own work throws comes back as it is.
        throw isNative(error) ? this.#describe(error, { operation: 'transaction', write: true }) : error
      } finally {
        await session.endSession()
      }
    })
  }

  /** Lets `close` wait for a call. */
  #track<T>(work: () => Promise<T>): Promise<T> {
    if (this.#closing) return Promise.reject(closedError())
    return this.#keep(work())
  }

  #keep<T>(promise: Promise<T>): Promise<T> {
    this.#running.add(promise)
    const forget = (): void => {
      this.#running.delete(promise)
    }
    promise.then(forget, forget)
    return promise
  }

  #describe(error: unknown, context: ErrorContext): VeritasError {
    const described = toVeritasError(error, { hosts: this.hosts, ...context })
    const clean = this.#hide(described.message)
    return clean === described.message ? described : VeritasError.from(described, {}, clean)
  }

  #hide(text: string): string {
    const { url, password, tlsCertificateKeyFilePassword } = this.#config
    const inUrl = /:\/\/[^/?]*?:([^/?]*)@/.exec(url.reveal())?.[1]
    const secrets = [inUrl, inUrl && decodeText(inUrl), password?.reveal(), tlsCertificateKeyFilePassword?.reveal()]
    return secrets.reduce<string>((clean, value) => (value ? clean.replaceAll(value, '[secret]') : clean), text)
  }
}

const decodeText = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    // Not encoded after all.
    return text
  }
}

const closedError = (): VeritasError =>
  new VeritasError({ code: 'CONNECTION', message: 'The connection to MongoDB has been closed.', retryable: false })

const clientOptions = (config: MongoConfig, poolSize: number, queryTimeoutMs: number): MongoClientOptions => {
  const { username, password, tlsCertificateKeyFilePassword } = config
  return {
    appName: 'veritas',
    // Retrying is the manager's work.
    retryReads: false,
    retryWrites: false,
    maxPoolSize: poolSize,
    serverSelectionTimeoutMS: Math.min(config.connectTimeoutMs, queryTimeoutMs),
    connectTimeoutMS: config.connectTimeoutMs,
    socketTimeoutMS: config.socketTimeoutMs,
    waitQueueTimeoutMS: queryTimeoutMs,
    ...(username !== undefined && { auth: { username, ...(password && { password: password.reveal() }) } }),
    ...(config.authSource !== undefined && { authSource: config.authSource }),
    ...(config.authMechanism !== undefined && { authMechanism: config.authMechanism }),
    ...(config.replicaSet !== undefined && { replicaSet: config.replicaSet }),
    ...(config.directConnection !== undefined && { directConnection: config.directConnection }),
    ...(config.tls !== undefined && { tls: config.tls }),
    ...(config.tlsCAFile !== undefined && { tlsCAFile: config.tlsCAFile }),
    ...(config.tlsCertificateKeyFile !== undefined && { tlsCertificateKeyFile: config.tlsCertificateKeyFile }),
    ...(tlsCertificateKeyFilePassword && {
      tlsCertificateKeyFilePassword: tlsCertificateKeyFilePassword.reveal(),
    }),
    ...(config.tlsAllowInvalidCertificates !== undefined && {
      tlsAllowInvalidCertificates: config.tlsAllowInvalidCertificates,
    }),
    ...(config.tlsAllowInvalidHostnames !== undefined && { tlsAllowInvalidHostnames: config.tlsAllowInvalidHostnames }),
  }
}

/** What speaks MongoDB's protocol need not be MongoDB; some of it says so. */
export const describeProduct = (build: Readonly<Record<string, unknown>>): ProbeResult => {
  const version = typeof build.version === 'string' ? build.version : 'unknown'
  if (typeof build.secantusVersion === 'string') return { product: 'SecantusDB', version: build.secantusVersion }
  if (typeof build.ferretdb === 'object' || typeof build.ferretdbVersion === 'string')
    return { product: 'FerretDB', version }
  return { product: 'MongoDB', version }
}

/** A transaction that reads nothing: a server that is no replica set refuses its first command. */
const hasTransactions = async (client: MongoClient, db: Db): Promise<boolean> => {
  const session = client.startSession()
  try {
    session.startTransaction({ readConcern: { level: 'snapshot' } })
    await db.collection('veritas_probe').findOne({}, { session })
    await session.abortTransaction()
    return true
  } catch (error) {
    if (isUnavailable(error)) throw error
    return false
  } finally {
    await session.endSession()
  }
}

/** A text search without its index: a server that has text search misses the index, another one the operator. */
const hasText = async (db: Db, maxTimeMS: number): Promise<boolean> => {
  try {
    await db.collection('veritas_probe').findOne({ $text: { $search: 'veritas' } }, { maxTimeMS })
    return true
  } catch (error) {
    if (isUnavailable(error)) throw error
    return codeOf(error) === indexNotFound
  }
}

const indexNotFound = 27

/** Whether the server could not be asked at all. */
const isUnavailable = (error: unknown): boolean =>
  ['CONNECTION', 'TIMEOUT', 'UNAVAILABLE', 'AUTHENTICATION'].includes(toVeritasError(error).code)

/** Reads and writes of one transaction. The driver allows one command at a time in it, so they wait for each other. */
class Transaction implements Access {
  readonly transactional = true
  readonly db: Db
  readonly #connection: Connection
  readonly #session: ClientSession
  readonly #maxTimeMS: number
  #last: Promise<unknown> = Promise.resolve()
  #over = false

  constructor(connection: Connection, db: Db, session: ClientSession, maxTimeMS: number) {
    this.#connection = connection
    this.db = db
    this.#session = session
    this.#maxTimeMS = maxTimeMS
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
      throw toVeritasError(error, { role, operation, hosts: this.#connection.hosts })
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
    await this.#last.catch(() => undefined)
  }

  #next<T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
    const before = this.#last
    const run = async (): Promise<T> => {
      await before.catch(() => undefined)
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
    return abortable(promise, signal, false)
  }
}
