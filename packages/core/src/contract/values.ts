import { hash } from 'node:crypto'
import { invalid } from './errors.js'
import { isSealed, markSealed } from './sealed.js'

export { isSealed }

declare const brand: unique symbol

/** The physical id of a document or node: 32 hexadecimal digits, the same in every store. Made by `documentKey`. */
export type Key = string & { readonly [brand]: 'key' }

/** The version of a record: 24 hexadecimal digits whose text order is the order of writes. Made by `version`. */
export type Version = string & { readonly [brand]: 'version' }

/** Where a record lives. Names match `NAME_PATTERN`. */
export interface Scope {
  readonly tenant?: string
  readonly collection: string
  /** The collection's generation; a recreated collection has the next one. Default 0. */
  readonly incarnation?: number
}

/** What a document may carry as metadata. Integers beyond 2^53, NaN and infinities are refused; -0 is stored as 0. */
export type MetadataValue = string | number | boolean | null | Date | readonly string[] | readonly number[] | Metadata
export interface Metadata {
  readonly [field: string]: MetadataValue | undefined
}

/** The type of a declared field or column. `json` holds any metadata value. */
export type FieldType = 'string' | 'number' | 'boolean' | 'date' | 'string[]' | 'number[]' | 'json'

/** Collections, tenants, tables, columns and edge types: a letter, then letters, digits, `_` and `-`, 63 at most. */
export const NAME_PATTERN: RegExp = /^[A-Za-z][A-Za-z0-9_-]{0,62}$/
/** The longest document id, in bytes of UTF-8. */
export const MAX_ID_BYTES = 512
/** The longest name of one metadata field, in bytes of UTF-8. */
export const MAX_FIELD_BYTES = 256
/** How deep metadata objects may nest. */
export const MAX_DEPTH = 16

const KEY_DIGITS = 32
const VERSION_DIGITS = 24
/** With a look at the length, it takes half the time of a pattern that counts; every record of every leg is checked. */
const NO_DIGIT = /[^0-9a-f]/
/** The version below all others; placeholders carry it. */
export const ZERO_VERSION: Version = '0'.repeat(24) as Version

/** Lone surrogates have no UTF-8 form: stores would silently replace them, and two ids would become one. */
const isWellFormed = (text: string): boolean => text.isWellFormed()
const utf8Bytes = (text: string): number => Buffer.byteLength(text, 'utf8')

/** Parts as one text in which ('a', 'bc') and ('ab', 'c') stay apart. */
const lengthPrefixed = (...parts: readonly string[]): string => parts.map((part) => `${part.length}:${part}`).join('')

/**
 * The document's key: the first 128 bits of SHA-256 over the length-prefixed (tenant, collection, id), in hexadecimal.
 * @throws VeritasError VALIDATION for an id that is empty, over 512 bytes, or not well-formed Unicode.
 */
export function documentKey(scope: Scope, id: string): Key {
  checkId(id)
  return hash('sha256', lengthPrefixed(scope.tenant ?? '', scope.collection, id)).slice(0, 32) as Key
}

/** Checks a document id. @throws VeritasError VALIDATION */
export function checkId(id: unknown, path = 'id'): asserts id is string {
  if (typeof id !== 'string') throw invalid(path, `needs a string, got ${typeName(id)}`)
  if (id === '') throw invalid(path, 'must not be empty')
  checkString(id, path)
  if (utf8Bytes(id) > MAX_ID_BYTES)
    throw invalid(path, `is ${utf8Bytes(id)} bytes long, at most ${MAX_ID_BYTES} are allowed`)
}

/** Checks the name of a collection, tenant, table, column or edge type. @throws VeritasError VALIDATION */
export function checkName(name: unknown, path: string): asserts name is string {
  if (typeof name !== 'string' || !NAME_PATTERN.test(name))
    throw invalid(
      path,
      `${typeof name === 'string' ? JSON.stringify(name.slice(0, 80)) : typeName(name)} is no name: a letter, then letters, digits, "_" and "-", 63 at most`,
    )
}

/** Checks a scope's names. @throws VeritasError VALIDATION */
export function checkScope(scope: Scope): void {
  checkName(scope?.collection, 'scope.collection')
  if (scope.tenant !== undefined) checkName(scope.tenant, 'scope.tenant')
  if (scope.incarnation !== undefined && (!Number.isSafeInteger(scope.incarnation) || scope.incarnation < 0))
    throw invalid('scope.incarnation', 'needs a whole number of at least 0')
}

/** Reads a key that came from a store. @throws VeritasError VALIDATION */
export function asKey(text: unknown, path = 'key'): Key {
  if (typeof text !== 'string' || text.length !== KEY_DIGITS || NO_DIGIT.test(text))
    throw invalid(path, 'needs 32 hexadecimal digits; make keys with documentKey()')
  return text as Key
}

