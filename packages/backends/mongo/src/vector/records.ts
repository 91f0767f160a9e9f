import {
  type CollectionDefinition,
  checkVectorRecord,
  invalid,
  type Key,
  type Metadata,
  type RecordHead,
  type VectorMatch,
  type VectorQuery,
  type VectorRecord,
} from '@veritas-db/core/contract'
import type { Binary, Document } from 'mongodb'
import { checkSize } from '../checks.js'
import { bsonSize, decodeValues, encodeValues } from '../values.js'
import type { Stored, Write } from '../write.js'
import { WORDS_FIELD } from './filter.js'
import { wordsOf } from './words.js'

/** The largest dimension of a search index. */
export const MAX_DIMENSIONS = 8192

/** The field with the vector. */
export const VECTOR_FIELD = 'e'

/**
 * A record as it is stored: `k` key, `o` ordinal, `d` document id, `e` vector, `t` text, `m` metadata, and in `g` the words
 * about the metadata that filters of a search ask for.
 */
export interface StoredVector extends Stored {
  readonly k: Key
  readonly o: number
  readonly d: string
  readonly e: Binary
  readonly t: string | null
  readonly m: Metadata
  readonly [WORDS_FIELD]: readonly string[]
}

type Include = NonNullable<VectorQuery['include']>
/** Makes a vector what BSON calls a vector of 32-bit floats: a binary value of subtype 9. */
type Encode = (vector: Float32Array) => Binary

/** The identity of a record; the text order is that of keys, then of ordinals, which have ten digits at most. */
export const recordId = (key: Key, ordinal: number): string => `${key}:${String(ordinal).padStart(10, '0')}`

/** Vectors are compared in 32 bits: the square of the length must be a number there, and for the cosine not zero. */
const checkLength = (vector: Float32Array, metric: CollectionDefinition['metric']): void => {
  let square = 0
  for (let i = 0; i < vector.length; i++) square += (vector[i] as number) ** 2
  if (square > 1e37) throw invalid('vector', 'is too long to be compared in 32 bits')
  if (metric !== 'cosine' || square >= 1e-36) return
  if (square === 0) throw invalid('vector', 'is zero, which has no direction: MongoDB cannot compare it by cosine')
  throw invalid('vector', 'is too short to be compared by cosine in 32 bits')
}

/** Checks a vector that is to be stored or searched for. Not knowing the metric, it says what the usual one would. @throws VeritasError VALIDATION */
export const checkComparable = (
  vector: Float32Array,
  definition: Pick<CollectionDefinition, 'metric'> | undefined,
): void => {
  if (vector.length > MAX_DIMENSIONS)
    throw invalid(
      'vector',
      `has ${vector.length} dimensions, and a search index of MongoDB takes at most ${MAX_DIMENSIONS}`,
    )
  checkLength(vector, definition?.metric ?? 'cosine')
}

const wordsSize = (words: readonly string[]): number => words.reduce((size, word) => size + 15 + word.length, 0)

/** What a patch sets. @throws VeritasError VALIDATION where it is too large */
export const metadataFields = (metadata: Metadata): { readonly set: Document; readonly size: number } => {
  const words = wordsOf(metadata)
  const size = bsonSize(metadata) + wordsSize(words)
  checkSize(size, 'metadata')
  return { set: { m: encodeValues(metadata), [WORDS_FIELD]: words }, size }
}

/** Checks one record, and gives it as it is written. @throws VeritasError VALIDATION */
export const prepareRecord = (
  record: VectorRecord,
  definition: Pick<CollectionDefinition, 'dimensions' | 'metric'> | undefined,
): ((encode: Encode) => Write) => {
  checkVectorRecord(record, definition)
  checkComparable(record.vector, definition)
  const { key, ordinal, documentId, version, vector, text } = record
  const metadata = metadataFields(record.metadata)
  const size = 300 + documentId.length * 3 + vector.byteLength + Buffer.byteLength(text ?? '') + metadata.size
  checkSize(size, text !== undefined && text.length > metadata.size ? 'text' : 'metadata')
  return (encode) => ({
    id: recordId(key, ordinal),
    version,
    size,
    set: {
      k: key,
      o: ordinal,
      d: documentId,
      v: version,
      [VECTOR_FIELD]: encode(vector),
      // A whole record: the text of an earlier one must not stay.
      t: text ?? null,
      ...metadata.set,
    },
  })
}

/** The fields to read. */
export const projectionOf = (include: Include): Record<string, 1> => ({
  k: 1,
  o: 1,
  d: 1,
  v: 1,
  ...(include.metadata && { m: 1 }),
  ...(include.text && { t: 1 }),
  ...(include.vector && { [VECTOR_FIELD]: 1 }),
})

export const everything: Include = { metadata: true, text: true, vector: true }

/** A record as it comes back, with what was asked for. */
export const toMatch = (stored: StoredVector, include: Include): Omit<VectorMatch, 'score'> => ({
  key: stored.k,
  documentId: stored.d,
  version: stored.v,
  ordinal: stored.o,
  ...(include.metadata && { metadata: decodeValues(stored.m ?? {}) }),
  ...(include.text && typeof stored.t === 'string' && { text: stored.t }),
  ...(include.vector && { vector: stored.e.toFloat32Array() }),
})

export const toRecord = (stored: StoredVector): VectorRecord => toMatch(stored, everything) as VectorRecord

export const toHead = ({ k, v, o }: StoredVector): RecordHead => ({ key: k, version: v, ordinal: o })
