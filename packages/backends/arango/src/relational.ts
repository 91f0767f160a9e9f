import {
  APPLIED,
  assertPushable,
  checkFieldName,
  checkLimit,
  checkName,
  checkRow,
  checkUpsertMode,
  type FilterNode,
  invalid,
  isMatchAll,
  issuesOf,
  type Key,
  type Metadata,
  type Outcome,
  type Page,
  pageOf,
  type RecordHead,
  type RelationalCapabilities,
  type RelationalRole,
  type RowRecord,
  readCursor,
  refuseMistakes,
  type ScanOptions,
  STALE,
  type TableDefinition,
  type UpsertMode,
  uniqueBatch,
  VeritasError,
  type Version,
} from '@veritas-db/core/contract'
import type { Access } from './access.js'
import { chunks, documentBatches, KEYS_A_REQUEST, limits } from './batches.js'
import type { Call } from './connection.js'
import { backendName, refuse } from './errors.js'
import { type CompiledFilter, compileFilter, filterCapabilities } from './filter.js'
import { runRaw } from './raw.js'
import type { TableSpace } from './spaces.js'
import { versionCondition } from './upsert.js'
import { DATE, fromStored, sortKey, toStored } from './values.js'

/** What the relational role can do. */
export const relationalCapabilities: RelationalCapabilities = {
  limits,
  filter: filterCapabilities,
  upsertModes: ['replace', 'ifNewer', 'ifAbsent'],
  conditionalUpsert: 'atomic',
  readAfterWrite: 'immediate',
  scan: { order: 'key', resume: 'cursor', snapshot: false },
  fullText: false,
  transactions: true,
  order: true,
  digest: false,
  raw: 'aql',
}

/** A row as it is stored. */
interface RowDocument {
  readonly _key: string
  readonly documentId: string
  readonly version: string
  readonly values: Readonly<Record<string, unknown>>
  /** What text columns are ordered by. */
  readonly sort: Readonly<Record<string, string>>
}

/** A row as `find` returns it, with the value that it was ordered by. */
interface FoundRow extends RowDocument {
  readonly by?: string | number | boolean | null
}

const toDocument = (row: RowRecord, columns: TableDefinition['columns']): RowDocument => {
  const values: Record<string, unknown> = {}
  const sort: Record<string, string> = {}
  for (const [name, value] of Object.entries(row.values)) {
    if (value === null || value === undefined) continue
    values[name] = toStored(value)
    if (columns[name]?.type === 'string' && typeof value === 'string') sort[name] = sortKey(value)
  }
  return { _key: row.key, documentId: row.documentId, version: row.version, values, sort }
}

const toRow = (stored: RowDocument): RowRecord => ({
  key: stored._key as Key,
  documentId: stored.documentId,
  version: stored.version as Version,
  values: fromStored(stored.values) as Metadata,
})

const toHead = (stored: RowDocument): RecordHead => ({ key: stored._key as Key, version: stored.version as Version })

/** What a query returns of the row variable `d`, and its bind parameters. */
const rowFields = (columns: readonly string[] | undefined): CompiledFilter => ({
  aql: `{ _key: d._key, documentId: d.documentId, version: d.version, values: ${columns ? 'KEEP(d.values, @columns)' : 'd.values'} }`,
  binds: columns ? { columns: [...columns] } : {},
})

const rowFilter = (filter: FilterNode | undefined): CompiledFilter => {
  if (filter && !isMatchAll(filter)) assertPushable(filter, filterCapabilities, backendName, 'relational')
  return compileFilter(filter && isMatchAll(filter) ? undefined : filter, ['values'])
}

const checkDefinition = ({ columns, fullText = [] }: TableDefinition): void => {
  for (const [name, { paths = {} }] of Object.entries(columns)) {
    checkName(name, 'columns')
    for (const path of Object.keys(paths)) for (const part of path.split('.')) checkFieldName(part, 'paths')
  }
  for (const name of fullText) if (!Object.hasOwn(columns, name)) throw invalid('fullText', `${name} is no column`)
}

/** What a column is ordered by: null first, as filters compare. @throws VeritasError */
const orderOf = (table: TableSpace, column: string): { readonly aql: string; readonly path: readonly string[] } => {
  const type = Object.hasOwn(table.columns, column) ? table.columns[column]?.type : undefined
  if (type === undefined) throw invalid('order.column', `${column} is no declared column`)
  if (type === 'json' || type.endsWith('[]')) throw refuse('relational', `an order by a column of the type ${type}`)
  const path = type === 'string' ? ['sort', column] : type === 'date' ? ['values', column, DATE] : ['values', column]
  return { aql: 'd.@by', path }
}

