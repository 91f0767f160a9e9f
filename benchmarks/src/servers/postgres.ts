import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout } from 'node:timers/promises'
import postgres from '@veritas-db/postgres'
import pg from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import type { Row } from '../measure.ts'
import {
  compareGraphs,
  compareTables,
  compareVectors,
  type GraphContestant,
  type TableContestant,
  type VectorContestant,
} from './compare.ts'
import { ourGraph, ourTable, ourVectors } from './ours.ts'
import { pushedTable, pushedVectors } from './pushdown.ts'
import { langChain, mastra } from './rivals.ts'
import {
  batches,
  DIMENSIONS,
  FIND_LIMIT,
  type Item,
  items,
  K,
  type LangChainStore,
  type MastraStore,
  noEmbedder,
  open,
  rival,
  type ServerBench,
  SINCE,
  scope,
} from './shape.ts'

const COUNT = 10_000
/** With an index that grows with each row, which takes the server some 2 ms. */
const INDEXED = 5000
const SCHEMA = 'veritas_bench'

/** PostgreSQL: all three roles, vectors without and with an HNSW index that is there while they are stored. */
export const postgresBench: ServerBench = {
  variable: 'VERITAS_POSTGRES_URL',
  async measure(url, options) {
    const all = items(COUNT)
    const pool = new pg.Pool({ connectionString: url, max: 2 })
    const size = COUNT.toLocaleString('en')
    const rows: Row[] = []
    try {
      await pool.query(`DROP SCHEMA IF EXISTS ${SCHEMA} CASCADE; CREATE SCHEMA ${SCHEMA}`)
      for (const hnsw of [false, true]) {
        const some = hnsw ? all.slice(0, INDEXED) : all
        const comparison = {
          title: `postgres vector ${some.length.toLocaleString('en')}${hnsw ? ', HNSW live' : ', no index'}`,
          items: some,
          options,
          loadGoal: hnsw ? 1.2 : 5,
        }
        const ours = await veritas(url, pool, hnsw, some)
        const pushdown = (): Promise<Row> => pushedVectors(comparison.title, ours.role, some)
        const others = {
          raw: rawVectors(pool, hnsw),
          LangChain: langChainStore(url, hnsw, some),
          Mastra: mastraStore(url, hnsw, some),
        }
        rows.push(...(await compareVectors({ ...comparison, pushdown }, { veritas: ours, ...others })))
      }
      const table = ourTable(await open(postgres, ourConfig(url)), () => rest(pool))
      const raw = rawTable(pool)
      const tables = { title: `postgres rows ${size}`, items: all, options }
      const pushdown = (): Promise<Row> => pushedTable(tables.title, table.role)
      rows.push(...(await compareTables({ ...tables, pushdown }, { veritas: table, raw })))
      const graph = ourGraph(await open(postgres, ourConfig(url)), () => rest(pool))
      const graphs = { title: `postgres graph ${size}`, items: all, options }
      rows.push(...(await compareGraphs(graphs, { veritas: graph, raw: rawGraph(pool) })))
      return rows
    } finally {
      await pool.query(`DROP SCHEMA IF EXISTS ${SCHEMA} CASCADE`)
      await pool.end()
    }
  },
}

const ourConfig = (url: string, config: Record<string, unknown> = {}): Record<string, unknown> => ({
  url,
  schema: SCHEMA,
  ...config,
})

/** What the server does by itself within a minute: statistics of what has been written. */
async function rest(pool: pg.Pool): Promise<void> {
  await pool.query('ANALYZE')
}

/** Ours as it comes, without an index; or with the HNSW index alone, built on one record before the others come. */
async function veritas(
  url: string,
  pool: pg.Pool,
  hnsw: boolean,
  all: readonly Item[],
): Promise<ReturnType<typeof ourVectors>> {
  const config = hnsw ? { indexThresholdRows: 0 } : { index: 'none' }
  const ours = ourVectors(await open(postgres, ourConfig(url, config)), () => rest(pool))
  if (!hnsw) return ours
  return {
    ...ours,
    async reset() {
      await ours.reset()
      const first = all.slice(0, 1)
      await ours.load(first)
      const built = async (): Promise<boolean> => {
        const { rows } = await pool.query(
          `SELECT FROM pg_indexes JOIN pg_class ON relname = indexname JOIN pg_index ON indexrelid = pg_class.oid
           WHERE schemaname = $1 AND indisvalid AND indexdef LIKE '%USING hnsw%' AND tablename LIKE 'veritas%'`,
          [SCHEMA],
        )
        return rows.length > 0
      }
      for (const item of first) {
        do {
          await ours.query(item.vector, false)
          await setTimeout(50)
        } while (!(await built()))
        await ours.role.delete({ scope, keys: [item.key] })
      }
    },
  }
}

