import type pg from 'pg'
import type { GraphContestant, TableContestant, VectorContestant } from '../compare.ts'
import { batches, DIMENSIONS, FIND_LIMIT, K, SINCE } from '../shape.ts'
import { binaryVector, copyIn } from './copy.ts'

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

export function rawTable(pool: pg.Pool): TableContestant {
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

export function rawGraph(pool: pg.Pool): GraphContestant {
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
