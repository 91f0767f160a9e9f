import {
  addressOf,
  clientNumber,
  connectWithin,
  Lifecycle,
  throwIfAborted,
  untilAborted,
  VeritasError,
} from '@veritas-db/core/contract'
import type { AuthToken, Config, Driver, Session } from 'neo4j-driver'
import { type Neo4jConfig, schemes } from './config.js'
import type { Statement } from './cypher.js'
import { nativeCode, toVeritasError } from './errors.js'
import type { ToNativeDate } from './properties.js'

/** One row of an answer. */
export interface Row {
  get(name: string): unknown
  toObject(): unknown
}

/** Runs one statement after the other in one transaction. */
export type Run = (statement: Statement) => Promise<readonly Row[]>

/** How a role reaches the database: each call a transaction of its own, or all within one unit of work. */
export interface Access {
  /** One statement in a transaction of its own, or in the unit's. */
  run(statement: Statement, signal: AbortSignal | undefined): Promise<readonly Row[]>
  /** Several statements in one transaction. */
  transact<T>(signal: AbortSignal | undefined, work: (run: Run) => Promise<T>): Promise<T>
  /** Whether this is a unit of work, in which nothing may be dropped. */
  readonly inUnit: boolean
}

type Neo4jModule = typeof import('neo4j-driver')

/** The last change of the schema of each engine: the server answers changes at the same time with deadlocks. */
const schemaChanges = new Map<string, Promise<unknown>>()

/** The ports that the driver takes where the URL names none. */
const ports = Object.fromEntries(schemes.map((scheme) => [scheme, 7687]))

/** The pool of connections to one server or cluster. */
export class Connection implements Access {
  readonly engineId: string
  /** Host and port, for messages. */
  readonly target: string
  readonly inUnit = false
  readonly #config: Neo4jConfig
  readonly #poolSize: number | undefined
  readonly #queryTimeoutMs: number | undefined
  readonly #life = new Lifecycle('Neo4j')
  #opened: { readonly driver: Driver; readonly module: Neo4jModule } | undefined

  constructor(config: Neo4jConfig, defaults: { readonly poolSize?: number; readonly queryTimeoutMs?: number }) {
    this.#config = config
    this.target = config.client ? "the given client's address" : addressOf(config.url, ports)
    const engine = config.client ? `client:${process.pid}:${clientNumber(config.client)}` : this.target.toLowerCase()
    this.engineId = `neo4j:${engine}/${config.database ?? ''}`
    this.#poolSize = config.poolSize ?? (defaults.poolSize === undefined ? undefined : defaults.poolSize + 2)
    this.#queryTimeoutMs = config.queryTimeoutMs ?? defaults.queryTimeoutMs
  }

  async connect(signal?: AbortSignal): Promise<void> {
    throwIfAborted(signal)
    // Not with the caller's signal: others may be waiting for the same attempt.
    await this.#life.open(() => this.#connect(), signal)
  }

  /** Runs one call from the outside, however many steps it takes: `close` waits for it. */
  call<T>(work: () => Promise<T>): Promise<T> {
    return this.#life.run(work)
  }

