import { createHash } from 'node:crypto'
import {
  checkLimit,
  checkName,
  checkUpsertMode,
  type FilterNode,
  invalid,
  isMatchAll,
  issuesOf,
  type Key,
  type Metadata,
  type MetadataValue,
  type Position,
  pageOf,
  type RecordHead,
  type RelationalCapabilities,
  type RelationalRole,
  type RowRecord,
  readCursor,
  refuseMistakes,
  type ScanOptions,
  type Scope,
  type TableDefinition,
  type TableOptions,
  textAt,
  throwIfAborted,
} from '@veritas-db/core/contract'
import type { Collection, Document, Filter, Sort } from 'mongodb'
import type { Access } from './access.js'
import type { Catalog, Space, WantedIndex } from './catalog.js'
import { checkRow } from './checks.js'
import { backendName, missing, refuse } from './errors.js'
import { allOf, compileFilter, type Field, fieldAt, type Query } from './filter.js'
import { documentsAtOnce, inOneAnswer, keysAtOnce, oneOf, splitEvery } from './lists.js'
import { keyAfter } from './pages.js'
import { rawLanguage, readCommand, runRaw } from './raw.js'
import { ensureTextIndex, textQuery } from './text.js'
import { bsonSize, decodeValues, encodeValues } from './values.js'
import { documentCapabilities, type Stored, type Write, writeDocuments } from './write.js'

/** A row: `d` the document's id, `c` its columns. */
interface RowDocument extends Stored {
  readonly d: string
  readonly c: Metadata
}

const scalars: ReadonlySet<string | undefined> = new Set(['string', 'number', 'boolean', 'date'])

const capabilitiesOf = (access: Access): RelationalCapabilities => ({
  ...documentCapabilities,
  fullText: access.abilities.text,
  transactions: access.abilities.transactions && !access.transactional,
  order: true,
  digest: true,
  raw: rawLanguage,
})

interface Table {
  readonly space: Space
  readonly rows: Collection<RowDocument>
  readonly field: (path: string) => Field
}

/** The field at a path: that of a scalar column is certain to have its type. */
const fieldOf =
  (space: Space) =>
  (path: string): Field => {
    const type = Object.hasOwn(space.columns, path) ? space.columns[path]?.type : undefined
    return { name: fieldAt('c', path), ...(scalars.has(type) && { type: type as NonNullable<Field['type']> }) }
  }

const toRow = ({ _id, d, v, c }: RowDocument): RowRecord => ({
  key: _id as Key,
  documentId: d,
  version: v,
  values: decodeValues(c ?? {}),
})

const toHead = ({ _id, v }: Stored): RecordHead => ({ key: _id as Key, version: v })

const toWrite = (record: RowRecord): Write => ({
  id: record.key,
  version: record.version,
  set: { d: record.documentId, v: record.version, c: encodeValues(record.values) },
  size: 200 + record.documentId.length * 3 + bsonSize(record.values),
})

const projectionOf = (columns: readonly string[] | undefined): Document | undefined =>
  columns && { d: 1, v: 1, ...Object.fromEntries(columns.map((column) => [fieldAt('c', column), 1])) }

