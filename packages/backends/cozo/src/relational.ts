import { createHash } from 'node:crypto'
import {
  checkLimit,
  checkRow,
  checkUpsertMode,
  FULL_FILTER,
  invalid,
  issuesOf,
  type Key,
  type Metadata,
  pageOf,
  type RecordHead,
  type RelationalCapabilities,
  type RelationalRole,
  type RowRecord,
  readCursor,
  refuseMistakes,
  type ScanOptions,
  type TableOptions,
  textAt,
  throwIfAborted,
  type Version,
} from '@veritas-db/core/contract'
import { keysAtOnce, limits, splitEvery, writeBatches } from './batches.js'
import type { Catalog, Place, Space } from './catalog.js'
import type { Connection, Rows } from './connection.js'
import { backendName, missing, refuse } from './errors.js'
import { complete } from './fill.js'
import { compileFilter } from './filter.js'
import { rawLanguage, runRaw } from './raw.js'
import { type Prepared, sizeOf } from './records.js'
import {
  checkDefinition,
  columnsOf,
  mergeTables,
  sourceOf,
  tableLayout,
  textsOf,
  toHead,
  toRow,
} from './relational/model.js'
import { deleteScript, isOrdered, orderedScript, positionOf, prepare, upsertScript } from './relational/scripts.js'
import { Bindings } from './script.js'
import { inKeyOrder, matching } from './select.js'
import { hitRules, wordsOf } from './text.js'

/** What the relational role can do. */
export const relationalCapabilities: RelationalCapabilities = {
  limits,
  filter: FULL_FILTER,
  upsertModes: ['replace', 'ifNewer', 'ifAbsent'],
  conditionalUpsert: 'atomic',
  readAfterWrite: 'immediate',
  scan: { order: 'key', resume: 'cursor', snapshot: false },
  fullText: true,
  transactions: false,
  order: true,
  digest: true,
  raw: rawLanguage,
}

/** How an answer becomes rows: what it consists of, and how it is read. */
interface Reader {
  readonly columns: readonly string[]
  /** Atoms that bind what the head has beside columns. */
  readonly atoms: string
  readonly head: string
  readonly read: (row: readonly unknown[]) => RowRecord
}

const wholeRows: Reader = { columns: ['v', 'd', 'm'], atoms: '', head: 'k, v, d, m', read: toRow }

/** All columns, or some: texts one by one, since others may be long, and the rest out of all. */
const readerOf = (space: Space, columns: readonly string[] | undefined, bindings: Bindings): Reader => {
  if (!columns || columns.some((column) => columnsOf(space)[column] !== 'string'))
    return columns ? { ...wholeRows, read: (row) => chosen(toRow(row), columns) } : wholeRows
  if (columns.length === 0)
    return { columns: ['v', 'd'], atoms: '', head: 'k, v, d', read: ([k, v, d]) => toRow([k, v, d, '{}']) }
  const texts = columns.map((column, i) => `, t${i} = get(all, ${bindings.add(column)}, null)`)
  return {
    columns: ['v', 'd', 'm'],
    atoms: `, all = parse_json(m)${texts.join('')}`,
    head: ['k, v, d', ...columns.map((_, i) => `t${i}`)].join(', '),
    read: ([k, v, d, ...found]) => {
      const values = columns.flatMap((column, i) => (typeof found[i] === 'string' ? [[column, found[i]]] : []))
      return { ...toRow([k, v, d, '{}']), values: Object.fromEntries(values) as Metadata }
    },
  }
}

const chosen = (row: RowRecord, columns: readonly string[]): RowRecord => ({
  ...row,
  values: Object.fromEntries(
    columns.flatMap((column) => (Object.hasOwn(row.values, column) ? [[column, row.values[column]]] : [])),
  ) as Metadata,
})

