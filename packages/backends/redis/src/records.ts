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
} from '@veritas-db/core/contract'
import type { Argument, Reply } from './connection.js'

/** The fields of a record's hash; an engine adds those that it indexes. */
export const FIELDS = { version: 'v', documentId: 'i', vector: 'e', text: 't', rawText: 'x', metadata: 'm' } as const

/** `key:` and the ordinal with its number of digits before it, so that the order of ids is that of (key, ordinal). */
export const recordId = (key: Key, ordinal: number): string => {
  const digits = String(ordinal)
  return `${key}:${digits.length.toString(32)}${digits}`
}

export const parseId = (id: string): { key: Key; ordinal: number } => {
  if (!/^[0-9a-f]{32}:[0-9a-v]\d+$/.test(id))
    throw new VeritasError({
      code: 'CONFLICT',
      message: `The collection holds a record that VERITAS did not write: ${JSON.stringify(id.slice(0, 80))}.`,
    })
  return { key: asKey(id.slice(0, 32)), ordinal: Number(id.slice(34)) }
}

/** What is sent of a record, or of a patch. */
export interface Entry {
  /** Names and values of the hash's fields in turn. */
  readonly fields: Argument[]
  /** What a vector set is given beside the vector, as JSON. */
  attributes?: string
}

/** A vector as Redis takes it: 32-bit floats, little-endian as on every machine that Node runs on today. */
export const vectorBytes = ({ buffer, byteOffset, byteLength }: Float32Array): Buffer =>
  Buffer.from(buffer, byteOffset, byteLength)

const vectorOf = (bytes: Buffer): Float32Array => {
  const vector = new Float32Array(bytes.length / 4)
  Buffer.from(vector.buffer).set(bytes)
  return vector
}

/** What every engine stores of a record, but for its text. */
export const toEntry = ({ version, documentId, vector, metadata }: VectorRecord): Entry => ({
  fields: withMetadata(
    [FIELDS.version, version, FIELDS.documentId, documentId, FIELDS.vector, vectorBytes(vector)],
    metadata,
  ),
})

export type Patch = Parameters<VectorRole['patch']>[0]['records'][number]

/** What a patch changes of a record. */
export const toPatch = ({ version, metadata }: Patch): Entry => ({
  fields: withMetadata([FIELDS.version, version], metadata),
})

const withMetadata = (fields: Argument[], metadata: Metadata): Argument[] => {
  const text = encodeMetadata(metadata)
  if (text !== '{}') fields.push(FIELDS.metadata, text)
  return fields
}

export type Include = NonNullable<Parameters<VectorRole['get']>[0]['include']>
export const EVERYTHING: Include = { metadata: true, text: true, vector: true }
export type Found = Omit<VectorMatch, 'score'>

/** The hash fields to ask for; the version is the first, for every record has one. */
export const fieldsOf = ({ metadata, text, vector }: Include): readonly string[] => [
  FIELDS.version,
  FIELDS.documentId,
  ...(metadata ? [FIELDS.metadata] : []),
  ...(text ? [FIELDS.text, FIELDS.rawText] : []),
  ...(vector ? [FIELDS.vector] : []),
]

/** The values of a hash's fields by name; what is not there is left out, or null. */
export type Values = Readonly<Record<string, Reply>>

/** The values of the fields of `fieldsOf`, in that order, by name. */
export const byName = (fields: readonly string[], row: readonly Reply[]): Values => {
  const values: Record<string, Reply> = {}
  for (let i = 0; i < fields.length; i++) values[fields[i] as string] = row[i] ?? null
  return values
}

/** A record from the fields that were asked for; undefined where it was deleted meanwhile. */
export const toFound = (id: string, values: Values, include: Include): Found | undefined => {
  const { v: version, i: documentId, m: metadata, t: text, x: rawText, e: vector } = values
  if (version === undefined || version === null) return undefined
  const { key, ordinal } = parseId(id)
  const raw = include.text ? (rawText ?? text ?? undefined) : undefined
  return {
    key,
    ordinal,
    documentId: String(documentId ?? ''),
    version: asVersion(String(version)),
    ...(include.metadata && { metadata: decodeMetadata(String(metadata ?? '{}')) }),
    ...(raw !== undefined && { text: String(raw) }),
    ...(include.vector && Buffer.isBuffer(vector) && { vector: vectorOf(vector) }),
  }
}
