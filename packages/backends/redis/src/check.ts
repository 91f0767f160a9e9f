import {
  type CollectionDefinition,
  checkVectorPatch,
  checkVectorRecord,
  invalid,
  type VectorRecord,
} from '@veritas-db/core/contract'
import type { Engine } from './engine.js'
import { bytesOf, type Entry, type Patch } from './records.js'

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
  for (let i = 0; i < vector.length; i++) sum += (vector[i] as number) ** 2
  if (sum === 0) throw invalid('vector', 'is zero, which has no direction: Redis cannot compare it by cosine')
  if (sum < 1e-36 || sum > 1e38) throw invalid('vector', 'is too short or too long to be compared by cosine in 32 bits')
}

/** Numbers and dates of a record, each of which is a field of the index. @throws VeritasError VALIDATION */
export const checkRanges = (count: number): void => {
  if (count > MAX_RANGES)
    throw invalid('metadata', `holds ${count} numbers and dates, an index of Redis takes ${MAX_RANGES}`)
}

/** A record as it is sent. @throws VeritasError VALIDATION where it cannot be stored */
export const entryOf = (engine: Engine, record: VectorRecord, definition: CollectionDefinition | undefined): Entry => {
  checkVectorRecord(record, definition)
  if (record.vector.length > MAX_DIMENSIONS)
    throw invalid('vector', `has ${record.vector.length} dimensions, at most ${MAX_DIMENSIONS} are allowed`)
  // Not knowing the metric, we say what the usual one would.
  if ((definition?.metric ?? 'cosine') === 'cosine') checkLength(record.vector)
  return checkSize(engine.encode(record))
}

/** A patch as it is sent. @throws VeritasError VALIDATION where it cannot be stored */
export const patchOf = (engine: Engine, patch: Patch): Entry => {
  checkVectorPatch(patch)
  return checkSize(engine.encodePatch(patch))
}

const checkSize = (entry: Entry): Entry => {
  entry.bytes = bytesOf(entry)
  if (entry.bytes > MAX_RECORD_BYTES)
    throw invalid('metadata', `the record takes ${entry.bytes} bytes, and may take ${MAX_RECORD_BYTES} at most`)
  return entry
}
