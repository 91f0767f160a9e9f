import {
  abortError,
  type CallOptions,
  CallsUnderWay,
  checkScope,
  clientNumber,
  type FailedCall,
  Lifecycle,
  type ProbeResult,
  type RoleName,
  type Scope,
  throwIfAborted,
  untilAborted,
  VeritasError,
} from '@veritas-db/core/contract'
import type { Db, MongoClient } from 'mongodb'
import { type Abilities, type Access, type ReadSettings, Transaction, type WriteSettings } from './access.js'
import type { MongoConfig } from './config.js'
import { isNative, productName, toVeritasError } from './errors.js'
import {
  clientOptions,
  describeProduct,
  hasText,
  hasTransactions,
  hostsOf,
  refuseOldServer,
  requireVectorSearch,
} from './server.js'

const reads: ReadonlySet<string> = new Set([
  'get',
  'find',
  'count',
  'scan',
  'searchText',
  'query',
  'listCollections',
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

/** One client, made here or injected, and what its server can do. */
export class Connection implements Access {
  readonly engineId: string
  readonly transactional = false
  readonly loading: Set<string> = new Set()
  readonly hosts: string
  readonly #config: MongoConfig
  readonly #poolSize: number
  readonly #queryTimeoutMs: number
  readonly #vectors: boolean
  readonly #life = new Lifecycle(productName)
  /** Commands, which go on where their caller no longer waits for them. */
  readonly #commands = new CallsUnderWay()
  #client: MongoClient | undefined
  #db: Db | undefined
  #abilities: Abilities = { transactions: false, text: false }
  #product: ProbeResult = { product: 'MongoDB', version: 'unknown' }

  /** @param vectors whether vectors are to be searched, which not every server does */
  constructor(config: MongoConfig, poolSize: number, queryTimeoutMs: number, vectors: boolean) {
    this.#config = config
    this.#vectors = vectors
    this.#poolSize = config.poolSize ?? poolSize
    this.#queryTimeoutMs = config.queryTimeoutMs ?? queryTimeoutMs
    const { client } = config
    this.hosts = client
      ? client.options.hosts
          .map((host) => host.toString())
          .sort()
          .join(',')
      : hostsOf(config.url.reveal())
    const address = `mongodb://${this.hosts}/${config.database}`
    this.engineId = client ? `${address}#client-${clientNumber(client)}` : address
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
    throw new Error('There is no database before the connection is open.')
  }

  /** Opens the client, once for all that ask: a signal ends the waiting of its own caller alone. */
  async connect(signal?: AbortSignal): Promise<void> {
    try {
      throwIfAborted(signal)
      await this.#life.open(() => this.#open(), signal)
    } catch (error) {
      throw this.#describe(error, { operation: 'connect' })
    }
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
      refuseOldServer(this.#product, this.hosts)
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
      if (this.#vectors) await requireVectorSearch(db, this.hosts, this.#queryTimeoutMs)
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
      await this.#life.run(() =>
        this.read(signal, (settings) =>
          this.db.command({ ping: 1, maxTimeMS: settings.maxTimeMS }, signal ? { signal } : {}),
        ),
      )
      return this.#product
    } catch (error) {
      throw this.#describe(error, { operation: 'probe' })
    }
  }

  /** Waits for calls and commands under way, then closes the client where it is ours. */
  close(): Promise<void> {
    return this.#life.close(async () => {
      await this.#commands.ended()
      const client = this.#client
      this.#client = undefined
      this.#db = undefined
      if (client && !this.#config.client) await client.close()
    })
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
      return await this.#life.run(work)
    } catch (error) {
      throw this.#describe(error, { role, operation, write: !reads.has(operation) })
    }
  }

  async read<T>(signal: AbortSignal | undefined, work: (settings: ReadSettings) => Promise<T>): Promise<T> {
    throwIfAborted(signal)
    // The driver ends a read itself where it can; where it cannot, the wait for it ends.
    const promise = work({ maxTimeMS: this.#queryTimeoutMs, ...(signal && { signal }) })
    return untilAborted(this.#commands.add(promise), signal)
  }

  async write<T>(signal: AbortSignal | undefined, work: (settings: WriteSettings) => Promise<T>): Promise<T> {
    throwIfAborted(signal)
    // The work goes on, and `close` waits for it: it may be done all the same.
    return untilAborted(this.#commands.add(work({})), signal, (fired) => abortError(fired, { outcome: 'unknown' }))
  }

  /** One transaction around `work`, whose reads and writes go through the access it is given. */
  async transact<T>(signal: AbortSignal | undefined, work: (access: Access) => Promise<T>): Promise<T> {
    throwIfAborted(signal)
    return this.#life.run(async () => {
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

  #describe(error: unknown, call: Omit<FailedCall, 'target'>): VeritasError {
    const described = toVeritasError(error, { ...call, target: this.hosts })
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
