import type { FieldType, FilterNode } from '@veritas-db/core/contract'
import { type ColumnType, type CompiledFilter, compileFilter, type Field } from './filter.js'
import type { Session } from './session.js'
import { jsonPath, literal, quote } from './sql.js'

/** A declared path inside a JSON column, with the generated column that holds its value where the type is right. */
export interface TypedPath {
  readonly type: FieldType
  /** Absent for arrays and `json`, which are compared inside the JSON. */
  readonly column?: string
}

const isColumnType = (type: FieldType): type is ColumnType =>
  type === 'string' || type === 'number' || type === 'boolean' || type === 'date'

/** The value at a path where it is of the type, else null. */
const typedExpression = (json: string, path: string, type: ColumnType): string => {
  const at = `${quote(json)}, ${literal(jsonPath(path))}`
  switch (type) {
    case 'string':
      return `CASE json_type(${at}) WHEN 'text' THEN json_extract(${at}) END`
    case 'number':
      return `CASE WHEN json_type(${at}) IN ('integer', 'real') THEN json_extract(${at}) END`
    case 'boolean':
      return `CASE json_type(${at}) WHEN 'true' THEN 1 WHEN 'false' THEN 0 END`
    case 'date':
      return `json_extract(${quote(json)}, ${literal(`${jsonPath(path)}."$date"`)})`
  }
}

/**
 * Adds an indexed generated column for every declared path that has none yet, and gives all of them back.
 * `prefix` keeps the columns of several JSON columns in one table apart. Runs in a transaction.
 */
export const addTypedPaths = (
  session: Session,
  table: string,
  json: string,
  prefix: string,
  known: Readonly<Record<string, TypedPath>>,
  wanted: Readonly<Record<string, FieldType>>,
): Record<string, TypedPath> => {
  const paths: Record<string, TypedPath> = { ...known }
  let next = Object.keys(known).length
  for (const [path, type] of Object.entries(wanted)) {
    if (Object.hasOwn(paths, path)) continue
    const column = `${prefix}${next++}`
    if (!isColumnType(type)) {
      paths[path] = { type }
      continue
    }
    session.db.exec(
      `ALTER TABLE ${quote(table)} ADD COLUMN ${quote(column)} GENERATED ALWAYS AS (${typedExpression(json, path, type)}) VIRTUAL`,
    )
    session.db.exec(`CREATE INDEX ${quote(`${table}_${column}`)} ON ${quote(table)} (${quote(column)})`)
    paths[path] = { type, column }
  }
  return paths
}

/** Where a path inside a JSON column is found. */
export const jsonField = (
  alias: string,
  json: string,
  path: string,
  paths: Readonly<Record<string, TypedPath>>,
): Field => {
  const declared = Object.hasOwn(paths, path) ? paths[path] : undefined
  const sql = `${alias}.${quote(json)}`
  if (!declared?.column || !isColumnType(declared.type)) return { kind: 'json', sql, path: jsonPath(path) }
  const typed = { sql: `${alias}.${quote(declared.column)}`, type: declared.type }
  return { kind: 'json', sql, path: jsonPath(path), typed }
}

/** A filter over one JSON column of a table. */
export const compileJsonFilter = (
  filter: FilterNode | undefined,
  alias: string,
  json: string,
  paths: Readonly<Record<string, TypedPath>>,
): CompiledFilter =>
  filter === undefined ? { sql: '1', params: [] } : compileFilter(filter, (path) => jsonField(alias, json, path, paths))
