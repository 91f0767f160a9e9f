import {
  type CollectionDefinition,
  checkId,
  checkMetadata,
  checkString,
  checkVector,
  invalid,
  type RecordIssue,
  type VectorRecord,
  VeritasError,
} from '@veritas-db/core/contract'
import { type Entry, toEntry, wireBytes } from './encode.js'

/** What a request may hold, in bytes. The server's own limit, which it has for gRPC, is 100 MB. */
export const MAX_REQUEST_BYTES: number = 32 * 1024 * 1024
/** The longest vectors of an HNSW index. */
export const MAX_DIMENSIONS = 65_535

/** What is wrong with a definition. @throws VeritasError VALIDATION */
export const checkDefinition = ({ dimensions }: CollectionDefinition): void => {
  if (!Number.isInteger(dimensions) || dimensions < 1 || dimensions > MAX_DIMENSIONS)
    throw invalid('dimensions', `needs a whole number from 1 to ${MAX_DIMENSIONS}, got ${dimensions}`)
}

/** A record as it is sent. @throws VeritasError VALIDATION where it cannot be stored */
const entryOf = (record: VectorRecord, definition: CollectionDefinition | undefined): Entry => {
  checkVector(record.vector, definition?.dimensions, 'vector')
  if (record.vector.length > MAX_DIMENSIONS)
    throw invalid('vector', `has ${record.vector.length} dimensions, at most ${MAX_DIMENSIONS} are allowed`)
  checkId(record.documentId, 'documentId')
  if (!Number.isSafeInteger(record.ordinal) || record.ordinal < 0)
    throw invalid('ordinal', 'needs a whole number of at least 0')
  if (record.text !== undefined) checkString(record.text, 'text')
  checkMetadata(record.metadata, 'metadata')
  const entry = toEntry(record)
  const bytes = wireBytes(entry)
  if (bytes > MAX_REQUEST_BYTES)
    throw invalid(
      (record.text?.length ?? 0) * 2 > bytes ? 'text' : 'metadata',
      `the record takes ${bytes} bytes, and one request at most ${MAX_REQUEST_BYTES}`,
    )
  return entry
}

/** Records as they are sent, and what is wrong with those that cannot be. Pure. */
export const prepare = (
  records: readonly VectorRecord[],
  definition?: CollectionDefinition,
): { entries: Entry[]; issues: RecordIssue[] } => {
  const entries: Entry[] = []
  const issues: RecordIssue[] = []
  records.forEach((record, index) => {
    try {
      entries.push(entryOf(record, definition))
    } catch (error) {
      if (!VeritasError.is(error, 'VALIDATION')) throw error
      issues.push({ index, path: error.path ?? 'record', message: error.message })
    }
  })
  return { entries, issues }
}