const rawTableName = `${SCHEMA}.raw_vectors`

/** By hand: binary COPY into a temporary table and an upsert from it, prepared queries, settings once a connection. */
function rawVectors(pool: pg.Pool, hnsw: boolean): VectorContestant {
  const reads = `SELECT document_id, version, metadata, text, 1 - (embedding <=> $1::vector) AS score FROM ${rawTableName}`
  let reader: pg.PoolClient | undefined
  const read = async (name: string, text: string, values: unknown[]): Promise<readonly { document_id: string }[]> => {
    reader ??= await pool.connect()
    return (await reader.query<{ document_id: string }>({ name, text, values })).rows
  }
  const columns = ['key', 'document_id', 'version', 'embedding', 'text', 'metadata']
  return {
    async reset() {
      await pool.query(
        `DROP TABLE IF EXISTS ${rawTableName}; CREATE TABLE ${rawTableName} (key uuid PRIMARY KEY, document_id text NOT NULL,
         version text NOT NULL, embedding vector(${DIMENSIONS}) NOT NULL, text text, metadata jsonb NOT NULL)`,
      )
      if (hnsw)
        await pool.query(
          `CREATE INDEX ON ${rawTableName} USING hnsw (embedding vector_cosine_ops) WITH (m = 16, ef_construction = 64)`,
        )
    },
    load: (all) =>
      copyIn(pool, rawTableName, columns, all, (item, w) => {
        w.uuid(item.key)
        w.text(item.documentId)
        w.text(item.version)
        w.vector(item.vector)
        w.text(item.text)
        w.jsonb(item.metadata)
      }),
    async settle() {
      await pool.query(`CREATE INDEX ON ${rawTableName} (((metadata->>'year')::float8)); ANALYZE ${rawTableName}`)
      reader ??= await pool.connect()
      await reader.query('SET hnsw.ef_search = 100; SET hnsw.iterative_scan = relaxed_order')
    },
    async get({ key }) {
      const text = `SELECT document_id, version, metadata, text FROM ${rawTableName} WHERE key = $1`
      return (await read('get', text, [key]))[0]?.document_id
    },
    async query(vector, filtered) {
      const where = filtered ? `WHERE (metadata->>'year')::float8 >= ${SINCE}` : ''
      const text = `${reads} ${where} ORDER BY embedding <=> $1::vector LIMIT ${K}`
      const rows = await read(`query ${filtered}`, text, [binaryVector(vector)])
      return rows.map((row) => row.document_id)
    },
    async close() {
      // Its prepared statements and settings end with it.
      reader?.release(true)
      await pool.query(`DROP TABLE IF EXISTS ${rawTableName}`)
    },
  }
}

interface PgVectorStore extends LangChainStore {
  pool: pg.Pool
  createHnswIndex(options: { dimensions: number; m?: number; efConstruction?: number }): Promise<void>
  end(): Promise<void>
}

function langChainStore(url: string, hnsw: boolean, all: readonly Item[]): VectorContestant {
  const { PGVectorStore } = rival<{
    PGVectorStore: { initialize(embeddings: unknown, options: Record<string, unknown>): Promise<PgVectorStore> }
  }>('@langchain/community/vectorstores/pgvector')
  let store: PgVectorStore | undefined
  const drop = async (): Promise<void> => {
    if (!store) return
    await store.pool.query(`DROP TABLE IF EXISTS ${SCHEMA}.langchain`)
    await store.end()
    store = undefined
  }
  return langChain({
    items: all,
    filter: { year: { gte: SINCE } },
    async reset() {
      await drop()
      store = await PGVectorStore.initialize(noEmbedder, {
        postgresConnectionOptions: { connectionString: url },
        schemaName: SCHEMA,
        tableName: 'langchain',
        dimensions: DIMENSIONS,
      })
      if (hnsw) await store.createHnswIndex({ dimensions: DIMENSIONS })
      return store
    },
    async settle() {
      await store?.pool.query(`ANALYZE ${SCHEMA}.langchain`)
    },
    close: drop,
  })
}

