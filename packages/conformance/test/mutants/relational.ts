import { createHash } from 'node:crypto'
import { type Page, type RelationalRole, type RowRecord, VeritasError } from '@veritas-db/core/contract'
import type { Declared } from '../memory/index.js'
import { type AnyOptions, type Mutant, without } from './mutant.js'

const at = (suite: string, name: string, methods: NonNullable<Mutant['methods']>, declared?: Declared): Mutant => ({
  name: `relational: ${name}`,
  suite: `relational.${suite}`,
  role: 'relational',
  methods,
  ...(declared && { declared }),
})
const rows = async (call: Promise<unknown>): Promise<Page<RowRecord>> => (await call) as Page<RowRecord>
const records = (o: AnyOptions): readonly RowRecord[] => (o.records ?? []) as readonly RowRecord[]
/** Rows whose columns have other names. */
const renamed = (o: AnyOptions, change: (name: string) => string): AnyOptions => ({
  ...o,
  records: records(o).map((r) => ({
    ...r,
    values: Object.fromEntries(Object.entries(r.values).map(([name, value]) => [change(name), value])),
  })),
})
type Work = (role: RelationalRole) => Promise<unknown>

let making = 0

export const relationalMutants: readonly Mutant[] = [
  at('tables', 'two callers at once collide', {
    ensureTable: async (o, call) => {
      making++
      await new Promise((resolve) => setTimeout(resolve, 1))
      making--
      if (making > 0) throw new VeritasError({ code: 'CONFLICT', message: 'table already exists' })
      return call(o)
    },
  }),
  at('tables', 'a table does not grow', {
    ensureTable: async (o, call, of) => {
      const there = await of('count')({ scope: o.scope, table: o.table ?? '' }).catch(() => undefined)
      return there === undefined ? call(o) : undefined
    },
  }),
  at('tables', 'making it again takes columns away', {
    ensureTable: async (o, call, of) => {
      const { columns = {} } = o
      const at = { scope: o.scope, table: o.table ?? '' }
      const there = await of('scan')(at).catch(() => undefined)
      await call(o)
      if (!there) return
      const kept = (there as Page<RowRecord>).records.map((r) => ({
        ...r,
        values: Object.fromEntries(Object.entries(r.values).filter(([name]) => name in columns)),
      }))
      await of('upsert')({ ...at, records: kept })
    },
  }),
  at('tables', 'dropping what is not there fails', {
    dropTable: async (o, call, of) => {
      await of('count')(o)
      return call(o)
    },
  }),
  at('tables', 'a table that was never ensured is empty', { count: (o, call) => call(o).catch(() => 0) }),
  at('tables', 'get ignores the choice of columns', { get: (o, call) => call(without(o, 'columns')) }),
  at('tables', 'find ignores the choice of columns', { find: (o, call) => call(without(o, 'columns')) }),
  at('tables', 'a column named key is the key', {
    get: async (o, call) =>
      ((await call(o)) as readonly RowRecord[]).map((r) => ('key' in r.values ? { ...r, key: r.values.key } : r)),
  }),
  at('tables', 'column names lose their case', {
    upsert: (o, call) => call(renamed(o, (n) => (n === 'Value' ? 'value' : n))),
  }),
  at('tables', 'json columns hold objects only', {
    upsert: (o, call) =>
      call({
        ...o,
        records: records(o).map((r) => ({
          ...r,
          values: 'j' in r.values && typeof r.values.j !== 'object' ? { j: {} } : r.values,
        })),
      }),
  }),
  at('tables', 'delete by filter says a wrong number', {
    delete: async (o, call) => (o.filter ? { ...((await call(o)) as object), deleted: 0 } : call(o)),
  }),
  at('tables', 'tables of one scope are one', {
    dropTable: async (o, call) => {
      await call({ ...o, table: 'other' })
      return call(o)
    },
  }),

  at('find', 'an empty page has a cursor', {
    find: async (o, call) => {
      const page = await rows(call(o))
      return page.records.length === 0 ? { ...page, cursor: '' } : page
    },
  }),
  at('find', 'null last', {
    find: async (o, call) => {
      if (!o.order || o.cursor !== undefined) return call(o)
      const page = await rows(call({ ...o, limit: 1000 }))
      const empty = page.records.filter((r) => (r.values[o.order?.column ?? ''] ?? null) === null)
      const rest = page.records.filter((r) => !empty.includes(r))
      const all = o.order.direction === 'ascending' ? [...rest, ...empty] : [...empty, ...rest]
      return { records: all.slice(0, o.limit), cursor: page.cursor }
    },
  }),
  at('find', 'texts in the order of a dictionary', {
    find: async (o, call) => {
      if (o.order?.column !== 's') return call(o)
      const page = await rows(call(o))
      const text = (r: RowRecord): string => String(r.values.s ?? '')
      return { ...page, records: page.records.slice().sort((a, b) => text(a).localeCompare(text(b), 'en')) }
    },
  }),
  at('find', 'ties in no order', {
    find: async (o, call) => {
      if (!o.order) return call(o)
      const { column, direction } = o.order
      const page = await rows(call(o))
      const rank = (r: RowRecord): string => String(r.values[column] ?? '')
      const groups = Map.groupBy(page.records, rank)
      return { ...page, records: direction && [...groups.values()].flatMap((g) => g.toReversed()) }
    },
  }),
  at('find', 'descending is ascending', {
    find: (o, call) => call(o.order ? { ...o, order: { ...o.order, direction: 'ascending' } } : o),
  }),
  at('find', 'ties descend too', {
    find: async (o, call) => {
      if (o.order?.direction !== 'descending') return call(o)
      const { column } = o.order
      const page = await rows(call(o))
      const groups = Map.groupBy(page.records, (r) => String(r.values[column] ?? ''))
      return { ...page, records: [...groups.values()].flatMap((g) => g.toReversed()) }
    },
  }),
  at('find', 'ignores the cursor', {
    find: async (o, call) => {
      const page = await rows(call(without(o, 'cursor')))
      return o.cursor === undefined ? page : { ...page, cursor: null }
    },
  }),
  at('find', 'a cursor that counts rows', {
    find: async (o, call) => {
      const { records: all } = await rows(call({ ...without(o, 'cursor'), limit: 1000 }))
      const start = Number(o.cursor ?? 0)
      const end = start + (o.limit ?? 0)
      return { records: all.slice(start, end), cursor: end < all.length ? String(end) : null }
    },
  }),
  at('find', 'the cursor forgets the filter', {
    find: (o, call) => call(o.cursor === undefined ? o : without(o, 'filter')),
  }),
  at('find', 'the cursor skips rows that tie', {
    find: async (o, call) => {
      const page = await rows(call(o))
      const column = o.order?.column
      if (!column || o.cursor === undefined) return page
      const last = (JSON.parse(o.cursor) as RowRecord).values[column] ?? null
      return { ...page, records: page.records.filter((r) => String(r.values[column] ?? null) !== String(last)) }
    },
  }),
  at('find', 'without order in no order', {
    find: async (o, call) => {
      const page = await rows(call(o))
      return o.order ? page : { ...page, records: page.records.toReversed() }
    },
  }),
  at(
    'find',
    'an order that is not declared is ignored',
    { find: (o, call) => call(without(o, 'order')) },
    { relational: { order: false } },
  ),

  at('transactions', 'the value is lost', {
    transaction: async (o, call, _of, work) => {
      await call(o, work)
    },
  }),
  at('transactions', 'a failure is swallowed', {
    transaction: (o, call, _of, work) => call(o, work).catch(() => undefined),
  }),
  at('transactions', 'writes nothing', {
    transaction: async (o, call, _of, work) => {
      let value: unknown
      await call(o, async (role: RelationalRole) => {
        value = await (work as Work)(role)
        throw new Error('rolled back')
      }).catch((error: unknown) => {
        if (value === undefined) throw error
      })
      return value
    },
  }),
  at(
    'transactions',
    'what is not declared runs without a transaction',
    { transaction: (_o, _call, _of, work) => (work as () => Promise<unknown>)() },
    { relational: { transactions: false } },
  ),

  at('extras', 'the digest ignores versions', {
    digest: async (o, call, of) => {
      const { count } = (await call(o)) as { count: number }
      const { records: all } = await rows(of('scan')(without(o, 'from', 'to')))
      const keys = all.map((r) => r.key).filter((key) => key >= (o.from ?? '') && key < (o.to ?? ''))
      return { count, hash: createHash('sha256').update(keys.sort().join()).digest('hex') }
    },
  }),
  at('extras', 'the digest ignores the range', {
    digest: (o, call) => call({ ...o, to: 'g' as NonNullable<typeof o.to>, from: '0' as NonNullable<typeof o.from> }),
  }),
  at('extras', 'the digest is never the same', {
    digest: async (o, call) => ({ ...((await call(o)) as object), hash: String(Math.random()) }),
  }),
  at('extras', 'raw that is declared is UNSUPPORTED', {
    raw: async () => {
      throw new VeritasError({ code: 'UNSUPPORTED', message: 'no' })
    },
  }),
  at(
    'extras',
    'a digest that is not declared answers',
    { digest: async () => ({ count: 0, hash: '' }) },
    { relational: { digest: false } },
  ),
]
