// The data plane: what an index's host answers.
import { isObject, type JsonObject, type Reply } from '../shared/http.ts'
import { ApiError, invalid, notFound } from './errors.ts'
import { compileFilter, type FilterRules, type Metadata } from './filter.ts'
import { checkId, denseVector, limits, sparseVector, toStored, toVector, type VectorInput } from './records.ts'
import type { Namespace, StoredRecord, VectorIndex } from './store.ts'
import { better, float32, type Sparse, score, sparseDot, wobble } from './vectors.ts'

export interface DataRequest {
  index: VectorIndex
  params: Record<string, string>
  query: Record<string, string | string[]>
  body: JsonObject
  rules: FilterRules
  delayMs: number
  /** Largest error of a score, as approximate search has it. */
  scoreNoise: number
}

type Handler = (request: DataRequest) => Reply

const namespaceOf = ({ index, body, query }: DataRequest): Namespace =>
  index.namespace(String(body.namespace ?? query.namespace ?? ''))

const written = (body: JsonObject, lsn: number): Reply => ({
  status: 200,
  body,
  headers: { 'x-pinecone-request-lsn': String(lsn) },
})

const readUnits = (count: number): JsonObject => ({ readUnits: Math.max(1, Math.ceil(count / 10)) })

const filterOf = (body: JsonObject): JsonObject | undefined =>
  isObject(body.filter) && Object.keys(body.filter).length > 0 ? body.filter : undefined

const byId = (a: { id: string }, b: { id: string }): number => Buffer.compare(Buffer.from(a.id), Buffer.from(b.id))

const upsert: Handler = (request) => {
  const { index, body, rules, delayMs } = request
  const vectors = body.vectors as VectorInput[]
  if (vectors.length > limits.upsertRecords)
    throw invalid(`The number of vectors in an upsert must be at most ${limits.upsertRecords}, got ${vectors.length}`)
  const records = vectors.map((vector) => toStored(index, vector))
  const lsn = namespaceOf(request).append({ kind: 'upsert', records }, delayMs, rules)
  return written({ upsertedCount: records.length }, lsn)
}

/** What is being asked about: a stored record, or the vectors of the request. */
const target = (request: DataRequest, namespace: Namespace): { dense?: Float32Array; sparse?: Sparse } | undefined => {
  const { index, body } = request
  const byVector = body.vector !== undefined || body.sparseVector !== undefined
  if (body.id !== undefined) {
    if (byVector) throw invalid('A query takes either an id or a vector, not both')
    const record = namespace.records.get(String(body.id))
    if (!record) return undefined
    return { ...(record.values ? { dense: record.values } : {}), ...(record.sparse ? { sparse: record.sparse } : {}) }
  }
  if (!byVector) throw invalid('A query needs a vector, a sparseVector or an id')
  const { metric, dimension } = index.spec
  if (body.sparseVector !== undefined && metric !== 'dotproduct')
    throw invalid(`Index configuration does not support sparse values: only the dotproduct metric does, not ${metric}`)
  if (body.vector === undefined && dimension !== undefined)
    throw invalid('A query of a dense index needs a dense vector')
  return {
    ...(body.vector === undefined ? {} : { dense: denseVector(index, body.vector as number[]) }),
    ...(body.sparseVector === undefined ? {} : { sparse: sparseVector(body.sparseVector as Sparse) }),
  }
}

const rate = (
  request: DataRequest,
  record: StoredRecord,
  wanted: { dense?: Float32Array; sparse?: Sparse },
): number => {
  const { metric } = request.index.spec
  const dense = wanted.dense && record.values ? score(metric, wanted.dense, record.values) : 0
  const sparse = wanted.sparse && record.sparse && metric === 'dotproduct' ? sparseDot(wanted.sparse, record.sparse) : 0
  return dense + sparse + request.scoreNoise * wobble(record.id)
}

