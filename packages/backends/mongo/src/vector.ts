import {
  assertPushable,
  type CollectionDefinition,
  checkCollection,
  checkLimit,
  checkUpsertMode,
  checkVectorQuery,
  type FilterNode,
  isMatchAll,
  issuesOf,
  type Page,
  pageOf,
  prepareRecords,
  type RecordHead,
  type ScanOptions,
  type ScopedOptions,
  throwIfAborted,
  type VectorCapabilities,
  type VectorMatch,
  type VectorRecord,
  type VectorRole,
  VeritasError,
} from '@veritas-db/core/contract'
import type { Collection, Filter } from 'mongodb'
import type { Access } from './access.js'
import type { Catalog, Space } from './catalog.js'
import type { MongoConfig } from './config.js'
import { backendName, missing, refuse } from './errors.js'
import { allOf, compileFilter, fieldAt, type Query } from './filter.js'
import { keysAtOnce, splitEvery } from './lists.js'
import { keyAfter } from './pages.js'
import { filterCapabilities, toSearchFilter } from './vector/filter.js'
import { patchRecords } from './vector/patch.js'
import {
  checkComparable,
  everything,
  MAX_DIMENSIONS,
  prepareRecord,
  projectionOf,
  type StoredVector,
  toHead,
  toMatch,
  toRecord,
} from './vector/records.js'
import { type Found, MOST_CANDIDATES, searchPipeline, toMatches } from './vector/search.js'
import { asNotReady, METRICS, type SearchIndexes } from './vector/search-index.js'
import { limits, type Stored, writeDocuments } from './write.js'

interface Vectors {
  readonly definition: Pick<CollectionDefinition, 'dimensions' | 'metric'>
  readonly records: Collection<StoredVector>
}

/** What the role can do on every server that has it. mongodb.com/docs: $vectorSearch, How to Index Fields for Vector Search */
const vectorCapabilities: VectorCapabilities = {
  limits,
  filter: filterCapabilities,
  upsertModes: ['replace', 'ifNewer', 'ifAbsent'],
  conditionalUpsert: 'atomic',
  readAfterWrite: 'eventual',
  scan: { order: 'key', resume: 'cursor', snapshot: false },
  metrics: METRICS,
  maxDimensions: MAX_DIMENSIONS,
  maxTopK: MOST_CANDIDATES,
  exact: 'optional',
  fullText: false,
  patch: true,
  deleteByFilter: true,
}

/** Documents with versions of their own that one command deletes. */
const documentsAtOnce = 500

const checkDefinition = (definition: CollectionDefinition): void => {
  if (definition.metric === 'dot')
    throw refuse(
      'vector',
      'the metric dot',
      'its dotProduct takes vectors of length 1 alone, for which cosine gives the same.',
    )
  checkCollection(definition, vectorCapabilities, backendName)
}

const conditionOf = (filter: FilterNode | undefined, ...more: readonly Query[]): Filter<StoredVector> => {
  const compiled =
    filter && !isMatchAll(filter) ? [compileFilter(filter, (path) => ({ name: fieldAt('m', path) }))] : []
  return allOf([...compiled, ...more]) as Filter<StoredVector>
}

/** @throws VeritasError UNSUPPORTED for a filter beyond what the search index answers, wherever it is asked */
const checkFilter = (filter: FilterNode | undefined): void => {
  if (filter) assertPushable(filter, filterCapabilities, backendName, 'vector')
}

