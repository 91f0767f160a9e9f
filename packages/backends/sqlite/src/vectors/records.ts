import type { StatementSync } from 'node:sqlite'
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
import type { Session, SqlRow, Transaction } from '../session.js'
import { fromBlob, toBlob, type VectorSpace, type VectorTables } from './store.js'
import { type VectorWriter, vectorWriter } from './writer.js'

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

/** The statements of a collection's writes, prepared once a transaction: looking one up by its text costs as much as a row. */
const statementsOf = (session: Session, { records, embeddings }: VectorTables) =>
  ({
    insertRecord: session.prepare(
      `INSERT INTO ${records} (slot, key, ordinal, document_id, version, metadata) VALUES (?, ?, ?, ?, ?, jsonb(?))
       ON CONFLICT (key, ordinal) DO NOTHING`,
    ),
    insertEmbedding: session.prepare(`INSERT INTO ${embeddings} (slot, embedding, text) VALUES (?, ?, ?)`),
    find: session.prepare(`SELECT slot, version FROM ${records} WHERE key = ? AND ordinal = ?`),
    updateRecord: session.prepare(
      `UPDATE ${records} SET document_id = ?, version = ?, metadata = jsonb(?) WHERE slot = ?`,
    ),
    updateEmbedding: session.prepare(`UPDATE ${embeddings} SET embedding = ?, text = ? WHERE slot = ?`),
    deleteRecord: session.prepare(`DELETE FROM ${records} WHERE slot = ?`),
    deleteEmbedding: session.prepare(`DELETE FROM ${embeddings} WHERE slot = ?`),
  }) satisfies Record<string, StatementSync>

/** Writes records of one collection in one transaction, and their codes with them. */
export class RecordWriter {
  readonly #sql: ReturnType<typeof statementsOf>
  readonly #codes: VectorWriter

  constructor(session: Session, codes: VectorWriter) {
    this.#codes = codes
    this.#sql = statementsOf(session, codes.tables)
  }

  /** Writes one record; it has been checked. */
  write(record: VectorRecord, mode: UpsertMode): Outcome {
    const { key, ordinal, documentId, version, vector } = record
    const metadata = encodeJson(record.metadata)
    const text = record.text ?? null
    // Most records are new: the attempt to insert is the cheapest way to find out.
    const fresh = this.#codes.next()
    if (this.#sql.insertRecord.run(fresh, key, ordinal, documentId, version, metadata).changes) {
      this.#codes.take(fresh)
      this.#sql.insertEmbedding.run(fresh, toBlob(vector), text)
      this.#codes.changed(fresh, vector)
      return APPLIED
    }
    if (mode === 'ifAbsent') return STALE
    const there = this.#sql.find.get(key, ordinal) as { slot: number; version: string }
    if (mode === 'ifNewer' && there.version > version) return STALE
    this.#sql.updateRecord.run(documentId, version, metadata, there.slot)
    this.#sql.updateEmbedding.run(toBlob(vector), text, there.slot)
    this.#codes.changed(there.slot, vector)
    return APPLIED
  }

  /** Deletes the record in a slot. */
  remove(slot: number): void {
    this.#sql.deleteRecord.run(slot)
    this.#sql.deleteEmbedding.run(slot)
    this.#codes.release(slot)
  }
}

/** The writer of a collection's records in a transaction. */
export const recordWriter = (transaction: Transaction, space: VectorSpace): RecordWriter =>
  transaction.state(
    `records ${space.id}`,
    () => new RecordWriter(transaction.session, vectorWriter(transaction, space)),
  )
