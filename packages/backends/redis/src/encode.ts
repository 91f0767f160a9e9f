import {
  asKey,
  asVersion,
  decodeMetadata,
  encodeMetadata,
  type Key,
  type Metadata,
  type VectorMatch,
  type VectorRecord,
  type VectorRole,
  VeritasError,
  type Version,
} from '@veritas-db/core/contract'
import type { Argument, Reply } from './connection.js'
import { TAG_FIELD } from './filter.js'
import { statementsOf } from './tags.js'
import { indexedText } from './words.js'

/** The fields of a record's hash. Those of numbers and dates start with `n_` and `d_`. */
export const FIELDS = { version: 'v', documentId: 'i', vector: 'e', text: 't', rawText: 'x', metadata: 'm' } as const

/** `key:` and the ordinal with its number of digits before it, so that the order of ids is that of (key, ordinal). */
export const recordId = (key: Key, ordinal: number): string => {
  const digits = String(ordinal)
  return `${key}:${digits.length.toString(32)}${digits}`
}

export const parseId = (id: string): { key: Key; ordinal: number } => {
  const match = /^([0-9a-f]{32}):[0-9a-v](\d+)$/.exec(id)
  if (!match)
    throw new VeritasError({
      code: 'CONFLICT',
      message: `The collection holds a record that VERITAS did not write: ${JSON.stringify(id.slice(0, 80))}.`,
    })
  return { key: asKey(match[1]), ordinal: Number(match[2]) }
}

/** A record as it is sent. */
export interface Entry {
  readonly id: string
  readonly version: Version
  /** Names and values of the hash's fields in turn. */
  readonly fields: readonly Argument[]
  /** The fields of the index that its numbers and dates need. */
  readonly ranges: readonly string[]
  /** What it takes on the wire, about. */
  readonly bytes: number
}

/** A vector as RediSearch takes it: 32-bit floats, little-endian as on every machine that Node runs on today. */
export const vectorBytes = ({ buffer, byteOffset, byteLength }: Float32Array): Buffer =>
  Buffer.from(buffer, byteOffset, byteLength)

const vectorOf = (bytes: Buffer): Float32Array => {
  const vector = new Float32Array(bytes.length / 4)
  Buffer.from(vector.buffer).set(bytes)
  return vector
}

const entry = (id: string, version: Version, fields: Argument[], metadata: Metadata): Entry => {
  const { tags, ranges } = statementsOf(metadata)
  const sidecar = encodeMetadata(metadata)
  if (sidecar !== '{}') fields.push(FIELDS.metadata, sidecar)
  if (tags.length > 0) fields.push(TAG_FIELD, tags.join(','))
  for (const [field, value] of ranges) fields.push(field, String(value))
  let bytes = 64
  for (const field of fields) bytes += typeof field === 'string' ? Buffer.byteLength(field) + 8 : field.length + 8
  return { id, version, fields, ranges: ranges.map(([field]) => field), bytes }
}

export const toEntry = (record: VectorRecord): Entry => {
  const { key, ordinal, version, documentId, vector, text, metadata } = record
  const fields: Argument[] = [
    ...[FIELDS.version, version, FIELDS.documentId, documentId],
    ...[FIELDS.vector, vectorBytes(vector)],
  ]
  if (text !== undefined) {
    const indexed = indexedText(text)
    if (indexed !== '') fields.push(FIELDS.text, indexed)
    if (indexed !== text || text === '') fields.push(FIELDS.rawText, text)
  }
  return entry(recordId(key, ordinal), version, fields, metadata)
}

/** What `patch` changes of a record. */
export const toPatch = (record: Parameters<VectorRole['patch']>[0]['records'][number]): Entry =>
  entry(recordId(record.key, record.ordinal), record.version, [FIELDS.version, record.version], record.metadata)

export type Include = NonNullable<Parameters<VectorRole['get']>[0]['include']>

/** The hash fields to ask for; the version is the first, for every record has one. */
export const fieldsOf = ({ metadata, text, vector }: Include): readonly string[] => [
  FIELDS.version,
  FIELDS.documentId,
  ...(metadata ? [FIELDS.metadata] : []),
  ...(text ? [FIELDS.text, FIELDS.rawText] : []),
  ...(vector ? [FIELDS.vector] : []),
]

/** The values of a hash's fields by name; what is not there is left out. */
export type Values = ReadonlyMap<string, Reply>

/** A record from the fields that were asked for; undefined where it was deleted meanwhile. */
export const toFound = (id: string, values: Values, include: Include): Omit<VectorMatch, 'score'> | undefined => {
  const text = (field: string): string | undefined => {
    const value = values.get(field)
    return value === undefined || value === null ? undefined : String(value)
  }
  const version = text(FIELDS.version)
  if (version === undefined) return undefined
  const raw = include.text ? (text(FIELDS.rawText) ?? text(FIELDS.text)) : undefined
  const vector = values.get(FIELDS.vector)
  return {
    ...parseId(id),
    documentId: text(FIELDS.documentId) ?? '',
    version: asVersion(version),
    ...(include.metadata && { metadata: decodeMetadata(text(FIELDS.metadata) ?? '{}') }),
    ...(raw !== undefined && { text: raw }),
    ...(include.vector && Buffer.isBuffer(vector) && { vector: vectorOf(vector) }),
  }
}
