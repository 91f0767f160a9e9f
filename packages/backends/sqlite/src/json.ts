import { decodeMetadata, encodeMetadata, type Metadata, type MetadataValue } from '@veritas-db/core/contract'

/** Any metadata value as the contract's JSON text: a date becomes `{"$date": milliseconds}`. */
export const encodeJson = (value: MetadataValue): string => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return JSON.stringify(value)
  return value instanceof Date ? JSON.stringify({ $date: value.getTime() }) : encodeMetadata(value as Metadata)
}

/** The reverse of `encodeJson`. */
export const decodeJson = (text: string): MetadataValue =>
  // Only what holds dates needs to be walked through.
  text.includes('"$date"') ? decodeMetadata(text) : (JSON.parse(text) as MetadataValue)
