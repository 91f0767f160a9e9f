import {
  APPLIED,
  type Key,
  type Metadata,
  type Outcome,
  STALE,
  type UpsertMode,
  type VectorMatch,
  type VectorQuery,
  type VectorRecord,
  type Version,
} from '@veritas-db/core/contract'
import { decodeJson, encodeJson } from '../json.js'
import type { Session, SqlRow } from '../session.js'
import { fromBlob, toBlob } from './store.js'
import type { VectorWriter } from './writer.js'

/** The columns of a record, from `r` (records) and `e` (embeddings), by what is asked for. */
export const recordColumns = (include: NonNullable<VectorQuery['include']>): string =>
  [
    'r.slot, r.key, r.document_id, r.version, r.ordinal',
    ...(include.metadata ? ['json(r.metadata) AS metadata'] : []),
    ...(include.text ? ['e.text'] : []),
    ...(include.vector ? ['e.embedding'] : []),
  ].join(', ')

/** Whether reading a record needs the table of embeddings. */
export const needsEmbeddings = (include: NonNullable<VectorQuery['include']>): boolean =>
  include.text === true || include.vector === true

/** A row of `recordColumns` as a record. */
export const toRecord = (row: SqlRow): Omit<VectorMatch, 'score'> => ({
  key: row.key as Key,
  documentId: row.document_id as string,
  version: row.version as Version,
  ordinal: row.ordinal as number,
  ...(row.metadata !== undefined && { metadata: decodeJson(row.metadata as string) as Metadata }),
  ...(typeof row.text === 'string' && { text: row.text }),
  ...(row.embedding !== undefined && { vector: fromBlob(row.embedding as Uint8Array) }),
})

/** Writes one record; it has been checked. */
export const writeRecord = (
  session: Session,
  writer: VectorWriter,
  record: VectorRecord,
  mode: UpsertMode,
): Outcome => {
  const { records, embeddings } = writer.tables
  const { key, ordinal, documentId, version, vector } = record
  const metadata = encodeJson(record.metadata)
  const text = record.text ?? null
  // Most records are new: the attempt to insert is the cheapest way to find out.
  const fresh = writer.next()
  const inserted = session.run(
    `INSERT INTO ${records} (slot, key, ordinal, document_id, version, metadata) VALUES (?, ?, ?, ?, ?, jsonb(?))
     ON CONFLICT (key, ordinal) DO NOTHING`,
    fresh,
    key,
    ordinal,
    documentId,
    version,
    metadata,
  )
  if (inserted > 0) {
    writer.take(fresh)
    session.run(`INSERT INTO ${embeddings} (slot, embedding, text) VALUES (?, ?, ?)`, fresh, toBlob(vector), text)
    writer.changed(fresh, vector)
    return APPLIED
  }
  if (mode === 'ifAbsent') return STALE
  const there = session.get(`SELECT slot, version FROM ${records} WHERE key = ? AND ordinal = ?`, key, ordinal) as {
    slot: number
    version: string
  }
  if (mode === 'ifNewer' && there.version > version) return STALE
  session.run(
    `UPDATE ${records} SET document_id = ?, version = ?, metadata = jsonb(?) WHERE slot = ?`,
    documentId,
    version,
    metadata,
    there.slot,
  )
  session.run(`UPDATE ${embeddings} SET embedding = ?, text = ? WHERE slot = ?`, toBlob(vector), text, there.slot)
  writer.changed(there.slot, vector)
  return APPLIED
}

/** Deletes the record in a slot. */
export const removeRecord = (session: Session, writer: VectorWriter, slot: number): void => {
  const { records, embeddings } = writer.tables
  session.run(`DELETE FROM ${records} WHERE slot = ?`, slot)
  session.run(`DELETE FROM ${embeddings} WHERE slot = ?`, slot)
  writer.release(slot)
}
