// JSON Schemas of what is emulated, written from the documentation (see README.md). All are closed: a field that the
// documentation does not have is refused. A BSON vector appears in them as { "$vector": "float32", "length": n }.
import type { Schema } from '../shared/contract.ts'

const text: Schema = { type: 'string', minLength: 1 }

/** What every command may carry. */
const generic = {
  $db: text,
  lsid: { type: 'object' },
  $clusterTime: { type: 'object' },
  $readPreference: { type: 'object' },
  apiVersion: text,
  apiStrict: { type: 'boolean' },
  apiDeprecationErrors: { type: 'boolean' },
  maxTimeMS: { type: 'integer', minimum: 0 },
  comment: true,
} as const

/** "How to Index Fields for Vector Search": the fields of a definition of type vectorSearch. */
const vectorField: Schema = {
  type: 'object',
  required: ['type', 'path', 'numDimensions', 'similarity'],
  additionalProperties: false,
  properties: {
    type: { const: 'vector' },
    path: text,
    numDimensions: { type: 'integer', minimum: 1, maximum: 8192 },
    similarity: { enum: ['euclidean', 'cosine', 'dotProduct'] },
    quantization: { enum: ['none', 'scalar', 'binary'] },
    indexingMethod: { enum: ['hnsw', 'flat'] },
    hnswOptions: {
      type: 'object',
      additionalProperties: false,
      properties: {
        maxEdges: { type: 'integer', minimum: 16, maximum: 64 },
        numEdgeCandidates: { type: 'integer', minimum: 100, maximum: 3200 },
      },
    },
  },
}
const filterField: Schema = {
  type: 'object',
  required: ['type', 'path'],
  additionalProperties: false,
  properties: { type: { const: 'filter' }, path: text },
}
/** A definition of type vectorSearch. */
export const vectorDefinition: Schema = {
  type: 'object',
  required: ['fields'],
  additionalProperties: false,
  properties: {
    fields: {
      type: 'array',
      minItems: 1,
      items: { anyOf: [vectorField, filterField] },
      contains: { type: 'object', properties: { type: { const: 'vector' } } },
    },
  },
}

export const createSearchIndexes: Schema = {
  type: 'object',
  required: ['createSearchIndexes', 'indexes'],
  additionalProperties: false,
  properties: {
    ...generic,
    createSearchIndexes: text,
    indexes: {
      type: 'array',
      minItems: 1,
      items: {
        type: 'object',
        required: ['definition'],
        additionalProperties: false,
        // Indexes of type search, the default, are not emulated.
        properties: { name: text, type: { enum: ['search', 'vectorSearch'] }, definition: { type: 'object' } },
      },
    },
  },
}

const byNameOrId = { id: text, name: text } as const
const oneOfThem = { oneOf: [{ required: ['id'] }, { required: ['name'] }] }

export const updateSearchIndex: Schema = {
  type: 'object',
  required: ['updateSearchIndex', 'definition'],
  additionalProperties: false,
  properties: { ...generic, updateSearchIndex: text, ...byNameOrId, definition: { type: 'object' } },
  ...oneOfThem,
}

export const dropSearchIndex: Schema = {
  type: 'object',
  required: ['dropSearchIndex'],
  additionalProperties: false,
  properties: { ...generic, dropSearchIndex: text, ...byNameOrId },
  ...oneOfThem,
}

/** The command around a pipeline; what is in its stages is held against their own schemas. */
export const aggregate: Schema = {
  type: 'object',
  required: ['aggregate', 'pipeline', 'cursor'],
  additionalProperties: false,
  properties: {
    ...generic,
    aggregate: text,
    pipeline: { type: 'array', minItems: 1, items: { type: 'object' } },
    cursor: {
      type: 'object',
      additionalProperties: false,
      properties: { batchSize: { type: 'integer', minimum: 0 } },
    },
    readConcern: { type: 'object' },
    allowDiskUse: { type: 'boolean' },
    // Of transactions, in which the stages are refused.
    txnNumber: true,
    startTransaction: true,
    autocommit: true,
  },
}

/** "$listSearchIndexes": an id or a name, not both. */
export const listSearchIndexes: Schema = {
  type: 'object',
  additionalProperties: false,
  properties: byNameOrId,
  not: { required: ['id', 'name'] },
}

/** "Run Vector Search Queries", the table of fields, for vectors of one's own; what is not emulated is not among them. */
export const vectorSearch: Schema = {
  type: 'object',
  required: ['index', 'limit', 'path', 'queryVector'],
  additionalProperties: false,
  properties: {
    exact: { type: 'boolean' },
    filter: { type: 'object' },
    index: text,
    limit: { type: 'integer', minimum: 1, maximum: 2_147_483_647 },
    numCandidates: { type: 'integer', minimum: 1, maximum: 10_000 },
    path: text,
    queryVector: {
      anyOf: [
        { type: 'array', minItems: 1, items: { type: 'number' } },
        {
          type: 'object',
          required: ['$vector', 'length'],
          additionalProperties: false,
          properties: { $vector: { const: 'float32' }, length: { type: 'integer', minimum: 1 } },
        },
      ],
    },
  },
  // numCandidates is required where exact is false or left out.
  anyOf: [{ required: ['numCandidates'] }, { required: ['exact'], properties: { exact: { const: true } } }],
}

/** What may follow a search here: fields that are taken over, and the score. */
export const project: Schema = {
  type: 'object',
  minProperties: 1,
  additionalProperties: {
    anyOf: [
      { enum: [0, 1, true, false] },
      {
        type: 'object',
        required: ['$meta'],
        additionalProperties: false,
        properties: { $meta: { const: 'vectorSearchScore' } },
      },
    ],
  },
}
