// Facts of Pinecone's API description, version 2026-07, as carried by the types and comments that
// @pinecone-database/pinecone 9.0.0 generates from it, cross-read with the published OpenAPI documents
// db_control_2026-04.oas.yaml and db_data_2026-04.oas.yaml (github.com/pinecone-io/pinecone-api), and with
// docs.pinecone.io (operation limits, identifier limits). Requests are closed: an unknown field is a violation.
import type { RouteContract, Schema } from '../shared/contract.ts'

export const apiVersion = '2026-07'

const str: Schema = { type: 'string' }
const int: Schema = { type: 'integer' }
const num: Schema = { type: 'number' }
const bool: Schema = { type: 'boolean' }
const anyObject: Schema = { type: 'object' }
const closed = (properties: Record<string, Schema>, required: string[] = []): Schema => ({
  type: 'object',
  properties,
  required,
  additionalProperties: false,
})
const array = (items: Schema, rest: Record<string, unknown> = {}): Schema => ({ type: 'array', items, ...rest })
const map = (additionalProperties: Schema): Schema => ({ type: 'object', additionalProperties })
const nullable = (type: string): Schema => ({ type: [type, 'null'] })
// Query parameters arrive as text.
const digits: Schema = { type: 'string', pattern: '^[0-9]+$' }

// --- data plane -----------------------------------------------------------------------------------------------------

// MetadataValue: string, number, boolean or list of strings; null and nesting are not in it.
const metadata = map({ anyOf: [str, num, bool, array(str)] })
const sparse = closed({ indices: array({ type: 'integer', minimum: 0 }), values: array(num) }, ['indices', 'values'])
const id: Schema = { type: 'string', minLength: 1, maxLength: 512 }
const vectorIn = closed({ id, values: array(num), sparseValues: sparse, metadata }, ['id'])
const vectorOut = closed({ id, values: array(num), sparseValues: sparse, metadata }, ['id'])
const usage = closed({ readUnits: int })
const pagination = closed({ next: str }, ['next'])
const rpcStatus = closed({ code: int, message: str, details: array(anyObject) })
const scored = closed({ id: str, score: num, values: array(num), sparseValues: sparse, metadata }, ['id'])
const namespaceSchema = closed({ fields: map(closed({ filterable: bool }, ['filterable'])) })
const namespaceDescription = closed({
  name: str,
  record_count: { type: 'string', pattern: '^[0-9]+$' },
  size_bytes: { type: 'string', pattern: '^[0-9]+$' },
  schema: namespaceSchema,
  indexed_fields: closed({ fields: array(str) }),
})
const dataErrors = { error: { anyOf: [rpcStatus, str] } }
const empty = closed({})

const data = (
  operation: string,
  method: string,
  path: string,
  answer: Schema,
  request?: Schema,
  query?: Schema,
): RouteContract => ({
  operation,
  method,
  path,
  answers: { 200: answer, ...dataErrors },
  ...(request === undefined ? {} : { request }),
  query: query ?? closed({}),
})

export const dataRoutes: RouteContract[] = [
  data(
    'upsertVectors',
    'POST',
    '/vectors/upsert',
    closed({ upsertedCount: int }),
    closed({ vectors: array(vectorIn, { minItems: 1 }), namespace: str }, ['vectors']),
  ),
  data(
    'queryVectors',
    'POST',
    '/query',
    closed({ results: array(anyObject), matches: array(scored), namespace: str, usage }),
    closed(
      {
        namespace: str,
        topK: { type: 'integer', minimum: 1, maximum: 10000 },
        filter: anyObject,
        includeValues: bool,
        includeMetadata: bool,
        vector: array(num, { minItems: 1, maxItems: 20000 }),
        sparseVector: sparse,
        id,
        scanFactor: { type: 'number', minimum: 0.5, maximum: 4 },
        maxCandidates: { type: 'integer', minimum: 1, maximum: 100000 },
      },
      ['topK'],
    ),
  ),
  data(
    'fetchVectors',
    'GET',
    '/vectors/fetch',
    closed({ vectors: map(vectorOut), namespace: str, usage }),
    undefined,
    closed({ ids: array(str, { minItems: 1 }), namespace: str }, ['ids']),
  ),
  data(
    'fetchVectorsByMetadata',
    'POST',
    '/vectors/fetch_by_metadata',
    closed({ vectors: map(vectorOut), namespace: str, usage, pagination }),
    closed(
      {
        namespace: str,
        filter: anyObject,
        limit: { type: 'integer', minimum: 1, maximum: 10000 },
        paginationToken: str,
      },
      ['filter'],
    ),
  ),
  data(
    'updateVector',
    'POST',
    '/vectors/update',
    closed({ matchedRecords: int }),
    closed({
      id,
      values: array(num, { minItems: 1 }),
      sparseValues: sparse,
      setMetadata: metadata,
      namespace: str,
      filter: anyObject,
      dryRun: bool,
    }),
  ),
  data(
    'deleteVectors',
    'POST',
    '/vectors/delete',
    empty,
    closed({
      ids: array(str, { minItems: 1, maxItems: 1000 }),
      deleteAll: bool,
      namespace: str,
      filter: anyObject,
    }),
  ),
  data(
    'listVectors',
    'GET',
    '/vectors/list',
    closed({ vectors: array(closed({ id: str })), pagination, namespace: str, usage }),
    undefined,
    closed({ prefix: str, limit: digits, paginationToken: str, namespace: str }),
  ),
  data(
    'describeIndexStats',
    'POST',
    '/describe_index_stats',
    closed({
      namespaces: map(closed({ vectorCount: int })),
      dimension: int,
      indexFullness: num,
      totalVectorCount: int,
      metric: str,
      vectorType: str,
      memoryFullness: num,
      storageFullness: num,
    }),
    closed({ filter: anyObject }),
  ),
  data(
    'listNamespacesOperation',
    'GET',
    '/namespaces',
    closed({ namespaces: array(namespaceDescription), pagination, total_count: int }),
    undefined,
    closed({ limit: digits, paginationToken: str, prefix: str }),
  ),
  data(
    'createNamespace',
    'POST',
    '/namespaces',
    namespaceDescription,
    closed({ name: { type: 'string', minLength: 1, maxLength: 512 }, schema: namespaceSchema }, ['name']),
  ),
  data('describeNamespace', 'GET', '/namespaces/{namespace}', namespaceDescription),
  data('deleteNamespace', 'DELETE', '/namespaces/{namespace}', empty),
]

