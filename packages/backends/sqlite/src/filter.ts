import type { Condition, FieldType, FilterNode, Scalar } from '@veritas-db/core/contract'
import { encodeJson } from './json.js'
import { balanced, type SqlValue } from './sql.js'

/** The types that have a column of their own; the others are compared inside their JSON. */
export type ColumnType = Extract<FieldType, 'string' | 'number' | 'boolean' | 'date'>

/** Where the value at a filter's path is to be found. */
export type Field =
  /** nowhere: always null */
  | { readonly kind: 'none' }
  /** a column that holds values of one type and null: booleans as 0 and 1, dates as milliseconds */
  | { readonly kind: 'column'; readonly sql: string; readonly type: ColumnType }
  /** at a path inside JSON; `typed`: an indexed column that holds the value where it is of that type, else null */
  | {
      readonly kind: 'json'
      readonly sql: string
      readonly path: string
      readonly typed?: { readonly sql: string; readonly type: ColumnType }
    }

export interface CompiledFilter {
  /** An SQL condition; '1' where the filter matches everything. */
  readonly sql: string
  readonly params: readonly SqlValue[]
}

const typeOf = (value: Scalar): ColumnType => (value instanceof Date ? 'date' : (typeof value as ColumnType))

const native = (value: Scalar): SqlValue =>
  value instanceof Date ? value.getTime() : typeof value === 'boolean' ? Number(value) : value

/** The smallest text above all that start with `prefix`; undefined where there is none. */
export const successor = (prefix: string): string | undefined => {
  const points = Array.from(prefix)
  for (let i = points.length - 1; i >= 0; i--) {
    const next = ((points[i] as string).codePointAt(0) as number) + 1
    if (next > 0x10ffff) continue
    return points.slice(0, i).join('') + String.fromCodePoint(next === 0xd800 ? 0xe000 : next)
  }
  return undefined
}

/**
 * Translates a filter into an SQL condition and its parameters. Pure. Every value is a parameter; paths inside JSON are too.
 * A condition may be NULL where the filter says false: WHERE, AND and OR treat it so, and negations make it 0 first.
 */
