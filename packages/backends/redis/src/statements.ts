import { hash } from 'node:crypto'
import { encodeFieldPath, type Metadata, type Scalar } from '@veritas-db/core/contract'

/** What a tag says of the value at a path: that there is one, that it equals a value, that it is a list that holds one. */
type Kind = 'exists' | 'equals' | 'holds'

const known = new Map<string, string>()
const MOST_KNOWN = 10_000

/**
 * One statement about a record's metadata as one word: a letter, then 128 bits of SHA-256 in base64url. It tells types,
 * lower and upper case, and every character apart, whatever characters there are, and is no longer for a long value than for a short one.
 */
export const tagOf = (kind: Kind, path: string, value?: Scalar): string => {
  const statement = `${kind}:${path.length}:${path}:${value === undefined ? '' : literal(value)}`
  const before = known.get(statement)
  if (before !== undefined) return before
  const tag = `t${hash('sha256', statement, 'base64url').slice(0, 22)}`
  if (known.size >= MOST_KNOWN) known.clear()
  // Long values are seldom asked for twice.
  if (statement.length < 200) known.set(statement, tag)
  return tag
}

const literal = (value: Scalar): string => {
  if (value instanceof Date) return `d${value.getTime()}`
  if (typeof value === 'string') return `s${value}`
  return typeof value === 'number' ? `n${value === 0 ? 0 : value}` : `b${value}`
}

/** The field of the index, or the attribute, with the number or date at a path. */
export const rangeField = (type: 'number' | 'date', path: string): string => {
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
