import { hash } from 'node:crypto'
import { encodeFieldPath, type Metadata, type Scalar } from '@veritas-db/core/contract'

/** What a tag says of the value at a path: that there is one, that it equals a value, that it is a list that holds one. */
type Kind = 'exists' | 'equals' | 'holds'

/** What is made of a path, and tags at it by value: few values come again and again, and hashing takes longer than all else about a tag. */
interface Known {
  readonly exists: string
  readonly equals: Map<string | number | boolean, string>
  readonly holds: Map<string | number | boolean, string>
  number?: string
  date?: string
}
const known = new Map<string, Known>()
const MOST_PATHS = 1000
/** Where there are more, as with titles, the first ones are remembered. */
const MOST_VALUES = 1000
/** Long values are seldom asked for twice. */
const LONGEST_VALUE = 100

const knownAt = (path: string): Known => {
  const before = known.get(path)
  if (before) return before
  const made: Known = { exists: hashed('exists', path, ''), equals: new Map(), holds: new Map() }
  if (known.size >= MOST_PATHS) known.clear()
  known.set(path, made)
  return made
}

/**
 * One statement about a record's metadata as one word: a letter, then 128 bits of SHA-256 in base64url. It tells types,
 * lower and upper case, and every character apart, whatever characters there are, and is no longer for a long value than for a short one.
 */
export const tagOf = (kind: Kind, path: string, value?: Scalar): string => {
  const at = knownAt(path)
  if (kind === 'exists' || value === undefined) return at.exists
  if (value instanceof Date) return hashed(kind, path, literal(value))
  const before = at[kind].get(value)
  if (before !== undefined) return before
  const tag = hashed(kind, path, literal(value))
  if (at[kind].size < MOST_VALUES && !(typeof value === 'string' && value.length > LONGEST_VALUE))
    at[kind].set(value, tag)
  return tag
}

const hashed = (kind: Kind, path: string, text: string): string =>
  `t${hash('sha256', `${kind}:${path.length}:${path}:${text}`, 'base64url').slice(0, 22)}`

const literal = (value: Scalar): string => {
  if (value instanceof Date) return `d${value.getTime()}`
  if (typeof value === 'string') return `s${value}`
  return typeof value === 'number' ? `n${value === 0 ? 0 : value}` : `b${value}`
}

/** The field of the index, or the attribute, with the number or date at a path. */
export const rangeField = (type: 'number' | 'date', path: string): string => {
  const at = knownAt(path)
  at[type] ??= rangeFieldOf(type, path)
  return at[type]
}

const rangeFieldOf = (type: 'number' | 'date', path: string): string => {
  const prefix = type === 'number' ? 'n' : 'd'
  const field = encodeFieldPath(path, `${prefix}_`)
  return field.length <= 64 ? field : `${prefix}x_${hash('sha256', path).slice(0, 32)}`
}

/** What filters look at: a word a statement, and a field a number or date. */
export interface Statements {
  readonly tags: readonly string[]
  readonly ranges: readonly (readonly [field: string, value: number])[]
}

export const statementsOf = (metadata: Metadata): Statements => {
  const tags: string[] = []
  const ranges: [string, number][] = []
  const walk = (object: Metadata, prefix: string): void => {
    for (const [name, value] of Object.entries(object)) {
      if (value === null || value === undefined) continue
      const path = prefix + name
      tags.push(tagOf('exists', path))
      if (Array.isArray(value))
        for (const item of new Set(value as readonly (string | number)[])) tags.push(tagOf('holds', path, item))
      else if (typeof value === 'object' && !(value instanceof Date)) walk(value as Metadata, `${path}.`)
      else {
        const scalar = value as Scalar
        tags.push(tagOf('equals', path, scalar))
        if (scalar instanceof Date) ranges.push([rangeField('date', path), scalar.getTime()])
        else if (typeof scalar === 'number') ranges.push([rangeField('number', path), scalar === 0 ? 0 : scalar])
      }
    }
  }
  walk(metadata, '')
  return { tags, ranges }
}