export const compileFilter = (node: FilterNode, resolve: (path: string) => Field): CompiledFilter => {
  const params: SqlValue[] = []
  const bind = (value: SqlValue): string => {
    params.push(value)
    return '?'
  }

  const walk = (n: FilterNode): string => {
    switch (n.op) {
      case 'and':
        return n.nodes.length === 0 ? '1' : balanced(n.nodes.map(walk), 'AND')
      case 'or':
        return n.nodes.length === 0 ? '0' : balanced(n.nodes.map(walk), 'OR')
      case 'not':
        return negate(walk(n.node))
      case 'ne':
        return negate(condition({ ...n, op: 'eq' }, resolve(n.path)))
      case 'nin':
        return negate(condition({ ...n, op: 'in' }, resolve(n.path)))
      case 'exists':
        return n.value ? condition(n, resolve(n.path)) : negate(condition({ ...n, value: true }, resolve(n.path)))
      default:
        return condition(n, resolve(n.path))
    }
  }
  const negate = (sql: string): string => `NOT ifnull(${sql}, 0)`

  const condition = (n: Condition, field: Field): string => {
    if (field.kind === 'none')
      return (n.op === 'eq' && n.value === null) || (n.op === 'in' && n.values.includes(null)) ? '1' : '0'
    return field.kind === 'column' ? onColumn(n, field.sql, field.type) : onJson(n, field)
  }

  const onColumn = (n: Condition, sql: string, type: ColumnType): string => {
    switch (n.op) {
      case 'eq':
        if (n.value === null) return `${sql} IS NULL`
        return typeOf(n.value) === type ? `${sql} = ${bind(native(n.value))}` : '0'
      case 'in': {
        const values = n.values.filter((v): v is Scalar => v !== null && typeOf(v) === type)
        const terms = values.length > 0 ? [`${sql} IN ${list(values.map(native))}`] : []
        if (n.values.includes(null)) terms.push(`${sql} IS NULL`)
        return terms.length === 0 ? '0' : balanced(terms, 'OR')
      }
      case 'exists':
        return `${sql} IS NOT NULL`
      case 'contains':
        return type === 'string' && typeof n.value === 'string' && n.in !== 'list'
          ? `instr(${sql}, ${bind(n.value)}) > 0`
          : '0'
      case 'startsWith': {
        if (type !== 'string') return '0'
        const start = `${sql} >= ${bind(n.value)}`
        const next = successor(n.value)
        return next === undefined
          ? `(${start} AND substr(${sql}, 1, length(${bind(n.value)})) = ${bind(n.value)})`
          : `(${start} AND ${sql} < ${bind(next)})`
      }
      case 'gt':
      case 'gte':
      case 'lt':
      case 'lte':
        return typeOf(n.value) === type ? `${sql} ${comparison[n.op]} ${bind(native(n.value))}` : '0'
      default:
        throw new TypeError(`unexpected condition ${n.op}`)
    }
  }

  const onJson = (n: Condition, field: Extract<Field, { kind: 'json' }>): string => {
    const { sql, path, typed } = field
    const at = (): string => `${sql}, ${bind(path)}`
    const type = (): string => `json_type(${at()})`
    const text = (value: Scalar): string => `(${sql} -> ${bind(path)}) = ${bind(encodeJson(value))}`
    const date = (): string => `json_extract(${sql}, ${bind(`${path}."$date"`)})`
    // A number in JSON is read by SQLite's own parser: the parameter goes the same way, so that equal texts are equal.
    const parsed = (value: Scalar): string =>
      typeof value === 'number' ? `(${bind(JSON.stringify(value))} ->> '$')` : bind(native(value))
    switch (n.op) {
      case 'eq':
        if (n.value === null) return `ifnull(${type()}, 'null') = 'null'`
        if (typed?.type === typeOf(n.value)) return `${typed.sql} = ${parsed(n.value)}`
        return text(n.value)
      case 'in': {
        const terms: string[] = []
        const values = n.values.filter((v): v is Scalar => v !== null)
        const own = values.filter((v) => typed?.type === typeOf(v))
        const rest = values.filter((v) => typed?.type !== typeOf(v))
        if (typed && own.length > 0) {
          terms.push(`${typed.sql} IN (SELECT value FROM json_each(${bind(JSON.stringify(own.map(native)))}))`)
        }
        if (rest.length > 0) terms.push(`(${sql} -> ${bind(path)}) IN ${list(rest.map(encodeJson))}`)
        if (n.values.includes(null)) terms.push(`ifnull(${type()}, 'null') = 'null'`)
        return terms.length === 0 ? '0' : balanced(terms, 'OR')
      }
      case 'exists':
        return `${type()} <> 'null'`
      case 'contains': {
        const isText = typeof n.value === 'string'
        const types = isText ? "type = 'text'" : "type IN ('integer', 'real')"
        const head = `CASE ${type()} WHEN 'array' THEN EXISTS (SELECT 1 FROM json_each(${at()}) WHERE ${types} AND value = ${parsed(n.value)})`
        const tail =
          isText && n.in !== 'list' ? ` WHEN 'text' THEN instr(json_extract(${at()}), ${bind(n.value)}) > 0` : ''
        return `${head}${tail} ELSE 0 END`
      }
      case 'startsWith':
        if (typed?.type === 'string') return onColumn(n, typed.sql, 'string')
        return `CASE ${type()} WHEN 'text' THEN substr(json_extract(${at()}), 1, length(${bind(n.value)})) = ${bind(n.value)} ELSE 0 END`
      case 'gt':
      case 'gte':
      case 'lt':
      case 'lte': {
        const sign = comparison[n.op]
        const valueType = typeOf(n.value)
        if (typed?.type === valueType) return `${typed.sql} ${sign} ${parsed(n.value)}`
        if (valueType === 'date') return `${date()} ${sign} ${bind(native(n.value))}`
        const types = valueType === 'number' ? "IN ('integer', 'real')" : "= 'text'"
        return `(${type()} ${types} AND json_extract(${at()}) ${sign} ${parsed(n.value)})`
      }
      default:
        throw new TypeError(`unexpected condition ${n.op}`)
    }
  }

  const list = (values: readonly SqlValue[]): string =>
    values.length <= 16
      ? `(${values.map(bind).join(', ')})`
      : `(SELECT value FROM json_each(${bind(JSON.stringify(values))}))`

  return { sql: walk(node), params }
}

const comparison = { gt: '>', gte: '>=', lt: '<', lte: '<=' } as const
