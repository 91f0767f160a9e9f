import { type RoleName, type Scope, VeritasError } from '@veritas-db/core/contract'
import type { PostgresConfig } from './config.js'
import type { Access, Row, Session } from './session.js'
import { literal, quote } from './sql.js'

/** The layout of our own tables. */
const LAYOUT = 1

/** One collection, graph or table as the catalogue has it. */
export interface Space<D> {
  /** The name of its main relation. */
  readonly relation: string
  readonly definition: D
}

/** What a space is looked up by; `name` is the table's, and empty for the other roles. */
export interface Identity {
  readonly role: RoleName
  readonly scope: Scope
  readonly name: string
}

const partsOf = ({ role, scope, name }: Identity): readonly unknown[] => [
  role,
  scope.tenant ?? '',
  scope.collection,
  scope.incarnation ?? 0,
  name,
]

/** The table of all collections, graphs and tables under one prefix, and what this process remembers of it. */
export class Catalogue {
  readonly #config: PostgresConfig
  readonly #table: string
  readonly #known = new Map<string, Space<unknown>>()

  constructor(config: PostgresConfig) {
    this.#config = config
    this.#table = this.relation(`${config.prefix}_catalogue`)
  }

  /** A relation's name, quoted, in the configured schema. */
  relation(name: string): string {
    const { schema } = this.#config
    return schema === undefined ? quote(name) : `${quote(schema)}.${quote(name)}`
  }

  /** Makes the schema, the extension and the catalogue where they are not there: then alone, and without asking for rights. */
  async prepare(session: Session, needsVectors: boolean): Promise<void> {
    const { schema } = this.#config
    const { rows } = await session.query(
      `SELECT to_regclass($1) IS NOT NULL AS catalogue, to_regtype('vector') IS NOT NULL AS vector, current_setting('server_version_num')::int AS version`,
      [this.#table],
    )
    const there = rows[0] as { catalogue: boolean; vector: boolean; version: number }
    if (there.version < 130_000)
      throw new VeritasError({
        code: 'CONFIGURATION',
        message: `PostgreSQL 13 or newer is needed, this server has ${Math.floor(there.version / 10_000)}.`,
      })
    if (!there.catalogue || (needsVectors && !there.vector)) {
      await session.transaction(async () => {
        await this.lock(session)
        if (schema !== undefined) await session.run(`CREATE SCHEMA IF NOT EXISTS ${quote(schema)}`)
        if (needsVectors && !there.vector) await this.#extend(session)
        await session.run(
          `CREATE TABLE IF NOT EXISTS ${this.#table} (role text NOT NULL, tenant text COLLATE "C" NOT NULL, collection text COLLATE "C" NOT NULL,
             incarnation bigint NOT NULL, name text COLLATE "C" NOT NULL, relation text NOT NULL, layout int NOT NULL, definition jsonb NOT NULL,
             PRIMARY KEY (role, tenant, collection, incarnation, name))`,
        )
      })
    }
  }

  async #extend(session: Session): Promise<void> {
    try {
      await session.run('CREATE EXTENSION IF NOT EXISTS vector')
    } catch (cause) {
      throw new VeritasError({
        code: 'CONFIGURATION',
        message: `The vector role needs the extension pgvector, and it cannot be made: ${cause instanceof Error ? cause.message : String(cause)}. Install pgvector on the server, and run CREATE EXTENSION vector as a superuser.`,
        cause,
      })
    }
  }

  /** Keeps everybody else from changing the catalogue until the transaction ends. */
  async lock(session: Session): Promise<void> {
    await session.query(`SELECT pg_advisory_xact_lock(hashtextextended($1, 0))`, [`veritas ${this.#table}`])
  }

