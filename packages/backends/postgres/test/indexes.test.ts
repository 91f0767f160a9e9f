import { documentKey, type FilterNode, type VectorRecord, version } from '@veritas-db/core/contract'
import { afterEach, describe, expect, it } from 'vitest'
import type { PostgresBackend, PostgresOptions } from '../src/index.js'
import { clear, make, own, unless, url } from './server.js'

const scope = { collection: 'indexes' }
const prefix = own('index')
const ROWS = 1200
const dimensions = 24

/** Numbers that look random and are the same in every run. */
const noise = (seed: number): number => {
  const x = Math.sin(seed) * 43_758.5453
  return x - Math.floor(x) - 0.5
}
const at = (i: number): Float32Array => Float32Array.from({ length: dimensions }, (_, j) => noise(i * 131 + j))
const record = (i: number): VectorRecord => ({
  key: documentKey(scope, `d${i}`),
  documentId: `d${i}`,
  version: version(1),
  ordinal: 0,
  vector: at(i),
  text: `passage ${i} holds the word w${i % 100}`,
  metadata: { group: `g${i % 3}`, rare: i % 300 === 0, n: i, tags: [`t${i % 7}`] },
})
const fields = { group: 'string', n: 'number', tags: 'string[]' } as const

describe.skipIf(url === undefined)(`indexes on a real server${unless}`, { timeout: 30_000 }, () => {
  let backend: PostgresBackend | undefined
  const open = async (options: PostgresOptions = {}, rows = ROWS): Promise<PostgresBackend> => {
    backend = await make({ prefix, indexThresholdRows: 1000, ...options })
    await backend.connect()
    await backend.roles.vector.dropCollection({ scope })
    await backend.roles.vector.ensureCollection({ scope, dimensions, metric: 'cosine', fields })
    await backend.roles.vector.upsert({ scope, records: Array.from({ length: rows }, (_, i) => record(i)) })
    return backend
  }
  afterEach(async () => {
    await backend?.close()
    const last = await make({ prefix })
    await last.connect()
    await last.roles.vector.dropCollection({ scope })
    await last.close()
    await clear({ prefix })
  })
  const indexes = async (of: PostgresBackend): Promise<string[]> => {
    const query = `SELECT indexdef FROM pg_indexes JOIN ${prefix}_catalogue ON relation = tablename WHERE collection = :collection AND indexname LIKE '%\\_ix\\_%'`
    const rows = await of.roles.graph.raw({ scope, query, parameters: { collection: scope.collection } })
    return (rows as { indexdef: string }[]).map((row) => row.indexdef)
  }
  /** How often an index was used. */
  const scans = async (of: PostgresBackend, method: string): Promise<number> => {
    await of.roles.graph.raw({ scope, query: 'SELECT pg_stat_force_next_flush(), pg_sleep(0.05)' })
    const query = `SELECT coalesce(sum(idx_scan), 0)::int AS n FROM pg_stat_user_indexes s JOIN pg_indexes i ON i.indexname = s.indexrelname
      JOIN ${prefix}_catalogue ON relation = s.relname WHERE i.indexdef LIKE '%' || :method || '%'`
    return ((await of.roles.graph.raw({ scope, query, parameters: { method } })) as { n: number }[])[0]?.n ?? 0
  }
  const built = async (of: PostgresBackend): Promise<void> => {
    await of.indexesBuilt()
    // A read finds out.
    await new Promise((resolve) => setTimeout(resolve, 20))
  }

  it('are built when a read would use them, each once, by whichever process comes first', async () => {
    const one = await open()
    const two = await make({ prefix, indexThresholdRows: 1000 })
    await two.connect()
    expect(await indexes(one)).toEqual([])
    const search = async (of: PostgresBackend): Promise<unknown> => {
      const { vector } = of.roles
      const filter: FilterNode = {
        op: 'and',
        nodes: [
          { op: 'eq', path: 'group', value: 'g1' },
          { op: 'contains', path: 'tags', value: 't1' },
        ],
      }
      await vector.searchText({ scope, query: 'w7', limit: 3 })
      return vector.query({ scope, vector: at(5), topK: 3, filter })
    }
    let made: string[] = []
    // Where both come to build at once, the second leaves it to a later read.
    for (let i = 0; i < 50 && made.length < 4; i++) {
      await Promise.all([search(one), search(two), search(one), search(two)])
      await Promise.all([built(one), built(two)])
      made = await indexes(one)
    }
    expect(made.filter((d) => d.includes('hnsw'))).toHaveLength(1)
    expect(made.filter((d) => d.includes('to_tsvector'))).toHaveLength(1)
    expect(made.filter((d) => d.includes('jsonb_path_ops'))).toHaveLength(1)
    // Nothing asked about n.
    expect(made).toHaveLength(4)
    await two.close()
  })

  it('of vectors are used, and find nearly all that an exact search finds', async () => {
    for (const halfvec of [false, true]) {
      // So many that the planner prefers the index.
      const current = await open({ halfvec }, 5000)
      const { vector } = current.roles
      await vector.query({ scope, vector: at(1), topK: 1 })
      await built(current)
      const before = await scans(current, 'hnsw')
      let found = 0
      for (let i = 0; i < 20; i++) {
        const query = { scope, vector: at(i * 17 + 0.5), topK: 10 }
        const exact = new Set((await vector.query({ ...query, exact: true })).map((m) => m.key))
        const near = await vector.query(query)
        expect(near).toHaveLength(10)
        found += near.filter((m) => exact.has(m.key)).length
      }
      expect(found / 200).toBeGreaterThanOrEqual(0.95)
      expect(await scans(current, 'hnsw')).toBe(before + 20)
      await current.close()
    }
  }, 20_000)

  it('with a filter that few match, all are found; as many as asked for where there are enough', async () => {
    const current = await open({ maxScanTuples: 1, efSearch: 10 })
    const { vector } = current.roles
    await vector.query({ scope, vector: at(1), topK: 1 })
    await built(current)
    const rare = await vector.query({ scope, vector: at(3), topK: 10, filter: { op: 'eq', path: 'rare', value: true } })
    expect(rare.map((m) => m.documentId).sort()).toEqual(['d0', 'd300', 'd600', 'd900'])
    const third = await vector.query({
      scope,
      vector: at(3),
      topK: 100,
      filter: { op: 'eq', path: 'group', value: 'g2' },
    })
    expect(third).toHaveLength(100)
    const everything = await vector.query({ scope, vector: at(3), topK: 5000 })
    expect(everything).toHaveLength(ROWS)
  })

  it('are not built for small tables, nor where there shall be none', async () => {
    const small = await open({ indexThresholdRows: ROWS })
    await small.roles.vector.query({ scope, vector: at(1), topK: 1 })
    await built(small)
    expect(await indexes(small)).toEqual([])
    await small.close()
    const none = await open({ index: 'none' })
    await none.roles.vector.query({ scope, vector: at(1), topK: 1 })
    await built(none)
    expect(await indexes(none)).toEqual([])
  })

  it('that an interrupted build left behind are built again', async (t) => {
    const current = await open()
    const { vector, graph } = current.roles
    const [user] = await graph.raw({ scope, query: 'SELECT usesuper FROM pg_user WHERE usename = current_user' })
    if (!(user as { usesuper: boolean }).usesuper) t.skip('only a superuser may mark an index as invalid')
    await vector.query({ scope, vector: at(1), topK: 1 })
    await built(current)
    await graph.raw({
      scope,
      query: `UPDATE pg_index SET indisvalid = false WHERE indexrelid IN (SELECT indexrelid FROM pg_stat_user_indexes JOIN ${prefix}_catalogue ON relation = relname WHERE indexrelname LIKE '${prefix}\\_ix\\_%')`,
    })
    const other = await make({ prefix, indexThresholdRows: 1000 })
    await other.connect()
    await other.roles.vector.query({ scope, vector: at(1), topK: 1 })
    await built(other)
    const query = `SELECT bool_and(indisvalid) AS valid FROM pg_index WHERE indexrelid IN (SELECT indexrelid FROM pg_stat_user_indexes JOIN ${prefix}_catalogue ON relation = relname)`
    expect(await graph.raw({ scope, query })).toEqual([{ valid: true }])
    await other.close()
  })

  it('under way end when the collection is dropped or the backend closed', async () => {
    const slow = { hnswM: 100, hnswEfConstruction: 1000 }
    const current = await open(slow)
    const { vector } = current.roles
    await vector.query({ scope, vector: at(1), topK: 1 })
    const started = performance.now()
    await vector.dropCollection({ scope })
    await vector.ensureCollection({ scope, dimensions, metric: 'cosine', fields })
    await vector.upsert({ scope, records: Array.from({ length: ROWS }, (_, i) => record(i)) })
    await vector.query({ scope, vector: at(1), topK: 1 })
    await current.close()
    expect(performance.now() - started).toBeLessThan(5000)
  })

  it('of a schema grow with it', async () => {
    const current = await open({ indexBuild: 'eager', indexThresholdRows: 0 })
    const { graph } = current.roles
    const other = { collection: 'indexes-graph' }
    await graph.dropSchema({ scope: other })
    const schema = { scope: other, labels: ['A'], edgeTypes: [] }
    await graph.ensureSchema({ ...schema, textFields: ['a'] })
    await graph.ensureSchema({ ...schema, textFields: ['b'], fields: { 'x.y': 'date' } })
    const key = documentKey(other, 'n')
    const node = {
      key,
      documentId: 'n',
      version: version(1),
      label: 'A',
      placeholder: false,
      properties: { a: 'one', b: 'two', x: { y: new Date(5) } },
    }
    await graph.upsertNodes({ scope: other, nodes: [node] })
    expect(await graph.findNodes({ scope: other, text: 'two', limit: 5 })).toHaveLength(1)
    expect(
      await graph.findNodes({ scope: other, filter: { op: 'gt', path: 'x.y', value: new Date(4) }, limit: 5 }),
    ).toHaveLength(1)
    await graph.dropSchema({ scope: other })
  })

  it('give their matches in order, also where they look for more than once', async () => {
    backend = await open({ indexBuild: 'eager', efSearch: 10 })
    const filter: FilterNode = { op: 'eq', path: 'group', value: 'g1' }
    const { vector } = backend.roles
    const matches = await vector.query({ scope, vector: at(5), topK: 200, filter })
    expect(matches).toHaveLength(200)
    const scores = matches.map((match) => match.score)
    expect(scores).toEqual(scores.toSorted((a, b) => b - a))
  })
})
