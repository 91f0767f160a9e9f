import {
  type ColumnDefinition,
  checkName,
  type FieldType,
  type FilterNode,
  invalid,
  type TableDefinition,
  VeritasError,
} from '@veritas-db/core/contract'
import type { Space } from '../catalogue.js'
import type { PostgresConfig } from '../config.js'
import { type Field, indexedText, type ScalarType } from '../filter.js'
import { fieldIndex, type IndexSpec, indexSpec, pathsIn } from '../indexes.js'
import type { RoleContext } from '../role.js'
import type { Session } from '../session.js'
import { quote } from '../sql.js'
import { textVector } from '../text.js'
import { checkFields } from '../vectors/collections.js'

/** What the catalogue keeps of a table. */
export interface RelationalDefinition {
  readonly columns: Readonly<Record<string, ColumnDefinition>>
  /** Text columns that full text covers, the most important first. */
  readonly fullText: readonly string[]
  /** The text search configuration that the words were made with. */
  readonly textConfig: string
}
export type Table = Space<RelationalDefinition>

/** Columns that every table of PostgreSQL has, and a user's table may want to have too. */
const SYSTEM_COLUMNS: ReadonlySet<string> = new Set(['ctid', 'xmin', 'xmax', 'cmin', 'cmax', 'tableoid'])

/** The column's name in the database: its own, but for system columns. Our own start with `_`, which a user's cannot. */
export const columnName = (name: string): string => (SYSTEM_COLUMNS.has(name) ? `_c_${name}` : name)

export const isScalar = (type: FieldType): type is ScalarType =>
  type === 'string' || type === 'number' || type === 'boolean' || type === 'date'

/** Checks the options of `ensureTable`. @throws VeritasError VALIDATION */
export const checkTable = ({ columns, fullText = [] }: TableDefinition): void => {
  for (const [name, { paths = {} }] of Object.entries(columns)) {
    checkName(name, 'columns')
    checkFields(paths)
  }
  for (const name of fullText)
    if (!Object.hasOwn(columns, name) || columns[name]?.type !== 'string')
      throw invalid('fullText', `${JSON.stringify(name)} is no declared column of type string`)
}

/** Whether a table is there with all that is asked for. @throws VeritasError CONFLICT for a column of another type */
export const isEnsured = (table: Table | undefined, wanted: TableDefinition): boolean => {
  if (!table) return false
  const { columns, fullText } = table.definition
  if (!sameFullText(fullText, wanted.fullText)) return false
  return Object.entries(wanted.columns).every(([name, { type, index = false, paths = {} }]) => {
    const there = Object.hasOwn(columns, name) ? columns[name] : undefined
    if (there && there.type !== type)
      throw new VeritasError({
        code: 'CONFLICT',
        message: `The column "${name}" has the type ${there.type}; ${type} was asked for.`,
      })
    return (
      there && (there.index || !index) && Object.keys(paths).every((path) => Object.hasOwn(there.paths ?? {}, path))
    )
  })
}

const sameFullText = (there: readonly string[], wanted: readonly string[] = []): boolean =>
  wanted.length === 0 || (there.length === wanted.length && there.every((name, i) => name === wanted[i]))

const SQL_TYPES: Readonly<Record<ScalarType, string>> = {
  string: 'text COLLATE "C"',
  number: 'float8',
  boolean: 'bool',
  date: 'timestamptz',
}

/** Makes a table, or adds what it lacks. Runs in a transaction. */
export const ensureTable = async (
  session: Session,
  config: PostgresConfig,
  relation: string,
  qualified: string,
  there: RelationalDefinition | undefined,
  wanted: TableDefinition,
): Promise<RelationalDefinition> => {
  if (!there)
    await session.run(
      `CREATE TABLE ${qualified} (_key uuid PRIMARY KEY, _document_id text COLLATE "C" NOT NULL, _version text COLLATE "C" NOT NULL)`,
    )
  const columns: Record<string, ColumnDefinition> = { ...there?.columns }
  const additions: string[] = []
  for (const [name, column] of Object.entries(wanted.columns)) {
    const known = Object.hasOwn(columns, name) ? columns[name] : undefined
    if (!known)
      additions.push(
        `ADD COLUMN ${quote(columnName(name))} ${isScalar(column.type) ? SQL_TYPES[column.type] : 'jsonb'}`,
      )
    columns[name] = {
      type: column.type,
      index: known?.index || column.index || false,
      paths: { ...column.paths, ...known?.paths },
    }
  }
  const fullText = wanted.fullText?.length ? wanted.fullText : (there?.fullText ?? [])
  let textConfig = there?.textConfig ?? config.textConfig
  if (!sameFullText(there?.fullText ?? [], wanted.fullText)) {
    textConfig = config.textConfig
    additions.push('DROP COLUMN IF EXISTS _text')
    const words = textVector(
      textConfig,
      fullText.map((name) => quote(columnName(name))),
    )
    await alter(session, qualified, additions.splice(0))
    additions.push(`ADD COLUMN _text tsvector GENERATED ALWAYS AS (${words}) STORED`)
  }
  await alter(session, qualified, additions)
  for (const [name, column] of Object.entries(columns)) {
    const spec = columnIndex(config, relation, name, column)
    if (spec) await session.run(`CREATE INDEX IF NOT EXISTS ${quote(spec.name)} ON ${qualified} ${spec.definition}`)
  }
  return { columns, fullText, textConfig }
}

