import { documentKey, MATCH_ALL } from '@veritas-db/core/contract'
import { applied, assert, rejects, sameData, sameSet } from '../assert.js'
import type { SuiteContext } from '../context.js'
import { v } from '../data/random.js'
import type { Item } from '../places/place.js'
import type { RelationalPlace } from '../places/relational.js'
import { check, type Suite } from '../suite.js'

const item = (id: string, data: Item['data'] = {}): Item => ({ id, version: v(1), data })
const main = (t: SuiteContext): Promise<RelationalPlace> => t.once('main', () => t.newTable())

/** Names of columns that are reserved words somewhere, or that a backend may use for itself. */
const COLUMN_NAMES: readonly string[] = [
  'key',
  'version',
  'documentId',
  'document_id',
  'id',
  '_'.padStart(2, 'a'),
  'rowid',
  'oid',
  'ctid',
  'select',
  'order',
  'group',
  'table',
  'values',
  'user',
  'null',
  'true',
  'a-b',
  'a_b',
  'tenant',
  'collection',
  'incarnation',
  'type',
  'end',
  'constructor',
  'toString',
  'x'.repeat(63),
]

export const relationalTables: Suite = {
  name: 'relational.tables',
  role: 'relational',
  about: 'tables are made once by many callers, grow, are dropped; rows by key; columns with any name and type',
  checks: [
    check('ten callers at once make one table', async (t) => {
      const place = await main(t)
      const second = (await t.run.second())?.roles.relational
      const options = { scope: place.scope, table: 'many', ...place.definition }
      t.run.cleanup(() => t.relational.dropTable({ scope: place.scope, table: 'many' }))
      await Promise.all(
        Array.from({ length: 10 }, (_, i) => (i % 2 && second ? second : t.relational).ensureTable(options)),
      )
      const table = await t.newTable({ table: 'many' }, place.scope)
      applied(await table.write([item('a')]), 1, 'a write')
      assert.equal(await table.count(), 1)
    }),
    check('a table grows by columns and indexes, and what is there stays', async (t) => {
      const place = await t.newTable({ columns: { s: { type: 'string' } }, fullText: [] })
      const { scope, table, store } = place
      const row = { ...place.row(item('a')), values: { s: 'x' } }
      applied(await place.upsert([row]), 1, 'a row')
      const columns = {
        s: { type: 'string', index: true },
        n: { type: 'number', index: true },
        extra: { type: 'json' },
      } as const
      const grow = { scope, table, columns, fullText: ['s'] }
      await Promise.all(Array.from({ length: 5 }, () => store.ensureTable(grow)))
      const grown = { ...place.row(item('b')), values: { s: 'y', n: 1, extra: { deep: [1] } } }
      applied(await place.upsert([grown]), 1, 'a row with the new columns')
      const rows = await store.get({ ...(await place.from()), keys: [row.key, grown.key] })
      const of = (id: string): (typeof rows)[0] | undefined => rows.find((r) => r.documentId === id)
      assert.equal(of('a')?.values.s, 'x', 'the old row')
      assert.equal(of('a')?.values.n ?? null, null, 'its new column is null')
      sameData(of('b')?.values, grown.values, 'the new row')
      // Fewer columns than before take nothing away.
      await store.ensureTable({ scope, table, columns: { s: { type: 'string' } } })
      const [after] = await store.get({ ...(await place.from()), keys: [grown.key] })
      sameData(after?.values, grown.values, 'nothing was taken away')
    }),
    check('a dropped table is gone; dropping it again is no error; made again, it is empty', async (t) => {
      const place = await t.newTable()
      const other = await t.newTable({ table: 'other' }, place.scope)
      applied(await place.write([item('a')]), 1, 'a row')
      applied(await other.write([item('a')]), 1, 'a row in another table of the scope')
      await place.drop()
      await place.drop()
      await rejects(() => place.count(), 'NOT_FOUND', 'count after drop')
      assert.equal(await other.count(), 1, 'the other table stays')
      await place.ensure()
      assert.equal(await place.count(), 0, 'made again, it is empty')
    }),
    check('a call on a table that was never ensured fails with NOT_FOUND', async (t) => {
      const place = await main(t)
      const store = t.relational
      const at = { scope: place.scope, table: 'never' }
      const keys = [documentKey(place.scope, 'a')]
      await rejects(() => store.upsert({ ...at, records: [place.row(item('a'))] }), 'NOT_FOUND', 'upsert')
      await rejects(() => store.get({ ...at, keys }), 'NOT_FOUND', 'get')
      await rejects(() => store.find({ ...at, limit: 1 }), 'NOT_FOUND', 'find')
      await rejects(() => store.count(at), 'NOT_FOUND', 'count')
      await rejects(() => store.delete({ ...at, keys }), 'NOT_FOUND', 'delete')
      await rejects(() => store.scan(at), 'NOT_FOUND', 'scan')
      if (store.capabilities.fullText)
        await rejects(() => store.searchText({ ...at, query: 'x', limit: 1 }), 'NOT_FOUND', 'searchText')
    }),
    check('rows come back whole or by chosen columns; missing ones are left out', async (t) => {
      const place = await main(t)
      applied(await place.write([item('whole', { s: 'x', n: 1, b: true, inner: { a: null } })]), 1, 'a row')
      const [row, ...more] = await place.read(['whole', 'absent'])
      assert.equal(more.length, 0, 'missing ones are left out')
      assert.equal(row?.documentId, 'whole')
      assert.equal(row?.version, v(1))
      sameData(row?.data, { s: 'x', n: 1, b: true, inner: { a: null } }, 'values')
      const keys = [place.key('whole')]
      const [chosen] = await place.store.get({ ...(await place.from()), keys, columns: ['n', 's'] })
      assert.deepEqual(chosen?.values, { n: 1, s: 'x' }, 'get with columns')
      const filter = MATCH_ALL
      const page = await place.store.find({ ...(await place.from()), filter, limit: 100, columns: ['b'] })
      for (const found of page.records)
        assert.deepEqual(
          Object.keys(found.values).filter((c) => c !== 'b'),
          [],
          'find with columns',
        )
      const scanned = await place.store.scan({ ...(await place.from()), columns: ['b'] })
      for (const found of scanned.records)
        assert.deepEqual(
          Object.keys(found.values).filter((c) => c !== 'b'),
          [],
          'scan with columns',
        )
    }),
    check('a json column holds any metadata value', async (t) => {
      const place = await t.newTable({ columns: { j: { type: 'json' } }, fullText: [] })
      const values = [
        'text',
        '',
        12.5,
        0,
        true,
        false,
        new Date(5),
        ['a'],
        [1, 2],
        [],
        {},
        { a: { b: [1], c: null, d: new Date(0) } },
        '{"a":1}',
        'null',
      ]
      const rows = values.map((j, i) => ({ ...place.row(item(`j${i}`)), values: { j } }))
      applied(await place.upsert(rows), values.length, 'rows')
      const found = await place.store.get({ ...(await place.from()), keys: rows.map((r) => r.key) })
      for (const row of rows)
        sameData(found.find((r) => r.key === row.key)?.values, row.values, `j = ${JSON.stringify(row.values.j)}`)
    }),
    check('columns may have any name', async (t) => {
      const columns = Object.fromEntries(COLUMN_NAMES.map((name) => [name, { type: 'string', index: true }] as const))
      const place = await t.newTable({ columns, fullText: [], table: 'select' })
      const values = Object.fromEntries(COLUMN_NAMES.map((name) => [name, `value of ${name}`]))
      const row = { ...place.row(item('a')), values }
      const empty = { ...place.row(item('b')), values: {} }
      applied(await place.upsert([row, empty]), 2, 'rows')
      const [found] = await place.store.get({ ...(await place.from()), keys: [row.key] })
      sameData(found?.values, values, 'all columns')
      assert.deepEqual(
        [found?.documentId, found?.key, found?.version],
        ['a', row.key, row.version],
        'and what is not a column',
      )
      if (!place.capabilities.filter.eq) return
      for (const path of COLUMN_NAMES)
        assert.equal(
          (await place.match({ op: 'eq', path, value: `value of ${path}` })).length,
          1,
          `a filter on ${path}`,
        )
    }),
    check('columns that differ in case alone are kept apart, or refused', async (t) => {
      const scope = t.run.scope()
      const columns = { value: { type: 'string' }, Value: { type: 'string' } } as const
      const place = await t.newTable({ columns, fullText: [] }, scope).catch(async (error: unknown) => {
        await rejects(() => Promise.reject(error), ['VALIDATION', 'UNSUPPORTED'], 'columns that differ in case alone')
      })
      if (!place) return
      const row = { ...place.row(item('a')), values: { value: 'small', Value: 'large' } }
      applied(await place.upsert([row]), 1, 'a row')
      const [found] = await place.store.get({ ...(await place.from()), keys: [row.key] })
      sameData(found?.values, row.values, 'each has its own value')
    }),
    check('delete by key and by filter says how many', async (t) => {
      const place = await t.newTable()
      applied(await place.write([1, 2, 3, 4, 5].map((n) => item(`d${n}`, { n }))), 5, 'rows')
      const byKey = await place.remove(['d1', 'absent'])
      if (byKey.deleted !== null) assert.equal(byKey.deleted, 1, 'one by key')
      const { scope, table, store } = place
      if (place.capabilities.filter.gte) {
        const filter = { op: 'gte', path: 'n', value: 4 } as const
        const result = place.wrote(await store.delete({ scope, table, filter }))
        if (result.deleted !== null) assert.equal(result.deleted, 2, 'two by filter')
        sameSet(
          (await place.scanAll()).map((r) => r.documentId ?? ''),
          ['d2', 'd3'],
          'what is left',
        )
      }
      place.wrote(await store.delete({ scope, table, filter: MATCH_ALL }))
      assert.equal(await place.count(), 0, 'a filter that matches everything deletes everything')
    }),
  ],
}
