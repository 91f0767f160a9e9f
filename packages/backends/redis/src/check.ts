import {
  type CollectionDefinition,
  checkVectorPatch,
  checkVectorRecord,
  invalid,
  type Metadata,
  type VectorRecord,
  type Version,
} from '@veritas-db/core/contract'
import { type Patch, recordId } from './records.js'
import { rangeField } from './statements.js'

/** The largest dimension of RediSearch; vector sets are held to the same. */
export const MAX_DIMENSIONS = 32_768
/** The longest text that Redis takes is 512 MB by default; records beyond this are refused. */
export const MAX_RECORD_BYTES: number = 64 * 1024 * 1024
/** Fields of a RediSearch index, less those for tags, text and vector. */
export const MAX_RANGES = 1000
/** Matches of one query. */
export const MAX_TOP_K = 10_000
/** Bytes that one transaction writes: the server, which is one thread, does nothing else meanwhile. */
export const BATCH_BYTES: number = 4 * 1024 * 1024

/** Redis divides by the length in 32 bits: what that makes of these is no number, or not the right one. @throws VeritasError VALIDATION */
export const checkLength = (vector: Float32Array): void => {
  let sum = 0
  for (let i = 0; i < vector.length; i++) sum += (vector[i] as number) * (vector[i] as number)
  if (sum === 0) throw invalid('vector', 'is zero, which has no direction: Redis cannot compare it by cosine')
  if (sum < 1e-36 || sum > 1e38) throw invalid('vector', 'is too short or too long to be compared by cosine in 32 bits')
}

/** What is to be known of a record or patch, which was checked, before it is sent. */
export interface Checked {
  readonly id: string
  readonly version: Version
  /** What it takes on the wire, about: texts count by their length, not by their bytes. */
  readonly bytes: number
  /** The fields that an index needs for its numbers and dates. */
  readonly ranges: readonly string[]
}

/** @throws VeritasError VALIDATION where a record cannot be stored */
export const checkRecord = (
  record: VectorRecord,
  definition: CollectionDefinition | undefined,
  mostRanges: number,
): Checked => {
  checkVectorRecord(record, definition)
  const { vector, text = '' } = record
  if (vector.length > MAX_DIMENSIONS)
    throw invalid('vector', `has ${vector.length} dimensions, at most ${MAX_DIMENSIONS} are allowed`)
  // Not knowing the metric, we say what the usual one would.
  if ((definition?.metric ?? 'cosine') === 'cosine') checkLength(vector)
  // A text may be kept twice.
  return weighed(record, vector.byteLength + text.length * 2, mostRanges)
}

/** @throws VeritasError VALIDATION where a patch cannot be stored */
export const checkPatch = (patch: Patch, mostRanges: number): Checked => {
  checkVectorPatch(patch)
  return weighed(patch, 0, mostRanges)
}

const weighed = (record: Patch, rest: number, mostRanges: number): Checked => {
  const ranges: string[] = []
  const bytes = 256 + rest + weigh(record.metadata, '', ranges)
  if (ranges.length > mostRanges)
    throw invalid('metadata', `holds ${ranges.length} numbers and dates, an index of Redis takes ${mostRanges}`)
  if (bytes > MAX_RECORD_BYTES)
    throw invalid('metadata', `the record takes some ${bytes} bytes, and may take ${MAX_RECORD_BYTES} at most`)
  return { id: recordId(record.key, record.ordinal), version: record.version, bytes, ranges }
}

/** What each value takes beside its own text: names, marks, and a word or two for filters. */
const BYTES_A_VALUE = 64

const weigh = (metadata: Metadata, prefix: string, ranges: string[]): number => {
  let bytes = 0
  for (const name in metadata) {
    const value = metadata[name]
    bytes += BYTES_A_VALUE + name.length
    if (typeof value === 'string') bytes += value.length
    else if (typeof value === 'number') ranges.push(rangeField('number', prefix + name))
    else if (value instanceof Date) ranges.push(rangeField('date', prefix + name))
    else if (Array.isArray(value))
      for (const item of value as readonly (string | number)[])
        bytes += BYTES_A_VALUE + (typeof item === 'string' ? item.length : 0)
    else if (typeof value === 'object' && value !== null) bytes += weigh(value as Metadata, `${prefix}${name}.`, ranges)
  }
  return bytes
}