const query: Handler = (request) => {
  const { index, body, rules } = request
  const namespace = namespaceOf(request)
  const filter = filterOf(body)
  const test = filter ? compileFilter(filter, rules) : undefined
  const wanted = target(request, namespace)
  const rated: { record: StoredRecord; score: number }[] = []
  if (wanted)
    for (const record of namespace.records.values()) {
      if (test && !test(record.metadata)) continue
      // A sparse search finds only records that share a term with the query.
      if (!wanted.dense && !(record.sparse && wanted.sparse && sparseDot(wanted.sparse, record.sparse) !== 0)) continue
      rated.push({ record, score: rate(request, record, wanted) })
    }
  rated.sort((a, b) => better(index.spec.metric, a.score, b.score) || byId(a.record, b.record))
  const matches = rated.slice(0, Number(body.topK)).map((hit) => ({
    ...toVector(hit.record, body.includeValues === true, body.includeMetadata === true),
    score: float32(hit.score),
  }))
  const answer = { results: [], matches, namespace: namespace.name, usage: readUnits(matches.length) }
  if (Buffer.byteLength(JSON.stringify(answer)) > limits.resultBytes)
    throw invalid(`The query result exceeds the maximum size of ${limits.resultBytes} bytes`)
  return {
    status: 200,
    body: answer,
    // Documented for queries alone. A namespace that nobody wrote to has no number to report.
    headers: namespace.indexedLsn > 0 ? { 'x-pinecone-max-indexed-lsn': String(namespace.indexedLsn) } : {},
  }
}

const fetchById: Handler = (request) => {
  const namespace = namespaceOf(request)
  const ids = [request.query.ids ?? []].flat()
  if (ids.length > limits.fetchIds) throw invalid(`A fetch takes at most ${limits.fetchIds} ids, got ${ids.length}`)
  for (const id of ids) checkId(id)
  const found = ids.map((id) => namespace.records.get(id)).filter((record) => record !== undefined)
  const vectors = Object.fromEntries(found.map((record) => [record.id, toVector(record)]))
  return { status: 200, body: { vectors, namespace: namespace.name, usage: readUnits(found.length) } }
}

const encodeToken = (after: string): string => Buffer.from(JSON.stringify({ after })).toString('base64url')

const decodeToken = (token: unknown): string | undefined => {
  if (token === undefined || token === '') return undefined
  try {
    const value: unknown = JSON.parse(Buffer.from(String(token), 'base64url').toString())
    if (isObject(value) && typeof value.after === 'string') return value.after
  } catch (error) {
    throw new ApiError(400, `Invalid pagination token: ${error instanceof Error ? error.message : 'not a token'}`)
  }
  throw invalid('Invalid pagination token')
}

/** One page in "C" collation, after the token's key. */
const page = <T extends { id: string }>(items: T[], token: unknown, size: number): { items: T[]; next: JsonObject } => {
  const after = decodeToken(token)
  const rest = items.sort(byId).filter((item) => after === undefined || byId(item, { id: after }) > 0)
  const taken = rest.slice(0, size)
  const last = taken.at(-1)
  return { items: taken, next: last && rest.length > size ? { pagination: { next: encodeToken(last.id) } } : {} }
}

const fetchByMetadata: Handler = (request) => {
  const namespace = namespaceOf(request)
  const filter = filterOf(request.body)
  if (!filter) throw invalid('fetch_by_metadata needs a non-empty filter')
  const matching = namespace.matching(filter, request.rules)
  const { items, next } = page(matching, request.body.paginationToken, Number(request.body.limit ?? 100))
  const vectors = Object.fromEntries(items.map((record) => [record.id, toVector(record)]))
  return { status: 200, body: { vectors, namespace: namespace.name, usage: readUnits(items.length), ...next } }
}

const list: Handler = (request) => {
  const namespace = namespaceOf(request)
  const { prefix, limit, paginationToken } = request.query
  const size = Math.min(limits.listPage, Number(limit ?? limits.listPage))
  if (size < 1) throw invalid('limit must be at least 1')
  const ids = [...namespace.records.keys()].filter((id) => id.startsWith(String(prefix ?? ''))).map((id) => ({ id }))
  const { items, next } = page(ids, paginationToken, size)
  return { status: 200, body: { vectors: items, namespace: namespace.name, usage: { readUnits: 1 }, ...next } }
}

