import { createHash } from 'node:crypto'
import {
  checkLimit,
  checkName,
  checkRow,
  checkUpsertMode,
  type FilterNode,
  FULL_FILTER,
  invalid,
  issuesOf,
  type Key,
  type Outcome,
  type Position,
  pageOf,
  type RelationalCapabilities,
  type RelationalRole,
  type RowRecord,
  refuseMistakes,
  type ScanOptions,
  type TableDefinition,
  type TableOptions,
  type Version,
} from '@veritas-db/core/contract'
import { batchRecords, deleteInBatches, inBatches, sum, writeResult } from './batches.js'
import { backendName, guarded, missing } from './errors.js'
import { type CompiledFilter, compileFilter } from './filter.js'
import { positionOf } from './pages.js'
import { runRaw } from './raw.js'
import { RowReader, RowWriter } from './relational/rows.js'
import {
  dropTable,
  ensureTable,
  findTable,
  isEnsured,
  rowField,
  type TableSpace,
  tableNames,
} from './relational/store.js'
import type { Access, Session, SqlRow, Transaction } from './session.js'
import { quote, type SqlValue } from './sql.js'
import { textQuery } from './text.js'

/** What the embedded relational role can do. */
export const relationalCapabilities: RelationalCapabilities = {
  limits: { batchRecords },
  filter: FULL_FILTER,
  upsertModes: ['replace', 'ifNewer', 'ifAbsent'],
  conditionalUpsert: 'atomic',
  readAfterWrite: 'immediate',
  scan: { order: 'key', resume: 'cursor', snapshot: false },
  fullText: true,
  transactions: true,
  order: true,
  digest: true,
  raw: 'sql',
}

type ScanArguments = ScanOptions & {
  readonly table: string
  readonly fields?: 'keys' | 'all'
  readonly columns?: readonly string[]
}

const tableOf = (session: Session, { scope, table }: Pick<TableOptions, 'scope' | 'table'>): TableSpace => {
  const space = findTable(session, scope, table)
  if (!space) throw missing(`The table "${table}" of "${scope.collection}"`, 'ensureTable')
  return space
}

const filterOf = (space: TableSpace, filter: FilterNode | undefined): CompiledFilter =>
  filter === undefined ? { sql: '1', params: [] } : compileFilter(filter, rowField(space.definition, 'r'))

const checkDefinition = ({ columns, fullText = [] }: TableDefinition): void => {
  for (const name of Object.keys(columns)) checkName(name, 'columns')
  for (const name of fullText)
    if (!Object.hasOwn(columns, name) || columns[name]?.type !== 'string')
      throw invalid('fullText', `${JSON.stringify(name)} is no declared column of type string`)
}

