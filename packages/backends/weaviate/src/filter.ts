import { createHash } from 'node:crypto'
import { encodeFieldPath, type FilterCapabilities, type FilterNode, FULL_FILTER } from '@veritas-db/core/contract'
import type { FilterValue, Operator } from 'weaviate-client'

/** What Weaviate can filter by exactly: everything but the order of texts. */
export const filterCapabilities: FilterCapabilities = Object.freeze({
  ...FULL_FILTER,
  gt: ['number', 'date'],
  gte: ['number', 'date'],
  lt: ['number', 'date'],
  lte: ['number', 'date'],
} as const)

/** The property whose elements, the facets, say of a record what conditions ask: one index for all paths and types. */
export const FACETS = 'facets'

/**
 * Characters that mean something in a facet or in a pattern are replaced by characters of a private use area, and those
 * of that area by an escape and four digits. No encoding starts or ends within another one's, so that a text is part
 * of another exactly where its encoding is part of the other's.
 */
const [ESCAPE, STAR, QUESTION, NEWLINE, ZERO, ONE, MARK, END] = [
  '\uf8f0',
  '\uf8f1',
  '\uf8f2',
  '\uf8f3',
  '\uf8f4',
  '\uf8f5',
  '\uf8f6',
  '\uf8f7',
]
const special: Readonly<Record<string, string>> = {
  '*': STAR as string,
  '?': QUESTION as string,
  '\n': NEWLINE as string,
}

const encodeChar = (char: string): string => {
  const replaced = special[char]
  if (replaced !== undefined) return replaced
  const digits = (char.charCodeAt(0) - 0xf8f0).toString(2).padStart(4, '0')
  return ESCAPE + [...digits].map((digit) => (digit === '0' ? ZERO : ONE)).join('')
}

/** A text without wildcards, line breaks and characters of the private use area that facets are made of. */
export const encodeText = (text: string): string => text.replace(/[*?\n\uf8f0-\uf8ff]/g, encodeChar)

/** What a facet says: that a path has a value, a scalar value, or an element of an array. */
type Kind = 'present' | 'text' | 'number' | 'boolean' | 'date' | 'textElement' | 'numberElement'
const letters: Readonly<Record<Kind, string>> = {
  present: 'p',
  text: 's',
  number: 'n',
  boolean: 'b',
  date: 'd',
  textElement: 'S',
  numberElement: 'N',
}

/** Marks at both ends keep the spaces in between: Weaviate trims what it indexes. */
const head = (path: string, kind: Kind): string => `${MARK}${encodeText(path)}${MARK}${letters[kind]}`
const facet = (path: string, kind: Kind, value: string): string => `${head(path, kind)}${encodeText(value)}${END}`

/** That there is a value at the path, of whatever type. */
export const presence = (path: string): string => facet(path, 'present', '')

/** The facet of a scalar value. Numbers are as JavaScript prints them, which is one text a number. */
export const scalarFacet = (path: string, value: string | number | boolean | Date): string => {
  if (value instanceof Date) return facet(path, 'date', String(value.getTime()))
  return facet(path, typeof value === 'string' ? 'text' : (typeof value as 'number' | 'boolean'), String(value))
}

/** The facet of an element of an array. */
export const elementFacet = (path: string, value: string | number): string =>
  facet(path, typeof value === 'string' ? 'textElement' : 'numberElement', String(value))

/** The longest name of a property is 231 characters. */
const MAX_NAME = 200

/** A path as the name of a property: in lower case, since names that differ in case alone are one to Weaviate. */
export const propertyName = (path: string, letter: string): string => {
  const name = encodeFieldPath(path, `${letter}_`).replace(/[A-Z]/g, (char) => `_${char.charCodeAt(0).toString(16)}_`)
  return name.length <= MAX_NAME ? name : `${letter}h_${createHash('sha256').update(path).digest('hex')}`
}

/** The property with the number or date at a path, for ranges. A date is in milliseconds. */
export const rangeProperty = (path: string, type: 'number' | 'date'): string =>
  propertyName(path, type === 'number' ? 'n' : 'd')

