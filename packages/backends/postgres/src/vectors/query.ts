import { checkLimit, checkVector, type Metric, type VectorMatch, type VectorQuery } from '@veritas-db/core/contract'
import { encodeVector } from '../binary.js'
import type { Space } from '../catalogue.js'
import type { PostgresConfig } from '../config.js'
import { conditionOf, type RoleContext } from '../role.js'
import type { Row, Session } from '../session.js'
import { Bindings } from '../sql.js'
import { hnswOf, OPERATORS, type VectorDefinition, vectorField, wantFieldIndexes } from './collections.js'
import { recordSelect, toScored } from './records.js'

/** The most matches of one query. */
export const MAX_TOP_K = 10_000
/** The most candidates that pgvector's HNSW keeps. */
const MAX_EF_SEARCH = 1000
/** An index in half precision brings this many times as many, which are then ranked exactly. */
const HALF_OVERFETCH = 3

type Collection = Space<VectorDefinition>

/**
 * Filtered searches of which some values match too few records. A prepared one has one plan for all values, the index; sent
 * whole, it is planned for its values, and for rare ones the index of the field is better.
 */
const uneven = new Set<string>()
const noteUneven = (sql: string): void => {
  if (uneven.size >= 1000) uneven.clear()
  uneven.add(sql)
}

/** The nearest records: through the HNSW index where there is one, else row by row. */
export const runQuery = async (
  context: RoleContext,
  options: VectorQuery,
  find: (session: Session, fresh?: boolean) => Promise<Collection>,
): Promise<readonly VectorMatch[]> => {
  const { access, config, indexes } = context
  const { vector, topK, filter } = options
  checkLimit(topK, 'topK', MAX_TOP_K, 1)
  checkVector(vector)
  // Behind a pooler settings last as long as a transaction.
  const inTransaction = config.transactionPooling && !access.inTransaction
  const work = async (session: Session): Promise<readonly VectorMatch[]> => {
    let space = await find(session)
    // It may have been made anew with other dimensions since.
    if (space.definition.dimensions !== vector.length) space = await find(session, true)
    checkVector(vector, space.definition.dimensions)
    await wantFieldIndexes(context, session, space, filter)
    const hnsw = options.exact ? undefined : hnswOf(config, space)
    const toMatches = (rows: readonly Row[]): readonly VectorMatch[] =>
      rows.map((row) => toScored(row, scoreOf(space.definition.metric, row.distance as number)))
    if (hnsw && (await indexes.want(session, space.relation, hnsw.spec))) {
      await applySettings(session, context, Math.min(Math.max(config.efSearch, topK), MAX_EF_SEARCH))
      const bindings = new Bindings(encodeVector(vector))
      const sql = nearestByIndex(context, space, options, hnsw.half, bindings)
      const { rows } = await session.query(sql, bindings.values, { prepare: !uneven.has(sql) })
      if (rows.length === topK) return toMatches(inOrder(rows))
      noteUneven(sql)
    }
    // Also where the index gave too few: a filter that few records match ends its search early.
    const bindings = new Bindings(encodeVector(vector))
    const sql = nearestExactly(context, space, options, bindings)
    return toMatches((await session.query(sql, bindings.values, { prepare: filter === undefined })).rows)
  }
  return inTransaction ? access.transact(options.signal, work) : access.read(options.signal, work)
}

const nearestByIndex = (
  { catalogue }: RoleContext,
  space: Collection,
  { topK, filter, include = {} }: VectorQuery,
  half: boolean,
  bindings: Bindings,
): string => {
  const { metric, dimensions } = space.definition
  const operator = OPERATORS[metric].distance
  const condition = conditionOf(filter, vectorField(space), bindings)
  const exact = `t.embedding ${operator} $1::vector`
  const approximate = `t.embedding::halfvec(${dimensions}) ${operator} $1::vector::halfvec(${dimensions})`
  const nearest = (distance: string, limit: number): string =>
    `SELECT ${recordSelect(include)}, ${exact} AS distance FROM ${catalogue.relation(space.relation)} t
     WHERE ${condition} ORDER BY ${distance} LIMIT ${limit}`
  if (!half) return nearest(exact, topK)
  // What half precision brought is ranked exactly. With "+ 0" the server does not take it for sorted already.
  return `SELECT * FROM (${nearest(approximate, topK * HALF_OVERFETCH)}) AS nearest ORDER BY distance + 0 LIMIT ${topK}`
}

/** The server gives what the index brings, which is a little out of order and has ties in any order. */
const inOrder = (rows: readonly Row[]): readonly Row[] =>
  rows.toSorted((a, b) => {
    const [one, other] = [a.distance as number, b.distance as number]
    if (one < other) return -1
    if (one > other) return 1
    if (a.key !== b.key) return (a.key as string) < (b.key as string) ? -1 : 1
    return (a.ordinal as number) - (b.ordinal as number)
  })

const nearestExactly = (
  { catalogue }: RoleContext,
  space: Collection,
  { topK, filter, include = {} }: VectorQuery,
  bindings: Bindings,
): string => {
  const condition = conditionOf(filter, vectorField(space), bindings)
  const table = catalogue.relation(space.relation)
  const { metric } = space.definition
  const distance = `t.embedding ${OPERATORS[metric].distance} $1::vector`
  // No index has these expressions, so none is used. The cosine of a vector of zeros is not a number; here it is similar to nothing.
  const sortable = metric === 'cosine' ? `coalesce(nullif(${distance}, 'NaN'), 1)` : `(${distance}) + 0`
  // All rows are sorted with no more than that takes, and the nearest then read whole, from where they were found.
  return `SELECT ${recordSelect(include)}, nearest.distance FROM (
      SELECT t.ctid, t.key, t.ordinal, ${sortable} AS distance FROM ${table} t WHERE ${condition} ORDER BY distance, t.key, t.ordinal LIMIT ${topK}
    ) AS nearest JOIN ${table} t ON t.ctid = nearest.ctid ORDER BY nearest.distance, t.key, t.ordinal`
}

/** Sets what the HNSW search goes by: on the connection, once, or in a transaction until its end. */
const applySettings = async (session: Session, { config, features }: RoleContext, efSearch: number): Promise<void> => {
  const settings = settingsFor(config, features().iterativeScan, efSearch)
  const { link } = session
  if (link.transaction) {
    await session.run(settings.map(([name, value]) => `SET LOCAL ${name} = ${value}`).join('; '))
    return
  }
  const wanted = String(settings)
  if (link.settings === wanted) return
  await session.run(settings.map(([name, value]) => `SET ${name} = ${value}`).join('; '))
  link.settings = wanted
}

const settingsFor = (
  config: PostgresConfig,
  iterative: boolean,
  efSearch: number,
): readonly (readonly [string, string | number])[] => [
  ['hnsw.ef_search', efSearch],
  // Results may come a little out of order, which is mended here; strict order would drop some.
  ...(iterative
    ? ([
        ['hnsw.iterative_scan', 'relaxed_order'],
        ['hnsw.max_scan_tuples', config.maxScanTuples],
      ] as const)
    : []),
]

const scoreOf = (metric: Metric, distance: number): number => {
  switch (metric) {
    case 'cosine':
      return Number.isNaN(distance) ? 0 : Math.min(1, Math.max(-1, 1 - distance))
    case 'dot':
      return -distance
    case 'euclidean':
      return 1 / (1 + distance)
  }
}