const update: Handler = (request) => {
  const { index, body, rules, delayMs } = request
  const filter = filterOf(body)
  if ((body.id === undefined) === (filter === undefined)) throw invalid('An update needs either an id or a filter')
  if (filter && (body.values !== undefined || body.sparseValues !== undefined))
    throw invalid('An update by metadata changes metadata only')
  const namespace = namespaceOf(request)
  const matched = filter ? namespace.matching(filter, rules).length : undefined
  const answer = matched === undefined ? {} : { matchedRecords: matched }
  // An update finds nothing in a namespace nobody wrote to, and does not make one.
  if (body.dryRun === true || !namespace.exists) return { status: 200, body: answer }
  const lsn = namespace.append(
    {
      kind: 'update',
      change: {
        id: body.id === undefined ? undefined : String(body.id),
        filter,
        values: body.values === undefined ? undefined : denseVector(index, body.values as number[], String(body.id)),
        sparse: body.sparseValues === undefined ? undefined : sparseVector(body.sparseValues as Sparse),
        setMetadata: body.setMetadata as Metadata | undefined,
      },
    },
    delayMs,
    rules,
  )
  return written(answer, lsn)
}

const remove: Handler = (request) => {
  const { body, rules, delayMs } = request
  const filter = filterOf(body)
  const ways = [body.ids !== undefined, body.deleteAll === true, filter !== undefined].filter(Boolean).length
  if (ways !== 1) throw invalid('A delete needs exactly one of ids, deleteAll and filter')
  const namespace = namespaceOf(request)
  if (!namespace.exists) throw notFound('Namespace not found')
  if (filter) compileFilter(filter, rules)
  const lsn = namespace.append(
    filter
      ? { kind: 'deleteWhere', filter }
      : body.deleteAll === true
        ? { kind: 'deleteAll' }
        : { kind: 'delete', ids: body.ids as string[] },
    delayMs,
    rules,
  )
  return written({}, lsn)
}

const stats: Handler = ({ index, body }) => {
  if (filterOf(body))
    throw invalid('Serverless and Starter indexes do not support describing index stats with metadata filtering')
  const visible = index.namespaces().filter((namespace) => namespace.visible)
  const { dimension, metric } = index.spec
  return {
    status: 200,
    body: {
      namespaces: Object.fromEntries(visible.map((n) => [n.name, { vectorCount: n.records.size }])),
      ...(dimension === undefined ? {} : { dimension }),
      indexFullness: 0,
      totalVectorCount: visible.reduce((sum, n) => sum + n.records.size, 0),
      metric,
      vectorType: dimension === undefined ? 'sparse' : 'dense',
    },
  }
}

const describe = (namespace: Namespace): JsonObject => ({
  name: namespace.name,
  record_count: String(namespace.records.size),
  size_bytes: String(namespace.sizeBytes()),
  ...(namespace.schema ? { schema: namespace.schema } : {}),
})

const listNamespaces: Handler = ({ index, query }) => {
  const matching = index
    .namespaces()
    .filter((n) => n.visible && n.name.startsWith(String(query.prefix ?? '')))
    .map((n) => ({ id: n.name, namespace: n }))
  const size = Math.min(limits.listPage, Number(query.limit ?? limits.listPage))
  const { items, next } = page(matching, query.paginationToken, Math.max(1, size))
  return {
    status: 200,
    body: { namespaces: items.map((item) => describe(item.namespace)), ...next, total_count: matching.length },
  }
}

const createNamespace: Handler = ({ index, body, rules, delayMs }) => {
  const name = String(body.name)
  const namespace = index.namespace(name)
  if (namespace.exists || namespace.name === '__default__') throw new ApiError(409, 'Namespace already exists')
  if (isObject(body.schema)) namespace.schema = body.schema
  namespace.append({ kind: 'create' }, delayMs, rules)
  return { status: 200, body: describe(namespace) }
}

const describeNamespace: Handler = ({ index, params }) => {
  const namespace = index.namespace(params.namespace)
  if (!namespace.visible) throw notFound('Namespace not found')
  return { status: 200, body: describe(namespace) }
}

const deleteNamespace: Handler = ({ index, params, rules, delayMs }) => {
  const namespace = index.namespace(params.namespace)
  if (!namespace.exists) throw notFound('Namespace not found')
  namespace.append({ kind: 'drop' }, delayMs, rules)
  return { status: 200, body: {} }
}

export const dataHandlers: Record<string, Handler> = {
  upsertVectors: upsert,
  queryVectors: query,
  fetchVectors: fetchById,
  fetchVectorsByMetadata: fetchByMetadata,
  updateVector: update,
  deleteVectors: remove,
  listVectors: list,
  describeIndexStats: stats,
  listNamespacesOperation: listNamespaces,
  createNamespace,
  describeNamespace,
  deleteNamespace,
}