const rangeOf = (path: string, value: number | Date): string =>
  rangeProperty(path, value instanceof Date ? 'date' : 'number')

/** The properties that a filter asks ranges of. */
export const rangesOf = (node: FilterNode): string[] => {
  switch (node.op) {
    case 'and':
    case 'or':
      return node.nodes.flatMap(rangesOf)
    case 'not':
      return rangesOf(node.node)
    case 'gt':
    case 'gte':
    case 'lt':
    case 'lte':
      return typeof node.value === 'string' ? [] : [rangeOf(node.path, node.value)]
    default:
      return []
  }
}

/** A condition of Weaviate, or that everything (true) or nothing (false) matches. */
export type Compiled = FilterValue | boolean

/** A condition on one property. */
export const on = (property: string, operator: Operator, value: FilterValue['value']): FilterValue => ({
  operator,
  target: { property },
  value,
})

/** The conjunction or disjunction of conditions. */
export const join = (operator: 'And' | 'Or', parts: readonly Compiled[]): Compiled => {
  const absorbing = operator === 'Or'
  if (parts.includes(absorbing)) return absorbing
  const filters = parts.filter((part): part is FilterValue => typeof part !== 'boolean')
  if (filters.length === 0) return !absorbing
  return filters.length === 1 ? (filters[0] as FilterValue) : { operator, filters, value: null }
}

const not = (part: Compiled): Compiled =>
  typeof part === 'boolean' ? !part : { operator: 'Not', filters: [part], value: null }

const hasFacet = (...facets: readonly string[]): Compiled => {
  if (facets.length === 0) return false
  return facets.length === 1 ? on(FACETS, 'Equal', facets[0]) : on(FACETS, 'ContainsAny', [...facets])
}

const like = (pattern: string): FilterValue => on(FACETS, 'Like', pattern)

const orders = { gt: 'GreaterThan', gte: 'GreaterThanEqual', lt: 'LessThan', lte: 'LessThanEqual' } as const

/** Numbers beyond what a record may hold: the client would send 1e300 as an integer of 64 bits. */
const withinSafe = (value: number): number => Math.max(-(2 ** 54), Math.min(2 ** 54, value))

/**
 * Translates a filter into a condition of Weaviate. Pure.
 * @param hasProperty whether the collection has a property: a range of one that it lacks matches nothing
 */
export const compileFilter = (node: FilterNode, hasProperty: (name: string) => boolean): Compiled => {
  const walk = (n: FilterNode): Compiled => {
    switch (n.op) {
      case 'and':
        return join('And', n.nodes.map(walk))
      case 'or':
        return join('Or', n.nodes.map(walk))
      case 'not':
        return not(walk(n.node))
      case 'ne':
        return not(walk({ ...n, op: 'eq' }))
      case 'nin':
        return not(walk({ ...n, op: 'in' }))
      case 'exists': {
        const there = hasFacet(presence(n.path))
        return n.value ? there : not(there)
      }
      case 'eq':
        return n.value === null ? not(hasFacet(presence(n.path))) : hasFacet(scalarFacet(n.path, n.value))
      case 'in': {
        const facets = n.values.filter((v) => v !== null).map((v) => scalarFacet(n.path, v))
        const missing = n.values.includes(null) ? [not(hasFacet(presence(n.path)))] : []
        return join('Or', [hasFacet(...facets), ...missing])
      }
      case 'contains': {
        const element = hasFacet(elementFacet(n.path, n.value))
        if (typeof n.value === 'number' || n.in === 'list') return element
        return join('Or', [element, like(`${head(n.path, 'text')}*${encodeText(n.value)}*`)])
      }
      case 'startsWith':
        return like(`${head(n.path, 'text')}${encodeText(n.value)}*`)
      default: {
        if (typeof n.value === 'string') throw new TypeError('texts have no order here')
        const property = rangeOf(n.path, n.value)
        const limit = n.value instanceof Date ? n.value.getTime() : withinSafe(n.value)
        return hasProperty(property) ? on(property, orders[n.op], limit) : false
      }
    }
  }
  return walk(node)
}
