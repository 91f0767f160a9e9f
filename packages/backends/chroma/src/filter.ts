import type { FilterCapabilities, FilterNode, Scalar } from '@veritas-db/core/contract'
import type { Where } from 'chromadb'
import {
  booleanField,
  dateField,
  elementField,
  flagField,
  fractionField,
  integerField,
  type Literal,
  stored,
  typeFlag,
  withinInt64,
} from './fields.js'

/** What Chroma can filter by exactly. Its metadata has no order of texts and no search for parts of them. */
export const filterCapabilities: FilterCapabilities = Object.freeze({
  and: true,
  or: true,
  not: true,
  eq: true,
  ne: true,
  in: true,
  nin: true,
  exists: true,
  gt: ['number', 'date'],
  gte: ['number', 'date'],
  lt: ['number', 'date'],
  lte: ['number', 'date'],
  contains: ['number', 'element'],
} as const)

const allFlags: readonly string[] = Object.values(typeFlag)

/** A condition of Chroma, or that everything (true) or nothing (false) matches. */
export type Compiled = Where | boolean

const join = (op: '$and' | '$or', parts: readonly Compiled[]): Compiled => {
  const absorbing = op === '$or'
  if (parts.includes(absorbing)) return absorbing
  const conditions = parts.filter((part): part is Where => typeof part !== 'boolean')
  if (conditions.length === 0) return !absorbing
  if (conditions.length === 1) return conditions[0] as Where
  return op === '$and' ? { $and: conditions } : { $or: conditions }
}

const exists = (path: string, wanted: boolean): Compiled => {
  const [flags, booleans]: [string[], boolean[]] = [[...allFlags], [true, false]]
  return wanted
    ? join('$or', [{ [flagField(path)]: { $in: flags } }, { [booleanField(path)]: { $in: booleans } }])
    : join('$and', [{ [flagField(path)]: { $nin: flags } }, { [booleanField(path)]: { $nin: booleans } }])
}

const equals = (path: string, value: Scalar | null, wanted: boolean): Compiled => {
  if (value === null) return exists(path, !wanted)
  const [field, literal] = stored(path, value)
  return { [field]: wanted ? { $eq: literal } : { $ne: literal } }
}

/** One list a field, for the values of a list have one type. */
const isOneOf = (path: string, values: readonly (Scalar | null)[], wanted: boolean): Compiled => {
  const lists = new Map<string, Literal[]>()
  const parts: Compiled[] = []
  for (const value of values) {
    if (value === null) {
      parts.push(exists(path, !wanted))
      continue
    }
    const [field, literal] = stored(path, value)
    const literals = lists.get(field)
    if (literals) literals.push(literal)
    else lists.set(field, [literal])
  }
  for (const [field, literals] of lists) parts.push({ [field]: wanted ? { $in: literals } : { $nin: literals } })
  return join(wanted ? '$or' : '$and', parts)
}

type Order = '$gt' | '$gte' | '$lt' | '$lte'

/** The conditions of which one holds where a number or date is in that order. */
const ordered = (path: string, op: Order, value: number | Date): Where[] => {
  const where = (field: string, order: Order, literal: number): Where => ({ [field]: { [order]: literal } }) as Where
  if (value instanceof Date) return [where(dateField(path), op, value.getTime())]
  const limit = withinInt64(value)
  const up = op === '$gt' || op === '$gte'
  const ofIntegers = Number.isInteger(limit)
    ? where(integerField(path), op, limit)
    : where(integerField(path), up ? '$gt' : '$lt', up ? Math.floor(limit) : Math.ceil(limit))
  return [ofIntegers, where(fractionField(path), op, limit)]
}

const orders = { gt: '$gt', gte: '$gte', lt: '$lt', lte: '$lte' } as const
const opposites = { gt: '$lte', gte: '$lt', lt: '$gte', lte: '$gt' } as const

/**
 * Translates a filter into a condition of Chroma. Pure. Negations go down to the conditions: Chroma has no `$not`, but its
 * `$ne`, `$nin` and `$not_contains` are true complements, which match records without the field too.
 */
export const compileFilter = (node: FilterNode, wanted = true): Compiled => {
  switch (node.op) {
    case 'and':
    case 'or':
      return join(
        (node.op === 'and') === wanted ? '$and' : '$or',
        node.nodes.map((n) => compileFilter(n, wanted)),
      )
    case 'not':
      return compileFilter(node.node, !wanted)
    case 'eq':
      return equals(node.path, node.value, wanted)
    case 'ne':
      return equals(node.path, node.value, !wanted)
    case 'in':
      return isOneOf(node.path, node.values, wanted)
    case 'nin':
      return isOneOf(node.path, node.values, !wanted)
    case 'exists':
      return exists(node.path, node.value === wanted)
    case 'contains':
      return { [elementField(node.path, node.value)]: wanted ? { $eq: 1 } : { $ne: 1 } }
    case 'gt':
    case 'gte':
    case 'lt':
    case 'lte': {
      const { path, value } = node
      if (typeof value === 'string') throw new TypeError('texts have no order in Chroma')
      if (wanted) return join('$or', ordered(path, orders[node.op], value))
      // What is missing or of another type is not in that order either.
      const other: Where = { [flagField(path)]: { $ne: value instanceof Date ? typeFlag.date : typeFlag.number } }
      return join('$or', [...ordered(path, opposites[node.op], value), other])
    }
    default:
      throw new TypeError(`unexpected condition ${node.op}`)
  }
}
