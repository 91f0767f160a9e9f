import {
  asKey,
  asVersion,
  decodeMetadata,
  encodeMetadata,
  type Metadata,
  type RecordHead,
  type Scalar,
  type VectorRecord,
  VeritasError,
} from '@veritas-db/core/contract'
import type { Metadata as ChromaMetadata } from 'chromadb'
import { elementField, flagField, stored, typeFlag } from './filter.js'

/** The metadata fields that are not the user's, whose names all hold a `_`. */
export const KEY_FIELD = 'key'
const DOCUMENT_FIELD = 'document'
const SIDECAR_FIELD = 'metadata'

/** The longest record id that Chroma Cloud takes, in bytes. A server of one's own has no such limit. */
const MAX_ID_BYTES = 128

/**
 * The id of a record: `key.version.ordinal`, and after a `:` the document's id where there is room, so that a query need
 * not fetch metadata for it. The key stands for the document's id, so records of one identity have one id.
 */
export const recordId = (record: Identity): string => {
  const head = `${record.key}.${record.version}.${record.ordinal}`
  const full = `${head}:${record.documentId}`
  return record.documentId !== undefined && Buffer.byteLength(full) <= MAX_ID_BYTES ? full : head
}

const ID_PATTERN = /^([0-9a-f]{32})\.([0-9a-f]{24})\.(\d+)(?::([\s\S]*))?$/

/** What a record's id says. */
export interface Identity extends Required<RecordHead> {
  /** Absent where it was too long for the id: it is in the metadata then. */
  readonly documentId?: string
}

export const parseId = (id: string): Identity => {
  const match = ID_PATTERN.exec(id)
  if (!match)
    throw new VeritasError({
      code: 'CONFLICT',
      message: `The collection holds a record that VERITAS did not write: ${JSON.stringify(id.slice(0, 80))}.`,
    })
  const [, key, version, ordinal, documentId] = match
  return {
    key: asKey(key),
    version: asVersion(version),
    ordinal: Number(ordinal),
    ...(documentId !== undefined && { documentId }),
  }
}

const addFields = (out: ChromaMetadata, metadata: Metadata, prefix: string): void => {
  for (const [field, value] of Object.entries(metadata)) {
    if (value === null || value === undefined) continue
    const path = prefix + field
    if (Array.isArray(value)) {
      out[flagField(path)] = typeFlag.array
      for (const element of value) out[elementField(path, element)] = 1
    } else if (typeof value === 'object' && !(value instanceof Date)) {
      out[flagField(path)] = typeFlag.object
      addFields(out, value as Metadata, `${path}.`)
    } else {
      const scalar = value as Scalar
      out[flagField(path)] =
        typeFlag[scalar instanceof Date ? 'date' : (typeof scalar as 'string' | 'number' | 'boolean')]
      const [name, literal] = stored(path, scalar)
      out[name] = literal
    }
  }
}

export const metadataOf = (there: ChromaMetadata | null | undefined): Metadata => {
  const sidecar = there?.[SIDECAR_FIELD]
  return typeof sidecar === 'string' ? decodeMetadata(sidecar) : {}
}

/** The document's id from a record's id or, where it is too long for that, from its metadata; undefined where neither has it. */
export const documentIdOf = (identity: Identity, there: ChromaMetadata | null | undefined): string | undefined => {
  if (identity.documentId !== undefined) return identity.documentId
  const id = there?.[DOCUMENT_FIELD]
  return typeof id === 'string' ? id : undefined
}

/** A record as it is sent. */
export interface Entry {
  readonly id: string
  readonly vector: Float32Array
  readonly text?: string
  /** Our own fields, a typed field a value to filter by, and all of the user's metadata as one text. */
  readonly metadata: ChromaMetadata
}

export const toEntry = (record: VectorRecord): Entry => {
  const id = recordId(record)
  const metadata: ChromaMetadata = { [KEY_FIELD]: record.key }
  if (!id.includes(':')) metadata[DOCUMENT_FIELD] = record.documentId
  const sidecar = encodeMetadata(record.metadata)
  if (sidecar !== '{}') metadata[SIDECAR_FIELD] = sidecar
  addFields(metadata, record.metadata, '')
  return { id, vector: record.vector, metadata, ...(record.text !== undefined && { text: record.text }) }
}

/** What an entry takes in a request, in bytes of JSON. */
export const wireBytes = ({ id, vector, metadata, text }: Entry): number =>
  Buffer.byteLength(JSON.stringify(id)) +
  Math.ceil((vector.byteLength * 4) / 3) +
  Buffer.byteLength(JSON.stringify(metadata)) +
  (text === undefined ? 0 : Buffer.byteLength(JSON.stringify(text))) +
  16

/** Whether writing an entry over a stored record would leave something of it: Chroma keeps the fields that a write does not name. */
export const leavesRest = (
  entry: Entry,
  there: ChromaMetadata | null | undefined,
  text: string | null | undefined,
): boolean =>
  (typeof text === 'string' && entry.text === undefined) ||
  Object.keys(there ?? {}).some((field) => !Object.hasOwn(entry.metadata, field))
