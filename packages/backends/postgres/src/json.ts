import { decodeMetadata, encodeMetadata, type Metadata, type MetadataValue } from '@veritas-db/core/contract'

/** A value as JSON text for JSONB; a date is `{"$date": milliseconds}`. JSONB keeps all of it but the order of fields. */
export const encodeJson = (value: MetadataValue): string => {
  if (value instanceof Date) return JSON.stringify({ $date: value.getTime() })
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? encodeMetadata(value as Metadata)
    : JSON.stringify(value)
}

/** About how many bytes a value takes as JSON, never far too few. */
export const jsonBytes = (value: MetadataValue | undefined): number => {
  if (typeof value === 'string') return value.length * 2 + 8
  if (typeof value !== 'object' || value === null || value instanceof Date) return 24
  let bytes = 8
  if (Array.isArray(value)) for (const item of value as readonly (string | number)[]) bytes += jsonBytes(item)
  else for (const field in value) bytes += field.length * 2 + 8 + jsonBytes((value as Metadata)[field])
  return bytes
}

/** The reverse of `encodeJson`. */
export const decodeJson = (text: string): MetadataValue =>
  // Only what holds dates needs to be walked through.
  text.includes('"$date"') ? decodeMetadata(text) : (JSON.parse(text) as MetadataValue)
