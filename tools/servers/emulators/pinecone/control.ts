// The control plane: which indexes there are.
import { isObject, type JsonObject, type Reply } from '../shared/http.ts'
import { ApiError, invalid, notFound } from './errors.ts'
import { type IndexSpec, VectorIndex } from './store.ts'
import type { Metric } from './vectors.ts'

export interface ControlRequest {
  indexes: Map<string, VectorIndex>
  params: Record<string, string>
  body: JsonObject
  hostOf(name: string): string
  readyDelayMs: number
}

type Handler = (request: ControlRequest) => Reply

const model = (index: VectorIndex, hostOf: (name: string) => string): JsonObject => {
  const { spec } = index
  const ready = performance.now() >= index.readyAt
  const sparse = { _sparse_values: { type: 'sparse_vector', description: null } }
  return {
    name: spec.name,
    host: hostOf(spec.name),
    status: { ready, state: ready ? 'Ready' : 'Initializing' },
    deployment: { deployment_type: 'managed', cloud: spec.cloud, region: spec.region },
    read_capacity: {
      mode: 'OnDemand',
      status: { state: 'Ready', current_replicas: null, current_shards: null },
    },
    // A dense index of the vectors API reports both reserved fields.
    schema: {
      fields:
        spec.dimension === undefined
          ? sparse
          : {
              _values: { type: 'dense_vector', description: null, dimension: spec.dimension, metric: spec.metric },
              ...sparse,
            },
    },
    tags: spec.tags,
    deletion_protection: spec.deletionProtection,
  }
}

const find = ({ indexes, params }: ControlRequest): VectorIndex => {
  const index = indexes.get(params.index_name ?? '')
  if (!index) throw notFound(`Resource ${params.index_name} not found`)
  return index
}

const toTags = (value: unknown): Record<string, string> =>
  isObject(value) ? Object.fromEntries(Object.entries(value).map(([k, v]) => [k, String(v)])) : {}

const withTags = (before: Record<string, string> | null, change: unknown): Record<string, string> | null => {
  // The empty string takes a tag away.
  const kept = Object.entries({ ...before, ...toTags(change) }).filter(([, v]) => v !== '')
  return kept.length > 0 ? Object.fromEntries(kept) : null
}

const create: Handler = ({ indexes, body, hostOf, readyDelayMs }) => {
  const name = String(body.name ?? `index-${indexes.size + 1}`)
  if (indexes.has(name)) throw new ApiError(409, 'Resource already exists')
  const fields = isObject(body.schema) && isObject(body.schema.fields) ? body.schema.fields : {}
  const dense = isObject(fields._values) ? fields._values : undefined
  const deployment = isObject(body.deployment) ? body.deployment : {}
  const spec: IndexSpec = {
    name,
    dimension: dense ? Number(dense.dimension) : undefined,
    metric: (dense ? String(dense.metric) : 'dotproduct') as Metric,
    cloud: String(deployment.cloud ?? 'aws'),
    region: String(deployment.region ?? 'us-east-1'),
    tags: withTags(null, body.tags),
    deletionProtection: body.deletion_protection === 'enabled' ? 'enabled' : 'disabled',
  }
  const index = new VectorIndex(spec, performance.now() + readyDelayMs)
  indexes.set(name, index)
  return { status: 201, body: model(index, hostOf) }
}

const configure: Handler = (request) => {
  const index = find(request)
  const { body } = request
  if (body.schema !== undefined) throw invalid('The schema of a vector index cannot be changed')
  if (body.tags !== undefined) index.spec.tags = withTags(index.spec.tags, body.tags)
  if (body.deletion_protection !== undefined)
    index.spec.deletionProtection = body.deletion_protection === 'enabled' ? 'enabled' : 'disabled'
  return { status: 200, body: model(index, request.hostOf) }
}

const remove: Handler = (request) => {
  const index = find(request)
  if (index.spec.deletionProtection === 'enabled')
    throw new ApiError(
      403,
      'Deletion protection is enabled for this index. Disable deletion protection before retrying.',
    )
  request.indexes.delete(index.spec.name)
  return { status: 202 }
}

export const controlHandlers: Record<string, Handler> = {
  listIndexes: ({ indexes, hostOf }) => ({
    status: 200,
    body: { indexes: [...indexes.values()].map((index) => model(index, hostOf)) },
  }),
  createIndex: create,
  describeIndex: (request) => ({ status: 200, body: model(find(request), request.hostOf) }),
  configureIndex: configure,
  deleteIndex: remove,
}
