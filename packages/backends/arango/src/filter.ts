import type { FilterCapabilities, FilterNode, Scalar } from '@veritas-db/core/contract'
import { DATE } from './values.js'

/** A condition in AQL, over the document variable `d`, with its bind parameters. */
export interface CompiledFilter {
  readonly aql: string
  readonly binds: Readonly<Record<string, unknown>>
}

/** What ArangoDB evaluates as the contract means it. It orders texts by language, not by code point. */
export const filterCapabilities: FilterCapabilities = Object.freeze<FilterCapabilities>({
  and: true,
  or: true,
  not: true,
  eq: true,
  ne: true,
  gt: ['number', 'date'],
  gte: ['number', 'date'],
  lt: ['number', 'date'],
  lte: ['number', 'date'],
  in: true,
  nin: true,
  exists: true,
  contains: true,
  startsWith: true,
})

const ORDER = { gt: '>', gte: '>=', lt: '<', lte: '<=' } as const

/**
 * The filter as AQL. Pure. Values and paths are bind parameters.
 * @param root where in the document a path starts, such as `['data']`
 */
export const compileFilter = (node: FilterNode | undefined, root: readonly string[]): CompiledFilter => {
  const binds: Record<string, unknown> = {}
  const names = new Map<string, string>()
  const bind = (value: unknown): string => {
    const name = `f${Object.keys(binds).length}`
    binds[name] = value
    return `@${name}`
  }
  const attribute = (path: readonly string[]): string => {
    const known = names.get(JSON.stringify(path))
    if (known) return known
    const name = `d.${bind(path)}`
    names.set(JSON.stringify(path), name)
    return name
  }
  /** The value at a path. A step into a list is one by its index, which a path must not be. */
  const valueAt = (path: string, more: readonly string[] = []): string => {
    const parts = [...root, ...path.split('.')]
    const guards = parts.flatMap((part, i) =>
      i > root.length && /^-?\d+$/.test(part) ? [`IS_OBJECT(${attribute(parts.slice(0, i))})`] : [],
    )
    const value = attribute([...parts, ...more])
    return guards.length === 0 ? value : `(${guards.join(' && ')} ? ${value} : null)`
  }
  const oneOf = (path: string, values: readonly (Scalar | null)[]): string => {
    const dates = values.filter((v) => v instanceof Date).map((v) => v.getTime())
    const others = values.filter((v) => v !== null && !(v instanceof Date)).map((v) => (v === 0 ? 0 : v))
    const conditions: string[] = []
    if (others.length > 0)
      conditions.push(
        others.length === 1 ? `${valueAt(path)} == ${bind(others[0])}` : `${valueAt(path)} IN ${bind(others)}`,
      )
    if (dates.length > 0)
      conditions.push(
        dates.length === 1
          ? `${valueAt(path, [DATE])} == ${bind(dates[0])}`
          : `${valueAt(path, [DATE])} IN ${bind(dates)}`,
      )
    if (values.includes(null)) conditions.push(`${valueAt(path)} == null`)
    return conditions.length === 0 ? 'false' : conditions.join(' || ')
  }
  const translate = (n: FilterNode): string => {
    switch (n.op) {
      case 'and':
        return n.nodes.length === 0 ? 'true' : n.nodes.map((x) => `(${translate(x)})`).join(' && ')
      case 'or':
        return n.nodes.length === 0 ? 'false' : n.nodes.map((x) => `(${translate(x)})`).join(' || ')
      case 'not':
        return `!(${translate(n.node)})`
      case 'eq':
        return oneOf(n.path, [n.value])
      case 'ne':
        return `!(${oneOf(n.path, [n.value])})`
      case 'in':
        return oneOf(n.path, n.values)
      case 'nin':
        return `!(${oneOf(n.path, n.values)})`
      case 'exists':
        return `${valueAt(n.path)} ${n.value ? '!=' : '=='} null`
      case 'contains': {
        const value = valueAt(n.path)
        const wanted = bind(n.value === 0 ? 0 : n.value)
        const inList = `IS_ARRAY(${value}) && ${wanted} IN ${value}`
        if (typeof n.value === 'number' || n.in === 'list') return inList
        // Every text holds the empty one, which functions need not agree with.
        const inText = n.value === '' ? `IS_STRING(${value})` : `IS_STRING(${value}) && CONTAINS(${value}, ${wanted})`
        return `(${inList}) || (${inText})`
      }
      case 'startsWith': {
        const value = valueAt(n.path)
        if (n.value === '') return `IS_STRING(${value})`
        return `IS_STRING(${value}) && STARTS_WITH(${value}, ${bind(n.value)})`
      }
      default: {
        const isDate = n.value instanceof Date
        const value = isDate ? valueAt(n.path, [DATE]) : valueAt(n.path)
        const bound = bind(isDate ? n.value.getTime() : n.value)
        // Null and booleans come before all numbers, and texts after them.
        return `IS_NUMBER(${value}) && ${value} ${ORDER[n.op]} ${bound}`
      }
    }
  }
  const aql = node ? translate(node) : 'true'
  return { aql, binds }
}
