import {
  checkRow as checkAnyRow,
  invalid,
  type MetadataValue,
  type RowRecord,
  type Version,
} from '@veritas-db/core/contract'
import { type Column, TIMESTAMP_RANGE_MS } from '../binary.js'
import { decodeJson, encodeJson, jsonBytes } from '../json.js'
import { toKey } from '../role.js'
import type { Row } from '../session.js'
import { quote } from '../sql.js'
import { columnName, isScalar, type RelationalDefinition } from './tables.js'

/** What holds for a row in every store, and of its dates what their columns ask. @throws VeritasError VALIDATION */
export const checkRow = (row: RowRecord, columns?: RelationalDefinition['columns']): void => {
  checkAnyRow(row, columns)
  for (const name in columns) {
    const value = columns[name]?.type === 'date' ? valueIn(row, name) : null
    if (value instanceof Date) checkDate(value, `values.${name}`)
  }
}

const checkDate = (date: Date, path: string): void => {
  const time = date.getTime()
  if (time < TIMESTAMP_RANGE_MS[0] || time >= TIMESTAMP_RANGE_MS[1])
    throw invalid(path, 'is out of the range of a date column, 4713 BC to AD 294276')
}

const WIRE = { string: 'text', number: 'float8', boolean: 'bool', date: 'timestamptz' } as const

/** About how many bytes a row takes. */
export const rowBytes = ({ values, documentId }: RowRecord): number => 64 + documentId.length * 2 + jsonBytes(values)

const valueIn = ({ values }: RowRecord, name: string): MetadataValue =>
  (Object.hasOwn(values, name) ? values[name] : undefined) ?? null

/** Rows as columns, of all that the table has: what a row leaves out is null. */
export const rowColumns = (definition: RelationalDefinition, rows: readonly RowRecord[]): readonly Column[] => {
  const columns = Object.entries(definition.columns).map(([name, { type }]): Column => {
    const values = rows.map((row) => valueIn(row, name))
    const physical = columnName(name)
    // The records have been checked: each value is of the column's type.
    if (isScalar(type)) return { name: physical, type: WIRE[type], values } as Column
    return { name: physical, type: 'jsonb', values: values.map((value) => (value === null ? null : encodeJson(value))) }
  })
  return [
    { name: '_key', type: 'uuid', values: rows.map((row) => row.key) },
    { name: '_document_id', type: 'text', values: rows.map((row) => row.documentId) },
    { name: '_version', type: 'text', values: rows.map((row) => row.version) },
    ...columns,
  ]
}

const wholeRows = new WeakMap<RelationalDefinition, RowReader>()

/** A reader of rows `r` with some or all columns. @throws VeritasError VALIDATION for a column that is not declared */
export const readerOf = (definition: RelationalDefinition, columns: readonly string[] | undefined): RowReader => {
  if (columns) return new RowReader(definition, columns)
  let reader = wholeRows.get(definition)
  if (!reader) {
    reader = new RowReader(definition)
    wholeRows.set(definition, reader)
  }
  return reader
}

/** Reads rows `r` with some or all columns. */
class RowReader {
  /** What follows SELECT. */
  readonly select: string
  readonly #columns: readonly {
    readonly name: string
    readonly alias: string
    readonly decode: (value: unknown) => MetadataValue
  }[]

  /** @throws VeritasError VALIDATION for a column that is not declared */
  constructor({ columns }: RelationalDefinition, chosen?: readonly string[]) {
    const names = chosen ? [...new Set(chosen)] : Object.keys(columns)
    const parts = names.map((name, i) => {
      const column = Object.hasOwn(columns, name) ? columns[name] : undefined
      if (!column) throw invalid('columns', `${JSON.stringify(name.slice(0, 80))} is no declared column`)
      const sql = `r.${quote(columnName(name))}`
      const alias = `c${i}`
      if (column.type === 'date') return { name, alias, sql: milliseconds(sql), decode: toDate }
      return { name, alias, sql, decode: isScalar(column.type) ? toScalar : toJson }
    })
    this.#columns = parts
    const selected = parts.map(({ sql, alias }) => `${sql} AS ${alias}`)
    this.select = ['r._key, r._document_id, r._version', ...selected].join(', ')
  }

  toRecord(row: Row): RowRecord {
    const values: Record<string, MetadataValue> = {}
    for (const { name, alias, decode } of this.#columns) {
      const value = row[alias]
      values[name] = value === null ? null : decode(value)
    }
    return {
      key: toKey(row._key),
      documentId: row._document_id as string,
      version: row._version as Version,
      values,
    }
  }
}

/** An instant as milliseconds: decimal, and so exact. */
export const milliseconds = (sql: string): string => `extract(epoch FROM ${sql}) * 1000`

const toDate = (value: unknown): Date => new Date(Math.round(Number(value)))
const toScalar = (value: unknown): MetadataValue => value as string | number | boolean
const toJson = (value: unknown): MetadataValue => decodeJson(value as string)
