import {
  type CollectionDefinition,
  checkVectorPatch,
  checkVectorRecord,
  invalid,
  type VectorRecord,
} from '@veritas-db/core/contract'
import { type Entry, toEntry, toPatch } from './encode.js'

/** The largest dimension of RediSearch. */
export const MAX_DIMENSIONS = 32_768
/** The longest text that Redis takes is 512 MB by default; records beyond this are refused. */
export const MAX_RECORD_BYTES: number = 64 * 1024 * 1024
/** Fields of a RediSearch index, less those for tags, text and vector. */
export const MAX_RANGES = 1000

/** RediSearch divides by the length in 32 bits: what that makes of these is no number. @throws VeritasError VALIDATION */
export const checkLength = (vector: Float32Array): void => {
  let sum = 0
  for (let i = 0; i < vector.length; i++) sum += (vector[i] as number) ** 2
  if (sum === 0) throw invalid('vector', 'is zero, which has no direction: Redis cannot compare it by cosine')
  if (sum < 1e-36 || sum > 1e38) throw invalid('vector', 'is too short or too long to be compared by cosine in 32 bits')
}

/** A record as it is sent. @throws VeritasError VALIDATION where it cannot be stored */
export const entryOf = (record: VectorRecord, definition: CollectionDefinition | undefined): Entry => {
  checkVectorRecord(record, definition)
  if (record.vector.length > MAX_DIMENSIONS)
    throw invalid('vector', `has ${record.vector.length} dimensions, at most ${MAX_DIMENSIONS} are allowed`)
  // Not knowing the metric, we say what the usual one would.
  if ((definition?.metric ?? 'cosine') === 'cosine') checkLength(record.vector)
  const entry = toEntry(record)
  checkEntry(entry)
  return entry
}

/** What is wrong with a record as it is sent. @throws VeritasError VALIDATION */
const checkEntry = ({ bytes, ranges }: Entry): void => {
  if (bytes > MAX_RECORD_BYTES)
    throw invalid('metadata', `the record takes ${bytes} bytes, and may take ${MAX_RECORD_BYTES} at most`)
  if (ranges.length > MAX_RANGES)
    throw invalid('metadata', `holds ${ranges.length} numbers and dates, an index of Redis takes ${MAX_RANGES}`)
}

/** A patch as it is sent. @throws VeritasError VALIDATION where it cannot be stored */
export const patchOf = (patch: Parameters<typeof toPatch>[0]): Entry => {
  checkVectorPatch(patch)
  const entry = toPatch(patch)
  checkEntry(entry)
  return entry
}
