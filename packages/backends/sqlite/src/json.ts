import { decodeMetadata, encodeMetadata, isSealed, type Metadata, type MetadataValue } from '@veritas-db/core/contract'

const isObject = (value: MetadataValue | undefined): value is Metadata =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const holdsDate = (value: MetadataValue | undefined): value is Date | Metadata => {
  if (value instanceof Date) return true
  if (!isObject(value)) return false
  for (const field in value) if (holdsDate(value[field])) return true
  return false
}

/** Any metadata value as the contract's JSON text: a date becomes `{"$date": milliseconds}`. */
export const encodeJson = (value: MetadataValue): string => {
  if (isSealed(value)) return encodeMetadata(value as Metadata)
  // A replacer makes JSON.stringify several times slower, and only dates need it.
  if (!holdsDate(value)) return JSON.stringify(value)
  return value instanceof Date ? JSON.stringify({ $date: value.getTime() }) : encodeMetadata(value)
}

/** The reverse of `encodeJson`. */
export const decodeJson = (text: string): MetadataValue =>
  // Only what holds dates needs to be walked through.
  text.includes('"$date"') ? decodeMetadata(text) : (JSON.parse(text) as MetadataValue)
