import {
  APPLIED,
  type Key,
  type Metadata,
  type MetadataValue,
  type Outcome,
  type RowRecord,
  STALE,
  type UpsertMode,
  type Version,
} from '@veritas-db/core/contract'
import type { Session, SqlRow } from '../session.js'
import { quote, type SqlValue } from '../sql.js'
import {
  type Column,
  fromSql,
  placeholder,
  type RelationalDefinition,
  reading,
  type TableSpace,
  tableNames,
  toSql,
} from './store.js'

/** Writes rows of one table: its statements, put together once a batch. */
export class RowWriter {
  readonly #session: Session
  readonly #columns: readonly [string, Column][]
  readonly #fullText: readonly string[]
  readonly #insert: string
  readonly #find: string
  readonly #update: string
  readonly #insertText: string
  readonly #replaceText: string
  readonly #removeRow: string
  readonly #removeText: string

  constructor(session: Session, space: TableSpace) {
    const { rows, text } = tableNames(space)
    const { columns, fullText } = space.definition
    this.#session = session
    this.#columns = Object.entries(columns)
    this.#fullText = fullText
    const names = this.#columns.map(([, column]) => quote(column.name))
    const values = this.#columns.map(([, column]) => placeholder(column))
    this.#insert = `INSERT INTO ${rows} (${['key', 'document_id', 'version', ...names].join(', ')})
      VALUES (${['?', '?', '?', ...values].join(', ')}) ON CONFLICT (key) DO NOTHING RETURNING id`
    this.#find = `SELECT id, version FROM ${rows} WHERE key = ?`
    const sets = names.map((name, i) => `${name} = ${values[i]}`)
    this.#update = `UPDATE ${rows} SET ${['document_id = ?', 'version = ?', ...sets].join(', ')} WHERE id = ?`
    const texts = fullText.map((name) => quote((columns[name] as Column).name))
    const textInto = `INTO ${text} (${['rowid', ...texts].join(', ')}) VALUES (${['?', ...texts.map(() => '?')].join(', ')})`
    this.#insertText = `INSERT ${textInto}`
    this.#replaceText = `INSERT OR REPLACE ${textInto}`
    this.#removeRow = `DELETE FROM ${rows} WHERE id = ?`
    this.#removeText = `DELETE FROM ${text} WHERE rowid = ?`
  }

  /** Writes one row; it has been checked. */
  write({ key, documentId, version, values }: RowRecord, mode: UpsertMode): Outcome {
    const stored = this.#columns.map(([name, column]) => toSql(valueIn(values, name), column))
    const inserted = this.#session.get(this.#insert, key, documentId, version, ...stored)
    if (inserted) {
      this.#writeText(this.#insertText, inserted.id as number, values)
      return APPLIED
    }
    if (mode === 'ifAbsent') return STALE
    const there = this.#session.get(this.#find, key) as { id: number; version: string }
    if (mode === 'ifNewer' && there.version > version) return STALE
    this.#session.run(this.#update, documentId, version, ...stored, there.id)
    this.#writeText(this.#replaceText, there.id, values)
    return APPLIED
  }

  remove(id: number): void {
    this.#session.run(this.#removeRow, id)
    if (this.#fullText.length > 0) this.#session.run(this.#removeText, id)
  }

  #writeText(sql: string, id: number, values: Metadata): void {
    if (this.#fullText.length === 0) return
    const texts = this.#fullText.map((name): SqlValue => (valueIn(values, name) as string | null | undefined) ?? null)
    this.#session.run(sql, id, ...texts)
  }
}

const valueIn = (values: Metadata, name: string): MetadataValue | undefined =>
  Object.hasOwn(values, name) ? values[name] : undefined

/** Which columns a read brings, and how its rows become records. */
export class RowReader {
  /** The columns of the statement. */
  readonly sql: string
  readonly #columns: readonly [string, Column][]

  constructor(definition: RelationalDefinition, alias: string, chosen?: readonly string[]) {
    const wanted = chosen && new Set(chosen)
    this.#columns = Object.entries(definition.columns).filter(([name]) => !wanted || wanted.has(name))
    const columns = this.#columns.map(([, column], i) => `${reading(alias, column)} AS c${i}`)
    this.sql = [`${alias}.key, ${alias}.document_id, ${alias}.version`, ...columns].join(', ')
  }

  toRecord(row: SqlRow): RowRecord {
    const values: Record<string, MetadataValue> = {}
    this.#columns.forEach(([name, column], i) => {
      values[name] = fromSql(row[`c${i}`], column)
    })
    return {
      key: row.key as Key,
      documentId: row.document_id as string,
      version: row.version as Version,
      values,
    }
  }
}