/** Reads a version that came from a store. @throws VeritasError VALIDATION */
export function asVersion(text: unknown, path = 'version'): Version {
  if (typeof text !== 'string' || text.length !== VERSION_DIGITS || NO_DIGIT.test(text))
    throw invalid(path, 'needs 24 hexadecimal digits; make versions with version()')
  return text as Version
}

/** Builds a version: 12 digits of time or sequence (below 2^48), 4 of a counter (below 2^16), 8 of the node (below 2^32). */
export function version(time: number, counter = 0, node = 0): Version {
  const part = (value: number, digits: number, name: string): string => {
    if (!Number.isSafeInteger(value) || value < 0 || value >= 16 ** digits)
      throw invalid(`version.${name}`, `needs a whole number below 16^${digits}`)
    return value.toString(16).padStart(digits, '0')
  }
  return (part(time, 12, 'time') + part(counter, 4, 'counter') + part(node, 8, 'node')) as Version
}

/**
 * Checks an embedding.
 * @param dimensions its expected length; leave out to accept any of at least 1
 * @throws VeritasError VALIDATION for a wrong type, a wrong length, NaN or infinity
 */
export function checkVector(vector: unknown, dimensions?: number, path = 'vector'): asserts vector is Float32Array {
  if (!(vector instanceof Float32Array)) throw invalid(path, `needs a Float32Array, got ${typeName(vector)}`)
  if (vector.length === 0) throw invalid(path, 'must not be empty')
  if (dimensions !== undefined && vector.length !== dimensions)
    throw invalid(path, `has ${vector.length} dimensions, the collection has ${dimensions}`)
  for (let i = 0; i < vector.length; i++) {
    const x = vector[i] as number
    if (!Number.isFinite(x)) throw invalid(`${path}[${i}]`, `needs a finite number, got ${x}`)
  }
}

/**
 * A checked, frozen copy: nobody can change it while it is being written, and checking or encoding it again costs nothing.
 * @throws VeritasError VALIDATION with the exact path
 */
export function sealMetadata(metadata: unknown, path = 'metadata'): Metadata {
  if (isSealed(metadata)) return metadata as Metadata
  checkMetadata(metadata, path)
  return Object.freeze(markSealed(copyOf(metadata)))
}

function copyOf(metadata: Metadata): Record<string, MetadataValue> {
  const copy: Record<string, MetadataValue> = {}
  for (const field in metadata) {
    const value = metadata[field]
    if (value !== undefined && Object.hasOwn(metadata, field)) copy[field] = frozenValue(value)
  }
  return copy
}

function frozenValue(value: MetadataValue): MetadataValue {
  if (typeof value !== 'object' || value === null) return value
  if (value instanceof Date) return new Date(value)
  if (Array.isArray(value)) return Object.freeze(value.slice())
  return Object.freeze(copyOf(value as Metadata))
}

/** Checks metadata as the design's table of values says. @throws VeritasError VALIDATION with the exact path */
export function checkMetadata(metadata: unknown, path = 'metadata'): asserts metadata is Metadata {
  if (isSealed(metadata)) return
  checkObject(metadata, path, 0, new Set())
}

function checkObject(value: unknown, path: string, depth: number, parents: Set<object>): void {
  if (!isPlainObject(value)) throw invalid(path, `needs a plain object, got ${typeName(value)}`)
  if (depth > MAX_DEPTH) throw invalid(path, `nests deeper than ${MAX_DEPTH} objects`)
  if (parents.has(value)) throw invalid(path, 'refers to itself')
  parents.add(value)
  for (const field in value) {
    if (!Object.hasOwn(value, field)) continue
    checkFieldName(field, path)
    const item = value[field]
    if (item !== undefined) checkValue(item, path, field, depth, parents)
  }
  parents.delete(value)
}

/** Names of fields that were found good, since records repeat them: some hundred, and forgotten beyond that. */
const goodNames = new Set<string>()
const MOST_GOOD_NAMES = 1000

