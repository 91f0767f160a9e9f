import type { StatementSync } from 'node:sqlite'
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
  readonly #columns: readonly [string, Column][]
  readonly #fullText: readonly string[]
  readonly #insert: StatementSync
  readonly #find: StatementSync
  readonly #update: StatementSync
  readonly #removeRow: StatementSync
  readonly #text:
    | { readonly insert: StatementSync; readonly replace: StatementSync; readonly remove: StatementSync }
    | undefined

  constructor(session: Session, space: TableSpace) {
    const { rows, text } = tableNames(space)
    const { columns, fullText } = space.definition
    this.#columns = Object.entries(columns)
    this.#fullText = fullText
    const names = this.#columns.map(([, column]) => quote(column.name))
    const values = this.#columns.map(([, column]) => placeholder(column))
    this.#insert = session.prepare(
      `INSERT INTO ${rows} (${['key', 'document_id', 'version', ...names].join(', ')})
       VALUES (${['?', '?', '?', ...values].join(', ')}) ON CONFLICT (key) DO NOTHING`,
    )
    this.#find = session.prepare(`SELECT id, version FROM ${rows} WHERE key = ?`)
    const sets = ['document_id = ?', 'version = ?', ...names.map((name, i) => `${name} = ${values[i]}`)]
    this.#update = session.prepare(`UPDATE ${rows} SET ${sets.join(', ')} WHERE id = ?`)
    this.#removeRow = session.prepare(`DELETE FROM ${rows} WHERE id = ?`)
    if (fullText.length === 0) return
    const texts = fullText.map((name) => quote((columns[name] as Column).name))
    const into = `INTO ${text} (${['rowid', ...texts].join(', ')}) VALUES (${['?', ...texts.map(() => '?')].join(', ')})`
    this.#text = {
      insert: session.prepare(`INSERT ${into}`),
      replace: session.prepare(`INSERT OR REPLACE ${into}`),
      remove: session.prepare(`DELETE FROM ${text} WHERE rowid = ?`),
    }
  }

  /** Writes one row; it has been checked. */
  write({ key, documentId, version, values }: RowRecord, mode: UpsertMode): Outcome {
    const stored = this.#columns.map(([name, column]) => toSql(valueIn(values, name), column))
    // Most rows are new: the attempt to insert is the cheapest way to find out.
    const inserted = this.#insert.run(key, documentId, version, ...stored)
    if (inserted.changes) {
      if (this.#text) this.#writeText(this.#text.insert, Number(inserted.lastInsertRowid), values)
      return APPLIED
    }
    if (mode === 'ifAbsent') return STALE
    const there = this.#find.get(key) as { id: number; version: string }
    if (mode === 'ifNewer' && there.version > version) return STALE
    this.#update.run(documentId, version, ...stored, there.id)
    if (this.#text) this.#writeText(this.#text.replace, there.id, values)
    return APPLIED
  }

  remove(id: number): void {
    this.#removeRow.run(id)
    this.#text?.remove.run(id)
  }

  #writeText(statement: StatementSync, id: number, values: Metadata): void {
    const texts = this.#fullText.map((name): SqlValue => (valueIn(values, name) as string | null | undefined) ?? null)
    statement.run(id, ...texts)
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
