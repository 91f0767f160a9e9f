import type { Condition, FieldType, FilterNode, Scalar } from '@veritas-db/core/contract'
import { encodeArray, encodeTimestamp, TYPE_IDS } from './binary.js'
import { encodeJson } from './json.js'
import { type Bindings, join, literal, successor } from './sql.js'

/** The types that have a column of their own; values of the others are JSONB. */
export type ScalarType = Extract<FieldType, 'string' | 'number' | 'boolean' | 'date'>

/** Where the value at a filter's path is to be found. */
export type Field =
  /** nowhere: always null */
  | { readonly kind: 'none' }
  /** a column of one type: text, float8, boolean or timestamptz */
  | { readonly kind: 'column'; readonly sql: string; readonly type: ScalarType; readonly index?: boolean }
  /** inside a JSONB column, a path of fields below it; `type` where the path is declared */
  | { readonly kind: 'json'; readonly sql: string; readonly path: readonly string[]; readonly type?: FieldType }

/** Texts are indexed by their start alone: an entry of an index holds 2,700 bytes at most, and texts have no limit. */
export const INDEXED_CHARACTERS = 256

/** The start of a text that an index holds. */
export const indexedText = (sql: string): string => `left(${sql}, ${INDEXED_CHARACTERS})`

/** A declared path inside a JSONB column, as indexes and conditions name it: they must be the same to be used. */
export const declaredPath = (column: string, path: readonly string[]): string =>
  path.length === 0 ? column : `(${column}${path.map((part) => ` -> ${literal(part)}`).join('')})`

/** The value of JSONB where it is of the type, else null. */
export const typedValue = (json: string, type: ScalarType): string => {
  switch (type) {
    case 'string':
      return `(CASE jsonb_typeof(${json}) WHEN 'string' THEN ${json} #>> '{}' END) COLLATE "C"`
    case 'number':
      return `(CASE jsonb_typeof(${json}) WHEN 'number' THEN ${json}::numeric END)`
    case 'boolean':
      return `(CASE jsonb_typeof(${json}) WHEN 'boolean' THEN ${json}::boolean END)`
    case 'date':
      // No other object can have this field: names of fields never start with "$".
      return `(${json} -> '$date')::numeric`
  }
}

const typeOf = (value: Scalar): ScalarType => (value instanceof Date ? 'date' : (typeof value as ScalarType))

const firstCharacters = (text: string): string =>
  text.length <= INDEXED_CHARACTERS ? text : Array.from(text).slice(0, INDEXED_CHARACTERS).join('')

/** Whether a text is shorter than what an index holds. */
const isShort = (text: string): boolean => text.length < INDEXED_CHARACTERS

const COMPARISON = { gt: '>', gte: '>=', lt: '<', lte: '<=' } as const
/** What must hold of the indexed start of a text where the comparison holds of the whole. */
const START_COMPARISON = { gt: '>=', gte: '>=', lt: '<=', lte: '<=' } as const

/**
 * Translates a filter into an SQL condition; its values become parameters. Pure but for the parameters it adds.
 * A condition may be NULL where the filter says false: WHERE, AND and OR treat it so, and negation is `IS NOT TRUE`.
 */
