import {
  APPLIED,
  all,
  assertPushable,
  bestFirst,
  checkCollection,
  checkLimit,
  checkUpsertMode,
  checkVectorQuery,
  type FilterNode,
  inParallel,
  isMatchAll,
  issuesOf,
  type Key,
  type Page,
  prepareRecords,
  type RecordHead,
  type ScanOptions,
  splitBatches,
  throwIfAborted,
  type VectorCapabilities,
  type VectorMatch,
  type VectorRecord,
  type VectorRole,
} from '@veritas-db/core/contract'
import type { Catalog, Space } from './catalog.js'
import type { Call, Connection } from './connection.js'
import { backendName, refuse } from './errors.js'
import { filterCapabilities, type NativeFilter, toNativeFilter } from './filter.js'
import { toToken } from './freshness.js'
import { versionParts } from './names.js'
import { Reader } from './reader.js'
import { KEY_FIELD, toMatch, toNativeRecord, toRecord, VERSION_FIELDS } from './records.js'

/** Namespace, braces and commas of a request, taken off the documented 2 MB. */
const OVERHEAD_BYTES = 4096

/** What the role can do in an index of any metric. docs.pinecone.io, "Limits". */
export const vectorCapabilities: VectorCapabilities = {
  limits: { batchRecords: 1000, batchBytes: 2 * 1024 * 1024 - OVERHEAD_BYTES },
  filter: filterCapabilities,
  upsertModes: ['replace'],
  conditionalUpsert: 'none',
  readAfterWrite: 'eventual',
  scan: { order: 'native', resume: 'cursor', snapshot: false },
  metrics: ['cosine', 'dot', 'euclidean'],
  maxDimensions: 20_000,
  maxTopK: 10_000,
  exact: 'never',
  fullText: false,
  patch: false,
  deleteByFilter: true,
}

/** Keys of one filter, and documents with versions of their own: what keeps a request small. */
const KEYS_A_FILTER = 1000
const DOCUMENTS_A_FILTER = 200

const chunks = <T>(items: readonly T[], size: number): (readonly T[])[] => [
  ...splitBatches(items, { batchRecords: size }),
]

/** The filter as Pinecone takes it; undefined where every record matches. */
const pushed = (filter: FilterNode | undefined): NativeFilter | undefined => {
  if (filter === undefined || isMatchAll(filter)) return undefined
  assertPushable(filter, filterCapabilities, backendName, 'vector')
  return toNativeFilter(all([filter]), KEY_FIELD)
}

/** Records of older versions than the given ones, of several documents. */
const olderThan = (
  documents: readonly { readonly key: Key; readonly versionBelow: VectorRecord['version'] }[],
): NativeFilter => {
  const [high, low] = VERSION_FIELDS
  const conditions = documents.map(({ key, versionBelow }) => {
    const [h, l] = versionParts(versionBelow)
    const below = { $or: [{ [high]: { $lt: h } }, { $and: [{ [high]: { $eq: h } }, { [low]: { $lt: l } }] }] }
    return { $and: [{ [KEY_FIELD]: { $eq: key } }, below] }
  })
  return conditions.length === 1 ? (conditions[0] as NativeFilter) : { $or: conditions }
}