function mastraStore(url: string, hnsw: boolean, all: readonly Item[]): VectorContestant {
  const { PgVector } = rival<{
    PgVector: new (options: Record<string, unknown>) => MastraStore & { pool: pg.Pool; disconnect(): Promise<void> }
  }>('@mastra/pg')
  const store = new PgVector({ id: 'bench', connectionString: url, schemaName: SCHEMA })
  const indexName = 'mastra'
  return mastra({
    items: all,
    store,
    indexName,
    index: hnsw ? { indexConfig: { type: 'hnsw', hnsw: { m: 16, efConstruction: 64 } } } : { buildIndex: false },
    filter: { year: { $gte: SINCE } },
    async settle() {
      await store.pool.query(`ANALYZE ${SCHEMA}.${indexName}`)
    },
    close: () => store.disconnect(),
  })
}

function rawTable(pool: pg.Pool): TableContestant {
  const name = `${SCHEMA}.raw_rows`
  const columns = ['key', 'document_id', 'version', 'title', 'kind', 'year', 'open', 'text']
  return {
    async reset() {
      await pool.query(
        `DROP TABLE IF EXISTS ${name}; CREATE TABLE ${name} (key uuid PRIMARY KEY, document_id text NOT NULL, version text NOT NULL,
           title text, kind text, year float8, open bool, text text);
         CREATE INDEX ON ${name} (kind); CREATE INDEX ON ${name} (year)`,
      )
    },
    load: (all) =>
      copyIn(pool, name, columns, all, ({ key, documentId, version, metadata, text }, w) => {
        w.uuid(key)
        w.text(documentId)
        w.text(version)
        w.text(metadata.title)
        w.text(metadata.kind)
        w.float8(metadata.year)
        w.bool(metadata.open)
        w.text(text)
      }),
    async settle() {
      await rest(pool)
    },
    async get({ key }) {
      const query = { name: 'row', text: `SELECT * FROM ${name} WHERE key = $1`, values: [key] }
      return (await pool.query<{ document_id: string }>(query)).rows[0]?.document_id
    },
    async find(kind) {
      const text = `SELECT * FROM ${name} WHERE kind = $1 AND year >= $2 ORDER BY key LIMIT ${FIND_LIMIT}`
      const { rows } = await pool.query<{ document_id: string }>({ name: 'find', text, values: [kind, SINCE] })
      return rows.map((row) => row.document_id)
    },
    async close() {
      await pool.query(`DROP TABLE IF EXISTS ${name}`)
    },
  }
}

function rawGraph(pool: pg.Pool): GraphContestant {
  const nodes = `${SCHEMA}.raw_nodes`
  const edges = `${SCHEMA}.raw_edges`
  return {
    async reset() {
      await pool.query(
        `DROP TABLE IF EXISTS ${nodes}, ${edges};
         CREATE TABLE ${nodes} (key uuid PRIMARY KEY, document_id text NOT NULL, version text NOT NULL, label text NOT NULL, properties jsonb NOT NULL);
         CREATE TABLE ${edges} (source uuid, type text, target uuid, version text NOT NULL, properties jsonb NOT NULL, PRIMARY KEY (source, type, target));
         CREATE INDEX ON ${edges} (target)`,
      )
    },
    async load(all) {
      const nodeColumns = ['key', 'document_id', 'version', 'label', 'properties']
      await copyIn(pool, nodes, nodeColumns, all, ({ key, documentId, version, metadata }, w) => {
        w.uuid(key)
        w.text(documentId)
        w.text(version)
        w.text('Document')
        w.jsonb(metadata)
      })
      for (const batch of batches(all)) {
        const rows = batch.flatMap(({ key, version, targets }) => targets.map((target) => ({ key, version, target })))
        const columns = ['source', 'type', 'target', 'version', 'properties']
        await copyIn(
          pool,
          edges,
          columns,
          rows,
          ({ key, version, target }, w) => {
            w.uuid(key)
            w.text('REFERENCES')
            w.uuid(target)
            w.text(version)
            w.jsonb({})
          },
          'source, type, target',
          rows.length,
        )
      }
    },
    async settle() {
      await rest(pool)
    },
    async get({ key }) {
      const query = { name: 'node', text: `SELECT * FROM ${nodes} WHERE key = $1`, values: [key] }
      return (await pool.query<{ document_id: string }>(query)).rows[0]?.document_id
    },
    async neighbors({ key }) {
      const text = `SELECT DISTINCT n.* FROM ${edges} e JOIN ${nodes} n ON n.key = e.target WHERE e.source = $1 AND n.key <> $1 ORDER BY n.key LIMIT 100`
      const { rows } = await pool.query<{ document_id: string }>({ name: 'neighbours', text, values: [key] })
      return rows.map((row) => row.document_id)
    },
    async close() {
      await pool.query(`DROP TABLE IF EXISTS ${nodes}, ${edges}`)
    },
  }
}