type Transact = RelationalRole['transaction']

/** The relational role: a collection a table. */
export const createRelationalRole = (access: Access, transaction: Transact): RelationalRole => {
  const { session, spaces } = access
  const tableOf = (call: Call, options: { readonly scope: RowScope; readonly table: string }): Promise<TableSpace> => {
    checkName(options.table, 'table')
    return spaces.table(call, options.scope, options.table)
  }

  /** Checks all rows; where one has a column that is not known, it may be one that another process has just added. */
  const checkedTable = async (
    call: Call,
    options: { readonly scope: RowScope; readonly table: string; readonly records: readonly RowRecord[] },
  ): Promise<TableSpace> => {
    const { scope, table, records } = options
    const known = await tableOf(call, options)
    try {
      refuseMistakes(records, (row) => checkRow(row, known.columns))
      return known
    } catch (error) {
      if (!VeritasError.is(error, 'VALIDATION')) throw error
      const fresh = await spaces.table(call, scope, table, true)
      refuseMistakes(records, (row) => checkRow(row, fresh.columns))
      return fresh
    }
  }

  const write = async (
    call: Call,
    table: TableSpace,
    records: readonly RowRecord[],
    mode: UpsertMode,
  ): Promise<Outcome[]> => {
    const unique = uniqueBatch(records, (row) => row.key, mode)
    const outcomes: Outcome[] = []
    const documents = unique.records.map((row) => toDocument(row, table.columns))
    for (const batch of documentBatches(documents)) {
      const { rows } = await session.query<string>(
        call,
        `FOR x IN @docs
           ${mode === 'replace' ? '' : 'LET old = FIRST((FOR d IN @@rows FILTER d._key == x._key RETURN { version: d.version }))'}
           FILTER ${versionCondition(mode)}
           INSERT x INTO @@rows OPTIONS { overwriteMode: "replace"${session.exclusive} }
           RETURN NEW._key`,
        { '@rows': table.rows, docs: batch },
        true,
      )
      const written = new Set(rows)
      for (const document of batch) outcomes.push(written.has(document._key) ? APPLIED : STALE)
    }
    return unique.outcomes(outcomes)
  }

  const find: RelationalRole['find'] = (options) =>
    access.call('relational', 'find', options, async (call): Promise<Page<RowRecord>> => {
      const { order, limit, cursor, columns } = options
      checkLimit(limit, 'limit')
      const filter = rowFilter(options.filter)
      const table = await tableOf(call, options)
      const fields = rowFields(columns)
      const position = readCursor(cursor, order ? 2 : 1)
      const binds = { '@rows': table.rows, limit: limit + 1, ...filter.binds, ...fields.binds }
      if (!order) {
        const { rows } = await session.query<RowDocument>(
          call,
          `FOR d IN @@rows FILTER d._key > @after FILTER ${filter.aql} SORT d._key LIMIT @limit RETURN ${fields.aql}`,
          { ...binds, after: position?.[0] ?? '' },
        )
        return pageOf(rows, limit, (row) => [row._key], toRow)
      }
      const by = orderOf(table, order.column)
      const [sign, direction] = order.direction === 'descending' ? ['<', 'DESC'] : ['>', 'ASC']
      const after = position ? `FILTER ${by.aql} ${sign} @value || (${by.aql} == @value && d._key > @after)` : ''
      const { rows } = await session.query<FoundRow>(
        call,
        `FOR d IN @@rows FILTER ${filter.aql} ${after} SORT ${by.aql} ${direction}, d._key LIMIT @limit
           RETURN MERGE(${fields.aql}, { by: ${by.aql} })`,
        { ...binds, by: by.path, ...(position && { value: position[0], after: position[1] }) },
      )
      return pageOf(rows, limit, (row) => [row.by ?? null, row._key], toRow)
    })

  const scan: RelationalRole['scan'] = ((
    options: ScanOptions & {
      readonly table: string
      readonly fields?: 'keys' | 'all'
      readonly columns?: readonly string[]
    },
  ) =>
    access.call('relational', 'scan', options, async (call): Promise<Page<RowRecord | RecordHead>> => {
      const { cursor, limit = 1000, columns } = options
      checkLimit(limit, 'limit', undefined, 1)
      const filter = rowFilter(options.filter)
      const table = await tableOf(call, options)
      const keysOnly = options.fields === 'keys'
      const fields = keysOnly ? { aql: '{ _key: d._key, version: d.version }', binds: {} } : rowFields(columns)
      const [after] = readCursor(cursor, 1) ?? ['']
      const { rows } = await session.query<RowDocument>(
        call,
        `FOR d IN @@rows FILTER d._key > @after FILTER ${filter.aql} SORT d._key LIMIT @limit RETURN ${fields.aql}`,
        { '@rows': table.rows, after, limit: limit + 1, ...filter.binds, ...fields.binds },
      )
      return pageOf<RowDocument, RowRecord | RecordHead>(rows, limit, (row) => [row._key], keysOnly ? toHead : toRow)
    })) as RelationalRole['scan']

  return {
    capabilities: relationalCapabilities,

    check: (records, definition) => issuesOf(records, (row) => checkRow(row, definition?.columns)),

    ensureTable: (options) =>
      access.call('relational', 'ensureTable', options, async (call) => {
        checkName(options.table, 'table')
        checkDefinition(options)
        await spaces.ensureTable(call, options.scope, options.table, options)
      }),

    dropTable: (options) =>
      access.call('relational', 'dropTable', options, async (call) => {
        checkName(options.table, 'table')
        await spaces.dropTable(call, options.scope, options.table)
      }),

    upsert: (options) =>
      access.call('relational', 'upsert', options, async (call) => {
        const { records, mode = 'replace' } = options
        checkUpsertMode(mode, relationalCapabilities, backendName, 'relational')
        return { outcomes: await write(call, await checkedTable(call, options), records, mode) }
      }),

    get: (options) =>
      access.call('relational', 'get', options, async (call) => {
        const table = await tableOf(call, options)
        const fields = rowFields(options.columns)
        const found: RowRecord[] = []
        for (const keys of chunks([...new Set(options.keys)], KEYS_A_REQUEST)) {
          const aql = `FOR d IN @@rows FILTER d._key IN @keys RETURN ${fields.aql}`
          const { rows } = await session.query<RowDocument>(call, aql, { '@rows': table.rows, keys, ...fields.binds })
          for (const row of rows) found.push(toRow(row))
        }
        return found
      }),

    find,

    count: (options) =>
      access.call('relational', 'count', options, async (call) => {
        const filter = rowFilter(options.filter)
        const table = await tableOf(call, options)
        if (filter.aql === 'true') return session.count(call, table.rows)
        const aql = `FOR d IN @@rows FILTER ${filter.aql} COLLECT WITH COUNT INTO n RETURN n`
        const { rows } = await session.query<number>(call, aql, { '@rows': table.rows, ...filter.binds })
        return rows[0] ?? 0
      }),

    delete: (options) =>
      access.call('relational', 'delete', options, async (call) => {
        const filter = 'filter' in options ? rowFilter(options.filter) : undefined
        const table = await tableOf(call, options)
        const only = session.exclusive === '' ? '' : 'OPTIONS { exclusive: true }'
        const remove = async (condition: string, binds: Readonly<Record<string, unknown>>): Promise<number> => {
          const aql = `FOR d IN @@rows FILTER ${condition} REMOVE d IN @@rows ${only}`
          return (await session.query(call, aql, { '@rows': table.rows, ...binds }, true)).written
        }
        if (filter) return { deleted: await remove(filter.aql, filter.binds) }
        let deleted = 0
        for (const keys of chunks('keys' in options ? [...new Set(options.keys)] : [], KEYS_A_REQUEST))
          deleted += await remove('d._key IN @keys', { keys })
        return { deleted }
      }),

    searchText: (options) =>
      access.call('relational', 'searchText', options, () => {
        throw refuse('relational', 'full text', 'use a store that has it for such searches.')
      }),

    scan,

    transaction,

    digest: (options) =>
      access.call('relational', 'digest', options, () => {
        throw refuse('relational', 'digests', 'scan keys and versions instead.')
      }),

    raw: (options) =>
      access.call('relational', 'raw', options, (call) => {
        const named = async (name: string): Promise<string | undefined> =>
          name.startsWith('table_')
            ? (await spaces.table(call, options.scope, name.slice('table_'.length))).rows
            : undefined
        return runRaw(session, call, options.query, options.parameters ?? {}, named)
      }),
  }
}

type RowScope = Parameters<RelationalRole['dropTable']>[0]['scope']