/** The vector role over Pinecone's vectors API. */
export const createVectorRole = (connection: Connection, catalog: Catalog): VectorRole => {
  const reader = new Reader(connection)
  const { width } = connection
  const run = <T>(
    operation: string,
    options: { readonly signal?: AbortSignal | undefined } | undefined,
    work: (call: Call) => Promise<T>,
  ): Promise<T> => {
    const call = { operation, role: 'vector', signal: options?.signal } as const
    return connection.call(call, () => work(call))
  }

  const remove = async (
    call: Call,
    space: Space,
    filters: readonly NativeFilter[],
  ): Promise<{ deleted: null; token?: string }> => {
    const lsns = await inParallel(filters, width, async (filter) => {
      const options = { filter, namespace: space.namespace }
      const { exchange } = await connection.onIndex(call, space.host, (i) => i.deleteMany(options), { write: true })
      return exchange.requestLsn
    })
    return answer(space, lsns, { deleted: null })
  }

  const scan: VectorRole['scan'] = ((
    options: ScanOptions & { readonly fields?: 'keys' | 'all' },
  ): Promise<Page<VectorRecord | RecordHead>> =>
    run('scan', options, async (call) => {
      const { scope, after, cursor, limit = 1000 } = options
      checkLimit(limit, 'limit', undefined, 1)
      const filter = pushed(options.filter)
      const space = await catalog.find(call, scope)
      await reader.awaitWrite(call, space, after)
      const keysOnly = options.fields === 'keys'
      const page = await reader.scan(call, space, { filter, limit, keysOnly, ...(cursor !== undefined && { cursor }) })
      return { cursor: page.cursor, records: page.records.map((r) => (keysOnly ? toHead(r) : toRecord(r))) }
    })) as VectorRole['scan']

  return {
    get capabilities() {
      const { visibilityDelayMs } = connection.config
      const metrics = catalog.fixed ? [catalog.fixed.metric] : vectorCapabilities.metrics
      return { ...vectorCapabilities, metrics, visibilityDelayMs }
    },

    check: (records, definition) => issuesOf(records, (record) => toNativeRecord(record, definition?.dimensions)),

    ensureCollection: (options) =>
      run('ensureCollection', options, async (call) => {
        checkCollection(options, vectorCapabilities, backendName)
        await catalog.ensure(call, options.scope, options)
      }),

    dropCollection: (options) =>
      run('dropCollection', options, async (call) => reader.forget(await catalog.drop(call, options.scope))),

    listCollections: (options) => run('listCollections', options, (call) => catalog.list(call)),

    upsert: (options) =>
      run('upsert', options, async (call) => {
        const { scope, records, mode = 'replace' } = options
        checkUpsertMode(mode, vectorCapabilities, backendName, 'vector')
        const space = await catalog.find(call, scope)
        const native = prepareRecords(records, (record) => toNativeRecord(record, space.dimensions))
        // Ids contain the version, so only records of one version are duplicates: the last one is what would be there in the end.
        const unique = [...new Map(native.map((r) => [r.record.id, r])).values()]
        const batches = [...splitBatches(unique, vectorCapabilities.limits, (r) => r.bytes)]
        const lsns = await inParallel(batches, width, async (batch) => {
          throwIfAborted(call.signal)
          const request = { records: batch.map((r) => r.record), namespace: space.namespace }
          const { exchange } = await connection.onIndex(call, space.host, (i) => i.upsert(request), { write: true })
          return exchange.requestLsn
        })
        return answer(space, lsns, { outcomes: records.map(() => APPLIED) })
      }),

    get: (options) =>
      run('get', options, async (call) => {
        const { scope, keys, after, include = { metadata: true, text: true } } = options
        const space = await catalog.find(call, scope)
        await reader.awaitWrite(call, space, after)
        const unique = [...new Set(keys)]
        const found = await inParallel(chunks(unique, KEYS_A_FILTER), width, (part) =>
          reader.fetchAll(call, space, { [KEY_FIELD]: { $in: [...part] } }),
        )
        const place = new Map(unique.map((key, i) => [key, i]))
        const placeOf = (record: { readonly key: Key }): number => place.get(record.key) ?? 0
        return found
          .flat()
          .map((stored) => toMatch(stored, include))
          .sort((a, b) => placeOf(a) - placeOf(b) || a.ordinal - b.ordinal)
      }),

    query: (options) =>
      run('query', options, async (call): Promise<readonly VectorMatch[]> => {
        const { scope, vector, topK, include = {}, after } = options
        const filter = pushed(options.filter)
        const space = await catalog.find(call, scope)
        checkVectorQuery(options, space, vectorCapabilities, backendName)
        const found = await reader.query(call, space, { vector, topK, filter, values: include.vector === true, after })
        return found.map(({ score, ...stored }) => ({ ...toMatch(stored, include), score })).sort(bestFirst)
      }),

    delete: (options) =>
      run('delete', options, async (call) => {
        const filter = 'filter' in options ? (pushed(options.filter) ?? { [KEY_FIELD]: { $exists: true } }) : undefined
        const space = await catalog.find(call, options.scope)
        if (filter) return remove(call, space, [filter])
        const keys = 'keys' in options ? [...new Set(options.keys)] : []
        return remove(
          call,
          space,
          chunks(keys, KEYS_A_FILTER).map((part) => ({ [KEY_FIELD]: { $in: [...part] } })),
        )
      }),

    deleteByDocument: (options) =>
      run('deleteByDocument', options, async (call) => {
        const space = await catalog.find(call, options.scope)
        return remove(call, space, chunks(options.documents, DOCUMENTS_A_FILTER).map(olderThan))
      }),

    count: (options) =>
      run('count', options, async (call) => {
        const filter = pushed(options.filter)
        const space = await catalog.find(call, options.scope)
        if (filter || options.after !== undefined) return reader.count(call, space, filter, options.after)
        return (await catalog.describe(call, space))?.count ?? 0
      }),

    scan,

    searchText: (options) =>
      run('searchText', options, () => {
        throw refuse('full text in the vectors API', 'use the relational role for it.')
      }),

    patch: (options) =>
      run('patch', options, () => {
        throw refuse('replacing metadata alone', 'write the whole record with upsert: an update here would merge.')
      }),
  }
}

const toHead = (stored: { readonly id: string }): RecordHead => {
  const { key, version, ordinal } = toMatch(stored, {})
  return { key, version, ordinal }
}

/** An answer to a write, with its token where the server gave sequence numbers. */
const answer = <A extends object>(
  space: Space,
  lsns: readonly (number | undefined)[],
  rest: A,
): A & { token?: string } => {
  const token = toToken(space.namespace, lsns)
  return token === undefined ? rest : { ...rest, token }
}