/** The relational role, over the connection or one transaction. */
export const createRelationalRole = (
  access: Access,
  catalog: Catalog,
  transact: RelationalRole['transaction'],
): RelationalRole => {
  const tableOf = async (
    { scope, table, signal }: Pick<TableOptions, 'scope' | 'table' | 'signal'>,
    fresh = false,
  ): Promise<Table> => {
    const space = await catalog.find(access, catalog.table(scope, table), signal, fresh)
    if (!space) throw missing(`The table "${table}" of "${scope.collection}"`, 'ensureTable')
    return { space, rows: access.db.collection<RowDocument>(space._id), field: fieldOf(space) }
  }

  /** The table with these columns: they may have been added by another process since the catalogue was read. */
  const tableWith = async (
    options: Pick<TableOptions, 'scope' | 'table' | 'signal'>,
    columns: (space: Space) => boolean,
  ): Promise<Table> => {
    const table = await tableOf(options)
    return columns(table.space) ? table : tableOf(options, true)
  }

  const conditionOf = (
    table: Table,
    filter: FilterNode | undefined,
    ...more: readonly Query[]
  ): Filter<RowDocument> => {
    const queries = [...(filter && !isMatchAll(filter) ? [compileFilter(filter, table.field)] : []), ...more]
    return allOf(queries) as Filter<RowDocument>
  }

  const read = (
    table: Table,
    signal: AbortSignal | undefined,
    query: { condition: Filter<RowDocument>; projection: Document | undefined; sort: Sort; limit: number },
  ): Promise<RowDocument[]> =>
    access.read(signal, (settings) => {
      const { condition, projection, ...order } = query
      const options = { ...settings, ...inOneAnswer(order.limit), ...order, ...(projection && { projection }) }
      return table.rows.find(condition, options).toArray()
    })

  const scan = ((
    options: ScanOptions & {
      readonly table: string
      readonly fields?: 'keys' | 'all'
      readonly columns?: readonly string[]
    },
  ) =>
    access.call('relational', 'scan', options, async () => {
      const table = await tableOf(options)
      const limit = options.limit ?? 1000
      checkLimit(limit, 'limit')
      const keysOnly = options.fields === 'keys'
      const after = options.cursor === undefined ? [] : [keyAfter(options.cursor)]
      const documents = await read(table, options.signal, {
        condition: conditionOf(table, options.filter, ...after),
        projection: keysOnly ? { v: 1 } : projectionOf(options.columns),
        sort: { _id: 1 },
        limit: limit + 1,
      })
      return pageOf<RowDocument, RecordHead | RowRecord>(
        documents,
        limit,
        ({ _id }) => [_id],
        keysOnly ? toHead : toRow,
      )
    })) as RelationalRole['scan']

  return {
    get capabilities() {
      return capabilitiesOf(access)
    },

    check: (records, definition) => issuesOf(records, (record) => checkRow(record, definition?.columns)),

    ensureTable: (options) =>
      access.call('relational', 'ensureTable', options, async () => {
        const { scope, table, signal } = options
        const name = catalog.table(scope, table)
        checkDefinition(options)
        refuseInTransaction(access, 'ensureTable')
        await catalog.ensure(access, describe(name, scope, options), indexesOf(options), signal)
        const text = (options.fullText ?? []).map((column) => fieldAt('c', column))
        await ensureTextIndex(access, name, text, signal)
      }),

    dropTable: (options) =>
      access.call('relational', 'dropTable', options, async () => {
        const name = catalog.table(options.scope, options.table)
        refuseInTransaction(access, 'dropTable')
        await catalog.drop(access, name, options.signal)
      }),

    upsert: (options) =>
      access.call('relational', 'upsert', options, async () => {
        const { signal, records, mode = 'replace' } = options
        checkUpsertMode(mode, documentCapabilities, backendName, 'relational')
        const known = (space: Space): boolean =>
          records.every((r) => Object.keys(r.values ?? {}).every((column) => Object.hasOwn(space.columns, column)))
        const { space } = await tableWith(options, known)
        refuseMistakes(records, (record) => checkRow(record, space.columns))
        const rows = access.db.collection<Stored>(space._id)
        return { outcomes: await writeDocuments(access, signal, rows, records.map(toWrite), mode) }
      }),

    get: (options) =>
      access.call('relational', 'get', options, async () => {
        const table = await tableOf(options)
        const projection = projectionOf(options.columns)
        const found: RowRecord[] = []
        for (const keys of chunks([...new Set(options.keys)])) {
          throwIfAborted(options.signal)
          const condition = { _id: oneOf(keys) } as Filter<RowDocument>
          const rows = await access.read(options.signal, (settings) =>
            table.rows
              .find(condition, { ...settings, ...inOneAnswer(keys.length), ...(projection && { projection }) })
              .toArray(),
          )
          for (const row of rows) found.push(toRow(row))
        }
        return found
      }),

    find: (options) =>
      access.call('relational', 'find', options, async () => {
        const { order, limit, cursor, signal, columns } = options
        checkLimit(limit, 'limit')
        const table = await tableWith(options, (space) => !order || Object.hasOwn(space.columns, order.column))
        if (!order) {
          const documents = await read(table, signal, {
            condition: conditionOf(table, options.filter, ...(cursor === undefined ? [] : [keyAfter(cursor)])),
            projection: projectionOf(columns),
            sort: { _id: 1 },
            limit: limit + 1,
          })
          return pageOf(documents, limit, ({ _id }) => [_id], toRow)
        }
        const field = orderField(table.space, order.column)
        const down = order.direction === 'descending'
        const documents = await read(table, signal, {
          condition: conditionOf(
            table,
            options.filter,
            ...(cursor === undefined
              ? []
              : [after(field, down, cursor, table.space.columns[order.column]?.type === 'date')]),
          ),
          // The position must be read, whatever columns are asked for.
          projection: columns && projectionOf([...new Set([...columns, order.column])]),
          sort: { [field]: down ? -1 : 1, _id: 1 },
          limit: limit + 1,
        })
        const position = ({ _id, c }: RowDocument): Position => [orderValue(c[order.column]), _id]
        const hidden = columns && !columns.includes(order.column)
        return pageOf(documents, limit, position, (document) =>
          toRow(hidden ? { ...document, c: without(document.c, order.column) } : document),
        )
      }),

    count: (options) =>
      access.call('relational', 'count', options, async () => {
        const table = await tableOf(options)
        const condition = conditionOf(table, options.filter)
        return access.read(options.signal, (settings) => table.rows.countDocuments(condition, settings))
      }),

    delete: (options) =>
      access.call('relational', 'delete', options, async () => {
        const table = await tableOf(options)
        const remove = async (condition: Filter<RowDocument>): Promise<number> => {
          throwIfAborted(options.signal)
          const result = await access.write(options.signal, (settings) => table.rows.deleteMany(condition, settings))
          return result.deletedCount
        }
        if (!('keys' in options)) return { deleted: await remove(conditionOf(table, options.filter)) }
        let deleted = 0
        for (const keys of chunks([...new Set(options.keys)])) deleted += await remove({ _id: { $in: keys } })
        return { deleted }
      }),

    searchText: (options) =>
      access.call('relational', 'searchText', options, async () => {
        if (!access.abilities.text)
          throw refuse('relational', 'full text on this server', 'it has no $text; MongoDB itself has.')
        const table = await tableOf(options)
        checkLimit(options.limit, 'limit')
        const query = textQuery(options.query)
        if (query === undefined || table.space.text.length === 0 || options.limit === 0) return []
        const condition = conditionOf(table, options.filter, { $text: { $search: query } })
        const score = { $meta: 'textScore' }
        const found = await access.read(options.signal, (settings) =>
          table.rows
            .find<RowDocument & { readonly score: number }>(condition, {
              ...settings,
              projection: { d: 1, v: 1, score },
            })
            .sort({ score: { $meta: 'textScore' }, _id: 1 })
            .limit(options.limit)
            .toArray(),
        )
        return found.map((row) => ({ key: row._id as Key, documentId: row.d, version: row.v, score: row.score }))
      }),

    scan,

    transaction: transact,

    digest: (options) =>
      access.call('relational', 'digest', options, async () => {
        const table = await tableOf(options)
        return access.read(options.signal, async (settings) => {
          const hash = createHash('sha256')
          let count = 0
          const cursor = table.rows
            .find({ _id: { $gte: options.from, $lt: options.to } }, { ...settings, projection: { v: 1 } })
            .sort({ _id: 1 })
            .batchSize(documentsAtOnce)
          for await (const { _id, v } of cursor) {
            hash.update(`${_id} ${v}\n`)
            count++
          }
          return { count, hash: hash.digest('hex') }
        })
      }),

    raw: (options) =>
      access.call('relational', 'raw', options, async () => {
        const command = readCommand(options.query, options.parameters ?? {}, (table) =>
          catalog.table(options.scope, table),
        )
        return runRaw(access, options.signal, command)
      }),
  }
}

