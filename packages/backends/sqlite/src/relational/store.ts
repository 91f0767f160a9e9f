import {
  type FieldType,
  type Metadata,
  type MetadataValue,
  type Scope,
  type TableDefinition,
  VeritasError,
} from '@veritas-db/core/contract'
import { addTypedPaths, jsonField, type TypedPath } from '../fields.js'
import type { Field } from '../filter.js'
import { decodeJson, encodeJson } from '../json.js'
import { findSpace, removeSpace, type Space, saveSpace } from '../schema.js'
import type { Session } from '../session.js'
import { quote, type SqlValue } from '../sql.js'
import { tokenizer } from '../text.js'

/** A declared column, with the name it has in the file. */
export interface Column {
  readonly type: FieldType
  readonly name: string
  readonly index: boolean
  /** Indexed paths inside a `json` column. */
  readonly paths: Readonly<Record<string, TypedPath>>
}

/** What the catalogue keeps of a table. */
export interface RelationalDefinition {
  readonly columns: Readonly<Record<string, Column>>
  /** Text columns in the full-text table, the most important first. */
  readonly fullText: readonly string[]
}

export type TableSpace = Space<RelationalDefinition>

/** The tables of a table: its rows, by id, and the full text of the same ids. */
export const tableNames = (space: Space<unknown>): { readonly rows: string; readonly text: string } => ({
  rows: `r${space.id}`,
  text: `r${space.id}_text`,
})

export const findTable = (session: Session, scope: Scope, table: string): TableSpace | undefined =>
  findSpace<RelationalDefinition>(session, 'relational', scope, table)

/** Whether a table is there already, with all that the definition asks for. */
export const isEnsured = (space: TableSpace | undefined, wanted: TableDefinition): boolean => {
  if (!space) return false
  const { columns, fullText } = space.definition
  if (!sameFullText(fullText, wanted.fullText)) return false
  return Object.entries(wanted.columns).every(([name, { type, index = false, paths = {} }]) => {
    const column = Object.hasOwn(columns, name) ? columns[name] : undefined
    return (
      column?.type === type &&
      (column.index || !index) &&
      Object.keys(paths).every((path) => Object.hasOwn(column.paths, path))
    )
  })
}

const sameFullText = (there: readonly string[], wanted: readonly string[] = []): boolean =>
  wanted.length === 0 || (there.length === wanted.length && there.every((name, i) => name === wanted[i]))

/** Names that are taken in every table; SQLite's own names ignore case. */
const reserved = ['id', 'key', 'document_id', 'version', 'rowid', 'oid', '_rowid_']

/** Makes a table, or adds the columns, indexes and full text it lacks. Runs in a transaction. */
export const ensureTable = (session: Session, scope: Scope, table: string, wanted: TableDefinition): void => {
  const found = findTable(session, scope, table)
  const empty: RelationalDefinition = { columns: {}, fullText: [] }
  const space = found ?? saveSpace<RelationalDefinition>(session, 'relational', scope, table, empty)
  const { rows, text } = tableNames(space)
  if (!found) {
    session.db.exec(`
      CREATE TABLE ${rows} (id INTEGER PRIMARY KEY, key TEXT NOT NULL, document_id TEXT NOT NULL, version TEXT NOT NULL);
      CREATE UNIQUE INDEX ${rows}_key ON ${rows} (key);
    `)
  }
  const columns: Record<string, Column> = { ...space.definition.columns }
  const taken = new Set([...reserved, ...Object.values(columns).map((column) => column.name.toLowerCase())])
  for (const [name, { type, index = false, paths = {} }] of Object.entries(wanted.columns)) {
    const there = Object.hasOwn(columns, name) ? columns[name] : undefined
    if (there && there.type !== type)
      throw new VeritasError({
        code: 'CONFLICT',
        message: `The column "${name}" of the table "${table}" has the type ${there.type}; ${type} was asked for.`,
      })
    const column = there ?? { type, name: freeName(name, taken), index: false, paths: {} }
    if (!there) session.db.exec(`ALTER TABLE ${rows} ADD COLUMN ${quote(column.name)}`)
    if (index && !column.index && isScalar(type))
      session.db.exec(`CREATE INDEX ${quote(`${rows}_i_${column.name}`)} ON ${rows} (${quote(column.name)})`)
    const typed = addTypedPaths(session, rows, column.name, `${column.name}_p`, column.paths, paths)
    columns[name] = { ...column, index: column.index || index, paths: typed }
    for (const path of Object.values(typed)) if (path.column) taken.add(path.column.toLowerCase())
  }
  const fullText = wanted.fullText?.length ? wanted.fullText : space.definition.fullText
  const definition = { columns, fullText }
  if (!sameFullText(space.definition.fullText, wanted.fullText)) indexText(session, rows, text, definition)
  saveSpace<RelationalDefinition>(session, 'relational', scope, table, definition)
}

