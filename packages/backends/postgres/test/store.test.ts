import { setTimeout as sleep } from 'node:timers/promises'
import {
  documentKey,
  type EdgeRecord,
  type Key,
  type Metadata,
  type Outcome,
  type RowRecord,
  type UpsertMode,
  type VectorRecord,
  version,
  type WriteResult,
} from '@veritas-db/core/contract'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { PostgresBackend } from '../src/index.js'
import { clear, make, own, unless, url } from './server.js'

const scope = { collection: 'store' }
const table = 'rows'
/** From 2,000 records on they are copied. */
const MANY = 2500
const statuses = (outcomes: readonly Outcome[]): Record<string, number> => {
  const counts: Record<string, number> = {}
  for (const { status } of outcomes) counts[status] = (counts[status] ?? 0) + 1
  return counts
}
const many = <T>(make: (i: number) => T, count = MANY, from = 0): T[] =>
  Array.from({ length: count }, (_, i) => make(from + i))

const vector = (i: number, n = 1, metadata: Metadata = { i, n }): VectorRecord => ({
  key: documentKey(scope, `d${i}`),
  documentId: `d${i}`,
  version: version(n),
  ordinal: 0,
  vector: Float32Array.of(i, n, 0.5, -1),
  text: `text ${i} of ${n}`,
  metadata,
})
const row = (i: number, n = 1): RowRecord => ({
  key: documentKey(scope, `d${i}`),
  documentId: `d${i}`,
  version: version(n),
  values: { s: `s${i}`, n, b: i % 2 === 0, d: new Date(i), tags: ['a', `t${i}`], data: { i, when: new Date(n) } },
})
const columns = {
  s: { type: 'string', index: true },
  n: { type: 'number', index: true },
  b: { type: 'boolean' },
  d: { type: 'date', index: true },
  tags: { type: 'string[]', index: true },
  data: { type: 'json', paths: { i: 'number' } },
} as const

