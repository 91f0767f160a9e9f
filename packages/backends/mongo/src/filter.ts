import type { Condition, FieldType, FilterNode, Scalar } from '@veritas-db/core/contract'
import { storedName } from './values.js'

/** A condition of MongoDB's query language. */
export type Query = Readonly<Record<string, unknown>>

/** What no document matches. */
const nothing: Query = { _id: { $in: [] } }
/** The types that our values have; a value of one of them is there and not null. */
const valueTypes = ['string', 'number', 'bool', 'date', 'object', 'array']
const isArray = { $type: 'array' }

/** Where a path leads: the name of the field in a document, and the type that its values are certain to have. */
export interface Field {
  readonly name: string
  readonly type?: Extract<FieldType, 'string' | 'number' | 'boolean' | 'date'>
}

/** The field at a dotted path under `root`. */
export const fieldAt = (root: string, path: string): string =>
  [root, ...path.split('.').map((part) => storedName(part))].join('.')

/** The smallest text above all that start with `prefix`; undefined where there is none. */
export const successor = (prefix: string): string | undefined => {
  const points = Array.from(prefix)
  for (let i = points.length - 1; i >= 0; i--) {
    const next = ((points[i] as string).codePointAt(0) as number) + 1
    if (next > 0x10ffff) continue
    // The surrogates are no characters of their own.
    return points.slice(0, i).join('') + String.fromCodePoint(next === 0xd800 ? 0xe000 : next)
  }
  return undefined
}

const typeOf = (value: Scalar): Field['type'] =>
  value instanceof Date ? 'date' : (typeof value as 'string' | 'number' | 'boolean')

/** Queries that must all match: one object where no key comes twice, since servers look there for indexes first. */
export const allOf = (queries: readonly Query[]): Query => {
  if (queries.length === 1) return queries[0] as Query
  const keys = queries.flatMap((query) => Object.keys(query))
  return new Set(keys).size === keys.length ? Object.assign({}, ...queries) : { $and: queries }
}
const anyOf = (queries: readonly Query[]): Query =>
  queries.length === 0 ? nothing : queries.length === 1 ? (queries[0] as Query) : { $or: queries }
const none = (query: Query): Query => ({ $nor: [query] })

/**
 * Translates a filter into MongoDB's query language. Pure; every value is a value of the query, never a part of a text.
 * MongoDB would also match single elements of arrays, and elements by number in a path: guards take both out.
 * What compares is typed there too, and texts are compared by their bytes, as no collation is set.
 */
export const compileFilter = (node: FilterNode, resolve: (path: string) => Field): Query => {
  const walk = (n: FilterNode): Query => {
    switch (n.op) {
      case 'and':
        return n.nodes.length === 0 ? {} : allOf(n.nodes.map(walk))
      case 'or':
        return anyOf(n.nodes.map(walk))
      case 'not':
        return none(walk(n.node))
      case 'ne':
        return none(condition({ ...n, op: 'eq' }, resolve(n.path)))
      case 'nin':
        return none(condition({ ...n, op: 'in' }, resolve(n.path)))
      case 'exists':
        return n.value ? present(resolve(n.path)) : absent(resolve(n.path))
      default:
        return condition(n, resolve(n.path))
    }
  }
  return walk(node)
}

/** The value is there and not null. */
const present = ({ name, type }: Field): Query =>
  type ? { [name]: { $ne: null } } : allOf([{ [name]: { $type: valueTypes } }, ...noElement(name)])

const absent = (field: Field): Query => (field.type ? { [field.name]: null } : none(present(field)))

/** A scalar that meets `test`, and no array with such an element. */
const scalar = ({ name, type }: Field, test: Query): Query =>
  type ? { [name]: test } : allOf([{ [name]: test }, { [name]: { $not: isArray } }, ...noElement(name)])

/** Where a part of the path is a number, that it is a field's name and not an element's place. */
const noElement = (name: string): Query[] => {
  const parts = name.split('.')
  const guards: Query[] = []
  for (let i = 1; i < parts.length; i++)
    if (/^\d+$/.test(parts[i] as string)) guards.push({ [parts.slice(0, i).join('.')]: { $not: isArray } })
  return guards
}

const condition = (n: Condition, field: Field): Query => {
  const fits = (value: Scalar): boolean => field.type === undefined || typeOf(value) === field.type
  switch (n.op) {
    case 'eq':
      if (n.value === null) return absent(field)
      return fits(n.value) ? scalar(field, { $eq: n.value }) : nothing
    case 'in': {
      const values = n.values.filter((value): value is Scalar => value !== null && fits(value))
      const terms = values.length > 0 ? [scalar(field, { $in: values })] : []
      if (n.values.includes(null)) terms.push(absent(field))
      return anyOf(terms)
    }
    case 'gt':
    case 'gte':
    case 'lt':
    case 'lte':
      return fits(n.value) ? scalar(field, { [`$${n.op}`]: n.value }) : nothing
    case 'startsWith': {
      if (!fits(n.value)) return nothing
      const next = successor(n.value)
      return scalar(field, { $gte: n.value, ...(next !== undefined && { $lt: next }) })
    }
    case 'contains': {
      const element = allOf([{ [field.name]: { $elemMatch: { $eq: n.value } } }, ...noElement(field.name)])
      if (typeof n.value === 'number' || n.in === 'list') return field.type ? nothing : element
      if (field.type) return field.type === 'string' ? holdsText(field.name, n.value) : nothing
      return anyOf([element, holdsText(field.name, n.value)])
    }
    default:
      throw new TypeError(`unexpected condition ${n.op}`)
  }
}

/** A text of which `part` is a part: compared as bytes, so that nothing in it is a pattern. */
const holdsText = (name: string, part: string): Query => ({
  $expr: {
    $cond: [
      { $eq: [{ $type: `$${name}` }, 'string'] },
      { $gte: [{ $indexOfBytes: [`$${name}`, { $literal: part }] }, 0] },
      false,
    ],
  },
})