const freeName = (name: string, taken: Set<string>): string => {
  let free = name
  for (let n = 2; taken.has(free.toLowerCase()); n++) free = `${name}_${n}`
  taken.add(free.toLowerCase())
  return free
}

/** Makes the full-text table anew, over the rows that are there. */
const indexText = (session: Session, rows: string, text: string, { columns, fullText }: RelationalDefinition): void => {
  const names = fullText.map((name) => quote((columns[name] as Column).name)).join(', ')
  session.db.exec(`
    DROP TABLE IF EXISTS ${text};
    CREATE VIRTUAL TABLE ${text} USING fts5 (${names}, content = '', contentless_delete = 1, ${tokenizer});
    INSERT INTO ${text} (rowid, ${names}) SELECT id, ${names} FROM ${rows};
  `)
}

/** Removes a table with all in it. Runs in a transaction. */
export const dropTable = (session: Session, space: TableSpace): void => {
  const { rows, text } = tableNames(space)
  session.db.exec(`DROP TABLE ${rows}; DROP TABLE IF EXISTS ${text}`)
  removeSpace(session, space.id)
}

/** Whether values of the type have a column value of their own; others are kept as JSON. */
const isScalar = (type: FieldType): type is 'string' | 'number' | 'boolean' | 'date' =>
  type === 'string' || type === 'number' || type === 'boolean' || type === 'date'

/** Where a filter's path is found: a column, or a path inside a column of JSON. */
export const rowField =
  (definition: RelationalDefinition, alias: string) =>
  (path: string): Field => {
    const dot = path.indexOf('.')
    const name = dot < 0 ? path : path.slice(0, dot)
    const rest = dot < 0 ? '' : path.slice(dot + 1)
    const column = Object.hasOwn(definition.columns, name) ? definition.columns[name] : undefined
    if (!column) return { kind: 'none' }
    if (!isScalar(column.type)) return jsonField(alias, column.name, rest, column.paths)
    // A step into a text, number or date finds nothing.
    return rest === '' ? { kind: 'column', sql: `${alias}.${quote(column.name)}`, type: column.type } : { kind: 'none' }
  }

/** The SQL that stores a value of a column: its parameter is what `toSql` gives. */
export const placeholder = (column: Column): string => (isScalar(column.type) ? '?' : 'jsonb(?)')

/** The SQL that reads a column: what `fromSql` takes. */
export const reading = (alias: string, column: Column): string => {
  const sql = `${alias}.${quote(column.name)}`
  return isScalar(column.type) ? sql : `json(${sql})`
}

export const toSql = (value: MetadataValue | undefined, column: Column): SqlValue => {
  if (value === null || value === undefined) return null
  switch (column.type) {
    case 'string':
      return value as string
    case 'number':
      // -0 is stored as 0.
      return (value as number) + 0
    case 'boolean':
      return Number(value)
    case 'date':
      return (value as Date).getTime()
    default:
      return encodeJson(value)
  }
}

export const fromSql = (value: unknown, column: Column): MetadataValue => {
  if (value === null) return null
  switch (column.type) {
    case 'boolean':
      return value === 1
    case 'date':
      return new Date(value as number)
    case 'string':
    case 'number':
      return value as string | number
    default:
      return decodeJson(value as string) as Metadata
  }
}
