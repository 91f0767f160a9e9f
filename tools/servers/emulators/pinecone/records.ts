// Checks a record on its way in, with the service's own messages where they are known.
import { isObject, type JsonObject } from '../shared/http.ts'
import { ApiError, invalid } from './errors.ts'
import type { Metadata } from './filter.ts'
import type { StoredRecord, VectorIndex } from './store.ts'
import { allZero, float32, type Sparse } from './vectors.ts'

type LimitName =
  | 'upsertRecords'
  | 'requestBytes'
  | 'metadataBytes'
  | 'idLength'
  | 'fetchIds'
  | 'resultBytes'
  | 'listPage'
  | 'sparseValues'

// docs.pinecone.io: operation limits, identifier limits, "Metadata" (40 KB a record).
export const limits: Record<LimitName, number> = {
  upsertRecords: 1000,
  requestBytes: 2 * 1024 * 1024,
  metadataBytes: 40 * 1024,
  idLength: 512,
  fetchIds: 1000,
  resultBytes: 4 * 1024 * 1024,
  listPage: 100,
  sparseValues: 2048,
}

const shorten = (value: unknown): string => {
  const text = JSON.stringify(value) ?? 'null'
  return text.length > 20 ? `${text.slice(0, 17)}...` : text
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: the rule is "ASCII"
const ascii = /^[\x01-\x7f]*$/

export const checkId = (id: unknown): void => {
  if (typeof id !== 'string' || id === '') throw invalid('Vector ID must not be empty')
  if (!ascii.test(id)) throw invalid(`Vector ID must be ASCII, but got '${id}'`)
  if (id.length > limits.idLength)
    throw invalid(`Vector ID must be at most ${limits.idLength} characters, got ${id.length}`)
}

export const checkMetadata = (metadata: unknown): void => {
  if (metadata === undefined) return
  if (!isObject(metadata)) throw invalid(`Metadata must be an object, got '${shorten(metadata)}'`)
  for (const [field, value] of Object.entries(metadata)) {
    if (field.startsWith('$')) throw invalid(`Metadata field names must not start with '$', got '${field}'`)
    const flat = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    if (!flat && !(Array.isArray(value) && value.every((v) => typeof v === 'string')))
      throw invalid(
        `Metadata value must be a string, number, boolean or list of strings, got '${shorten(value)}' for field '${field}'`,
      )
  }
  const size = Buffer.byteLength(JSON.stringify(metadata))
  if (size > limits.metadataBytes)
    throw invalid(`Metadata size is ${size} bytes, which exceeds the limit of ${limits.metadataBytes} bytes per vector`)
}

/** Message of the first metadata that the service would refuse, before the schema says it in other words. */
export const checkRawVectors = (body: unknown): void => {
  if (!isObject(body)) return
  if (Array.isArray(body.vectors))
    for (const vector of body.vectors)
      if (isObject(vector)) {
        checkId(vector.id)
        checkMetadata(vector.metadata)
      }
  if (body.setMetadata !== undefined) checkMetadata(body.setMetadata)
}

export const denseVector = (index: VectorIndex, values: readonly number[], id?: string): Float32Array => {
  const { dimension } = index.spec
  if (dimension === undefined) throw invalid('Dense vectors are not supported by a sparse index')
  if (values.length !== dimension)
    throw invalid(`Vector dimension ${values.length} does not match the dimension of the index ${dimension}`)
  if (id !== undefined && allZero(values))
    throw invalid(`Dense vectors must contain at least one non-zero value. Vector ID ${id} contains only zeros.`)
  return Float32Array.from(values)
}

export const sparseVector = (sparse: Sparse): Sparse => {
  if (sparse.indices.length !== sparse.values.length)
    throw invalid('Sparse vector indices and values must have the same length')
  if (sparse.indices.length > limits.sparseValues)
    throw invalid(`Sparse vector has ${sparse.indices.length} non-zero values, more than ${limits.sparseValues}`)
  if (new Set(sparse.indices).size !== sparse.indices.length) throw invalid('Sparse vector indices must be unique')
  return { indices: [...sparse.indices], values: sparse.values.map(float32) }
}

export interface VectorInput {
  id: string
  values?: number[]
  sparseValues?: Sparse
  metadata?: Metadata
}

export const toStored = (index: VectorIndex, input: VectorInput): StoredRecord => {
  const dense = input.values?.length ? denseVector(index, input.values, input.id) : undefined
  const sparse = input.sparseValues ? sparseVector(input.sparseValues) : undefined
  if (index.spec.dimension !== undefined && !dense)
    throw invalid(`Vector dimension 0 does not match the dimension of the index ${index.spec.dimension}`)
  if (index.spec.dimension === undefined && !sparse) throw invalid('A sparse index takes sparse values')
  return { id: input.id, values: dense, sparse, metadata: structuredClone(input.metadata ?? {}) }
}

export const toVector = (record: StoredRecord, withValues = true, withMetadata = true): JsonObject => ({
  id: record.id,
  values: withValues && record.values ? Array.from(record.values, float32) : [],
  ...(withValues && record.sparse ? { sparseValues: record.sparse } : {}),
  ...(withMetadata && Object.keys(record.metadata).length > 0 ? { metadata: record.metadata } : {}),
})

export const checkRequestSize = (bytes: number): void => {
  if (bytes > limits.requestBytes)
    throw new ApiError(
      400,
      `Request size ${bytes} bytes exceeds the maximum supported size of ${limits.requestBytes} bytes`,
    )
}