export const compileFilter = (node: FilterNode, resolve: (path: string) => Field, parameters: Bindings): string => {
  /** Undeclared paths, each with its parameters once. */
  const paths = new Map<string, string>()
  const bind = (value: unknown, type: string): string => `${parameters.bind(value)}::${type}`

  const json = (path: string, field: Extract<Field, { kind: 'json' }>): string => {
    if (field.type !== undefined) return declaredPath(field.sql, field.path)
    const known = paths.get(path)
    if (known !== undefined) return known
    // The operator with a text steps into objects only, as the filter language asks.
    const sql =
      field.path.length === 0
        ? field.sql
        : `(${field.sql}${field.path.map((part) => ` -> ${bind(part, 'text')}`).join('')})`
    paths.set(path, sql)
    return sql
  }

  const walk = (n: FilterNode): string => {
    switch (n.op) {
      case 'and':
        return join(n.nodes.map(walk), 'AND', 'true')
      case 'or':
        return join(n.nodes.map(walk), 'OR', 'false')
      case 'not':
        return negate(walk(n.node))
      case 'ne':
        return negate(condition({ ...n, op: 'eq' }))
      case 'nin':
        return negate(condition({ ...n, op: 'in' }))
      case 'exists':
        return n.value ? condition(n) : negate(condition({ ...n, value: true }))
      default:
        return condition(n)
    }
  }
  const negate = (sql: string): string => `((${sql}) IS NOT TRUE)`

  const condition = (n: Condition): string => {
    const field = resolve(n.path)
    // Before its path becomes a parameter, for the server refuses parameters that nothing uses.
    if (n.op === 'in' && n.values.length === 0) return 'false'
    if (field.kind === 'none')
      return (n.op === 'eq' && n.value === null) || (n.op === 'in' && n.values.includes(null)) ? 'true' : 'false'
    return field.kind === 'column' ? onColumn(n, field) : onJson(n, json(n.path, field), field.type)
  }

  /** Conditions on an expression that is a text or null; `start`: conditions on its indexed start come first. */
  const onText = (n: Condition, sql: string, start: boolean): string => {
    const text = (value: string): string => bind(value, 'text')
    const both = (short: boolean, ofStart: () => string, ofWhole: () => string): string => {
      if (!start) return ofWhole()
      // What holds of the start of a text and a value shorter than that holds of the whole.
      return short ? ofStart() : `(${ofStart()} AND ${ofWhole()})`
    }
    const head = indexedText(sql)
    switch (n.op) {
      case 'eq': {
        const { value } = n
        if (typeof value !== 'string') return 'false'
        return both(
          isShort(value),
          () => `${head} = ${text(firstCharacters(value))}`,
          () => `${sql} = ${text(value)}`,
        )
      }
      case 'in': {
        const values = n.values.filter((v) => typeof v === 'string')
        if (values.length === 0) return 'false'
        return both(
          values.every(isShort),
          () => `${head} = ANY(${bind([...new Set(values.map(firstCharacters))], 'text[]')})`,
          () => `${sql} = ANY(${bind(values, 'text[]')})`,
        )
      }
      case 'gt':
      case 'gte':
      case 'lt':
      case 'lte': {
        const { op, value } = n
        if (typeof value !== 'string') return 'false'
        const short = isShort(value)
        return both(
          short,
          () => `${head} ${short ? COMPARISON[op] : START_COMPARISON[op]} ${text(firstCharacters(value))}`,
          () => `${sql} ${COMPARISON[op]} ${text(value)}`,
        )
      }
      case 'startsWith': {
        const prefix = firstCharacters(n.value)
        const next = successor(prefix)
        return both(
          isShort(n.value) && next !== undefined,
          () => `${head} >= ${text(prefix)}${next === undefined ? '' : ` AND ${head} < ${text(next)}`}`,
          () => `starts_with(${sql}, ${text(n.value)})`,
        )
      }
      case 'contains':
        return typeof n.value === 'string' && n.in !== 'list' ? `strpos(${sql}, ${text(n.value)}) > 0` : 'false'
      default:
        throw new TypeError(`unexpected condition ${n.op}`)
    }
  }

  /** Conditions on an expression of another type that is null where there is no value of it. */
  const onTyped = (
    n: Condition,
    sql: string,
    type: Exclude<ScalarType, 'string'>,
    sqlType: string,
    native: (v: Scalar) => unknown,
  ): string => {
    const fits = (value: Scalar | null): value is Scalar => value !== null && typeOf(value) === type
    switch (n.op) {
      case 'eq':
        return fits(n.value) ? `${sql} = ${bind(native(n.value), sqlType)}` : 'false'
      case 'in': {
        const values = n.values.filter(fits)
        return values.length === 0 ? 'false' : `${sql} = ANY(${bind(list(values, type, native), `${sqlType}[]`)})`
      }
      case 'gt':
      case 'gte':
      case 'lt':
      case 'lte':
        return fits(n.value) ? `${sql} ${COMPARISON[n.op]} ${bind(native(n.value), sqlType)}` : 'false'
      case 'contains':
      case 'startsWith':
        return 'false'
      default:
        throw new TypeError(`unexpected condition ${n.op}`)
    }
  }

  const onColumn = (n: Condition, { sql: column, type, index }: Extract<Field, { kind: 'column' }>): string => {
    if (n.op === 'exists') return `${column} IS NOT NULL`
    if (n.op === 'eq' && n.value === null) return `${column} IS NULL`
    const native = (v: Scalar): unknown => (v instanceof Date ? encodeTimestamp(v) : v)
    const typed =
      type === 'string'
        ? onText(n, `${column} COLLATE "C"`, index === true)
        : onTyped(n, column, type, COLUMN_TYPES[type], native)
    return n.op === 'in' && n.values.includes(null) ? `(${typed} OR ${column} IS NULL)` : typed
  }

  const onJson = (n: Condition, value: string, declared: FieldType | undefined): string => {
    const nothing = `(${value} IS NULL OR ${value} = 'null'::jsonb)`
    const native = (v: Scalar): unknown => (v instanceof Date ? v.getTime() : v)
    const typed = (type: ScalarType): string => {
      const sql = typedValue(value, type)
      return type === 'string' ? onText(n, sql, declared === type) : onTyped(n, sql, type, JSON_TYPES[type], native)
    }
    switch (n.op) {
      case 'exists':
        return `${value} <> 'null'::jsonb`
      case 'eq':
        if (n.value === null) return nothing
        return indexed(declared) && typeOf(n.value) === declared
          ? typed(declared)
          : `${value} = ${bind(encodeJson(n.value), 'jsonb')}`
      case 'in': {
        const terms: string[] = []
        const values = n.values.filter((v): v is Scalar => v !== null)
        const own = indexed(declared) ? values.filter((v) => typeOf(v) === declared) : []
        if (own.length > 0 && indexed(declared)) terms.push(typed(declared))
        const rest = values.filter((v) => !own.includes(v))
        if (rest.length > 0)
          terms.push(
            `${value} = ANY(${bind(
              rest.map((v) => encodeJson(v)),
              'jsonb[]',
            )})`,
          )
        if (n.values.includes(null)) terms.push(nothing)
        return join(terms, 'OR', 'false')
      }
      case 'contains': {
        const array = `${value} @> ${bind(encodeJson([n.value] as string[]), 'jsonb')}`
        const parts = typeof n.value === 'string' && n.in !== 'list'
        return parts ? `(${array} OR ${typed('string')})` : array
      }
      case 'startsWith':
        return typed('string')
      case 'gt':
      case 'gte':
      case 'lt':
      case 'lte':
        return typed(typeOf(n.value))
      default:
        throw new TypeError(`unexpected condition ${n.op}`)
    }
  }

  return walk(node)
}

/** Whether a declared field has an index by value: a boolean's would not be worth it. */
export const indexed = (type: FieldType | undefined): type is 'string' | 'number' | 'date' =>
  type === 'string' || type === 'number' || type === 'date'

const COLUMN_TYPES: Readonly<Record<Exclude<ScalarType, 'string'>, string>> = {
  number: 'float8',
  boolean: 'boolean',
  date: 'timestamptz',
}
/** Numbers in JSONB are decimal, dates milliseconds. */
const JSON_TYPES: Readonly<Record<Exclude<ScalarType, 'string'>, string>> = {
  number: 'numeric',
  boolean: 'boolean',
  date: 'numeric',
}

const list = (values: readonly Scalar[], type: ScalarType, native: (v: Scalar) => unknown): unknown =>
  type === 'date' && native(values[0] as Scalar) instanceof Buffer
    ? encodeArray({ name: '', type: 'timestamptz', values: values as Date[] }, TYPE_IDS.timestamptz)
    : values.map(native)
