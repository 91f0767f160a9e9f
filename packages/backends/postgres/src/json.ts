import { decodeMetadata, encodeMetadata, type Metadata, type MetadataValue } from '@veritas-db/core/contract'

/** A value as JSON text for JSONB; a date is `{"$date": milliseconds}`. JSONB keeps all of it but the order of fields. */
export const encodeJson = (value: MetadataValue): string => {
  if (value instanceof Date) return JSON.stringify({ $date: value.getTime() })
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? encodeMetadata(value as Metadata)
    : JSON.stringify(value)
}

/** The reverse of `encodeJson`. */
export const decodeJson = (text: string): MetadataValue =>
  // Only what holds dates needs to be walked through.
  text.includes('"$date"') ? decodeMetadata(text) : (JSON.parse(text) as MetadataValue)