/** Checks the name of one metadata field: no dot, no leading `$`, no control characters. @throws VeritasError VALIDATION */
export function checkFieldName(field: string, path = 'metadata'): void {
  if (goodNames.has(field)) return
  const at = `${path}[${JSON.stringify(field.slice(0, 80))}]`
  if (field === '') throw invalid(at, 'a field name must not be empty')
  if (field === '__proto__') throw invalid(at, 'is a reserved name')
  if (field.startsWith('$')) throw invalid(at, 'a field name must not start with "$": that is how operators start')
  if (field.includes('.')) throw invalid(at, 'a field name must not hold a dot: dots separate nested fields in filters')
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  if (/[\u0000-\u001f\u007f]/.test(field)) throw invalid(at, 'a field name must not hold control characters')
  if (!isWellFormed(field)) throw invalid(at, 'is not well-formed Unicode')
  if (utf8Bytes(field) > MAX_FIELD_BYTES) throw invalid(at, `a field name has at most ${MAX_FIELD_BYTES} bytes`)
  if (goodNames.size >= MOST_GOOD_NAMES) goodNames.clear()
  goodNames.add(field)
}

function checkValue(value: unknown, parent: string, field: string, depth: number, parents: Set<object>): void {
  switch (typeof value) {
    case 'string':
      // Most texts are good: only for others is it worth to say where they are.
      if (!isGoodText(value)) checkString(value, `${parent}.${field}`)
      return
    case 'number':
      if (!isGoodNumber(value)) checkNumber(value, `${parent}.${field}`)
      return
    case 'boolean':
      return
    case 'object':
      if (value === null) return
      if (value instanceof Date) {
        if (Number.isNaN(value.getTime())) throw invalid(`${parent}.${field}`, 'is an invalid date')
        return
      }
      if (Array.isArray(value)) return checkArray(value, `${parent}.${field}`)
      return checkObject(value, `${parent}.${field}`, depth + 1, parents)
    default:
      throw invalid(
        `${parent}.${field}`,
        `a ${typeName(value)} cannot be stored: use a string, number, boolean, null, Date, an array of strings or numbers, or an object`,
      )
  }
}

const isGoodText = (value: string): boolean => isWellFormed(value) && !value.includes('\u0000')
const isGoodNumber = (value: number): boolean =>
  Number.isFinite(value) && (Number.isSafeInteger(value) || !Number.isInteger(value))

/** Checks text: well-formed, without NUL, which several databases refuse. @throws VeritasError VALIDATION */
export function checkString(value: string, path: string): void {
  if (!isWellFormed(value)) throw invalid(path, 'is not well-formed Unicode (a lone surrogate)')
  if (value.includes('\u0000'))
    throw invalid(path, 'holds a NUL character, which several databases cannot store: remove it')
}

function checkNumber(value: number, path: string): void {
  if (!Number.isFinite(value)) throw invalid(path, `needs a finite number, got ${value}`)
  if (Number.isInteger(value) && !Number.isSafeInteger(value))
    throw invalid(path, `${value} is beyond 2^53 and would lose digits: store it as a string`)
}

function checkArray(value: readonly unknown[], path: string): void {
  const type = typeof value[0]
  // By index: forEach would pass over the holes of a sparse array.
  for (let i = 0; i < value.length; i++) {
    const item = value[i]
    const at = `${path}[${i}]`
    if (typeof item !== type || (type !== 'string' && type !== 'number'))
      throw invalid(at, 'an array holds only strings or only numbers')
    if (typeof item === 'string') checkString(item, at)
    else if (typeof item === 'number') checkNumber(item, at)
  }
}

export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false
  const prototype = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

/** A value's type as an error message names it. */
export function typeName(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'array'
  if (typeof value === 'object')
    return isPlainObject(value) ? 'object' : (Object.getPrototypeOf(value)?.constructor?.name ?? 'object')
  return typeof value
}

/** A scope as one text that no other scope has, for what a backend remembers of its collections. @throws VeritasError VALIDATION */
export function scopeKey(scope: Scope): string {
  checkScope(scope)
  // Names hold no dots.
  return `${scope.tenant ?? ''}.${scope.collection}.${scope.incarnation ?? 0}`
}

/**
 * A physical name for a collection that every database accepts and no two collections share: `prefix_readable_hash`, lower-case
 * letters, digits and `_`, a letter first, at most `maxLength` characters (24 at least); 16 of them are digits of SHA-256 over prefix and scope.
 */
export function physicalName(prefix: string, scope: Scope, maxLength = 48): string {
  checkScope(scope)
  const digest = hash(
    'sha256',
    lengthPrefixed(prefix, scope.tenant ?? '', scope.collection, String(scope.incarnation ?? 0)),
  ).slice(0, 16)
  const slug = (text: string): string =>
    text
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, '_')
      .replace(/^_+|_+$/g, '')
  const head = (/^[a-z]/.test(slug(prefix)) ? slug(prefix) : `v${slug(prefix)}`).slice(0, maxLength - 17)
  const room = maxLength - head.length - 18
  const readable = room > 0 ? slug(scope.collection).slice(0, room) : ''
  return [head, readable, digest].filter(Boolean).join('_')
}
