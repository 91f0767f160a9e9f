import type { FilterCapabilities, FilterNode, Scalar } from '@veritas-db/core/contract'
import { rangeField, tagOf } from './statements.js'

/**
 * What both engines can filter by exactly, by the statements about a record's metadata. Neither has an order of texts, nor looks
 * for prefixes and parts of texts among any number of them; `contains` with a text would have to look into texts as well as into lists.
 */
export const filterCapabilities: FilterCapabilities = Object.freeze({
  and: true,
  or: true,
  not: true,
  eq: true,
  ne: true,
  in: true,
  nin: true,
  exists: true,
  contains: ['number', 'element'],
  gt: ['number', 'date'],
  gte: ['number', 'date'],
  lt: ['number', 'date'],
  lte: ['number', 'date'],
} as const)

/** A condition in an engine's language, or that everything (true) or nothing (false) matches. */
export type Compiled = string | boolean

/** A condition on a number or date. */
export interface Range {
  /** The field of the index that holds it. */
  readonly field: string
  readonly path: string
  readonly op: 'gt' | 'gte' | 'lt' | 'lte'
  readonly limit: number
}

/** An engine's language. */
export interface Dialect {
  /** Conditions of which all, or one, must match. */
  join(all: boolean, conditions: readonly string[]): string
  /** Records with one of these tags, or with none of them. */
  tagged(tags: readonly string[], wanted: boolean): string
  /** `certain`: no record matches the filter that does not meet this. */
  range(range: Range, wanted: boolean, certain: boolean): Compiled
}

/**
 * Translates a filter. Pure. Every value becomes a hash or a numeral, so that nothing a user writes is ever read as
 * syntax. A negation is an exact complement: it matches what lacks the field too.
 */
export const compileFilter = (dialect: Dialect, filter: FilterNode): Compiled => {
  const join = (all: boolean, parts: readonly Compiled[]): Compiled => {
    if (parts.includes(!all)) return !all
    const conditions = parts.filter((part): part is string => typeof part === 'string')
    if (conditions.length === 0) return all
    return conditions.length === 1 ? (conditions[0] as string) : dialect.join(all, conditions)
  }
  const tagged = (tags: readonly string[], wanted: boolean): Compiled =>
    tags.length === 0 ? !wanted : dialect.tagged([...new Set(tags)], wanted)
  const among = (path: string, values: readonly (Scalar | null)[], wanted: boolean): Compiled => {
    const tags = values.flatMap((value) => (value === null ? [] : [tagOf('equals', path, value)]))
    const parts = tags.length > 0 ? [tagged(tags, wanted)] : []
    if (values.includes(null)) parts.push(tagged([tagOf('exists', path)], !wanted))
    return join(!wanted, parts)
  }
  const compile = (node: FilterNode, wanted: boolean, certain: boolean): Compiled => {
    switch (node.op) {
      case 'and':
      case 'or': {
        const all = (node.op === 'and') === wanted
        return join(
          all,
          node.nodes.map((part) => compile(part, wanted, certain && all)),
        )
      }
      case 'not':
        return compile(node.node, !wanted, certain)
      case 'eq':
        return among(node.path, [node.value], wanted)
      case 'ne':
        return among(node.path, [node.value], !wanted)
      case 'in':
        return among(node.path, node.values, wanted)
      case 'nin':
        return among(node.path, node.values, !wanted)
      case 'exists':
        return tagged([tagOf('exists', node.path)], node.value === wanted)
      case 'contains':
        return tagged([tagOf('holds', node.path, node.value)], wanted)
      case 'gt':
      case 'gte':
      case 'lt':
      case 'lte': {
        const { op, path, value } = node
        if (typeof value === 'string') throw new TypeError('texts have no order in Redis')
        const field = rangeField(value instanceof Date ? 'date' : 'number', path)
        const limit = value instanceof Date ? value.getTime() : value === 0 ? 0 : value
        return dialect.range({ field, path, op, limit }, wanted, certain)
      }
      default:
        throw new TypeError(`unexpected condition ${node.op}`)
    }
  }
  return compile(filter, true, true)
}
