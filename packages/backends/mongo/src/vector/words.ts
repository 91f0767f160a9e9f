import { hash } from 'node:crypto'
import type { Metadata, Scalar } from '@veritas-db/core/contract'

/**
 * What a word says of the value at a path: that there is one, that it equals a value, that it is a list that holds one, that
 * it is a number (or a date) whose digits start with certain ones.
 */
type Statement = '?' | '=' | '@' | 'n' | 'd'

/** The word that every record has: that way no record is without the field, and "none of these words" has one meaning. */
export const EVERY_RECORD = '*'

/** Longer words, and those with other than plain characters, become a hash of 128 bits. */
const READABLE = /^[!-~]{1,48}$/

const wordOf = (statement: Statement, path: string, rest = ''): string => {
  // With its length before it, no path can be mistaken for another one and a value.
  const word = `${statement}${path.length}:${path}:${rest}`
  return READABLE.test(word) ? word : `#${hash('sha256', word, 'base64url').slice(0, 22)}`
}

const literal = (value: Scalar): string => {
  if (value instanceof Date) return `d${value.getTime()}`
  if (typeof value === 'string') return `s${value}`
  return typeof value === 'number' ? `n${value === 0 ? 0 : value}` : `b${value}`
}

/** There is a value at the path. */
export const exists = (path: string): string => wordOf('?', path)
/** The value at the path is this one. */
export const equals = (path: string, value: Scalar): string => wordOf('=', path, literal(value))
/** The value at the path is a list that holds this one. */
export const holds = (path: string, value: string | number): string => wordOf('@', path, literal(value))

/** All words about a record's metadata. */
export const wordsOf = (metadata: Metadata): string[] => {
  const words = [EVERY_RECORD]
  const walk = (object: Metadata, prefix: string): void => {
    for (const [name, value] of Object.entries(object)) {
      if (value === null || value === undefined) continue
      const path = prefix + name
      words.push(exists(path))
      if (Array.isArray(value)) for (const item of new Set<string | number>(value)) words.push(holds(path, item))
      else if (typeof value === 'object' && !(value instanceof Date)) walk(value as Metadata, `${path}.`)
      else {
        const scalar = value as Scalar
        words.push(equals(path, scalar))
        if (scalar instanceof Date || typeof scalar === 'number') words.push(...beginnings(path, scalar))
      }
    }
  }
  walk(metadata, '')
  return words
}

const view = new DataView(new ArrayBuffer(8))
const DIGITS = '0123456789abcdef'
const LENGTH = 16

/** A number as 16 hexadecimal digits whose order is that of the numbers: its 64 bits, with the signs turned round. */
export const sortable = (value: number): string => {
  view.setFloat64(0, value === 0 ? 0 : value)
  const bits = view.getBigUint64(0)
  const negative = bits >> 63n === 1n
  return (negative ? BigInt.asUintN(64, ~bits) : bits | (1n << 63n)).toString(16).padStart(LENGTH, '0')
}

const kindAndDigits = (value: number | Date): readonly ['n' | 'd', string] =>
  value instanceof Date ? ['d', sortable(value.getTime())] : ['n', sortable(value)]

/** The words of a number or date: a range is a set of beginnings, of which each value within it has exactly one. */
const beginnings = (path: string, value: number | Date): string[] => {
  const [kind, digits] = kindAndDigits(value)
  return Array.from({ length: LENGTH }, (_, i) => wordOf(kind, path, digits.slice(0, i + 1)))
}

/** The words of which a value beyond the limit has exactly one, and others none: 240 at most, a few dozen for round numbers. */
export const range = (path: string, op: 'gt' | 'gte' | 'lt' | 'lte', limit: number | Date): string[] => {
  const [kind, digits] = kindAndDigits(limit)
  const up = op === 'gt' || op === 'gte'
  const inclusive = op === 'gte' || op === 'lte'
  // Digits from which on all that is equal so far lies beyond the limit, itself included.
  const rest = up ? /0*$/ : /f*$/
  const end = inclusive ? Math.max(1, digits.search(rest)) : LENGTH
  const words: string[] = []
  for (let i = 0; i < end; i++) {
    const digit = DIGITS.indexOf(digits.charAt(i))
    const others = up ? DIGITS.slice(digit + 1) : DIGITS.slice(0, digit)
    for (const other of others) words.push(wordOf(kind, path, digits.slice(0, i) + other))
  }
  if (inclusive) words.push(wordOf(kind, path, digits.slice(0, end)))
  return words
}
