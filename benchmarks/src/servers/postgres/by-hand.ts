import type pg from 'pg'
import type { GraphContestant, TableContestant, VectorContestant } from '../compare.ts'
import { batches, DIMENSIONS, FIND_LIMIT, type Item, K, SINCE } from '../shape.ts'
import { alone, binaryVector, copy, type Rows, upsert } from './copy.ts'

export const SCHEMA = 'veritas_bench'

/** What the server does by itself within a minute: statistics of what has been written. */
export async function rest(pool: pg.Pool): Promise<void> {
  await pool.query('ANALYZE')
}

const rawTableName = `${SCHEMA}.raw_vectors`

/** By hand: binary COPY into a temporary table and an upsert from it, prepared queries, settings once a connection. */
export function rawVectors(pool: pg.Pool, hnsw: boolean): VectorContestant {
  const reads = `SELECT document_id, version, metadata, text, 1 - (embedding <=> $1::vector) AS score FROM ${rawTableName}`
  let reader: pg.PoolClient | undefined
  const read = async (name: string, text: string, values: unknown[]): Promise<readonly { document_id: string }[]> => {
    reader ??= await pool.connect()
    return (await reader.query<{ document_id: string }>({ name, text, values })).rows
  }
  const rows: Rows<Item> = {
    table: rawTableName,
    columns: ['key', 'document_id', 'version', 'embedding', 'text', 'metadata'],
    write(item, w) {
      w.uuid(item.key)
      w.text(item.documentId)
      w.text(item.version)
      w.vector(item.vector)
      w.text(item.text)
      w.jsonb(item.metadata)
    },
  }
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
    load: (all) => upsert(pool, rows, all),
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

export function rawTable(pool: pg.Pool): TableContestant {
  const name = `${SCHEMA}.raw_rows`
  const rows: Rows<Item> = {
    table: name,
    columns: ['key', 'document_id', 'version', 'title', 'kind', 'year', 'open', 'text'],
    write({ key, documentId, version, metadata, text }, w) {
      w.uuid(key)
      w.text(documentId)
      w.text(version)
      w.text(metadata.title)
      w.text(metadata.kind)
      w.float8(metadata.year)
      w.bool(metadata.open)
      w.text(text)
    },
  }
  return {
    async reset() {
      await pool.query(
        `DROP TABLE IF EXISTS ${name}; CREATE TABLE ${name} (key uuid PRIMARY KEY, document_id text NOT NULL, version text NOT NULL,
           title text, kind text, year float8, open bool, text text);
         CREATE INDEX ON ${name} (kind); CREATE INDEX ON ${name} (year)`,
      )
    },
    load: (all) => upsert(pool, rows, all),
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

export function rawGraph(pool: pg.Pool): GraphContestant {
  const nodes = `${SCHEMA}.raw_nodes`
  const edges = `${SCHEMA}.raw_edges`
  const nodeRows: Rows<Item> = {
    table: nodes,
    columns: ['key', 'document_id', 'version', 'label', 'properties'],
    write({ key, documentId, version, metadata }, w) {
      w.uuid(key)
      w.text(documentId)
      w.text(version)
      w.text('Document')
      w.jsonb(metadata)
    },
  }
  const edgeRows: Rows<{ readonly key: string; readonly version: string; readonly target: string }> = {
    table: edges,
    columns: ['source', 'type', 'target', 'version', 'properties'],
    write({ key, version, target }, w) {
      w.uuid(key)
      w.text('REFERENCES')
      w.uuid(target)
      w.text(version)
      w.jsonb({})
    },
  }
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
      await upsert(pool, nodeRows, all)
      // What a document referred to before goes: its edges are those it has now.
      await alone(pool, async (client) => {
        const text = `DELETE FROM ${edges} WHERE source = ANY($1::uuid[])`
        for (const batch of batches(all)) {
          await client.query('BEGIN')
          await client.query({ name: 'old edges', text, values: [batch.map(({ key }) => key)] })
          const now = batch.flatMap(({ key, version, targets }) => targets.map((target) => ({ key, version, target })))
          await copy(client, edgeRows, now)
          await client.query('COMMIT')
        }
      })
    },
    async settle() {
      await rest(pool)
    },
    async get({ key }) {
      const query = { name: 'node', text: `SELECT * FROM ${nodes} WHERE key = $1`, values: [key] }
      return (await pool.query<{ document_id: string }>(query)).rows[0]?.document_id
    },
    async neighbors({ key }) {
      const text = `SELECT * FROM ${nodes} WHERE key IN (SELECT target FROM ${edges} WHERE source = $1) AND key <> $1 ORDER BY key LIMIT 100`
      const { rows } = await pool.query<{ document_id: string }>({ name: 'neighbours', text, values: [key] })
      return rows.map((row) => row.document_id)
    },
    async close() {
      await pool.query(`DROP TABLE IF EXISTS ${nodes}, ${edges}`)
    },
  }
}
