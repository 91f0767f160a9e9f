import type { PineconeRecord } from '@pinecone-database/pinecone'
import {
  checkVectorRecord,
  invalid,
  type Metadata,
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

/** The powers of ten that a number holds exactly. */
const POWERS: readonly number[] = Array.from({ length: 23 }, (_, i) => Number(`1e${i}`))

/**
 * A vector as numbers of 9 digits, which are always enough for 32-bit floats; 16 or 17 are what JSON writes otherwise, which would
 * nearly double every request. `bytes` is what they take as JSON, at most.
 */
export const shortValues = (vector: Float32Array): { readonly values: number[]; readonly bytes: number } => {
  const values = new Array<number>(vector.length)
  let bytes = 2
  for (let i = 0; i < vector.length; i++) {
    const x = vector[i] as number
    if (x === 0) {
      values[i] = 0
      bytes += 2
      continue
    }
    // Digits after the point, so that there are 9.
    const digits = 8 - Math.floor(Math.log10(Math.abs(x)))
    const power = POWERS[digits]
    // A whole number over a power of ten is the number nearest to that decimal: ten times as fast as writing and reading it.
    const short = power === undefined ? Number.NaN : Math.round(x * power) / power
    const same = Math.fround(short) === x
    values[i] = same ? short : Number(x.toPrecision(9))
    // With a comma, and `-0.` or a sign and a point.
    bytes += same ? Math.max(12, digits + 4) : 25
  }
  return { values, bytes }
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
  const { values, bytes } = shortValues(record.vector)
  // The names, quotes and braces around them take 40 bytes.
  return { record: { id, values, metadata }, bytes: bytes + id.length + metadataBytes + 40 }
}
