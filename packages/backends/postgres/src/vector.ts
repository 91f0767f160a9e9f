import {
  type CollectionDefinition,
  type CollectionInfo,
  checkLimit,
  checkVectorPatch,
  checkVectorRecord,
  FULL_FILTER,
  issuesOf,
  pageOf,
  readCursor,
  refuseMistakes,
  type ScanOptions,
  type Scope,
  type VectorCapabilities,
  type VectorQuery,
  type VectorRole,
} from '@veritas-db/core/contract'
import { textArray, uuidArray } from './binary.js'
import type { Identity, Space } from './catalogue.js'
import { missing } from './errors.js'
import {
  COMMON,
  checkedAgainst,
  conditionOf,
  countOf,
  guardFor,
  keysParameter,
  type RoleContext,
  readByKeys,
} from './role.js'
import type { Session } from './session.js'
import { Bindings, relationName } from './sql.js'
import { textQuery } from './text.js'
import { type Target, upsertRecords } from './upsert.js'
import {
  checkCollection,
  collectionIndexes,
  createCollection,
  extendCollection,
  isEnsured,
  MAX_DIMENSIONS,
  textIndex,
  textOf,
  type VectorDefinition,
  vectorField,
  wantFieldIndexes,
} from './vectors/collections.js'
import { MAX_TOP_K, runQuery } from './vectors/query.js'
import {
  patchRecords,
  recordBytes,
  recordColumns,
  recordSelect,
  toHead,
  toMatch,
  toRecord,
  toScored,
} from './vectors/records.js'

/** What the vector role can do. */
export const vectorCapabilities: VectorCapabilities = {
  ...COMMON,
  filter: FULL_FILTER,
  metrics: ['cosine', 'dot', 'euclidean'],
  maxDimensions: MAX_DIMENSIONS,
  maxTopK: MAX_TOP_K,
  exact: 'optional',
  fullText: true,
  patch: true,
  deleteByFilter: true,
}

type ScanArguments = ScanOptions & { readonly fields?: 'keys' | 'all' }
type Collection = Space<VectorDefinition>

const identify = (scope: Scope): Identity => ({ role: 'vector', scope, name: '' })
const identityOf = (record: { readonly key: string; readonly ordinal: number }): string =>
  `${record.key} ${record.ordinal}`

