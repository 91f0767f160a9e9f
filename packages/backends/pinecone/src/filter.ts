import type { FilterCapabilities, FilterNode, Scalar } from '@veritas-db/core/contract'
import { fieldName, KINDS, type Kind, listNumber } from './metadata.js'

/** A filter in Pinecone's language. */
export type NativeFilter = Readonly<Record<string, unknown>>

/**
 * What Pinecone evaluates as the contract means it. It orders numbers only, and knows no parts of a text; `contains` with a
 * text is for fields that are declared as lists.
 */
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
  contains: ['number', 'element'],
})

/** The most values of `$in` and `$nin`. */
const MAX_LIST = 10_000

/** A filter, or the answer where it does not depend on the record. */
type Folded = NativeFilter | boolean

/**
 * The filter in Pinecone's language; undefined where every record matches. Pure. `alwaysThere` names a field that every
 * record has. Pinecone has no `not`, so negations are pushed down to the conditions; and it does not say whether `$ne` matches a
 * record that lacks the field, so each complement says so itself.
 */
export const toNativeFilter = (node: FilterNode, alwaysThere: string): NativeFilter | undefined => {
  const folded = translate(node, false)
  if (folded === true) return undefined
  return folded === false ? { [alwaysThere]: { $exists: false } } : folded
}

const translate = (node: FilterNode, negated: boolean): Folded => {
  switch (node.op) {
    case 'and':
    case 'or': {
      const parts = node.nodes.map((n) => translate(n, negated))
      return (node.op === 'and') === negated ? any(parts) : all(parts)
    }
    case 'not':
      return translate(node.node, !negated)
    case 'eq':
    case 'ne':
      return among(node.path, [node.value], (node.op === 'ne') !== negated)
    case 'in':
    case 'nin':
      return among(node.path, node.values, (node.op === 'nin') !== negated)
    case 'exists':
      return present(node.path, node.value !== negated)
    case 'contains': {
      const [field, wanted] =
        typeof node.value === 'number'
          ? [fieldName('l', node.path), [listNumber(node.value)]]
          : [fieldName('a', node.path), [node.value]]
      return negated ? any([{ [field]: { $nin: wanted } }, absent(field)]) : { [field]: { $in: wanted } }
    }
    case 'gt':
    case 'gte':
    case 'lt':
    case 'lte': {
      const isDate = node.value instanceof Date
      const field = fieldName(isDate ? 'd' : 'n', node.path)
      const value = isDate ? node.value.getTime() : node.value
      if (!negated) return { [field]: { [`$${node.op}`]: value } }
      const opposite = { gt: '$lte', gte: '$lt', lt: '$gte', lte: '$gt' }[node.op]
      return any([{ [field]: { [opposite]: value } }, absent(field)])
    }
    default:
      throw new TypeError(`the operator ${node.op} is not declared`)
  }
}

const absent = (field: string): NativeFilter => ({ [field]: { $exists: false } })

/** Whether there is a value of any kind at the path. */
const present = (path: string, wanted: boolean): Folded => {
  const conditions = KINDS.map((kind) => ({ [fieldName(kind, path)]: { $exists: wanted } }))
  return wanted ? any(conditions) : all(conditions)
}

/** Whether the value is one of these, or none of them. */
const among = (path: string, values: readonly (Scalar | null)[], negated: boolean): Folded => {
  const byKind = new Map<Kind, (string | number | boolean)[]>()
  let withNull = false
  for (const value of values) {
    if (value === null) {
      withNull = true
      continue
    }
    const [kind, native] = nativeScalar(value)
    const list = byKind.get(kind)
    if (list) list.push(native)
    else byKind.set(kind, [native])
  }
  const conditions: Folded[] = [...byKind].flatMap(([kind, list]) => oneOf(fieldName(kind, path), kind, list, negated))
  if (withNull) conditions.push(present(path, negated))
  return negated ? all(conditions) : any(conditions)
}

const oneOf = (field: string, kind: Kind, values: readonly unknown[], negated: boolean): Folded[] => {
  const conditions: NativeFilter[] = []
  // Lists hold texts or numbers; booleans are compared one by one.
  const size = kind === 'b' ? 1 : MAX_LIST
  const unique = [...new Set(values)]
  for (let i = 0; i < unique.length; i += size) {
    const part = unique.slice(i, i + size)
    const [operator, operand] = part.length === 1 ? ['eq', part[0]] : ['in', part]
    conditions.push({ [field]: { [negated ? `$${operator === 'eq' ? 'ne' : 'nin'}` : `$${operator}`]: operand } })
  }
  return negated ? conditions.map((condition) => any([condition, absent(field)])) : conditions
}

const nativeScalar = (value: Scalar): readonly [Kind, string | number | boolean] => {
  if (typeof value === 'string') return ['s', value]
  if (typeof value === 'boolean') return ['b', value]
  return value instanceof Date ? ['d', value.getTime()] : ['n', value === 0 ? 0 : value]
}

const all = (parts: readonly Folded[]): Folded => join('$and', parts, true)
const any = (parts: readonly Folded[]): Folded => join('$or', parts, false)

/** Joins conditions; `neutral` is the answer that changes nothing, its opposite decides. */
const join = (operator: '$and' | '$or', parts: readonly Folded[], neutral: boolean): Folded => {
  if (parts.includes(!neutral)) return !neutral
  const rest = parts.filter((part): part is NativeFilter => typeof part !== 'boolean')
  if (rest.length === 0) return neutral
  return rest.length === 1 ? (rest[0] as NativeFilter) : { [operator]: rest }
}