/** The vector role, over the connection or one transaction: documents with vectors, and the search index that follows them. */
export const createVectorRole = (
  access: Access,
  catalog: Catalog,
  indexes: SearchIndexes,
  config: MongoConfig,
): VectorRole => {
  const call = <T>(operation: string, options: ScopedOptions, work: () => Promise<T>): Promise<T> =>
    access.call('vector', operation, options, work)

  const vectorsOf = async ({ scope, signal }: ScopedOptions): Promise<Vectors> => {
    const space = await catalog.find(access, catalog.vectors(scope), signal)
    if (!space?.vectors) throw missing(`The collection "${scope.collection}"`, 'ensureCollection')
    return { definition: space.vectors, records: access.db.collection<StoredVector>(space._id) }
  }

  const refuseInTransaction = (what: string, instead: string): void => {
    if (access.transactional) throw refuse('vector', `${what} inside a transaction`, instead)
  }

  const scan = ((
    options: ScanOptions & { readonly fields?: 'keys' | 'all' },
  ): Promise<Page<VectorRecord | RecordHead>> =>
    call('scan', options, async () => {
      const { cursor, filter, signal, limit = 1000 } = options
      checkLimit(limit, 'limit')
      checkFilter(filter)
      const { records } = await vectorsOf(options)
      const keysOnly = options.fields === 'keys'
      const condition = conditionOf(filter, ...(cursor === undefined ? [] : [keyAfter(cursor)]))
      const projection = keysOnly ? projectionOf({}) : projectionOf(everything)
      const found = await access.read(signal, (settings) =>
        records
          .find(condition, { ...settings, projection })
          .sort({ _id: 1 })
          .limit(limit + 1)
          .batchSize(Math.min(limit + 2, 100_000))
          .toArray(),
      )
      return pageOf<StoredVector, VectorRecord | RecordHead>(
        found,
        limit,
        ({ _id }) => [_id],
        keysOnly ? toHead : toRecord,
      )
    })) as VectorRole['scan']

  return {
    capabilities: { ...vectorCapabilities, visibilityDelayMs: config.visibilityDelayMs },

    check: (records, definition) => issuesOf(records, (record) => prepareRecord(record, definition)),

    ensureCollection: (options) =>
      call('ensureCollection', options, async () => {
        const { scope, dimensions, metric, signal } = options
        checkDefinition(options)
        refuseInTransaction('ensureCollection', 'make collections before it.')
        const name = catalog.vectors(scope)
        // By key come reads and deletes, with the version those of older ones.
        const space = await catalog.ensure(access, describe(name, options), [{ key: { k: 1, v: 1 } }], signal)
        const there = space.vectors
        if (there?.dimensions !== dimensions || there.metric !== metric)
          throw new VeritasError({
            code: 'CONFLICT',
            message: `The collection "${scope.collection}" is there with ${there?.dimensions} dimensions and the metric ${there?.metric}, and cannot have ${dimensions} and ${metric}.`,
          })
        await indexes.ensure(access, access.db.collection<Stored>(name), there, signal)
      }),

    dropCollection: (options) =>
      call('dropCollection', options, async () => {
        refuseInTransaction('dropCollection', 'drop collections before or after it.')
        const name = catalog.vectors(options.scope)
        await indexes.drop(access, access.db.collection<Stored>(name), options.signal)
        await catalog.drop(access, name, options.signal)
      }),

    listCollections: (options = {}) =>
      access.call('vector', 'listCollections', options, async () => {
        const spaces = await catalog.list(access, 'vectors', options.signal)
        return spaces.flatMap(({ vectors, tenant, collection, incarnation }) =>
          vectors
            ? [
                {
                  scope: { collection, ...(tenant !== null && { tenant }), ...(incarnation > 0 && { incarnation }) },
                  ...vectors,
                },
              ]
            : [],
        )
      }),

    upsert: (options) =>
      call('upsert', options, async () => {
        const { signal, mode = 'replace' } = options
        checkUpsertMode(mode, vectorCapabilities, backendName, 'vector')
        const { definition, records } = await vectorsOf(options)
        const prepared = prepareRecords(options.records, (record) => prepareRecord(record, definition))
        const { Binary } = await import('mongodb')
        const writes = prepared.map((write) => write((vector) => Binary.fromFloat32Array(vector)))
        const collection = access.db.collection<Stored>(records.collectionName)
        return { outcomes: await writeDocuments(access, signal, collection, writes, mode) }
      }),

    get: (options) =>
      call('get', options, async () => {
        const { keys, signal, include = { metadata: true, text: true } } = options
        const { records } = await vectorsOf(options)
        const projection = projectionOf(include)
        const found: Omit<VectorMatch, 'score'>[] = []
        for (const part of splitEvery([...new Set(keys)], keysAtOnce)) {
          throwIfAborted(signal)
          const stored = await access.read(signal, (settings) =>
            records
              .find({ k: { $in: [...part] } }, { ...settings, projection })
              .batchSize(keysAtOnce + 1)
              .toArray(),
          )
          // Here and not on the server, which sorts whole documents with their vectors, within limits.
          stored.sort((a, b) => (a._id < b._id ? -1 : 1))
          for (const one of stored) found.push(toMatch(one, include))
        }
        return found
      }),

    query: (options) =>
      call('query', options, async () => {
        const { vector, topK, signal, filter: node, include, exact } = options
        refuseInTransaction('a search', 'the index follows what is committed: search outside of it.')
        checkFilter(node)
        const { definition, records } = await vectorsOf(options)
        checkVectorQuery(options, definition, vectorCapabilities, backendName)
        checkComparable(vector, definition)
        const filter = node ? toSearchFilter(node) : true
        if (filter === false) return []
        const { Binary } = await import('mongodb')
        const pipeline = searchPipeline({
          vector: Binary.fromFloat32Array(vector),
          topK,
          filter,
          metric: definition.metric,
          numCandidates: config.numCandidates,
          ...(include && { include }),
          ...(exact && { exact }),
        })
        const found = await access
          .read(signal, (settings) =>
            records.aggregate<Found>(pipeline, { ...settings, batchSize: topK + 1 }).toArray(),
          )
          .catch((error: unknown) => {
            throw asNotReady(error, records.collectionName)
          })
        if (found.length === 0) await indexes.confirm(access, access.db.collection(records.collectionName), signal)
        return toMatches(found, { metric: definition.metric, vector, ...(include && { include }) })
      }),

    delete: (options) =>
      call('delete', options, async () => {
        const { signal } = options
        if ('filter' in options) checkFilter(options.filter)
        const { records } = await vectorsOf(options)
        const remove = async (condition: Filter<StoredVector>): Promise<number> => {
          throwIfAborted(signal)
          const { deletedCount } = await access.write(signal, (settings) => records.deleteMany(condition, settings))
          return deletedCount
        }
        if (!('keys' in options)) return { deleted: await remove(conditionOf(options.filter)) }
        let deleted = 0
        for (const keys of splitEvery([...new Set(options.keys)], keysAtOnce))
          deleted += await remove({ k: { $in: [...keys] } })
        return { deleted }
      }),

    deleteByDocument: (options) =>
      call('deleteByDocument', options, async () => {
        const { documents, signal } = options
        const { records } = await vectorsOf(options)
        let deleted = 0
        for (const part of splitEvery(documents, documentsAtOnce)) {
          throwIfAborted(signal)
          const operations = part.map(({ key, versionBelow }) => ({
            // With $eq, what is no text cannot become an operator.
            deleteMany: { filter: { k: { $eq: key }, v: { $lt: versionBelow } } },
          }))
          const result = await access.write(signal, (settings) =>
            records.bulkWrite(operations, { ...settings, ordered: false }),
          )
          deleted += result.deletedCount
        }
        return { deleted }
      }),

    count: (options) =>
      call('count', options, async () => {
        checkFilter(options.filter)
        const { records } = await vectorsOf(options)
        const condition = conditionOf(options.filter)
        return access.read(options.signal, (settings) => records.countDocuments(condition, settings))
      }),

    scan,

    searchText: (options) =>
      call('searchText', options, () => {
        throw refuse('vector', 'full text over passages', 'use the relational role for it.')
      }),

    patch: (options) =>
      call('patch', options, async () => {
        const { records } = await vectorsOf(options)
        return {
          outcomes: await patchRecords(
            access,
            options.signal,
            access.db.collection<Stored>(records.collectionName),
            options.records,
          ),
        }
      }),
  }
}

const describe = (name: string, { scope, dimensions, metric }: ScopedOptions & CollectionDefinition): Space => ({
  _id: name,
  kind: 'vectors',
  tenant: scope.tenant ?? null,
  collection: scope.collection,
  incarnation: scope.incarnation ?? 0,
  table: null,
  columns: {},
  text: [],
  vectors: { dimensions, metric },
})