/** The vector role, over the pool or one unit of work. */
export const createVectorRole = (context: RoleContext): VectorRole => {
  const { access, catalogue, config, indexes, features } = context
  const guard = guardFor(access, 'vector')

  const collectionOf = async (session: Session, scope: Scope, fresh = false): Promise<Collection> => {
    const space = await catalogue.find<VectorDefinition>(session, identify(scope), fresh)
    if (!space) throw missing(`The collection "${scope.collection}"`, 'ensureCollection')
    return space
  }
  const tableOf = (space: Collection): string => catalogue.relation(space.relation)
  const targetOf = (space: Collection): Target => ({
    table: tableOf(space),
    identity: ['key', 'ordinal'],
    version: 'version',
    vectorTypeId: features().vectorTypeId,
  })

  const scan: VectorRole['scan'] = ((options: ScanArguments) =>
    guard('scan', options, () =>
      access.read(options.signal, async (session) => {
        const space = await collectionOf(session, options.scope)
        const limit = options.limit ?? 1000
        checkLimit(limit, 'limit')
        const position = readCursor(options.cursor, 2)
        const parameters = new Bindings()
        const after = position
          ? `(t.key, t.ordinal) > (${parameters.bind(position[0])}::uuid, ${parameters.bind(position[1])}::int4)`
          : 'true'
        const filter = conditionOf(options.filter, vectorField(space), parameters)
        await wantFieldIndexes(context, session, space, options.filter)
        const keysOnly = options.fields === 'keys'
        const { rows } = await session.query(
          `SELECT ${keysOnly ? 't.key, t.ordinal, t.version' : recordSelect({ metadata: true, text: true, vector: true })}
           FROM ${tableOf(space)} t WHERE ${after} AND ${filter} ORDER BY t.key, t.ordinal LIMIT ${limit + 1}`,
          parameters.values,
        )
        return pageOf(
          rows,
          limit,
          (row) => [row.key as string, row.ordinal as number],
          (row) => (keysOnly ? toHead(row) : toRecord(row)),
        )
      }),
    )) as VectorRole['scan']

  return {
    capabilities: vectorCapabilities,

    check: (records, definition) => issuesOf(records, (record) => checkVectorRecord(record, definition)),

    ensureCollection: (options) =>
      guard('ensureCollection', options, async () => {
        checkCollection(options)
        const { scope, signal } = options
        const relation = relationName(config.prefix, 'vectors', scope)
        await catalogue.ensure<VectorDefinition>(
          access,
          signal,
          identify(scope),
          relation,
          (space) => isEnsured(space, options),
          async (session, space) => {
            const definition: VectorDefinition = space ? extendCollection(space.definition, options) : options
            if (!space) await createCollection(session, catalogue.relation(relation), definition)
            const made: Collection = { relation, definition: pick(definition) }
            if (config.indexBuild === 'eager')
              for (const spec of collectionIndexes(config, made)) await indexes.make(session, relation, spec)
            return made.definition
          },
        )
      }),

    dropCollection: (options) =>
      guard('dropCollection', options, async () => {
        await indexes.forget(relationName(config.prefix, 'vectors', options.scope))
        await catalogue.remove(access, options.signal, identify(options.scope), (session, relation) =>
          session.run(`DROP TABLE IF EXISTS ${catalogue.relation(relation)}`),
        )
      }),

    listCollections: (options) =>
      guard('listCollections', options, () =>
        access.read(options?.signal, async (session) => {
          const spaces = await catalogue.list<VectorDefinition>(session, 'vector')
          return spaces.map(({ scope, space }): CollectionInfo => ({ scope, ...space.definition }))
        }),
      ),

    upsert: (options) =>
      guard('upsert', options, async () => {
        const { scope, records, mode = 'replace' } = options
        return access.write(options.signal, async (session) => {
          const space = await checkedAgainst(
            (fresh) => collectionOf(session, scope, fresh),
            ({ definition }) => refuseMistakes(records, (record) => checkVectorRecord(record, definition)),
          )
          const outcomes = await upsertRecords(session, records, {
            target: targetOf(space),
            mode,
            identity: identityOf,
            bytes: recordBytes,
            columns: recordColumns,
          })
          return { outcomes }
        })
      }),

    get: (options) =>
      guard('get', options, () =>
        access.read(options.signal, async (session) => {
          const space = await collectionOf(session, options.scope)
          const include = options.include ?? { metadata: true, text: true }
          const place = { table: tableOf(space), alias: 't', key: 'key', order: 't.key, t.ordinal' }
          const rows = await readByKeys(session, { select: recordSelect(include), ...place }, options.keys)
          return rows.map((row) => toMatch(row))
        }),
      ),

    query: (options: VectorQuery) =>
      guard('query', options, () => runQuery(context, options, (session) => collectionOf(session, options.scope))),

    delete: (options) =>
      guard('delete', options, () =>
        access.write(options.signal, async (session) => {
          const space = await collectionOf(session, options.scope)
          if ('keys' in options) {
            const sql = `DELETE FROM ${tableOf(space)} WHERE key = ANY($1::uuid[])`
            return { deleted: (await session.query(sql, [keysParameter(options.keys)])).count }
          }
          const parameters = new Bindings()
          const filter = conditionOf(options.filter, vectorField(space), parameters)
          return {
            deleted: (await session.query(`DELETE FROM ${tableOf(space)} t WHERE ${filter}`, parameters.values)).count,
          }
        }),
      ),

    deleteByDocument: (options) =>
      guard('deleteByDocument', options, () =>
        access.write(options.signal, async (session) => {
          const space = await collectionOf(session, options.scope)
          const { documents } = options
          const { count } = await session.query(
            `DELETE FROM ${tableOf(space)} t USING unnest($1::uuid[], $2::text[]) AS d (key, below)
             WHERE t.key = d.key AND t.version < d.below COLLATE "C"`,
            [uuidArray(documents.map((d) => d.key)), textArray(documents.map((d) => d.versionBelow))],
          )
          return { deleted: count }
        }),
      ),

    count: (options) =>
      guard('count', options, () =>
        access.read(options.signal, async (session) => {
          const space = await collectionOf(session, options.scope)
          const parameters = new Bindings()
          const filter = conditionOf(options.filter, vectorField(space), parameters)
          await wantFieldIndexes(context, session, space, options.filter)
          return countOf(
            session,
            `SELECT count(*) AS count FROM ${tableOf(space)} t WHERE ${filter}`,
            parameters.values,
          )
        }),
      ),

    scan,

    searchText: (options) =>
      guard('searchText', options, () =>
        access.read(options.signal, async (session) => {
          const space = await collectionOf(session, options.scope)
          checkLimit(options.limit, 'limit')
          await indexes.want(session, space.relation, textIndex(config, space.relation))
          const parameters = new Bindings(options.query)
          const filter = conditionOf(options.filter, vectorField(space), parameters)
          const words = textQuery(config.textConfig, '$1')
          const { rows } = await session.query(
            `SELECT ${recordSelect({})}, ts_rank(${textOf(config)}, ${words})::float8 AS score FROM ${tableOf(space)} t
             WHERE ${textOf(config)} @@ ${words} AND ${filter} ORDER BY score DESC, t.key, t.ordinal LIMIT ${options.limit}`,
            parameters.values,
          )
          return rows.map((row) => toScored(row, row.score as number))
        }),
      ),

    patch: (options) =>
      guard('patch', options, async () => {
        const { signal, scope, records } = options
        refuseMistakes(records, checkVectorPatch)
        const outcomes = await access.write(signal, async (session) =>
          patchRecords(session, tableOf(await collectionOf(session, scope)), records),
        )
        return { outcomes }
      }),
  }
}

/** What the catalogue keeps of the options of `ensureCollection`. */
const pick = ({ dimensions, metric, fields }: CollectionDefinition): VectorDefinition => ({
  dimensions,
  metric,
  ...(fields && { fields }),
})
