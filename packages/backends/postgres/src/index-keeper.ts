import { VeritasError } from '@veritas-db/core/contract'
import type { Catalogue } from './catalogue.js'
import type { PostgresConfig } from './config.js'
import type { IndexSpec } from './indexes.js'
import type { Access, Session } from './session.js'
import { quote } from './sql.js'

/** How long a table that was too small is not counted again, in milliseconds. */
const RECHECK_MS = 1000
/** How long an index that is there is taken for granted, in milliseconds: somebody else may drop it with its table. */
const READY_MS = 60_000
/** How long an index that could not be built is not tried again, in milliseconds. */
const RETRY_MS = 300_000

interface Known {
  readonly relation: string
  ready: boolean
  checkAfter: number
}

interface Build {
  readonly relation: string
  readonly abort: AbortController
  /** The server's process that builds, once it does. */
  pid?: number
  /** The build itself, once its turn has come. */
  running?: Promise<void>
}

/** Builds indexes when reads would use them, beside reads and writes; several processes at once build each only once. */
export class IndexKeeper {
  readonly #config: PostgresConfig
  readonly #poolSize: number
  readonly #access: Access
  readonly #catalogue: Catalogue
  readonly #known = new Map<string, Known>()
  readonly #builds = new Set<Build>()
  #work: Promise<void> = Promise.resolve()
  #stopped = false

  constructor(config: PostgresConfig, poolSize: number, access: Access, catalogue: Catalogue) {
    this.#config = config
    this.#poolSize = poolSize
    this.#access = access
    this.#catalogue = catalogue
  }

  #mayBuild(): boolean {
    // A pool of one would have no connection left while the index is built.
    return this.#config.indexBuild === 'lazy' && !this.#stopped && this.#poolSize > 1
  }

  /** Makes an index at once, in the session's transaction. */
  async make(session: Session, relation: string, spec: IndexSpec): Promise<void> {
    await session.run(
      `CREATE INDEX IF NOT EXISTS ${quote(spec.name)} ON ${this.#catalogue.relation(relation)} ${spec.definition}`,
    )
  }

  /** Whether the index is there; where not, and the table is large enough, it is built in the background. */
  async want(session: Session, relation: string, spec: IndexSpec): Promise<boolean> {
    let known = this.#known.get(spec.name)
    const now = performance.now()
    if (known && now < known.checkAfter) return known.ready
    if (!known) {
      known = { relation, ready: false, checkAfter: 0 }
      this.#known.set(spec.name, known)
    }
    known.checkAfter = now + RECHECK_MS
    const table = this.#catalogue.relation(relation)
    const { rows } = await session.query(
      `SELECT (SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass($1)) AS valid,
              EXISTS (SELECT FROM pg_stat_progress_create_index WHERE relid = to_regclass($2)) AS building,
              EXISTS (SELECT FROM ${table} OFFSET ${this.#config.indexThresholdRows}) AS large`,
      [this.#catalogue.relation(spec.name), table],
    )
    const { valid, building, large } = rows[0] as { valid: boolean | null; building: boolean; large: boolean }
    known.ready = valid === true
    if (known.ready) known.checkAfter = now + READY_MS
    else if (large && !building && this.#mayBuild()) this.#start(known, spec, valid === false)
    return known.ready
  }

  #start(known: Known, spec: IndexSpec, broken: boolean): void {
    known.checkAfter = Number.POSITIVE_INFINITY
    const build: Build = { relation: known.relation, abort: new AbortController() }
    this.#builds.add(build)
    this.#work = this.#work
      .then(() => {
        if (build.abort.signal.aborted) return undefined
        build.running = this.#build(build, spec, broken)
        return build.running
      })
      .then(
        () => {
          known.checkAfter = 0
        },
        (error: unknown) => {
          // Searches go on without it, exact and slower; a later one tries again.
          const soon = VeritasError.is(error) && error.retryable
          known.checkAfter = performance.now() + (soon ? RECHECK_MS : RETRY_MS)
        },
      )
      .finally(() => this.#builds.delete(build))
  }

  async #build(build: Build, spec: IndexSpec, broken: boolean): Promise<void> {
    const name = this.#catalogue.relation(spec.name)
    const table = this.#catalogue.relation(build.relation)
    await this.#access.write(build.abort.signal, async (session) => {
      const alone = this.#config.transactionPooling || (await this.#reserve(session, build, table))
      // Two builds on one table would wait for each other: whoever comes second looks again later.
      if (!alone) return
      try {
        // What an interrupted build leaves behind is of no use, and in the way.
        if (broken) await session.run(`DROP INDEX CONCURRENTLY IF EXISTS ${name}`)
        await session.run(`CREATE INDEX CONCURRENTLY IF NOT EXISTS ${quote(spec.name)} ON ${table} ${spec.definition}`)
        // The planner knows how selective an indexed expression is only after this.
        await session.run(`ANALYZE ${table}`)
      } finally {
        // The connection has settings and a lock of its own: it ends with them.
        session.link.broken = true
      }
    })
  }

  /** Takes the right to build on a table, for as long as the connection lives, and all the time that it needs. */
  async #reserve(session: Session, build: Build, table: string): Promise<boolean> {
    const { rows } = await session.query(
      `SELECT pg_backend_pid() AS pid, pg_try_advisory_lock(hashtextextended($1, 0)) AS free`,
      [`veritas index ${table}`],
    )
    build.pid = rows[0]?.pid as number
    if (rows[0]?.free !== true) return false
    await session.run('SET statement_timeout = 0')
    return true
  }

  /** Waits for the builds under way. */
  async settled(): Promise<void> {
    while (this.#builds.size > 0) await this.#work
  }

  /** Ends the builds on a relation and forgets its indexes, before it is dropped. */
  async forget(relation: string): Promise<void> {
    await this.#cancel((build) => build.relation === relation)
    for (const [name, known] of this.#known) if (known.relation === relation) this.#known.delete(name)
  }

  /** Ends all builds, for good. */
  async stop(): Promise<void> {
    this.#stopped = true
    await this.#cancel(() => true)
  }

  async #cancel(which: (build: Build) => boolean): Promise<void> {
    const builds = [...this.#builds].filter(which)
    // A server notices a closed connection late, and until then it holds the table.
    const pids = this.#config.transactionPooling ? [] : builds.flatMap((build) => build.pid ?? [])
    if (pids.length > 0)
      await this.#access.read(undefined, (session) =>
        session.query('SELECT pg_cancel_backend(pid) FROM unnest($1::int[]) AS pid', [pids]),
      )
    for (const build of builds) build.abort.abort()
    await Promise.allSettled(builds.map((build) => build.running))
  }
}