// --- control plane --------------------------------------------------------------------------------------------------

const tags: Schema = { type: ['object', 'null'], additionalProperties: { type: 'string', maxLength: 120 } }
const protection: Schema = { enum: ['enabled', 'disabled'] }
const indexName: Schema = { type: 'string', pattern: '^[a-z0-9]([a-z0-9-]{0,43}[a-z0-9])?$' }
const managed = closed(
  { deployment_type: { const: 'managed' }, cloud: { enum: ['gcp', 'aws', 'azure'] }, region: str, environment: str },
  ['deployment_type', 'cloud', 'region'],
)
const denseField = closed(
  {
    type: { const: 'dense_vector' },
    description: nullable('string'),
    dimension: { type: 'integer', minimum: 1, maximum: 20000 },
    metric: { enum: ['cosine', 'dotproduct', 'euclidean'] },
  },
  ['type', 'dimension', 'metric'],
)
const sparseField = closed({ type: { const: 'sparse_vector' }, description: nullable('string') }, ['type'])
// The reserved names make a classic vector index, the only kind this emulator has.
const fields = closed({ _values: denseField, _sparse_values: sparseField })
const indexSchema = closed({ fields: { ...(fields as object), minProperties: 1 } }, ['fields'])
const onDemand = closed({ mode: { const: 'OnDemand' } }, ['mode'])
const readCapacity = closed(
  {
    mode: { const: 'OnDemand' },
    status: closed(
      {
        state: { enum: ['Ready', 'Scaling', 'Migrating', 'Error'] },
        current_replicas: nullable('integer'),
        current_shards: nullable('integer'),
        error_message: str,
      },
      ['state'],
    ),
  },
  ['mode', 'status'],
)
const indexModel = closed(
  {
    name: indexName,
    host: str,
    private_host: str,
    status: closed(
      {
        ready: bool,
        state: {
          enum: [
            'Initializing',
            'InitializationFailed',
            'Failed',
            'ScalingUp',
            'ScalingDown',
            'ScalingUpPodSize',
            'Terminating',
            'Ready',
            'Disabled',
          ],
        },
      },
      ['ready', 'state'],
    ),
    deployment: managed,
    read_capacity: readCapacity,
    source_collection: str,
    source_backup_id: str,
    cmek_id: str,
    schema: indexSchema,
    tags,
    deletion_protection: protection,
  },
  ['name', 'host', 'status', 'deployment', 'schema', 'deletion_protection'],
)
const errorResponse = closed(
  {
    status: int,
    error: closed(
      {
        code: {
          enum: [
            'OK',
            'UNKNOWN',
            'INVALID_ARGUMENT',
            'DEADLINE_EXCEEDED',
            'NOT_FOUND',
            'ALREADY_EXISTS',
            'PERMISSION_DENIED',
            'UNAUTHENTICATED',
            'RESOURCE_EXHAUSTED',
            'FAILED_PRECONDITION',
            'ABORTED',
            'OUT_OF_RANGE',
            'INTERNAL',
            'FORBIDDEN',
            'PAYMENT_REQUIRED',
            'SERVICE_UNAVAILABLE',
            'PAYLOAD_TOO_LARGE',
            'UNPROCESSABLE_ENTITY',
          ],
        },
        message: str,
        details: anyObject,
      },
      ['code', 'message'],
    ),
  },
  ['status', 'error'],
)
const controlErrors = { error: errorResponse }

export const controlRoutes: RouteContract[] = [
  {
    operation: 'listIndexes',
    method: 'GET',
    path: '/indexes',
    query: closed({}),
    answers: { 200: closed({ indexes: array(indexModel) }), ...controlErrors },
  },
  {
    operation: 'createIndex',
    method: 'POST',
    path: '/indexes',
    query: closed({}),
    request: closed(
      {
        name: indexName,
        deployment: managed,
        schema: indexSchema,
        cmek_id: str,
        read_capacity: onDemand,
        tags,
        deletion_protection: protection,
      },
      ['schema'],
    ),
    answers: { 201: indexModel, ...controlErrors },
  },
  {
    operation: 'describeIndex',
    method: 'GET',
    path: '/indexes/{index_name}',
    query: closed({}),
    answers: { 200: indexModel, ...controlErrors },
  },
  {
    operation: 'configureIndex',
    method: 'PATCH',
    path: '/indexes/{index_name}',
    query: closed({}),
    request: closed({ schema: anyObject, read_capacity: onDemand, tags, deletion_protection: protection }),
    answers: { 200: indexModel, ...controlErrors },
  },
  {
    operation: 'deleteIndex',
    method: 'DELETE',
    path: '/indexes/{index_name}',
    query: closed({}),
    answers: { 202: empty, ...controlErrors },
  },
]
