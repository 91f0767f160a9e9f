import {
  type Backend,
  compareText,
  documentKey,
  evaluateFilter,
  type FilterNode,
  type Key,
  type Metadata,
  type MetadataValue,
  type RowRecord,
  type TableDefinition,
  version,
} from '@veritas-db/core/contract'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { CozoRole } from '../src/index.js'
import { cleanUp, open, run, testConfig, url } from './server.js'

const scope = { collection: 'indexes' }
const key = (id: string): Key => documentKey(scope, id)
const row = (id: string, values: Metadata, n = 1): RowRecord => ({
  key: key(id),
  documentId: id,
  version: version(n),
  values,
})
const ids = (rows: readonly { readonly documentId: string }[]): string[] => rows.map((one) => one.documentId)

const texts = [
  '',
  'a',
  'ab',
  'abc',
  'b',
  'é',
  '\u{d7ff}',
  '\u{e000}',
  '\u{ffff}',
  '\u{10ffff}',
  'a\u{10ffff}b',
  "'",
  '"$list"',
]
const numbers = [0, 1, -1, 2015, 0.1, 0.3, 0.30000000000000004, -1e-300, 123456789.125, 2 ** 53 - 1]
const dates = [0, -1, 8.64e15, -8.64e15, 1e12].map((ms) => new Date(ms))
const booleans = [true, false]

const definition: TableDefinition = {
  columns: {
    s: { type: 'string', index: true },
    n: { type: 'number', index: true },
    d: { type: 'date', index: true },
    b: { type: 'boolean', index: true },
    plain: { type: 'number' },
    json: { type: 'json', paths: { s: 'string', n: 'number' } },
  },
}

/** Values of all sorts, the same in every run: also ones of another type than was declared, where that can be. */
const valuesAt = (i: number): Metadata => {
  const pick = <T>(list: readonly T[], step: number): T | null => list[(i * step) % (list.length + 1)] ?? null
  const others: readonly MetadataValue[] = ['x', 5, true, ['x'], { deep: 1 }]
  return {
    s: pick(texts, 3),
    n: pick(numbers, 7),
    d: pick(dates, 5),
    b: pick(booleans, 2),
    plain: i % 7,
    json: { s: pick([...texts, ...others], 11), n: pick([...numbers, ...others], 13) },
  }
}

const filters: readonly FilterNode[] = [
  ...['s', 'json.s'].flatMap((path): FilterNode[] =>
    texts.flatMap((value): FilterNode[] => [
      { op: 'eq', path, value },
      { op: 'gt', path, value },
      { op: 'lte', path, value },
      { op: 'startsWith', path, value },
      { op: 'contains', path, value },
    ]),
  ),
  ...['n', 'json.n', 'plain'].flatMap((path): FilterNode[] =>
    numbers.flatMap((value): FilterNode[] => [
      { op: 'eq', path, value },
      { op: 'lt', path, value },
      { op: 'gte', path, value },
    ]),
  ),
  ...dates.flatMap((value): FilterNode[] => [
    { op: 'eq', path: 'd', value },
    { op: 'lt', path: 'd', value },
    { op: 'gte', path: 'd', value },
  ]),
  ...booleans.map((value): FilterNode => ({ op: 'eq', path: 'b', value })),
  { op: 'in', path: 's', values: ['ab', 'é', 'ab'] },
  { op: 'in', path: 'n', values: [1, 0.30000000000000004, -0] },
  { op: 'in', path: 'd', values: dates },
  { op: 'in', path: 'b', values: [true, false] },
  { op: 'in', path: 'json.s', values: ['ab', 5, null] },
  { op: 'nin', path: 's', values: ['ab'] },
  { op: 'ne', path: 'n', value: 1 },
  { op: 'eq', path: 's', value: 5 },
  { op: 'eq', path: 's', value: null },
  { op: 'exists', path: 'n', value: true },
  { op: 'not', node: { op: 'eq', path: 's', value: 'ab' } },
  {
    op: 'and',
    nodes: [
      { op: 'eq', path: 's', value: 'ab' },
      { op: 'gte', path: 'n', value: 0.1 },
    ],
  },
  {
    op: 'and',
    nodes: [
      { op: 'gt', path: 'n', value: 0 },
      { op: 'lte', path: 'n', value: 2015 },
      { op: 'eq', path: 'json.s', value: 'x' },
    ],
  },
  {
    op: 'and',
    nodes: [
      { op: 'gt', path: 'n', value: 5 },
      { op: 'lt', path: 'n', value: 1 },
    ],
  },
  {
    op: 'or',
    nodes: [
      { op: 'eq', path: 's', value: 'ab' },
      { op: 'eq', path: 'n', value: 1 },
    ],
  },
]