/** Upserts what `write` makes of each item, a batch a transaction. */
async function copyIn<T>(
  pool: pg.Pool,
  table: string,
  columns: readonly string[],
  all: readonly T[],
  write: (item: T, writer: CopyWriter) => void,
  identity = 'key',
  size = 1000,
): Promise<void> {
  const names = columns.join(', ')
  const set = columns.map((column) => `${column} = excluded.${column}`).join(', ')
  const client = await pool.connect()
  try {
    for (const batch of batches(all, size)) {
      await client.query(
        `BEGIN; CREATE TEMPORARY TABLE batch ON COMMIT DROP AS SELECT ${names} FROM ${table} WHERE false`,
      )
      const writer = new CopyWriter(columns.length)
      for (const item of batch) {
        writer.row()
        write(item, writer)
      }
      const copying = client.query(copyFrom(`COPY pg_temp.batch (${names}) FROM STDIN (FORMAT binary)`))
      await pipeline(Readable.from([writer.end()]), copying)
      await client.query(
        `INSERT INTO ${table} (${names}) SELECT ${names} FROM pg_temp.batch ON CONFLICT (${identity}) DO UPDATE SET ${set}; COMMIT`,
      )
    }
  } finally {
    client.release()
  }
}

/** PostgreSQL's binary COPY format. */
class CopyWriter {
  readonly #width: number
  #buffer = Buffer.allocUnsafe(2 ** 20)
  #at = 0

  constructor(width: number) {
    this.#width = width
    // The signature, no flags, no extension.
    this.#at = this.#buffer.write(`PGCOPY\n\xff\r\n\0${'\0'.repeat(8)}`, 'latin1')
  }
  row(): void {
    this.#room(2)
    this.#at = this.#buffer.writeInt16BE(this.#width, this.#at)
  }
  uuid(hex: string): void {
    this.#length(16)
    this.#at += this.#buffer.write(hex, this.#at, 'hex')
  }
  text(value: string): void {
    const bytes = Buffer.byteLength(value)
    this.#length(bytes)
    this.#at += this.#buffer.write(value, this.#at)
  }
  jsonb(value: object): void {
    const text = JSON.stringify(value)
    this.#length(Buffer.byteLength(text) + 1)
    this.#buffer[this.#at++] = 1
    this.#at += this.#buffer.write(text, this.#at)
  }
  float8(value: number): void {
    this.#length(8)
    this.#at = this.#buffer.writeDoubleBE(value, this.#at)
  }
  bool(value: boolean): void {
    this.#length(1)
    this.#buffer[this.#at++] = value ? 1 : 0
  }
  vector(value: Float32Array): void {
    const bytes = binaryVector(value)
    this.#length(bytes.length)
    this.#at += bytes.copy(this.#buffer, this.#at)
  }
  end(): Buffer {
    this.#room(2)
    this.#at = this.#buffer.writeInt16BE(-1, this.#at)
    return this.#buffer.subarray(0, this.#at)
  }
  #length(bytes: number): void {
    this.#room(bytes + 4)
    this.#at = this.#buffer.writeInt32BE(bytes, this.#at)
  }
  #room(bytes: number): void {
    if (this.#at + bytes <= this.#buffer.length) return
    const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#at + bytes))
    this.#buffer.copy(larger, 0, 0, this.#at)
    this.#buffer = larger
  }
}

/** A vector as pgvector receives it. */
function binaryVector(value: Float32Array): Buffer {
  const bytes = Buffer.allocUnsafe(4 + value.byteLength)
  bytes.writeInt16BE(value.length, 0)
  bytes.writeInt16BE(0, 2)
  const numbers = bytes.subarray(4)
  numbers.set(new Uint8Array(value.buffer, value.byteOffset, value.byteLength))
  numbers.swap32()
  return bytes
}