const chunks = <T>(items: readonly T[]): Iterable<readonly T[]> => splitEvery(items, keysAtOnce)

const without = (values: Metadata, column: string): Metadata =>
  Object.fromEntries(Object.entries(values).filter(([name]) => name !== column))

const checkDefinition = ({ columns, fullText = [] }: TableDefinition): void => {
  for (const name of Object.keys(columns)) checkName(name, 'columns')
  for (const name of fullText)
    if (!Object.hasOwn(columns, name) || columns[name]?.type !== 'string')
      throw invalid('fullText', `${JSON.stringify(name)} is no declared column of type string`)
}

const describe = (name: string, scope: Scope, definition: TableOptions & TableDefinition): Space => ({
  _id: name,
  kind: 'table',
  tenant: scope.tenant ?? null,
  collection: scope.collection,
  incarnation: scope.incarnation ?? 0,
  table: definition.table,
  columns: definition.columns,
  text: definition.fullText ?? [],
})

const indexesOf = ({ columns }: TableDefinition): WantedIndex[] =>
  Object.entries(columns).flatMap(([column, { type, index, paths = {} }]): WantedIndex[] => {
    const within = Object.keys(paths).map((path) => ({ key: { [fieldAt('c', `${column}.${path}`)]: 1 as const } }))
    // With the key at its end, the index gives rows in the order of `find`.
    const own = scalars.has(type)
      ? { [fieldAt('c', column)]: 1 as const, _id: 1 as const }
      : { [fieldAt('c', column)]: 1 as const }
    return [...(index && type !== 'json' ? [{ key: own }] : []), ...within]
  })

const orderField = (space: Space, column: string): string => {
  const type = Object.hasOwn(space.columns, column) ? space.columns[column]?.type : undefined
  if (type === undefined) throw invalid('order.column', `${JSON.stringify(column)} is no declared column`)
  if (!scalars.has(type)) throw invalid('order.column', `a column of type ${type} has no order`)
  return fieldAt('c', column)
}

/** A value as a cursor holds it: only columns of single values have an order. */
const orderValue = (value: MetadataValue | undefined): Position[number] =>
  value instanceof Date ? value.getTime() : typeof value === 'object' ? null : (value ?? null)

/** The condition that a page in order of a column starts with. Null comes first when ascending, last when descending. */
const after = (field: string, down: boolean, cursor: string, ofDates: boolean): Query => {
  const position = readCursor(cursor, 2)
  const key = { $gt: textAt(position, 1) }
  const stored = position?.[0] ?? null
  const value = ofDates && typeof stored === 'number' ? new Date(stored) : stored
  const tie = { [field]: value, _id: key }
  if (value === null) return down ? tie : { $or: [tie, { [field]: { $ne: null } }] }
  return { $or: [tie, { [field]: { [down ? '$lt' : '$gt']: value } }, ...(down ? [{ [field]: null }] : [])] }
}

const refuseInTransaction = (access: Access, what: string): void => {
  if (access.transactional)
    throw refuse('relational', `${what} inside a transaction`, 'make tables and graphs before it.')
}
