import type { PineconeRecord } from '@pinecone-database/pinecone'
import {
  checkVectorRecord,
  invalid,
  type Metadata,
  shortNumbers,
  type VectorMatch,
  type VectorQuery,
  type VectorRecord,
} from '@veritas-db/core/contract'
import { fromNative, type NativeMetadata, toNative } from './metadata.js'
import { parseRecordId, recordId, versionParts } from './names.js'

/** The field with the document's key, which every record has. */
export const KEY_FIELD = 'key'
/** The two halves of the version, as numbers. */
export const VERSION_FIELDS = ['v1', 'v2'] as const
/** The most bytes of one record's metadata, as JSON. */
export const MAX_METADATA_BYTES: number = 40 * 1024

/** A record as it is sent, with its size in bytes. */
export interface NativeRecord {
  readonly record: PineconeRecord<NativeMetadata>
  readonly bytes: number
}

/** All that Pinecone keeps of a record beside its vector. */
const nativeMetadata = (record: VectorRecord): NativeMetadata => {
  const [high, low] = versionParts(record.version)
  return {
    [KEY_FIELD]: record.key,
    doc: record.documentId,
    [VERSION_FIELDS[0]]: high,
    [VERSION_FIELDS[1]]: low,
    ...(record.text !== undefined && { text: record.text }),
    ...toNative(record.metadata),
  }
}

/** What the numbers of a vector take as JSON, at most: `shortNumbers` have 9 digits, beside sign, point, zeros or exponent, and comma. */
const jsonBytes = (values: readonly number[]): number => {
  let bytes = 2
  for (const x of values) {
    const size = Math.abs(x)
    // JSON writes numbers from 1e9 to 1e21 without an exponent, and those from 1e-6 to 0.1 with zeros.
    bytes += x === 0 ? 2 : size >= 1e9 ? 25 : size >= 0.1 ? 13 : 18
  }
  return bytes
}

/** A stored record as the contract has it; `include` chooses what comes along. */
export const toMatch = (
  stored: {
    readonly id: string
    readonly values?: readonly number[]
    readonly metadata?: Readonly<Record<string, unknown>>
  },
  include: NonNullable<VectorQuery['include']>,
): Omit<VectorMatch, 'score'> => {
  const native = stored.metadata ?? {}
  return {
    ...parseRecordId(stored.id),
    documentId: String(native.doc),
    ...(include.metadata && { metadata: fromNative(native) }),
    ...(include.text && typeof native.text === 'string' && { text: native.text }),
    ...(include.vector && { vector: Float32Array.from(stored.values ?? []) }),
  }
}

/** A stored record as a whole. */
export const toRecord = (stored: Parameters<typeof toMatch>[0]): VectorRecord =>
  toMatch(stored, { metadata: true, text: true, vector: true }) as VectorRecord & { metadata: Metadata }

/** Checks a record and makes of it what Pinecone takes. @throws VeritasError VALIDATION */
export const toNativeRecord = (record: VectorRecord, dimensions?: number): NativeRecord => {
  checkVectorRecord(record, dimensions === undefined ? undefined : { dimensions })
  if (record.vector.every((x) => Math.abs(x) < 1e-8)) throw invalid('vector', 'is all zero, which Pinecone refuses')
  const metadata = nativeMetadata(record)
  const metadataBytes = Buffer.byteLength(JSON.stringify(metadata))
  if (metadataBytes > MAX_METADATA_BYTES)
    throw invalid(
      'metadata',
      `takes ${metadataBytes} bytes together with the text; Pinecone holds ${MAX_METADATA_BYTES} a record`,
    )
  const id = recordId(record)
  const values = shortNumbers(record.vector)
  // The names, quotes and braces around them take 40 bytes.
  return { record: { id, values, metadata }, bytes: jsonBytes(values) + id.length + metadataBytes + 40 }
}