const alter = async (session: Session, qualified: string, actions: readonly string[]): Promise<void> => {
  if (actions.length > 0) await session.run(`ALTER TABLE ${qualified} ${actions.join(', ')}`)
}

/** A text as conditions and indexes name it. */
const textColumn = (name: string): string => `${quote(columnName(name))} COLLATE "C"`

/** The index of a column of its own, in the order of `find`. */
const columnIndex = (
  config: PostgresConfig,
  relation: string,
  name: string,
  { type, index }: ColumnDefinition,
): IndexSpec | undefined => {
  if (!index || !isScalar(type)) return undefined
  const expression = type === 'string' ? indexedText(textColumn(name)) : quote(columnName(name))
  return indexSpec(config, relation, `(${expression} NULLS FIRST, _key)`)
}

/** The index of the words; another one where other columns are covered, for then their column is made anew. */
export const textIndex = (config: PostgresConfig, { relation, definition }: Table): IndexSpec => ({
  ...indexSpec(config, relation, `${definition.textConfig} ${definition.fullText.join(' ')}`),
  definition: 'USING gin (_text)',
})

/** The index for a filter's path; undefined where there is none to build. */
const pathIndex = (config: PostgresConfig, { relation, definition }: Table, path: string): IndexSpec | undefined => {
  const { name, column, rest } = columnAt(definition, path)
  if (!column || isScalar(column.type)) return undefined
  if (rest.length === 0)
    return column.index ? fieldIndex(config, relation, columnName(name), [], column.type) : undefined
  const type = declaredType(column, rest)
  return type && fieldIndex(config, relation, columnName(name), rest, type)
}

/** All indexes that a table may have beside those of its columns. */
export const tableIndexes = (config: PostgresConfig, table: Table): readonly IndexSpec[] => {
  const { columns, fullText } = table.definition
  const paths = Object.entries(columns).flatMap(([name, column]) => [
    name,
    ...Object.keys(column.paths ?? {}).map((path) => `${name}.${path}`),
  ])
  return [
    ...(fullText.length > 0 ? [textIndex(config, table)] : []),
    ...paths.flatMap((path) => pathIndex(config, table, path) ?? []),
  ]
}

const columnAt = (
  { columns }: RelationalDefinition,
  path: string,
): { readonly name: string; readonly column: ColumnDefinition | undefined; readonly rest: readonly string[] } => {
  const [name = '', ...rest] = path.split('.')
  return { name, column: Object.hasOwn(columns, name) ? columns[name] : undefined, rest }
}

const declaredType = ({ paths = {} }: ColumnDefinition, rest: readonly string[]): FieldType | undefined => {
  const path = rest.join('.')
  return Object.hasOwn(paths, path) ? paths[path] : undefined
}

/** Where a filter finds the values of the rows `r`: a column, or a path inside one of JSONB. */
export const rowField =
  ({ definition }: Table) =>
  (path: string): Field => {
    const { name, column, rest } = columnAt(definition, path)
    if (!column) return { kind: 'none' }
    const sql = `r.${quote(columnName(name))}`
    // A step into a text, number or date finds nothing.
    if (isScalar(column.type))
      return rest.length === 0
        ? { kind: 'column', sql, type: column.type, index: column.index === true }
        : { kind: 'none' }
    const type = rest.length === 0 ? column.type : declaredType(column, rest)
    return { kind: 'json', sql, path: rest, ...(type && { type }) }
  }

/** Has indexes built for the declared paths that a filter asks about. */
export const wantFieldIndexes = async (
  { config, indexes }: RoleContext,
  session: Session,
  table: Table,
  filter: FilterNode | undefined,
): Promise<void> => {
  for (const path of pathsIn(filter)) {
    const spec = pathIndex(config, table, path)
    if (spec) await indexes.want(session, table.relation, spec)
  }
}
