import { type CollectionDefinition, checkVectorRecord, invalid, type VectorRecord } from '@veritas-db/core/contract'
import { type Entry, toEntry } from './encode.js'

/** What a request may hold, in bytes. The server's own limit, which it has for gRPC, is 100 MB. */
export const MAX_REQUEST_BYTES: number = 32 * 1024 * 1024
/** The longest vectors of an HNSW index. */
export const MAX_DIMENSIONS = 65_535

/** A record as it is sent. @throws VeritasError VALIDATION where it cannot be stored */
export const entryOf = (record: VectorRecord, definition: CollectionDefinition | undefined): Entry => {
  checkVectorRecord(record, definition)
  if (record.vector.length > MAX_DIMENSIONS)
    throw invalid('vector', `has ${record.vector.length} dimensions, at most ${MAX_DIMENSIONS} are allowed`)
  const entry = toEntry(record)
  const { bytes } = entry
  if (bytes > MAX_REQUEST_BYTES)
    throw invalid(
      (record.text?.length ?? 0) * 2 > bytes ? 'text' : 'metadata',
      `the record takes ${bytes} bytes, and one request at most ${MAX_REQUEST_BYTES}`,
    )
  return entry
}
