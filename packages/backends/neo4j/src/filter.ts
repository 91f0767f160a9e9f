import type { Condition, FilterNode, Scalar } from '@veritas-db/core/contract'
import { fieldProperty, longProperty, quote, sortProperty } from './cypher.js'
import type { Dialect } from './dialect.js'
import { filterParameter, isLongText, sortText, type ToNativeDate } from './properties.js'

export interface CompiledFilter {
  /** A Cypher condition; `true` where the filter matches everything. */
  readonly text: string
  readonly parameters: Readonly<Record<string, unknown>>
}

const comparison = { gt: '>', gte: '>=', lt: '<', lte: '<=' } as const

/**
 * Translates a filter into a condition on the node `alias`. Pure. Values are parameters `f0`, `f1`, …; paths are property names
 * that went through the allow-pattern. Where the filter says false a condition may be null: WHERE treats both alike, and
 * negations turn null into false first.
 */
export const compileFilter = (
  node: FilterNode,
  alias: string,
  dialect: Dialect,
  toDate: ToNativeDate,
): CompiledFilter => {
  const parameters: Record<string, unknown> = {}
  let count = 0
  const bind = (value: unknown): string => {
    const name = `f${count++}`
    parameters[name] = value
    return `$${name}`
  }
  const scalar = (value: Scalar): string => bind(filterParameter(value, toDate))
  const negate = (text: string): string => `NOT coalesce(${text}, false)`
  const short = (path: string): string => `${alias}.${quote(fieldProperty(path))}`
  const long = (path: string): string => `${alias}.${quote(longProperty(path))}`
  const sorted = (path: string): string => `${alias}.${quote(sortProperty(path))}`
  const either = (path: string): string => `coalesce(${short(path)}, ${long(path)})`
  const exists = (path: string): string =>
    `(${short(path)} IS NOT NULL OR ${long(path)} IS NOT NULL OR ${bind(path)} IN coalesce(${alias}._objects, []))`

  const join = (nodes: readonly FilterNode[], operator: 'AND' | 'OR'): string =>
    nodes.length === 0 ? (operator === 'AND' ? 'true' : 'false') : `(${nodes.map(walk).join(` ${operator} `)})`

  const walk = (n: FilterNode): string => {
    switch (n.op) {
      case 'and':
        return join(n.nodes, 'AND')
      case 'or':
        return join(n.nodes, 'OR')
      case 'not':
        return negate(walk(n.node))
      case 'ne':
        return negate(condition({ ...n, op: 'eq' }))
      case 'nin':
        return negate(condition({ ...n, op: 'in' }))
      default:
        return condition(n)
    }
  }

  const condition = (n: Condition): string => {
    switch (n.op) {
      case 'eq':
        if (n.value === null) return negate(exists(n.path))
        return typeof n.value === 'string' && isLongText(n.value)
          ? `${long(n.path)} = ${scalar(n.value)}`
          : `${short(n.path)} = ${scalar(n.value)}`
      case 'in': {
        const values = n.values.filter((v): v is Scalar => v !== null)
        const longOnes = values.filter((v) => typeof v === 'string' && isLongText(v))
        const shortOnes = values.filter((v) => !longOnes.includes(v)).map((v) => filterParameter(v, toDate))
        const terms: string[] = []
        if (shortOnes.length > 0) terms.push(`${short(n.path)} IN ${bind(shortOnes)}`)
        if (longOnes.length > 0) terms.push(`${long(n.path)} IN ${bind(longOnes)}`)
        if (n.values.includes(null)) terms.push(negate(exists(n.path)))
        return terms.length === 0 ? 'false' : `(${terms.join(' OR ')})`
      }
      case 'exists':
        return n.value ? exists(n.path) : negate(exists(n.path))
      case 'contains': {
        const value = scalar(n.value)
        const list = `WHEN ${dialect.isList(either(n.path))} THEN ${value} IN ${either(n.path)}`
        const text =
          typeof n.value === 'string'
            ? ` WHEN ${dialect.isText(either(n.path))} THEN ${either(n.path)} CONTAINS ${value}`
            : ''
        return `CASE ${list}${text} ELSE false END`
      }
      case 'startsWith':
        return `${either(n.path)} STARTS WITH ${scalar(n.value)}`
      case 'gt':
      case 'gte':
      case 'lt':
      case 'lte':
        return typeof n.value === 'string'
          ? `coalesce(${sorted(n.path)}, ${short(n.path)}, ${long(n.path)}) ${comparison[n.op]} ${bind(sortText(n.value))}`
          : `${short(n.path)} ${comparison[n.op]} ${scalar(n.value)}`
      default:
        throw new TypeError(`unexpected condition ${n.op}`)
    }
  }

  return { text: walk(node), parameters }
}
