import {
  checkLimit,
  checkName,
  FULL_FILTER,
  issuesOf,
  pageOf,
  type RelationalCapabilities,
  type RelationalRole,
  readCursor,
  refuseMistakes,
  type ScanOptions,
  type TableOptions,
  type Version,
} from '@veritas-db/core/contract'
import type { Identity } from './catalogue.js'
import { missing } from './errors.js'
import { runRaw } from './raw.js'
import { orderOf } from './relational/order.js'
import { checkRow, readerOf, rowBytes, rowColumns } from './relational/rows.js'
import {
  checkTable,
  ensureTable,
  isEnsured,
  type RelationalDefinition,
  rowField,
  type Table,
  tableIndexes,
  textIndex,
  wantFieldIndexes,
} from './relational/tables.js'
import {
  COMMON,
  checkedAgainst,
  conditionOf,
  countOf,
  guardFor,
  keysParameter,
  type RoleContext,
  readByKeys,
  toKey,
} from './role.js'
import type { Session } from './session.js'
import { Bindings, tableName } from './sql.js'
import { textQuery } from './text.js'
import { upsertRecords } from './upsert.js'

/** What the relational role can do. */
export const relationalCapabilities: RelationalCapabilities = {
  ...COMMON,
  filter: FULL_FILTER,
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
type Place = Pick<TableOptions, 'scope' | 'table'>

const identify = ({ scope, table }: Place): Identity => ({ role: 'relational', scope, name: table })

/** The relational role, over the pool or one unit of work; `transact` gives a role within a transaction. */
export const createRelationalRole = (context: RoleContext, transact: RelationalRole['transaction']): RelationalRole => {
  const { access, catalogue, config, indexes } = context
  const guard = guardFor(access, 'relational')

  const nameOf = (place: Place): string => tableName(config.prefix, place.table, place.scope)
  const tableOf = async (session: Session, place: Place, fresh = false): Promise<Table> => {
    checkName(place.table, 'table')
    const table = await catalogue.find<RelationalDefinition>(session, identify(place), fresh)
    if (!table) throw missing(`The table "${place.table}" of "${place.scope.collection}"`, 'ensureTable')
    return table
  }

  const scan: RelationalRole['scan'] = ((options: ScanArguments) =>
    guard('scan', options, () =>
      access.read(options.signal, async (session) => {
        const table = await tableOf(session, options)
        const limit = options.limit ?? 1000
        checkLimit(limit, 'limit')
        const position = readCursor(options.cursor, 1)
        const bindings = new Bindings()
        const after = position ? `r._key > ${bindings.bind(position[0])}::uuid` : 'true'
        const filter = conditionOf(options.filter, rowField(table), bindings)
        await wantFieldIndexes(context, session, table, options.filter)
        const keysOnly = options.fields === 'keys'
        const reader = readerOf(table.definition, options.columns)
        const { rows } = await session.query(
          `SELECT ${keysOnly ? 'r._key, r._version' : reader.select} FROM ${catalogue.relation(table.relation)} r
           WHERE ${after} AND ${filter} ORDER BY r._key LIMIT ${limit + 1}`,
          bindings.values,
        )
        return pageOf(
          rows,
          limit,
          (row) => [row._key as string],
          (row) => (keysOnly ? { key: toKey(row._key), version: row._version } : reader.toRecord(row)),
        )
      }),
    )) as RelationalRole['scan']

  return {
    capabilities: relationalCapabilities,

    check: (records, definition) => issuesOf(records, (record) => checkRow(record, definition?.columns)),

    ensureTable: (options) =>
      guard('ensureTable', options, async () => {
        const relation = nameOf(options)
        checkTable(options)
        await catalogue.ensure<RelationalDefinition>(
          access,
          options.signal,
          identify(options),
          relation,
          (table) => isEnsured(table, options),
          async (session, table) => {
            const qualified = catalogue.relation(relation)
            const definition = await ensureTable(session, config, relation, qualified, table?.definition, options)
            if (config.indexBuild === 'eager')
              for (const spec of tableIndexes(config, { relation, definition }))
                await indexes.make(session, relation, spec)
            return definition
          },
        )
      }),

    dropTable: (options) =>
      guard('dropTable', options, async () => {
        await indexes.forget(nameOf(options))
        await catalogue.remove(access, options.signal, identify(options), (session, relation) =>
          session.run(`DROP TABLE IF EXISTS ${catalogue.relation(relation)}`),
        )
      }),

    upsert: (options) =>
      guard('upsert', options, async () => {
        const { records, mode = 'replace' } = options
        return access.write(options.signal, async (session) => {
          const table = await checkedAgainst(
            (fresh) => tableOf(session, options, fresh),
            ({ definition }) => refuseMistakes(records, (row) => checkRow(row, definition.columns)),
          )
          const target = {
            table: catalogue.relation(table.relation),
            identity: ['_key'],
            version: '_version',
            vectorTypeId: 0,
          }
          const outcomes = await upsertRecords(session, records, {
            target,
            mode,
            identity: (record) => record.key,
            bytes: rowBytes,
            columns: (rows) => rowColumns(table.definition, rows),
          })
          return { outcomes }
        })
      }),

    get: (options) =>
      guard('get', options, () =>
        access.read(options.signal, async (session) => {
          const table = await tableOf(session, options)
          const reader = readerOf(table.definition, options.columns)
          const place = { table: catalogue.relation(table.relation), alias: 'r', key: '_key', order: 'r._key' }
          const rows = await readByKeys(session, { select: reader.select, ...place }, options.keys)
          return rows.map((row) => reader.toRecord(row))
        }),
      ),

    find: (options) =>
      guard('find', options, () =>
        access.read(options.signal, async (session) => {
          const table = await tableOf(session, options)
          checkLimit(options.limit, 'limit')
          const reader = readerOf(table.definition, options.columns)
          const bindings = new Bindings()
          const filter = conditionOf(options.filter, rowField(table), bindings)
          const order = orderOf(table.definition, options, bindings)
          await wantFieldIndexes(context, session, table, options.filter)
          const { rows } = await session.query(
            `SELECT ${reader.select}${order.select} FROM ${catalogue.relation(table.relation)} r
             WHERE ${order.after} AND ${filter} ORDER BY ${order.orderBy} LIMIT ${options.limit + 1}`,
            bindings.values,
            { prepare: true },
          )
          return pageOf(rows, options.limit, order.position, (row) => reader.toRecord(row))
        }),
      ),

    count: (options) =>
      guard('count', options, () =>
        access.read(options.signal, async (session) => {
          const table = await tableOf(session, options)
          const bindings = new Bindings()
          const filter = conditionOf(options.filter, rowField(table), bindings)
          await wantFieldIndexes(context, session, table, options.filter)
          const sql = `SELECT count(*) AS count FROM ${catalogue.relation(table.relation)} r WHERE ${filter}`
          return countOf(session, sql, bindings.values)
        }),
      ),

    delete: (options) =>
      guard('delete', options, () =>
        access.write(options.signal, async (session) => {
          const table = await tableOf(session, options)
          const from = `DELETE FROM ${catalogue.relation(table.relation)} r WHERE`
          if ('keys' in options) {
            const keys = [keysParameter(options.keys)]
            return { deleted: (await session.query(`${from} r._key = ANY($1::uuid[])`, keys)).count }
          }
          const bindings = new Bindings()
          const filter = conditionOf(options.filter, rowField(table), bindings)
          return { deleted: (await session.query(`${from} ${filter}`, bindings.values)).count }
        }),
      ),

    searchText: (options) =>
      guard('searchText', options, () =>
        access.read(options.signal, async (session) => {
          const table = await tableOf(session, options)
          checkLimit(options.limit, 'limit')
          if (table.definition.fullText.length === 0) return []
          await indexes.want(session, table.relation, textIndex(config, table))
          const bindings = new Bindings(options.query)
          const filter = conditionOf(options.filter, rowField(table), bindings)
          const words = textQuery(table.definition.textConfig, '$1')
          const { rows } = await session.query(
            `SELECT r._key, r._document_id, r._version, ts_rank(r._text, ${words})::float8 AS score
             FROM ${catalogue.relation(table.relation)} r WHERE r._text @@ ${words} AND ${filter}
             ORDER BY score DESC, r._key LIMIT ${options.limit}`,
            bindings.values,
          )
          return rows.map((row) => ({
            key: toKey(row._key),
            documentId: row._document_id as string,
            version: row._version as Version,
            score: row.score as number,
          }))
        }),
      ),

    scan,

    transaction: transact,

    digest: (options) =>
      guard('digest', options, () =>
        access.read(options.signal, async (session) => {
          const table = await tableOf(session, options)
          // In groups, so that the server never has all keys in one text.
          const { rows } = await session.query(
            `SELECT coalesce(sum(rows), 0)::int8 AS count, md5(coalesce(string_agg(hash, '' ORDER BY head), '')) AS hash FROM (
               SELECT left(r._key::text, 2) AS head, count(*) AS rows, md5(string_agg(r._key::text || ' ' || r._version, E'\\n' ORDER BY r._key)) AS hash
               FROM ${catalogue.relation(table.relation)} r WHERE r._key >= $1::uuid AND r._key < $2::uuid GROUP BY 1
             ) AS heads`,
            [options.from, options.to],
          )
          return { count: rows[0]?.count as number, hash: rows[0]?.hash as string }
        }),
      ),

    raw: (options) => guard('raw', options, () => runRaw(access, options)),
  }
}