/** The relational role. */
export const createRelationalRole = (connection: Connection, catalog: Catalog): RelationalRole => {
  const call = <T>(operation: string, options: Parameters<Connection['call']>[2], work: () => Promise<T>): Promise<T> =>
    connection.call('relational', operation, options, work)

  const placeOf = ({ scope, table, signal }: Pick<TableOptions, 'scope' | 'table' | 'signal'>): Place =>
    catalog.at(
      catalog.table(scope, table),
      () => missing(`The table "${table}" of "${scope.collection}"`, 'ensureTable'),
      signal,
    )

  /** A call that reads a table. */
  const reading = <T>(
    operation: string,
    options: Pick<TableOptions, 'scope' | 'table' | 'signal'>,
    read: (space: Space) => Promise<T>,
    suits?: (space: Space) => boolean,
  ): Promise<T> => call(operation, options, async () => placeOf(options).read(read, suits))

  const scan = ((
    options: ScanOptions & {
      readonly table: string
      readonly fields?: 'keys' | 'all'
      readonly columns?: readonly string[]
    },
  ) =>
    reading('scan', options, async (space) => {
      const { filter, cursor, limit = 1000, signal } = options
      checkLimit(limit, 'limit')
      const bindings = new Bindings()
      const answer =
        options.fields === 'keys'
          ? { columns: ['v'], atoms: '', head: 'k, v', read: toHead }
          : readerOf(space, options.columns, bindings)
      const page = { filter, columns: answer.columns, more: answer.atoms, head: answer.head, limit: limit + 1 }
      const script = inKeyOrder(sourceOf(space), { ...page, after: afterKey(cursor, bindings) }, bindings)
      const rows = await connection.read(script, bindings.values, signal)
      return pageOf<readonly unknown[], RecordHead | RowRecord>(rows, limit, ([k]) => [k as string], answer.read)
    })) as RelationalRole['scan']

  return {
    capabilities: relationalCapabilities,

    check: (records, definition) => issuesOf(records, (record) => checkRow(record, definition?.columns)),

    ensureTable: (options) =>
      call('ensureTable', options, async () => {
        const { scope, table, signal } = options
        const name = catalog.table(scope, table)
        checkDefinition(options)
        const space = await catalog.ensure(tableLayout, name, scope, (before) => mergeTables(before, options), signal)
        const records = { relation: space.base, keys: ['k'], texts: textsOf(space.base) }
        await complete(connection, catalog, tableLayout, space, records, signal)
      }),

    dropTable: (options) =>
      call('dropTable', options, () =>
        catalog.drop(tableLayout, catalog.table(options.scope, options.table), options.signal),
      ),

    upsert: (options) =>
      call('upsert', options, async () => {
        const { signal, records, mode = 'replace' } = options
        checkUpsertMode(mode, relationalCapabilities, backendName, 'relational')
        const place = placeOf(options)
        // A column may have been added by another process since the catalogue was read.
        const space = await place.space((found) =>
          records.every((r) => Object.keys(r.values ?? {}).every((column) => Object.hasOwn(columnsOf(found), column))),
        )
        const columns = Object.fromEntries(Object.entries(columnsOf(space)).map(([column, type]) => [column, { type }]))
        refuseMistakes(records, (record) => checkRow(record, columns))
        const size = { limits, of: sizeOf }
        const write = (batch: readonly Prepared[]): Promise<Rows> =>
          place.write((now) => upsertScript(now, batch, mode))
        return { outcomes: await writeBatches(records.map(prepare), ({ key }) => key, mode, size, signal, write) }
      }),

    get: (options) =>
      reading('get', options, async (space) => {
        const found: RowRecord[] = []
        for (const keys of splitEvery([...new Set(options.keys)], keysAtOnce)) {
          throwIfAborted(options.signal)
          const bindings = new Bindings()
          const { head, columns, atoms, read } = readerOf(space, options.columns, bindings)
          const script = `?[${head}] := k in ${bindings.add(keys)}, *${space.base}{k, ${columns.join(', ')}}${atoms}`
          for (const row of await connection.read(script, bindings.values, options.signal)) found.push(read(row))
        }
        return found
      }),

    find: (options) =>
      reading(
        'find',
        options,
        async (space) => {
          const { order, limit, cursor, signal, filter } = options
          checkLimit(limit, 'limit')
          const bindings = new Bindings()
          const { head, columns, atoms, read } = readerOf(space, options.columns, bindings)
          const page = { filter, columns, more: atoms, head, limit: limit + 1 }
          if (!order) {
            const script = inKeyOrder(sourceOf(space), { ...page, after: afterKey(cursor, bindings) }, bindings)
            const rows = await connection.read(script, bindings.values, signal)
            return pageOf(rows, limit, ([k]) => [k as string], read)
          }
          const { column, direction } = order
          const type = Object.hasOwn(columnsOf(space), column) ? columnsOf(space)[column] : undefined
          if (type === undefined) throw invalid('order.column', `${JSON.stringify(column)} is no declared column`)
          if (!isOrdered(type)) throw invalid('order.column', `a column of type ${type} has no order`)
          const by = { column, type, down: direction === 'descending' }
          const script = orderedScript(sourceOf(space), by, { ...page, cursor }, bindings)
          const rows = await connection.read(script, bindings.values, signal)
          return pageOf(rows, limit, positionOf, ([, ...row]) => read(row))
        },
        (found) => !options.order || Object.hasOwn(columnsOf(found), options.order.column),
      ),

    count: (options) =>
      reading('count', options, async (space) => {
        const bindings = new Bindings()
        const body = matching(sourceOf(space), { filter: options.filter, columns: [] }, bindings)
        const [row] = await connection.read(`?[count(k)] := ${body}`, bindings.values, options.signal)
        return Number(row?.[0] ?? 0)
      }),

    delete: (options) =>
      call('delete', options, async () => {
        const place = placeOf(options)
        const remove = async (choose: (source: Space, bindings: Bindings) => string): Promise<number> => {
          throwIfAborted(options.signal)
          const [row] = await place.write((now) => {
            const bindings = new Bindings()
            return { script: deleteScript(now, `gone[k] := ${choose(now, bindings)}`), parameters: bindings.values }
          })
          return Number(row?.[0] ?? 0)
        }
        if (!('keys' in options))
          return {
            deleted: await remove((now, bindings) =>
              matching(sourceOf(now), { filter: options.filter, columns: [] }, bindings),
            ),
          }
        let deleted = 0
        for (const keys of splitEvery([...new Set(options.keys)], keysAtOnce))
          deleted += await remove((now, bindings) => `k in ${bindings.add(keys)}, *${now.base}{k}`)
        return { deleted }
      }),

    searchText: (options) =>
      reading('searchText', options, async (space) => {
        checkLimit(options.limit, 'limit')
        const words = wordsOf(options.query)
        const text = space.definition.text ?? []
        if (words.length === 0 || text.length === 0 || options.limit === 0) return []
        const bindings = new Bindings()
        // The first column counts most: each weighs twice the next.
        const rules = hitRules(
          textsOf(space.base),
          ['k', 'c'],
          ['k'],
          words,
          bindings,
          `pow(2, ${text.length - 1} - c)`,
        )
        const { columns, atoms } = compileFilter(options.filter, bindings, sourceOf(space).slots)
        const rows = await connection.read(
          `${rules}\n?[k, d, v, s] := hit[k, s], *${space.base}{${['k', 'd', 'v', ...columns].join(', ')}}${atoms} :order -s, k :limit ${options.limit}`,
          bindings.values,
          options.signal,
        )
        return rows.map(([k, d, v, s]) => ({
          key: k as Key,
          documentId: d as string,
          version: v as Version,
          score: s as number,
        }))
      }),

    scan,

    transaction: (options) =>
      call('transaction', options, () =>
        Promise.reject(refuse('relational', 'transactions over several calls', 'one call is one transaction here.')),
      ),

    digest: (options) =>
      reading('digest', options, async (space) => {
        const hash = createHash('sha256')
        let count = 0
        // CozoDB 0.7.6 loses the row with k = $from where it is asked for k >= $from, so the bound is a smaller text.
        for (let below = options.from.slice(0, -1), from = options.from as string; ; ) {
          const rows = await connection.read(
            `?[k, v] := *${space.base}{k, v}, k > $below, !(k < $from), k < $to :limit ${digestAtOnce}`,
            { below, from, to: options.to },
            options.signal,
          )
          for (const [k, v] of rows) hash.update(`${k} ${v}\n`)
          count += rows.length
          const last = rows.at(-1)
          if (rows.length < digestAtOnce || !last) return { count, hash: hash.digest('hex') }
          below = last[0] as string
          from = below
        }
      }),

    raw: (options) =>
      call('raw', options, () =>
        runRaw(
          connection,
          options.query,
          options.parameters,
          async (table) => (await placeOf({ ...options, table }).space()).base,
          options.signal,
        ),
      ),
  }
}

const digestAtOnce = 10_000

/** The condition that a page in order of key starts with. */
const afterKey = (cursor: string | undefined, bindings: Bindings): string =>
  cursor === undefined ? '' : `, k > ${bindings.add(textAt(readCursor(cursor, 1), 0))}`
