import { sealOf } from './sealed.js'
import type { Metadata, MetadataValue } from './values.js'

/**
 * Metadata as one JSON text that comes back as it went in, for stores that cannot hold null, dates or nesting natively.
 * A date becomes `{"$date": milliseconds}`, which no metadata field can be mistaken for: fields never start with `$`.
 * Sealed metadata are encoded once, however many legs ask.
 */
export function encodeMetadata(metadata: Metadata): string {
  const seal = sealOf(metadata)
  if (seal === undefined) return encode(metadata)
  seal.encoded ??= encode(metadata)
  return seal.encoded
}

function encode(metadata: Metadata): string {
  return JSON.stringify(holdsDate(metadata) ? withMarkedDates(metadata) : metadata)
}

function holdsDate(value: MetadataValue | undefined): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  return value instanceof Date || Object.values(value as Metadata).some(holdsDate)
}

/** Before JSON.stringify sees them, since that hands dates to a replacer as text already. */
function withMarkedDates(metadata: Metadata): Record<string, unknown> {
  const marked: Record<string, unknown> = {}
  for (const [field, value] of Object.entries(metadata)) {
    if (value instanceof Date) marked[field] = { $date: value.getTime() }
    else marked[field] = holdsDate(value) ? withMarkedDates(value as Metadata) : value
  }
  return marked
}

/** The reverse of `encodeMetadata`. */
export function decodeMetadata(text: string): Metadata {
  const parsed: unknown = JSON.parse(text)
  // Most metadata hold no date, and are what JSON says.
  return (text.includes('"$date"') ? revive(parsed) : parsed) as Metadata
}

function revive(value: unknown): MetadataValue {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value as MetadataValue
  const entries = Object.entries(value)
  if (entries.length === 1 && entries[0]?.[0] === '$date') return new Date(entries[0][1] as number)
  return Object.fromEntries(entries.map(([field, item]) => [field, revive(item)]))
}

/** A metadata value that is not an object, under its dotted path; null and undefined do not appear. */
export interface FlatField {
  readonly path: string
  readonly type: 'string' | 'number' | 'boolean' | 'date' | 'string[]' | 'number[]'
  readonly value: string | number | boolean | Date | readonly string[] | readonly number[]
}

/** Metadata as a flat list of typed fields, for stores that index flat fields. An empty array counts as `string[]`. */
export function flattenMetadata(metadata: Metadata): FlatField[] {
  const fields: FlatField[] = []
  const walk = (object: Metadata, prefix: string): void => {
    for (const [field, value] of Object.entries(object)) {
      if (value === null || value === undefined) continue
      const path = prefix + field
      if (value instanceof Date) fields.push({ path, type: 'date', value })
      else if (Array.isArray(value))
        fields.push({ path, type: typeof value[0] === 'number' ? 'number[]' : 'string[]', value })
      else if (typeof value === 'object') walk(value as Metadata, `${path}.`)
      else fields.push({ path, type: typeof value as 'string' | 'number' | 'boolean', value })
    }
  }
  walk(metadata, '')
  return fields
}

/**
 * A dotted path as an identifier of `[A-Za-z0-9_]` that starts with `prefix`; no two paths give the same one.
 * Every other character becomes `_` + its code point in hexadecimal + `_`, and `_` itself is doubled.
 */
export function encodeFieldPath(path: string, prefix = 'f_'): string {
  let out = prefix
  for (const char of path) {
    if (/[A-Za-z0-9]/.test(char)) out += char
    else if (char === '_') out += '__'
    else out += `_${(char.codePointAt(0) as number).toString(16)}_`
  }
  return out
}