describe.skipIf(url === undefined)(`large batches on a real server${unless}`, { timeout: 30_000 }, () => {
  let backend: PostgresBackend
  let second: PostgresBackend
  const roles = (): PostgresBackend['roles'] => backend.roles

  const fresh = async (): Promise<void> => {
    await roles().vector.dropCollection({ scope })
    await roles().relational.dropTable({ scope, table })
    await roles().graph.dropSchema({ scope })
    await roles().vector.ensureCollection({ scope, dimensions: 4, metric: 'euclidean', fields: { i: 'number' } })
    await roles().relational.ensureTable({ scope, table, columns, fullText: ['s'] })
    await roles().graph.ensureSchema({ scope, labels: ['Document'], edgeTypes: ['REFERENCES'] })
  }
  const upsert = async (records: readonly VectorRecord[], mode: UpsertMode): Promise<Record<string, number>> =>
    statuses((await roles().vector.upsert({ scope, records, mode })).outcomes)

  beforeAll(async () => {
    backend = await make({ prefix: own('store') })
    second = await make({ prefix: own('store') })
    await backend.connect()
    await second.connect()
  })
  afterAll(async () => {
    await roles().vector.dropCollection({ scope })
    await roles().relational.dropTable({ scope, table })
    await roles().graph.dropSchema({ scope })
    await Promise.all([backend.close(), second.close()])
    await clear({ prefix: own('store') })
  })

  it('are new, newer, older, and partly there', async () => {
    await fresh()
    expect(
      await upsert(
        many((i) => vector(i, 5)),
        'ifNewer',
      ),
    ).toEqual({ applied: MANY })
    expect(
      await upsert(
        many((i) => vector(i, 4)),
        'ifNewer',
      ),
    ).toEqual({ stale: MANY })
    expect(
      await upsert(
        many((i) => vector(i, i % 2 ? 6 : 4)),
        'ifNewer',
      ),
    ).toEqual({ applied: MANY / 2, stale: MANY / 2 })
    expect(
      await upsert(
        many((i) => vector(i, 9), MANY, MANY / 2),
        'ifAbsent',
      ),
    ).toEqual({ applied: MANY / 2, stale: MANY / 2 })
    expect(
      await upsert(
        many((i) => vector(i, 1)),
        'replace',
      ),
    ).toEqual({ applied: MANY })
    expect(await roles().vector.count({ scope })).toBe(MANY * 1.5)
    const [one] = await roles().vector.get({
      scope,
      keys: [vector(7).key],
      include: { vector: true, text: true, metadata: true },
    })
    const { vector: stored, ...rest } = vector(7, 1)
    expect(one).toEqual({ ...rest, vector: stored })
  })

  it('answer in the order of the records, duplicates too', async () => {
    await fresh()
    await upsert([vector(3, 9)], 'replace')
    const records = [...many((i) => vector(i, 5)), vector(3, 10), vector(4, 4)]
    const { outcomes } = await roles().vector.upsert({ scope, records, mode: 'ifNewer' })
    expect(outcomes[4]?.status).toBe('applied')
    expect(outcomes.at(-1)?.status).toBe('stale')
    expect(outcomes.at(-2)?.status).toBe('applied')
    const found = await roles().vector.get({ scope, keys: [vector(3).key, vector(4).key] })
    expect(new Map(found.map((r) => [r.documentId, r.version]))).toEqual(
      new Map([
        ['d3', version(10)],
        ['d4', version(5)],
      ]),
    )
  })

  it('of two writers at the same time are both applied or stale, and the newest stays', async () => {
    await fresh()
    const writes = [3, 1, 4, 2].map((n, i) =>
      (i % 2 ? second : backend).roles.vector.upsert({ scope, records: many((j) => vector(j, n)), mode: 'ifNewer' }),
    )
    for (const { outcomes } of await Promise.all(writes)) expect(outcomes).toHaveLength(MANY)
    const versions = new Set<string>()
    let cursor: string | null = null
    do {
      const from: { cursor?: string } = cursor === null ? {} : { cursor }
      const page = await roles().vector.scan({ scope, fields: 'keys', ...from })
      for (const record of page.records) versions.add(record.version)
      cursor = page.cursor
    } while (cursor !== null)
    expect([...versions]).toEqual([version(4)])
  })

  it('of rows, nodes and edges arrive whole', async () => {
    await fresh()
    const { relational, graph } = roles()
    for (const mode of ['ifAbsent', 'ifNewer', 'replace'] as const) {
      const n = mode === 'replace' ? 3 : mode === 'ifNewer' ? 2 : 1
      expect(
        statuses((await relational.upsert({ scope, table, records: many((i) => row(i, n)), mode })).outcomes),
      ).toEqual({ applied: MANY })
      const [found] = await relational.get({ scope, table, keys: [row(42).key] })
      expect(found).toEqual(row(42, n))
    }
    const nodes = many((i) => ({ ...vector(i), label: 'Document', placeholder: false, properties: { i } }))
    expect(statuses((await graph.upsertNodes({ scope, nodes })).outcomes)).toEqual({ applied: MANY })
    const edge = (i: number, n = 1): EdgeRecord => ({
      source: vector(i).key,
      target: vector((i * 7) % MANY).key,
      type: 'REFERENCES',
      ordinal: 0,
      version: version(n),
      properties: { i },
    })
    expect(statuses((await graph.upsertEdges({ scope, edges: many((i) => edge(i)) })).outcomes)).toEqual({
      applied: MANY,
    })
    const sets = many((i) => ({
      source: vector(i).key,
      version: version(2),
      edges: [edge(i, 2), { ...edge(i, 2), ordinal: 1 }],
    }))
    expect(statuses((await graph.replaceEdges({ scope, sets })).outcomes)).toEqual({ applied: MANY })
    expect(await graph.count({ scope, of: 'edges' })).toBe(MANY * 2)
    expect(
      statuses((await graph.replaceEdges({ scope, sets: sets.map((s) => ({ ...s, version: version(1) })) })).outcomes),
    ).toEqual({ stale: MANY })
  })

  it('of edges whose type has a hyphen are answered as others are', async () => {
    await fresh()
    const { graph } = roles()
    const nodes = many((i) => ({ ...vector(i), label: 'Document', placeholder: false, properties: {} }), 2)
    await graph.upsertNodes({ scope, nodes })
    const edge = (type: string, n: number): EdgeRecord => ({
      source: vector(0).key,
      target: vector(1).key,
      type,
      ordinal: 0,
      version: version(n),
      properties: {},
    })
    await graph.upsertEdges({ scope, edges: [edge('SEE-ALSO', 5)] })
    const edges = [edge('SEE-ALSO', 4), edge('SEE_ALSO', 1), edge('CITES-IT', 1)]
    const { outcomes } = await graph.upsertEdges({ scope, edges, mode: 'ifNewer' })
    expect(outcomes.map((o) => o.status)).toEqual(['stale', 'applied', 'applied'])
  })

  it('of all roles commit together, or not at all', async () => {
    await fresh()
    const write = async (inner: PostgresBackend['roles']): Promise<void> => {
      await inner.relational.upsert({ scope, table, records: many((i) => row(i)), mode: 'ifNewer' })
      await inner.vector.upsert({ scope, records: many((i) => vector(i)), mode: 'ifNewer' })
      // A second time, so that it is merged through the temporary table.
      await inner.vector.upsert({ scope, records: many((i) => vector(i, 2)), mode: 'ifNewer' })
      await inner.relational.upsert({ scope, table, records: many((i) => row(i, 2)), mode: 'ifNewer' })
    }
    const failed = backend.unitOfWork?.({}, async (inner) => {
      await write(inner)
      throw new Error('on purpose')
    })
    await expect(failed).rejects.toThrow('on purpose')
    expect(await roles().vector.count({ scope })).toBe(0)
    await backend.unitOfWork?.({}, write)
    expect([await roles().vector.count({ scope }), await roles().relational.count({ scope, table })]).toEqual([
      MANY,
      MANY,
    ])
    const [found] = await roles().relational.get({ scope, table, keys: [row(1).key], columns: ['n'] })
    expect(found?.values).toEqual({ n: 2 })
  })

  it('of edges and the removal of their ends wait for each other, and leave no edge without its ends', async () => {
    await fresh()
    const { graph } = roles()
    const nodes = many((i) => ({ ...vector(i), label: 'Document', placeholder: false, properties: {} }), 3)
    const [a, b, c] = nodes.map((node) => node.key) as [Key, Key, Key]
    await graph.upsertNodes({ scope, nodes })
    const to = (target: Key): EdgeRecord => ({
      source: a,
      target,
      type: 'REFERENCES',
      ordinal: 0,
      version: version(1),
      properties: {},
    })
    // Edges first: who deletes their end waits, and takes them with it.
    let deleting: Promise<unknown> = Promise.resolve()
    await backend.unitOfWork?.({}, async (inner) => {
      await inner.graph.upsertEdges({ scope, edges: [to(b)] })
      deleting = second.roles.graph.deleteNodes({ scope, keys: [b] })
      expect(await Promise.race([deleting, sleep(200, 'waits')])).toBe('waits')
    })
    expect(await deleting).toEqual({ deleted: 1 })
    expect(await graph.count({ scope, of: 'edges' })).toBe(0)
    // The removal first: who writes edges waits, and finds their end gone.
    let writing: Promise<WriteResult> = Promise.resolve({ outcomes: [] })
    await backend.unitOfWork?.({}, async (inner) => {
      await inner.graph.deleteNodes({ scope, keys: [c] })
      const sets = [{ source: a, version: version(2), edges: [to(c)] }]
      writing = second.roles.graph.replaceEdges({ scope, sets })
      expect(await Promise.race([writing, sleep(200, 'waits')])).toBe('waits')
    })
    expect((await writing).outcomes).toMatchObject([{ status: 'failed', error: { code: 'NOT_FOUND' } }])
    expect(await graph.count({ scope, of: 'edges' })).toBe(0)
  })

  it('of large records are cut by their bytes', async () => {
    await fresh()
    const { vector: vectors } = roles()
    const large = { text: 'long words '.repeat(50_000) }
    // Some 20 MB, which one merge does not take.
    const records = many((i) => vector(i, 1, large), 20)
    expect(await upsert(records, 'ifNewer')).toEqual({ applied: 20 })
    const newer = records.map((record) => ({ ...record, version: version(2) }))
    expect(await upsert(newer, 'ifNewer')).toEqual({ applied: 20 })
    expect(await upsert(records, 'ifNewer')).toEqual({ stale: 20 })
    const patches = records.map(({ key, ordinal }) => ({ key, ordinal, version: version(3), metadata: large }))
    expect(statuses((await vectors.patch({ scope, records: patches })).outcomes)).toEqual({ applied: 20 })
    expect((await vectors.get({ scope, keys: [vector(19).key] }))[0]?.version).toBe(version(3))
  })

  it('refuse cursors that no page gave', async () => {
    await fresh()
    const { relational, vector: vectors, graph } = roles()
    await relational.upsert({ scope, table, records: [row(1)] })
    const cursor = (...position: unknown[]): string => Buffer.from(JSON.stringify(position)).toString('base64url')
    const order = { column: 'd', direction: 'ascending' } as const
    const key = row(1).key
    for (const bad of [cursor('never', key), cursor(1e300, key), cursor(0, 5), cursor(0, 'x'), cursor(), 'nonsense'])
      await expect(relational.find({ scope, table, order, limit: 1, cursor: bad }), bad).rejects.toMatchObject({
        code: 'VALIDATION',
      })
    const scans = [
      (bad: string) => relational.scan({ scope, table, cursor: bad }),
      (bad: string) => vectors.scan({ scope, cursor: bad }),
      (bad: string) => graph.scanNodes({ scope, cursor: bad }),
      (bad: string) => graph.scanEdges({ scope, cursor: bad }),
    ]
    for (const scan of scans)
      for (const bad of [cursor('x'), cursor('x', 1), cursor('x', 'y', 'z', 1), cursor(1), ''])
        await expect(scan(bad), bad).rejects.toMatchObject({ code: 'VALIDATION' })
  })

  it('take texts longer than an index entry, and more words than a tsvector holds', async () => {
    await fresh()
    const { relational, vector: vectors } = roles()
    const long = `${'long '.repeat(2000)}end`
    const words = many((i) => `word${i}`, 200_000).join(' ')
    await relational.upsert({
      scope,
      table,
      records: [
        { ...row(1), values: { s: long } },
        { ...row(2), values: { s: words } },
      ],
    })
    const found = await relational.find({ scope, table, filter: { op: 'eq', path: 's', value: long }, limit: 5 })
    expect(found.records.map((r) => r.documentId)).toEqual(['d1'])
    expect((await relational.searchText({ scope, table, query: 'word77', limit: 5 })).map((r) => r.documentId)).toEqual(
      ['d2'],
    )
    await vectors.upsert({ scope, records: [{ ...vector(1), text: words, metadata: { s: long } }] })
    expect((await vectors.searchText({ scope, query: 'word77', limit: 5 })).map((r) => r.documentId)).toEqual(['d1'])
  })

  it('keep dates to the millisecond, far ones too, and refuse those that no column holds', async () => {
    await fresh()
    const { relational } = roles()
    const dates = [-62_167_219_200_000, -1, 1, 1_582_934_400_123, 253_402_300_799_999, 8.64e15].map(
      (ms) => new Date(ms),
    )
    const records = dates.map((d, i) => ({ ...row(i), values: { d, data: { d } } }))
    await relational.upsert({ scope, table, records })
    const order = { column: 'd', direction: 'ascending' } as const
    const all: unknown[] = []
    let cursor: string | null = null
    do {
      const from: { cursor?: string } = cursor === null ? {} : { cursor }
      const page = await relational.find({ scope, table, order, limit: 2, columns: ['d', 'data'], ...from })
      all.push(...page.records.map((r) => r.values))
      cursor = page.cursor
    } while (cursor !== null)
    expect(all).toEqual(dates.map((d) => ({ d, data: { d } })))
    const tooEarly = { ...row(9), values: { d: new Date(-8.64e15) } }
    expect(relational.check([tooEarly], { columns })).toMatchObject([{ index: 0, path: 'values.d' }])
    await expect(relational.upsert({ scope, table, records: [tooEarly] })).rejects.toMatchObject({ code: 'VALIDATION' })
    const later = { op: 'gt', path: 'd', value: new Date(-8.64e15) } as const
    expect(await relational.count({ scope, table, filter: later })).toBe(dates.length)
  })

  it('see what another process has made anew or extended', async () => {
    await fresh()
    await upsert([vector(1)], 'replace')
    await second.roles.vector.dropCollection({ scope })
    await second.roles.vector.ensureCollection({ scope, dimensions: 5, metric: 'dot' })
    const wider = { ...vector(1), vector: Float32Array.of(1, 2, 3, 4, 5) }
    expect(await upsert([wider], 'replace')).toEqual({ applied: 1 })
    expect(await roles().vector.query({ scope, vector: wider.vector, topK: 1 })).toMatchObject([{ score: 55 }])
    await second.roles.relational.ensureTable({ scope, table, columns: { later: { type: 'string' } } })
    const record = { ...row(1), values: { later: 'x' } }
    expect(statuses((await roles().relational.upsert({ scope, table, records: [record] })).outcomes)).toEqual({
      applied: 1,
    })
    // A column that comes back as another type: the plans on the connections no longer fit.
    await roles().relational.get({ scope, table, keys: [record.key] })
    await second.roles.relational.dropTable({ scope, table })
    await expect(roles().relational.get({ scope, table, keys: [record.key] })).rejects.toMatchObject({
      code: 'NOT_FOUND',
    })
  })
})
