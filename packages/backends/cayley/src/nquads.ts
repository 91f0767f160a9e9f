import { invalid } from '@veritas-db/core/contract'

/**
 * A quad as its line of N-Quads, without the line break. Equal lines are equal quads, so that a record's quads are told apart
 * from another's by their lines.
 */
export type Line = string

const iriPattern = /^[A-Za-z0-9_:/.%~!*'()-]{1,4000}$/

/** A name in angle brackets, checked against the one allow-pattern. @throws VeritasError VALIDATION */
export const iri = (name: string): string => {
  if (!iriPattern.test(name)) throw invalid('name', `${JSON.stringify(name.slice(0, 80))} cannot be used`)
  return `<${name}>`
}

/** What is no printable ASCII, and the two characters that are special in a literal. */
const toEscape = /[^ !#-[\]-~]/gu

/** A text as a literal. Only printable ASCII comes out: all else is an escape. */
export const literal = (text: string): string => `"${text.replace(toEscape, escaped)}"`

const escaped = (char: string): string => {
  if (char === '"' || char === '\\') return `\\${char}`
  const code = char.codePointAt(0) as number
  const digits = code.toString(16).toUpperCase()
  return code <= 0xffff ? `\\u${digits.padStart(4, '0')}` : `\\U${digits.padStart(8, '0')}`
}

/** A literal of a type of XML Schema. */
export const typed = (text: string, type: 'integer' | 'double' | 'boolean' | 'dateTime'): string =>
  `${literal(text)}^^<http://www.w3.org/2001/XMLSchema#${type}>`

export const line = (subject: string, predicate: string, object: string): Line => `${subject} ${predicate} ${object} .`