const inOrder = (a: MetadataValue | undefined, b: MetadataValue | undefined): number => {
  if ((a ?? null) === null || (b ?? null) === null) return Number((a ?? null) !== null) - Number((b ?? null) !== null)
  return typeof a === 'string' ? compareText(a, b as string) : Number(a) - Number(b)
}

describe.skipIf(!url)(url ? 'declared indexes' : 'not run: VERITAS_COZO_URL is not set', () => {
  const config = testConfig()
  let backend: Backend<CozoRole>
  let other: Backend<CozoRole>
  const rows = Array.from({ length: 160 }, (_, i) => row(`r${i}`, valuesAt(i))).sort((a, b) =>
    compareText(a.key, b.key),
  )
  beforeAll(async () => {
    backend = await open(config)
    other = await open(config)
    await Promise.all([backend.connect(), other.connect()])
  }, 30_000)
  afterAll(async () => {
    await Promise.all([backend.close(), other.close()])
    const left = (await run('::relations'))
      .map(([name]) => String(name))
      .filter((n) => n.startsWith(`${config.prefix}_`))
    await cleanUp(config)
    expect(left).toEqual([`${config.prefix}_catalog`])
  }, 30_000)

  /** All pages of a search. */
  const pages = async (
    table: string,
    options: {
      readonly filter?: FilterNode
      readonly order?: { readonly column: string; readonly direction: 'ascending' | 'descending' }
    },
    limit = 7,
  ): Promise<string[]> => {
    const found: string[] = []
    let cursor: string | null | undefined
    do {
      const page = await backend.roles.relational.find({ scope, table, limit, ...options, ...(cursor && { cursor }) })
      found.push(...ids(page.records))
      cursor = page.cursor
    } while (cursor)
    return found
  }

  for (const late of [false, true])
    it(`answer as the filters say, ${late ? 'declared after the rows were written' : 'from the beginning'}`, async () => {
      const table = late ? 'late' : 'early'
      const at = { scope, table }
      const { relational } = backend.roles
      const without = Object.fromEntries(Object.entries(definition.columns).map(([name, { type }]) => [name, { type }]))
      await relational.ensureTable({ ...at, ...(late ? { columns: without } : definition) })
      await relational.upsert({ ...at, records: rows })
      if (late) await relational.ensureTable({ ...at, ...definition })
      for (const filter of filters) {
        const wanted = rows.filter((one) => evaluateFilter(filter, one.values))
        expect([filter, await pages(table, { filter }, 50)]).toEqual([filter, ids(wanted)])
        expect([filter, await relational.count({ ...at, filter })]).toEqual([filter, wanted.length])
      }
      const some: FilterNode = { op: 'gte', path: 'n', value: 0 }
      const few: FilterNode = { op: 'eq', path: 's', value: 'ab' }
      for (const column of ['s', 'n', 'd', 'b', 'plain'])
        for (const direction of ['ascending', 'descending'] as const)
          for (const filter of [undefined, some, few]) {
            const sign = direction === 'ascending' ? 1 : -1
            const wanted = rows
              .filter((one) => !filter || evaluateFilter(filter, one.values))
              .sort((a, b) => sign * inOrder(a.values[column], b.values[column]) || compareText(a.key, b.key))
            const found = await pages(table, { order: { column, direction }, ...(filter && { filter }) })
            expect([column, direction, found]).toEqual([column, direction, ids(wanted)])
          }
      const gone: FilterNode = { op: 'lt', path: 'n', value: 1 }
      const { deleted } = await relational.delete({ ...at, filter: gone })
      expect(deleted).toBe(rows.filter((one) => evaluateFilter(gone, one.values)).length)
      expect(await relational.count({ ...at, filter: gone })).toBe(0)
      await relational.dropTable(at)
    }, 60_000)

  it('follow rows that change, in every mode', async () => {
    const at = { scope, table: 'changes' }
    const { relational } = backend.roles
    await relational.ensureTable({ ...at, ...definition })
    const holds = async (s: string): Promise<string[]> =>
      ids((await relational.find({ ...at, filter: { op: 'eq', path: 's', value: s }, limit: 5 })).records)
    await relational.upsert({
      ...at,
      records: [row('a', { s: 'one', n: 0.30000000000000004 }, 5), row('b', { s: 'one' }, 5)],
    })
    expect((await holds('one')).sort()).toEqual(['a', 'b'])
    const records = [row('a', { s: 'two' }, 4), row('b', { s: 'two' }, 6), row('c', { s: 'two' }, 1)]
    const newer = await relational.upsert({ ...at, records, mode: 'ifNewer' })
    expect(newer.outcomes.map(({ status }) => status)).toEqual(['stale', 'applied', 'applied'])
    expect([await holds('one'), (await holds('two')).sort()]).toEqual([['a'], ['b', 'c']])
    const absent = await relational.upsert({
      ...at,
      records: [row('a', { s: 'three' }, 9), row('d', { s: 'three' })],
      mode: 'ifAbsent',
    })
    expect(absent.outcomes.map(({ status }) => status)).toEqual(['stale', 'applied'])
    expect(await holds('three')).toEqual(['d'])
    await relational.delete({ ...at, keys: [key('a'), key('d')] })
    expect([await holds('one'), await holds('three')]).toEqual([[], []])
    await relational.dropTable(at)
  })

  it('hold what a process wrote that had not heard of them', async () => {
    const at = { scope, table: 'unheard' }
    const columns = { s: { type: 'string' } } as const
    await backend.roles.relational.ensureTable({ ...at, columns })
    await backend.roles.relational.count(at)
    await other.roles.relational.ensureTable({
      ...at,
      columns: { s: { type: 'string', index: true } },
      fullText: ['s'],
    })
    await backend.roles.relational.upsert({ ...at, records: [row('a', { s: 'wombat' })] })
    const filter: FilterNode = { op: 'eq', path: 's', value: 'wombat' }
    expect(await other.roles.relational.count({ ...at, filter })).toBe(1)
    expect(await other.roles.relational.searchText({ ...at, query: 'wombat', limit: 5 })).toHaveLength(1)
    await other.roles.relational.dropTable(at)
  })

  it('do not mix up a table with the one that was there before', async () => {
    const at = { scope, table: 'again' }
    const index = (column: string): TableDefinition => ({ columns: { [column]: { type: 'string', index: true } } })
    await backend.roles.relational.ensureTable({ ...at, ...index('a') })
    await backend.roles.relational.upsert({ ...at, records: [row('old', { a: 'x' })] })
    await other.roles.relational.dropTable(at)
    await other.roles.relational.ensureTable({ ...at, ...index('b') })
    await other.roles.relational.upsert({ ...at, records: [row('new', { b: 'x' })] })
    // Has not heard of it: its entry of the catalogue is of the one before.
    const filter = (path: string): FilterNode => ({ op: 'eq', path, value: 'x' })
    expect(await backend.roles.relational.count({ ...at, filter: filter('a') })).toBe(0)
    expect(await backend.roles.relational.count({ ...at, filter: filter('b') })).toBe(1)
    await backend.roles.relational.dropTable(at)
    await expect(other.roles.relational.upsert({ ...at, records: [row('late', { b: 'x' })] })).rejects.toMatchObject({
      code: 'NOT_FOUND',
    })
    await expect(other.roles.relational.count(at)).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })

  it('are given out once, where two processes declare at the same moment, and some are left without', async () => {
    const at = { scope, table: 'crowd' }
    const half = (from: number): TableDefinition => ({
      columns: Object.fromEntries(
        Array.from({ length: 6 }, (_, i) => [`c${from + i}`, { type: 'string', index: true }] as const),
      ),
    })
    await Promise.all([
      backend.roles.relational.ensureTable({ ...at, ...half(0) }),
      other.roles.relational.ensureTable({ ...at, ...half(6) }),
    ])
    await backend.roles.relational.ensureTable({ ...at, ...half(0) })
    await other.roles.relational.ensureTable({ ...at, ...half(6) })
    const values = Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`c${i}`, `v${i}`]))
    await backend.roles.relational.upsert({ ...at, records: [row('all', values), row('none', {})] })
    for (let i = 0; i < 12; i++) {
      expect(await pages('crowd', { filter: { op: 'eq', path: `c${i}`, value: `v${i}` } })).toEqual(['all'])
      const order = { column: `c${i}`, direction: 'ascending' } as const
      expect(await pages('crowd', { order }, 1)).toEqual(['none', 'all'])
    }
    await backend.roles.relational.dropTable(at)
  })

  it('that would give too much are left for reading in order of key', async () => {
    const at = { scope, table: 'many' }
    const { relational } = backend.roles
    await relational.ensureTable({ ...at, columns: { n: { type: 'number', index: true } } })
    const records = Array.from({ length: 10_500 }, (_, i) => row(`m${i}`, { n: i }))
    await relational.upsert({ ...at, records })
    const keys = records.map((one) => one.key).sort()
    for (const [value, wanted] of [
      [0, 10_500],
      [400, 10_100],
      [10_000, 500],
    ] as const) {
      const filter: FilterNode = { op: 'gte', path: 'n', value }
      const matching = records.filter((one) => Number(one.values.n) >= value).map((one) => one.key)
      const first = await relational.find({ ...at, filter, limit: 20 })
      expect(first.records.map((one) => one.key)).toEqual(keys.filter((one) => matching.includes(one)).slice(0, 20))
      expect(await relational.count({ ...at, filter })).toBe(wanted)
    }
    await relational.dropTable(at)
  }, 60_000)

  it('serve nodes and vectors as well', async () => {
    const { graph, vector } = backend.roles
    const fields = { s: 'string', n: 'number' } as const
    const metadata = (i: number): Metadata => ({ s: `s${i % 5}`, n: i / 3, l: ['x', `${i}`] })
    await graph.ensureSchema({ scope, labels: ['D'], edgeTypes: [] })
    await vector.ensureCollection({ scope, dimensions: 3, metric: 'cosine' })
    const all = Array.from({ length: 40 }, (_, i) => i)
    const head = (i: number) => ({ key: key(`${i}`), documentId: `${i}`, version: version(1) })
    await graph.upsertNodes({
      scope,
      nodes: all.map((i) => ({ ...head(i), label: 'D', placeholder: false, properties: metadata(i) })),
    })
    await vector.upsert({
      scope,
      records: all.map((i) => ({
        ...head(i),
        ordinal: 0,
        vector: Float32Array.of(i + 1, 40 - i, 7),
        metadata: metadata(i),
      })),
    })
    // Late, so that what is there already has to be indexed.
    await graph.ensureSchema({ scope, labels: ['D'], edgeTypes: [], fields })
    await vector.ensureCollection({ scope, dimensions: 3, metric: 'cosine', fields })
    await vector.patch({ scope, records: [{ key: key('39'), ordinal: 0, version: version(2), metadata: { s: 's1' } }] })
    for (const filter of [
      { op: 'eq', path: 's', value: 's1' },
      { op: 'gte', path: 'n', value: 31 / 3 },
      { op: 'in', path: 's', values: ['s0', 's1'] },
      { op: 'contains', path: 'l', value: '7', in: 'list' },
    ] as const satisfies readonly FilterNode[]) {
      const wanted = all.filter((i) => evaluateFilter(filter, metadata(i)))
      expect(ids(await graph.findNodes({ scope, filter, limit: 40 })).sort()).toEqual(wanted.map(String).sort())
      const patched = all.filter((i) => evaluateFilter(filter, i === 39 ? { s: 's1' } : metadata(i)))
      const nearest = await vector.query({ scope, vector: Float32Array.of(1, 1, 1), topK: 40, filter })
      expect(ids(nearest).sort()).toEqual(patched.map(String).sort())
      expect(await vector.count({ scope, filter })).toBe(patched.length)
    }
    await graph.dropSchema({ scope })
    await vector.dropCollection({ scope })
  }, 30_000)
})
