import type { FilterCapabilities, FilterNode, Scalar } from '@veritas-db/core/contract'
import { escapeTag, rangeField, tagOf } from './tags.js'

/**
 * What RediSearch can filter by exactly. It has no order of texts; it looks for prefixes and parts of texts among a limited
 * number of them only. `contains` with a text would have to look into texts as well as into lists.
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

/** The field of the index with the statements about a record's metadata. */
export const TAG_FIELD = 'g'

/** A query of RediSearch, or that everything (true) or nothing (false) matches. */
export type Compiled = string | boolean

/** Joins conditions: by a space all have to match, by `|` one of them. */
const join = (separator: ' ' | '|', parts: readonly Compiled[]): Compiled => {
  const absorbing = separator === '|'
  if (parts.includes(absorbing)) return absorbing
  const conditions = parts.filter((part): part is string => typeof part === 'string')
  if (conditions.length === 0) return !absorbing
  return conditions.length === 1 ? (conditions[0] as string) : `(${conditions.join(separator)})`
}

/** Records with one of the tags, or with none of them. */
const tagged = (tags: readonly string[], wanted: boolean): Compiled =>
  tags.length === 0 ? !wanted : `${wanted ? '' : '-'}@${TAG_FIELD}:{${[...new Set(tags)].map(escapeTag).join('|')}}`

const among = (path: string, values: readonly (Scalar | null)[], wanted: boolean): Compiled => {
  const tags = values.flatMap((value) => (value === null ? [] : [tagOf('equals', path, value)]))
  const parts = tags.length > 0 ? [tagged(tags, wanted)] : []
  if (values.includes(null)) parts.push(tagged([tagOf('exists', path)], !wanted))
  return join(wanted ? '|' : ' ', parts)
}

/** A number as RediSearch reads it: a plus sign in the exponent is not among what it takes. */
const numeral = (value: number): string => String(value === 0 ? 0 : value).replace('e+', 'e')

const range = (op: 'gt' | 'gte' | 'lt' | 'lte', limit: string): string => {
  switch (op) {
    case 'gt':
      return `[(${limit} +inf]`
    case 'gte':
      return `[${limit} +inf]`
    case 'lt':
      return `[-inf (${limit}]`
    case 'lte':
      return `[-inf ${limit}]`
  }
}

/**
 * Translates a filter into RediSearch's query syntax (dialect 2). Pure. Every value becomes a hash or a numeral, so that nothing
 * a user writes is ever read as syntax. A negation is an exact complement: `-` matches what lacks the field too.
 */
export const compileFilter = (node: FilterNode, wanted = true): Compiled => {
  switch (node.op) {
    case 'and':
    case 'or':
      return join(
        (node.op === 'and') === wanted ? ' ' : '|',
        node.nodes.map((n) => compileFilter(n, wanted)),
      )
    case 'not':
      return compileFilter(node.node, !wanted)
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
      const { path, value } = node
      if (typeof value === 'string') throw new TypeError('texts have no order in RediSearch')
      const [type, limit] = value instanceof Date ? (['date', value.getTime()] as const) : (['number', value] as const)
      return `${wanted ? '' : '-'}@${rangeField(type, path)}:${range(node.op, numeral(limit))}`
    }
    default:
      throw new TypeError(`unexpected condition ${node.op}`)
  }
}
