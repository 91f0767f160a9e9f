import { encodeMetadata, type FlatField, flattenMetadata, type Metadata } from '@veritas-db/core/contract'
import { fieldProperty, integer, longProperty, sortProperty } from './cypher.js'

/** The longest text that goes into an indexed property, in bytes of UTF-8: a range index takes 8,167 for a key. */
export const MAX_INDEXED_BYTES = 4000

/** Makes the driver's date of one of ours. */
export type ToNativeDate = (date: Date) => unknown

/** Whether a text is kept where no index covers it. */
export const isLongText = (text: string): boolean =>
  text.length > MAX_INDEXED_BYTES / 3 && Buffer.byteLength(text, 'utf8') > MAX_INDEXED_BYTES

const isLong = ({ value }: FlatField): boolean => {
  if (typeof value === 'string') return isLongText(value)
  if (!Array.isArray(value)) return false
  const bytes = (value as readonly (string | number)[]).reduce<number>(
    (sum, item) => sum + (typeof item === 'string' ? Buffer.byteLength(item, 'utf8') + 4 : 10),
    0,
  )
  return bytes > MAX_INDEXED_BYTES
}

/**
 * A text whose order by UTF-16 unit is the order of the original by code point: everything from U+D7FF up becomes U+D7FF and six
 * digits. Neo4j compares stored text by unit, which puts U+1F600 before U+E000.
 */
export const sortText = (text: string): string => (beyondOrder.test(text) ? escapeBeyond(text) : text)

/** Most texts hold no such character: this look takes a tenth of the time. */
const beyondOrder = /[\ud7ff-\uffff]/
const escapeBeyond = (text: string): string =>
  text.replace(/[\u{d7ff}-\u{10ffff}]/gu, (c) => `\ud7ff${(c.codePointAt(0) as number).toString(16).padStart(6, '0')}`)

/** 0 for -0, which Neo4j orders before it. */
const unsigned = (value: number): number => value + 0

const numeric = (value: number): number | bigint => (Number.isInteger(value) ? integer(value) : value)

/** Values as the server keeps them: whole numbers as INTEGER, lists of one type, dates as ZONED DATETIME in UTC. */
const native = ({ value }: FlatField, toDate: ToNativeDate): unknown => {
  if (typeof value === 'number') return numeric(value)
  if (value instanceof Date) return toDate(value)
  if (!Array.isArray(value) || typeof value[0] !== 'number') return value
  const numbers = value as readonly number[]
  return numbers.every((n) => Number.isInteger(n)) ? numbers.map(integer) : numbers.map(unsigned)
}

const objectPaths = (metadata: Metadata, prefix = ''): string[] =>
  Object.entries(metadata).flatMap(([field, value]) =>
    typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date)
      ? [prefix + field, ...objectPaths(value as Metadata, `${prefix}${field}.`)]
      : [],
  )

/**
 * Metadata as properties: each value under its own name, for filters and for people; `_objects`, the paths of nested objects;
 * `_json`, from which it is read back exactly as it was. Empty metadata leave no trace.
 */
export const metadataProperties = (metadata: Metadata, toDate: ToNativeDate): Record<string, unknown> => {
  const properties: Record<string, unknown> = {}
  // As those of most edges are.
  if (Object.keys(metadata).length === 0) return properties
  for (const field of flattenMetadata(metadata)) {
    properties[isLong(field) ? longProperty(field.path) : fieldProperty(field.path)] = native(field, toDate)
    if (typeof field.value !== 'string') continue
    const sorted = sortText(field.value)
    if (sorted !== field.value) properties[sortProperty(field.path)] = sorted
  }
  const objects = objectPaths(metadata)
  if (objects.length > 0) properties._objects = objects
  const json = encodeMetadata(metadata)
  if (json !== '{}') properties._json = json
  return properties
}

/** About how many bytes `metadataProperties`, with some of our own beside them, take on the wire: values travel twice. */
export const bytesOf = (properties: Readonly<Record<string, unknown>>): number => {
  const { _json: json, _text: text } = properties
  return (typeof json === 'string' ? json.length * 3 : 0) + (typeof text === 'string' ? text.length * 2 : 0) + 400
}

/** A scalar of a filter as a parameter that compares with what `metadataProperties` stored. */
export const filterParameter = (value: string | number | boolean | Date, toDate: ToNativeDate): unknown =>
  value instanceof Date ? toDate(value) : typeof value === 'number' ? unsigned(value) : value