  /** The space; undefined where there is none. `fresh` does not trust what this process remembers. */
  async find<D>(session: Session, identity: Identity, fresh = false): Promise<Space<D> | undefined> {
    const key = partsOf(identity).join('\n')
    if (!fresh && this.#known.has(key)) return this.#known.get(key) as Space<D>
    const { rows } = await session.query(
      `SELECT relation, layout, definition FROM ${this.#table} WHERE role = $1 AND tenant = $2 AND collection = $3 AND incarnation = $4 AND name = $5`,
      partsOf(identity),
      { prepare: true },
    )
    const [row] = rows
    const space = row && toSpace<D>(row)
    this.#remember(key, session, space)
    return space
  }

  #remember(key: string, session: Session, space: Space<unknown> | undefined): void {
    if (space === undefined) this.#known.delete(key)
    // What a transaction sees may be its own, and be rolled back.
    else if (!session.link.transaction) this.#known.set(key, space)
  }

  /** What this process remembers of the space may be wrong. */
  forget(identity: Identity): void {
    this.#known.delete(partsOf(identity).join('\n'))
  }

  /**
   * Makes or extends a space: `change` gets what is there, does what must be done to the tables, and answers the new definition,
   * or undefined where nothing is to change. Only one at a time, over all processes.
   */
  async ensure<D>(
    access: Access,
    signal: AbortSignal | undefined,
    identity: Identity,
    relation: string,
    isDone: (space: Space<D> | undefined) => boolean,
    change: (session: Session, space: Space<D> | undefined) => Promise<D>,
  ): Promise<void> {
    if (await access.read(signal, async (session) => isDone(await this.find<D>(session, identity)))) return
    await access.transact(signal, async (session) => {
      await this.lock(session)
      // Making indexes may take longer than a call usually may.
      await session.run('SET LOCAL statement_timeout = 0')
      const space = await this.find<D>(session, identity, true)
      if (isDone(space)) return
      const definition = await change(session, space)
      await session.query(
        `INSERT INTO ${this.#table} VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT (role, tenant, collection, incarnation, name) DO UPDATE SET definition = excluded.definition`,
        [...partsOf(identity), relation, LAYOUT, JSON.stringify(definition)],
      )
    })
    this.forget(identity)
  }

  /** Removes a space; `drop` removes its tables. One that is not there is no error. */
  async remove(
    access: Access,
    signal: AbortSignal | undefined,
    identity: Identity,
    drop: (session: Session, relation: string) => Promise<void>,
  ): Promise<void> {
    await access.transact(signal, async (session) => {
      await this.lock(session)
      const { rows } = await session.query(
        `DELETE FROM ${this.#table} WHERE role = $1 AND tenant = $2 AND collection = $3 AND incarnation = $4 AND name = $5 RETURNING relation`,
        partsOf(identity),
      )
      const [row] = rows
      if (row) await drop(session, row.relation as string)
    })
    this.forget(identity)
  }

  /** All spaces of a role. */
  async list<D>(
    session: Session,
    role: RoleName,
  ): Promise<readonly { readonly scope: Scope; readonly space: Space<D> }[]> {
    const { rows } = await session.query(
      `SELECT * FROM ${this.#table} WHERE role = ${literal(role)} ORDER BY tenant, collection, incarnation, name`,
    )
    return rows.map((row) => ({
      scope: {
        ...(row.tenant !== '' && { tenant: row.tenant as string }),
        collection: row.collection as string,
        ...(row.incarnation !== 0 && { incarnation: row.incarnation as number }),
      },
      space: toSpace<D>(row),
    }))
  }
}

const toSpace = <D>(row: Row): Space<D> => {
  if ((row.layout as number) > LAYOUT)
    throw new VeritasError({
      code: 'CONFIGURATION',
      message: `The table ${String(row.relation)} has layout ${String(row.layout)}, this version of @veritas-db/postgres reads layout ${LAYOUT}: upgrade @veritas-db/postgres.`,
    })
  return { relation: row.relation as string, definition: JSON.parse(row.definition as string) as D }
}
