import { isPlainObject, type Metadata, type MetadataValue } from '@veritas-db/core/contract'

/** The attribute that marks an object as a date. No field can have this name: fields never start with `$`. */
export const DATE = '$date'
/** How many bytes of a text take part in an order. */
export const ORDERED_BYTES = 512

const holdsDate = (value: unknown): boolean =>
  value instanceof Date || (isPlainObject(value) && Object.values(value).some(holdsDate))

/** A value as ArangoDB stores it: JSON, in which a date is `{ "$date": milliseconds }`. */
export const toStored = (value: MetadataValue): unknown => {
  if (value instanceof Date) return { [DATE]: value.getTime() }
  // Most objects hold no date, and are JSON already.
  if (!holdsDate(value)) return value
  return Object.fromEntries(
    Object.entries(value as Metadata).flatMap(([field, item]) => (item === undefined ? [] : [[field, toStored(item)]])),
  )
}

/** The reverse of `toStored`. */
export const fromStored = (value: unknown): MetadataValue => {
  if (!isPlainObject(value)) return value as MetadataValue
  const entries = Object.entries(value)
  if (entries.length === 1 && entries[0]?.[0] === DATE) return new Date(entries[0][1] as number)
  return Object.fromEntries(entries.map(([field, item]) => [field, fromStored(item)]))
}

/**
 * A text as one whose order is the same in every language: its UTF-8 bytes in hexadecimal. ArangoDB sorts texts by the rules of
 * the server's language, and filters and orders here go by code point.
 */
export const sortKey = (text: string): string => Buffer.from(text, 'utf8').subarray(0, ORDERED_BYTES).toString('hex')