  /** What the server calls itself, such as `Neo4j/5.26.12`. */
  probe(signal?: AbortSignal): Promise<string> {
    return this.#inSession(signal, async (session) => {
      const { summary } = await session.run('RETURN 1', {}, this.#transactionConfig())
      return summary.server.agent ?? 'Neo4j/unknown'
    })
  }

  /** Dates as the driver's own, in UTC. */
  get toNativeDate(): ToNativeDate {
    const { DateTime } = this.#ready.module.types
    return (date) =>
      new DateTime(
        date.getUTCFullYear(),
        date.getUTCMonth() + 1,
        date.getUTCDate(),
        date.getUTCHours(),
        date.getUTCMinutes(),
        date.getUTCSeconds(),
        date.getUTCMilliseconds() * 1e6,
        0,
      )
  }

  run(statement: Statement, signal: AbortSignal | undefined): Promise<readonly Row[]> {
    return this.#inSession(signal, async (session) => {
      const { records } = await session.run(statement.text, statement.parameters, this.#transactionConfig())
      return records
    })
  }

  transact<T>(signal: AbortSignal | undefined, work: (run: Run) => Promise<T>): Promise<T> {
    return this.#inSession(signal, async (session) => {
      const transaction = await session.beginTransaction(this.#transactionConfig())
      try {
        const result = await work(async ({ text, parameters }) => {
          throwIfAborted(signal)
          return (await transaction.run(text, parameters)).records
        })
        throwIfAborted(signal)
        await transaction.commit()
        return result
      } catch (error) {
        // What went wrong first is the news; a roll back that fails too changes nothing, for the server ends what was not committed.
        if (transaction.isOpen()) await transaction.rollback().catch(() => undefined)
        throw error
      }
    })
  }

  /** One transaction around `work`, whose reads and writes go through the access it is given. What `work` throws comes back as it is. */
  async unitOfWork<T>(signal: AbortSignal | undefined, work: (access: Access) => Promise<T>): Promise<T> {
    const failures: unknown[] = []
    try {
      return await this.transact(signal, async (run) => {
        const inside = async (statement: Statement, inner: AbortSignal | undefined): Promise<readonly Row[]> => {
          throwIfAborted(inner)
          try {
            return await run(statement)
          } catch (error) {
            throw this.#explain(error, inner)
          }
        }
        try {
          return await work({
            inUnit: true,
            run: inside,
            transact: (inner, several) => several((statement) => inside(statement, inner)),
          })
        } catch (error) {
          failures.push(error)
          throw error
        }
      })
    } catch (error) {
      throw failures.length > 0 ? failures[0] : error
    }
  }

  /**
   * Changes of the schema, in one transaction beside all others; in this process one after the other. Each may be made
   * again without harm, so what fails because another process makes the same at the same time is tried anew.
   */
  changeSchema(signal: AbortSignal | undefined, statements: readonly string[]): Promise<void> {
    const before = schemaChanges.get(this.engineId) ?? Promise.resolve()
    const change = before.then(() => this.#changeSchema(signal, statements))
    // Its caller gets the error; the next only waits.
    const done = change.catch(() => undefined)
    schemaChanges.set(this.engineId, done)
    done.then(() => {
      if (schemaChanges.get(this.engineId) === done) schemaChanges.delete(this.engineId)
    })
    return change
  }

  async #changeSchema(signal: AbortSignal | undefined, statements: readonly string[]): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await this.transact(signal, async (run) => {
          for (const text of statements) await run({ text, parameters: {} })
        })
        return
      } catch (error) {
        const cause = VeritasError.is(error) ? error.cause : undefined
        const code = nativeCode(cause) ?? ''
        const raced = code.startsWith('Neo.TransientError.Transaction.') || code.includes('AlreadyExists')
        if (!raced || attempt >= 10) throw error
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 20 * attempt))
        throwIfAborted(signal)
      }
    }
  }

  close(): Promise<void> {
    return this.#life.close(async () => {
      const opened = this.#opened
      this.#opened = undefined
      if (opened && !this.#config.client) await opened.driver.close()
    })
  }

  get #ready(): { readonly driver: Driver; readonly module: Neo4jModule } {
    if (!this.#opened) throw new Error('There is no driver before the connection is open.')
    return this.#opened
  }

  async #connect(): Promise<void> {
    const { client, connectTimeoutMs: timeoutMs, database } = this.#config
    const imported = await import('neo4j-driver')
    // Under plain ESM the package is CommonJS behind a default export; its types say otherwise.
    const module: Neo4jModule = 'default' in imported ? (imported.default as Neo4jModule) : imported
    const driver = client ?? this.#make(module)
    try {
      await connectWithin({ product: 'Neo4j', target: this.target, timeoutMs }, () =>
        driver.verifyConnectivity(database === undefined ? {} : { database }),
      )
    } catch (error) {
      // Not waited for: the driver may be waiting for the very answer that did not come, and the first error is the one to tell.
      if (!client) driver.close().catch(() => undefined)
      // The driver reads the files it was given only now.
      if (!VeritasError.is(error) && nativeCode(error) === undefined) throw this.#refused(error)
      throw toVeritasError(error, { target: this.target })
    }
    this.#opened = { driver, module }
  }

  #make(module: Neo4jModule): Driver {
    try {
      return module.driver(this.#config.url, this.#auth(module), this.#driverConfig())
    } catch (error) {
      throw this.#refused(error)
    }
  }

  #refused(error: unknown): VeritasError {
    const text = error instanceof Error ? error.message : String(error)
    const message = `The driver refused the options for Neo4j at ${this.target}: ${text}`
    return new VeritasError({ code: 'CONFIGURATION', message, cause: error })
  }

  #auth(module: Neo4jModule): AuthToken | undefined {
    const { username, password, bearerToken } = this.#config
    if (bearerToken) return module.auth.bearer(bearerToken.reveal())
    return username !== undefined && password ? module.auth.basic(username, password.reveal()) : undefined
  }

  #driverConfig(): Config {
    const { encrypted, trust, trustedCertificates, connectTimeoutMs, acquisitionTimeoutMs } = this.#config
    return {
      // Retrying is the manager's work.
      maxTransactionRetryTime: 0,
      disableAutoCommitRetries: true,
      telemetryDisabled: true,
      useBigInt: true,
      fetchSize: -1,
      userAgent: 'veritas-db',
      connectionTimeout: connectTimeoutMs,
      connectionAcquisitionTimeout: acquisitionTimeoutMs,
      ...(this.#poolSize !== undefined && { maxConnectionPoolSize: this.#poolSize }),
      ...(encrypted !== undefined && {
        encrypted: encrypted ? ('ENCRYPTION_ON' as const) : ('ENCRYPTION_OFF' as const),
      }),
      ...(trust !== undefined && { trust }),
      ...(trustedCertificates !== undefined && { trustedCertificates: [...trustedCertificates] }),
    }
  }

  #transactionConfig(): { timeout?: number } {
    return this.#queryTimeoutMs === undefined ? {} : { timeout: this.#queryTimeoutMs }
  }

  /** Runs `work` in a session of its own. When the signal fires the session is closed, which makes the server stop. */
  async #inSession<T>(signal: AbortSignal | undefined, work: (session: Session) => Promise<T>): Promise<T> {
    throwIfAborted(signal)
    const { database } = this.#config
    // Leaders answer reads too, so that every read sees the writes before it.
    const session = this.#ready.driver.session({
      defaultAccessMode: 'WRITE',
      ...(database !== undefined && { database }),
    })
    try {
      return await untilAborted(work(session), signal, (fired) => fired.reason)
    } catch (error) {
      throw this.#explain(error, signal)
    } finally {
      // The answer is there already, or an error that says more than a connection that cannot be given back.
      await session.close().catch(() => undefined)
    }
  }

  /** Of a statement that broke off, also one of raw Cypher, nobody knows whether it was carried out. */
  #explain(error: unknown, signal: AbortSignal | undefined): VeritasError {
    return toVeritasError(error, { target: this.target, write: true, signal })
  }
}
