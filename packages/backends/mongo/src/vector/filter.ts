import type { FilterCapabilities, FilterNode, Scalar } from '@veritas-db/core/contract'
import { equals, exists, holds, range } from './words.js'

/**
 * What the search index answers exactly. It knows no order of texts and no parts of them; `contains` with a text is for fields
 * that are declared as lists.
 */
export const filterCapabilities: FilterCapabilities = Object.freeze<FilterCapabilities>({
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
})

/** The field with the words about a record's metadata; the only one that is asked about. */
export const WORDS_FIELD = 'g'

/** A filter of `$vectorSearch`, or that everything (true) or nothing (false) matches. */
export type SearchFilter = Readonly<Record<string, unknown>> | boolean

/**
 * Translates a filter into that of `$vectorSearch`. Pure. Nothing but `$in`, `$nin`, `$and` and `$or` on one list of texts that
 * every record has: a negation is then an exact complement, whatever a server makes of fields that are missing.
 */
export const toSearchFilter = (node: FilterNode, wanted = true): SearchFilter => {
  switch (node.op) {
    case 'and':
    case 'or':
      return join(
        (node.op === 'and') === wanted,
        node.nodes.map((n) => toSearchFilter(n, wanted)),
      )
    case 'not':
      return toSearchFilter(node.node, !wanted)
    case 'eq':
      return among(node.path, [node.value], wanted)
    case 'ne':
      return among(node.path, [node.value], !wanted)
    case 'in':
      return among(node.path, node.values, wanted)
    case 'nin':
      return among(node.path, node.values, !wanted)
    case 'exists':
      return oneOf([exists(node.path)], node.value === wanted)
    case 'contains':
      return oneOf([holds(node.path, node.value)], wanted)
    case 'gt':
    case 'gte':
    case 'lt':
    case 'lte': {
      if (typeof node.value === 'string') throw new TypeError('the search index knows no order of texts')
      return oneOf(range(node.path, node.op, node.value), wanted)
    }
    default:
      throw new TypeError(`the operator ${node.op} is not declared`)
  }
}

/** Records with one of the words, or with none of them. */
const oneOf = (words: readonly string[], wanted: boolean): SearchFilter =>
  words.length === 0 ? !wanted : { [WORDS_FIELD]: { [wanted ? '$in' : '$nin']: [...new Set(words)] } }

const among = (path: string, values: readonly (Scalar | null)[], wanted: boolean): SearchFilter => {
  const words = values.flatMap((value) => (value === null ? [] : [equals(path, value)]))
  const parts = [oneOf(words, wanted)]
  if (values.includes(null)) parts.push(oneOf([exists(path)], !wanted))
  return join(!wanted, parts)
}

/** Joins conditions of which all have to match, or one. */
const join = (every: boolean, parts: readonly SearchFilter[]): SearchFilter => {
  if (parts.includes(!every)) return !every
  const conditions = parts.filter((part) => typeof part !== 'boolean')
  if (conditions.length === 0) return every
  return conditions.length === 1 ? (conditions[0] as SearchFilter) : { [every ? '$and' : '$or']: conditions }
}
