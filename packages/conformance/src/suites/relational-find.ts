import {
  canPush,
  compareText,
  type FilterNode,
  type Metadata,
  type MetadataValue,
  type RowRecord,
} from '@veritas-db/core/contract'
import { applied, assert, rejects } from '../assert.js'
import type { SuiteContext } from '../context.js'
import { v } from '../data/random.js'
import { DATES, NUMBERS, STRINGS } from '../data/records.js'
import type { RelationalPlace } from '../places/relational.js'
import { check, type Suite } from '../suite.js'

const ROWS = 90

interface Rows {
  readonly place: RelationalPlace
  readonly rows: readonly RowRecord[]
}

const filled = (t: SuiteContext): Promise<Rows> =>
  t.once('filled', async () => {
    const place = await t.newTable()
    const rows = Array.from({ length: ROWS }, (_, i) => {
      const data: Metadata = {
        s: i % 7 === 0 ? null : (STRINGS[i % STRINGS.length] ?? null),
        n: i % 11 === 0 ? null : (NUMBERS[i % NUMBERS.length] ?? null),
        d: i % 13 === 0 ? null : (DATES[i % DATES.length] ?? null),
        b: i % 2 === 0,
      }
      return place.row({ id: `row-${i}`, version: v(1), data })
    })
    applied(await place.upsert(rows), ROWS, 'the rows')
    return { place, rows }
  })

type FindOptions = Omit<Parameters<RelationalPlace['store']['find']>[0], 'scope' | 'table'>

/** All pages of a find. */
async function findAll(place: RelationalPlace, options: FindOptions): Promise<RowRecord[]> {
  const records: RowRecord[] = []
  let cursor: string | undefined
  for (let pages = 0; ; pages++) {
    assert.ok(pages <= ROWS + 1, 'find: the pages do not end')
    const page = await place.store.find({
      ...(await place.from()),
      ...options,
      ...(cursor !== undefined && { cursor }),
    })
    assert.ok(page.records.length <= options.limit, `a page of at most ${options.limit} held ${page.records.length}`)
    records.push(...page.records)
    if (page.cursor === null) return records
    cursor = page.cursor
  }
}

const rank = (a: MetadataValue | undefined, b: MetadataValue | undefined): number => {
  const [x, y] = [a ?? null, b ?? null]
  if (x === null || y === null) return x === y ? 0 : x === null ? -1 : 1
  if (typeof x === 'string' && typeof y === 'string') return compareText(x, y)
  return Number(x) - Number(y)
}

export const relationalFind: Suite = {
  name: 'relational.find',
  role: 'relational',
  about: 'order by every type of column, ties by key, pages by cursor, with filters',
  checks: [
    check('without an order, rows come in order of key, page by page', async (t) => {
      const { place, rows } = await filled(t)
      const keys = rows.map((r) => r.key).sort()
      for (const limit of [1, 7, ROWS, 1000])
        assert.deepEqual(
          (await findAll(place, { limit })).map((r) => r.key),
          keys,
          `pages of ${limit}`,
        )
      const page = await place.store.find({ ...(await place.from()), limit: 7 })
      assert.ok(page.cursor !== null, 'there is more')
    }),
    check(
      'ordered by a column: null first, as filters compare, ties by key; descending the other way round',
      async (t) => {
        const { place, rows } = await filled(t)
        for (const column of ['s', 'n', 'd']) {
          for (const direction of ['ascending', 'descending'] as const) {
            const order = { column, direction }
            if (!place.capabilities.order) {
              const options = { scope: place.scope, table: place.table, limit: 5, order }
              await rejects(() => place.store.find(options), 'UNSUPPORTED', `order by ${column}`)
              continue
            }
            const sign = direction === 'ascending' ? 1 : -1
            const sorted = rows
              .slice()
              .sort((a, b) => sign * rank(a.values[column], b.values[column]) || (a.key < b.key ? -1 : 1))
              .map((r) => `${r.documentId} ${String(r.values[column])}`)
            for (const limit of [8, 1000]) {
              const found = await findAll(place, { limit, order })
              const shown = found.map(
                (r) => `${r.documentId} ${String(rows.find((x) => x.key === r.key)?.values[column])}`,
              )
              assert.deepEqual(shown, sorted, `by ${column}, ${direction}, pages of ${limit}`)
            }
          }
        }
      },
    ),
    check('with a filter, pages hold what matches, each once', async (t) => {
      const { place, rows } = await filled(t)
      const filter: FilterNode = { op: 'eq', path: 'b', value: true }
      if (!canPush(filter, place.capabilities.filter)) return t.notApplicable('eq on booleans is not declared')
      const wanted = rows.filter((r) => r.values.b === true)
      const found = await findAll(place, { limit: 6, filter })
      assert.deepEqual(
        found.map((r) => r.key),
        wanted.map((r) => r.key).sort(),
        'in order of key',
      )
      if (!place.capabilities.order) return
      const order = { column: 'n', direction: 'ascending' } as const
      const ordered = await findAll(place, { limit: 6, filter, order })
      const sorted = wanted.slice().sort((a, b) => rank(a.values.n, b.values.n) || (a.key < b.key ? -1 : 1))
      assert.deepEqual(
        ordered.map((r) => r.key),
        sorted.map((r) => r.key),
        'in order of a column',
      )
    }),
    check('a page goes on where it ended, whatever was deleted before it', async (t) => {
      const place = await t.newTable()
      const items = Array.from({ length: 20 }, (_, i) => ({ id: `p${i}`, version: v(1), data: { n: i % 3 } }))
      applied(await place.write(items), 20, 'rows')
      const first = await place.store.find({ ...(await place.from()), limit: 8 })
      assert.ok(first.cursor !== null, 'there is more')
      await place.remove(first.records.map((r) => r.documentId))
      const rest = await place.store.find({ ...(await place.from()), limit: 100, cursor: first.cursor })
      const seen = new Set(first.records.map((r) => r.key))
      const wanted = items.map((i) => place.key(i.id)).filter((key) => !seen.has(key))
      assert.deepEqual(
        rest.records.map((r) => r.key),
        wanted.sort(),
        'the rest',
      )
    }),
    check('an empty table gives an empty page', async (t) => {
      const place = await t.newTable()
      assert.deepEqual(await place.store.find({ ...(await place.from()), limit: 5 }), { records: [], cursor: null })
    }),
  ],
}