/** The relational role, over one connection or one unit of work. */
export const createRelationalRole = (
  access: Access,
  transact: <T>(signal: AbortSignal | undefined, work: (role: RelationalRole) => Promise<T>) => Promise<T>,
): RelationalRole => {
  const guard = <T>(
    operation: string,
    options: Parameters<typeof guarded>[3],
    work: () => T | Promise<T>,
  ): Promise<T> =>
    guarded(access, 'relational', operation, options, () => {
      if (options && 'table' in options) checkName(options.table, 'table')
      return work()
    })

  const scan: RelationalRole['scan'] = ((options: ScanArguments) =>
    guard('scan', options, () =>
      access.read(options.signal, (session) => {
        const space = tableOf(session, options)
        const limit = options.limit ?? 1000
        checkLimit(limit, 'limit')
        const [key] = positionOf(options.cursor, [''])
        const filter = filterOf(space, options.filter)
        const keysOnly = options.fields === 'keys'
        const reader = new RowReader(space.definition, 'r', options.columns)
        const rows = session.all(
          `SELECT ${keysOnly ? 'r.key, r.version' : reader.sql} FROM ${tableNames(space).rows} r
           WHERE r.key > ? AND (${filter.sql}) ORDER BY r.key LIMIT ?`,
          key,
          ...filter.params,
          limit + 1,
        )
        return pageOf(
          rows,
          limit,
          (row) => [row.key as string],
          (row) => (keysOnly ? { key: row.key as Key, version: row.version as Version } : reader.toRecord(row)),
        )
      }),
    )) as RelationalRole['scan']

  const role: RelationalRole = {
    capabilities: relationalCapabilities,

    check: (records, definition) => issuesOf(records, (record) => checkRow(record, definition?.columns)),

    ensureTable: (options) =>
      guard('ensureTable', options, async () => {
        checkDefinition(options)
        const { signal, scope, table } = options
        if (await access.read(signal, (session) => isEnsured(findTable(session, scope, table), options))) return
        await access.write(signal, ({ session }) => ensureTable(session, scope, table, options))
      }),

    dropTable: (options) =>
      guard('dropTable', options, () =>
        access.write(options.signal, ({ session }) => {
          const space = findTable(session, options.scope, options.table)
          if (space) dropTable(session, space)
        }),
      ),

    upsert: (options) =>
      guard('upsert', options, async () => {
        const { signal, records, mode = 'replace' } = options
        checkUpsertMode(mode, relationalCapabilities, backendName, 'relational')
        const write = ({ session }: Transaction, batch: readonly RowRecord[]): Outcome[] => {
          const writer = new RowWriter(session, tableOf(session, options))
          return batch.map((record) => writer.write(record, mode))
        }
        const check = (session: Session): void => {
          const { columns } = tableOf(session, options).definition
          refuseMistakes(records, (record) => checkRow(record, columns))
        }
        return writeResult(await inBatches(access, signal, records, write, check))
      }),

    get: (options) =>
      guard('get', options, () =>
        access.read(options.signal, (session) => {
          const space = tableOf(session, options)
          const reader = new RowReader(space.definition, 'r', options.columns)
          return session
            .all(
              `SELECT ${reader.sql} FROM json_each(?) j CROSS JOIN ${tableNames(space).rows} r ON r.key = j.value`,
              JSON.stringify([...new Set(options.keys)]),
            )
            .map((row) => reader.toRecord(row))
        }),
      ),

    find: (options) =>
      guard('find', options, () =>
        access.read(options.signal, (session) => {
          const space = tableOf(session, options)
          checkLimit(options.limit, 'limit')
          const reader = new RowReader(space.definition, 'r', options.columns)
          const filter = filterOf(space, options.filter)
          const order = orderOf(space, options.order)
          const after = order.after(options.cursor)
          const rows = session.all(
            `SELECT ${reader.sql}${order.column ? `, ${order.column} AS position` : ''} FROM ${tableNames(space).rows} r
             WHERE (${filter.sql}) AND (${after.sql}) ORDER BY ${order.sql} LIMIT ?`,
            ...filter.params,
            ...after.params,
            options.limit + 1,
          )
          const position = (row: SqlRow): Position =>
            (order.column ? [row.position, row.key] : [row.key]) as readonly (string | number | null)[]
          return pageOf(rows, options.limit, position, (row) => reader.toRecord(row))
        }),
      ),

    count: (options) =>
      guard('count', options, () =>
        access.read(options.signal, (session) => {
          const space = tableOf(session, options)
          const filter = filterOf(space, options.filter)
          const sql = `SELECT count(*) AS n FROM ${tableNames(space).rows} r WHERE ${filter.sql}`
          return session.get(sql, ...filter.params)?.n as number
        }),
      ),

    delete: (options) =>
      guard('delete', options, async () => {
        const remove = (session: Session, sql: string, ...params: SqlValue[]): number => {
          const space = tableOf(session, options)
          const ids = session.all(sql.replace('{rows}', tableNames(space).rows), ...params)
          const writer = new RowWriter(session, space)
          for (const { id } of ids) writer.remove(id as number)
          return ids.length
        }
        if ('keys' in options) {
          const counts = await inBatches(access, options.signal, options.keys, ({ session }, keys) => [
            remove(
              session,
              'SELECT r.id FROM json_each(?) j CROSS JOIN {rows} r ON r.key = j.value',
              JSON.stringify([...new Set(keys)]),
            ),
          ])
          return { deleted: sum(counts) }
        }
        const deleted = await deleteInBatches(access, options.signal, ({ session }) => {
          const filter = filterOf(tableOf(session, options), options.filter)
          const sql = `SELECT r.id FROM {rows} r WHERE ${filter.sql} LIMIT ?`
          return remove(session, sql, ...filter.params, batchRecords)
        })
        return { deleted }
      }),

    searchText: (options) =>
      guard('searchText', options, () =>
        access.read(options.signal, (session) => {
          const space = tableOf(session, options)
          checkLimit(options.limit, 'limit')
          const query = textQuery(options.query)
          const { fullText } = space.definition
          if (query === undefined || fullText.length === 0) return []
          const filter = filterOf(space, options.filter)
          const { rows, text } = tableNames(space)
          // The first column counts most: each weighs twice the next.
          const weights = fullText.map((_, i) => 2 ** (fullText.length - 1 - i)).join(', ')
          return session
            .all(
              `SELECT r.key, r.document_id, r.version, -bm25(${text}, ${weights}) AS score
               FROM ${text} JOIN ${rows} r ON r.id = ${text}.rowid
               WHERE ${text} MATCH ? AND (${filter.sql}) ORDER BY score DESC, r.key LIMIT ?`,
              query,
              ...filter.params,
              options.limit,
            )
            .map((row) => ({
              key: row.key as Key,
              documentId: row.document_id as string,
              version: row.version as Version,
              score: row.score as number,
            }))
        }),
      ),

    scan,

    transaction: (options, work) => transact(options.signal, work),

    digest: (options) =>
      guard('digest', options, () =>
        access.read(options.signal, (session) => {
          const { rows } = tableNames(tableOf(session, options))
          const hash = createHash('sha256')
          let count = 0
          for (const row of session.all(
            `SELECT key, version FROM ${rows} WHERE key >= ? AND key < ? ORDER BY key`,
            options.from,
            options.to,
          )) {
            hash.update(`${row.key} ${row.version}\n`)
            count++
          }
          return { count, hash: hash.digest('hex') }
        }),
      ),

    raw: (options) =>
      guard('raw', options, () =>
        access.read(options.signal, (session) => runRaw(session, options.query, options.parameters)),
      ),
  }
  return role
}

