import {
  asKey,
  asVersion,
  decodeMetadata,
  encodeMetadata,
  type Metadata,
  type RecordHead,
  type VectorRecord,
  VeritasError,
  type Version,
} from '@veritas-db/core/contract'
import type { Metadata as ChromaMetadata } from 'chromadb'
import { addFields, metadataIn } from './fields.js'

/** The fields that are not the user's: no `_` at the second place, where all of the user's have one, nor a leading `l[`. */
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

/** A record's metadata: from the text that holds all of them or, where there was no need of one, from the fields to filter by. */
export const metadataOf = (there: ChromaMetadata | null | undefined): Metadata => {
  const sidecar = there?.[SIDECAR_FIELD]
  return typeof sidecar === 'string' ? decodeMetadata(sidecar) : metadataIn(there ?? {})
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
  readonly version: Version
  readonly vector: Float32Array
  readonly text?: string
  /** Our own fields, those to filter by, and all of the user's metadata as one text where those do not say it all. */
  readonly metadata: ChromaMetadata
  /** What it takes in a request, as JSON. */
  readonly bytes: number
}

export const toEntry = (record: VectorRecord): Entry => {
  const { version, vector, text } = record
  const id = recordId(record)
  const metadata: ChromaMetadata = { [KEY_FIELD]: record.key }
  if (!id.includes(':')) metadata[DOCUMENT_FIELD] = record.documentId
  if (!addFields(metadata, record.metadata)) metadata[SIDECAR_FIELD] = encodeMetadata(record.metadata)
  const bytes = jsonBytes(id) + Math.ceil((vector.byteLength * 4) / 3) + jsonBytes(metadata) + jsonBytes(text) + 16
  return { id, version, vector, metadata, bytes, ...(text !== undefined && { text }) }
}

const jsonBytes = (value: unknown): number => (value === undefined ? 0 : Buffer.byteLength(JSON.stringify(value)))

/** Whether writing an entry over a stored record would leave something of it: Chroma keeps the fields that a write does not name. */
export const leavesRest = (
  entry: Entry,
  there: ChromaMetadata | null | undefined,
  text: string | null | undefined,
): boolean =>
  (typeof text === 'string' && entry.text === undefined) ||
  Object.keys(there ?? {}).some((field) => !Object.hasOwn(entry.metadata, field))
