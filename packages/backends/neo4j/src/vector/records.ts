import type { Key, RecordHead, VectorMatch, VectorQuery, VectorRecord, Version } from '@veritas-db/core/contract'
import type { Row } from '../connection.js'
import { metadataOf } from '../environment.js'

type Include = NonNullable<VectorQuery['include']>

/** What the ids of all passages of a document start with. */
export const prefixOf = (key: Key): string => `${key}.`

/** A passage's id: the order of ids is that of keys, and within a document that of ordinals. */
export const idOf = (record: Pick<VectorRecord, 'key' | 'ordinal'>): string =>
  `${record.key}.${record.ordinal.toString(16).padStart(8, '0')}`

/** The key and the ordinal in an id, which are kept nowhere else. */
const readId = (id: string): { readonly key: Key; readonly ordinal: number } => {
  const dot = id.lastIndexOf('.')
  return { key: id.slice(0, dot) as Key, ordinal: Number.parseInt(id.slice(dot + 1), 16) }
}

/** A record's own properties. */
export const fieldsOf = (record: VectorRecord): Record<string, unknown> => ({
  _id: idOf(record),
  _documentId: record.documentId,
  _version: record.version,
  ...(record.text !== undefined && { _text: record.text }),
})

/** The columns that `toMatch` reads. */
export const returned = (include: Include): string =>
  [
    'n._id AS id',
    'n._documentId AS documentId',
    'n._version AS version',
    ...(include.metadata ? ['n._json AS json'] : []),
    ...(include.text ? ['n._text AS text'] : []),
    ...(include.vector ? ['n._vector AS vector'] : []),
  ].join(', ')

export const toMatch = (row: Row, include: Include): Omit<VectorMatch, 'score'> => {
  const text = include.text ? row.get('text') : null
  const { key, ordinal } = readId(row.get('id') as string)
  return {
    key,
    documentId: row.get('documentId') as string,
    version: row.get('version') as Version,
    ordinal,
    ...(include.metadata && { metadata: metadataOf(row.get('json')) }),
    ...(typeof text === 'string' && { text }),
    ...(include.vector && { vector: Float32Array.from(row.get('vector') as number[]) }),
  }
}

export const toHead = (row: Row): RecordHead => ({
  ...readId(row.get('id') as string),
  version: row.get('version') as Version,
})

export const toRecord = (row: Row): VectorRecord => {
  const { metadata = {}, vector = new Float32Array(), ...rest } = toMatch(row, everything)
  return { ...rest, metadata, vector }
}

const everything: Include = { metadata: true, text: true, vector: true }