type Order = Parameters<RelationalRole['find']>[0]['order']

/** The order of a `find`: the SQL, the column it goes by, and the condition that starts it after a cursor. */
const orderOf = (
  space: TableSpace,
  order: Order,
): { sql: string; column?: string; after: (cursor: string | undefined) => CompiledFilter } => {
  if (!order) {
    return {
      sql: 'r.key',
      after: (cursor) => {
        const [key] = positionOf(cursor, [''])
        return { sql: 'r.key > ?', params: [key] }
      },
    }
  }
  const { columns } = space.definition
  const declared = Object.hasOwn(columns, order.column) ? columns[order.column] : undefined
  if (!declared) throw invalid('order.column', `${JSON.stringify(order.column)} is no declared column`)
  if (!['string', 'number', 'boolean', 'date'].includes(declared.type))
    throw invalid('order.column', `a column of type ${declared.type} has no order`)
  const column = `r.${quote(declared.name)}`
  const down = order.direction === 'descending'
  return {
    sql: `${column} ${down ? 'DESC' : 'ASC'}, r.key`,
    column,
    after: (cursor) => {
      if (cursor === undefined) return { sql: '1', params: [] }
      const [value, key] = positionOf(cursor, [null, ''])
      // Null comes before everything when ascending, after everything when descending.
      if (value === null)
        return {
          sql: down ? `(${column} IS NULL AND r.key > ?)` : `(${column} IS NOT NULL OR r.key > ?)`,
          params: [key],
        }
      const beyond = down ? `${column} < ? OR ${column} IS NULL` : `${column} > ?`
      return { sql: `(${beyond} OR (${column} = ? AND r.key > ?))`, params: [value, value, key] }
    },
  }
}
