import type { Metadata, MetadataValue } from '@veritas-db/core/contract'

/** The name that a field has in BSON. The driver takes an object with `_bsontype` for one of its own types, so such names get one "_" more. */
export const storedName = (field: string): string => (/^_+bsontype$/.test(field) ? `_${field}` : field)

const originalName = (field: string): string => (/^__+bsontype$/.test(field) ? field.slice(1) : field)

/** Whether an object holds a field, at any depth, whose name is changed by `storedName`. */
const holdsReserved = (value: MetadataValue | undefined): boolean => {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Date) return false
  for (const [field, item] of Object.entries(value))
    if (field.endsWith('_bsontype') || holdsReserved(item as MetadataValue | undefined)) return true
  return false
}

const rename = (value: MetadataValue | undefined, name: (field: string) => string): MetadataValue | undefined =>
  typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Date
    ? value
    : Object.fromEntries(
        Object.entries(value).map(([field, item]) => [name(field), rename(item as MetadataValue | undefined, name)]),
      )

/** Metadata as it is stored. BSON keeps all of it: dates, null, nesting, empty arrays, integers to 2^53, -0. */
export const encodeValues = (metadata: Metadata): Metadata =>
  holdsReserved(metadata) ? (rename(metadata, storedName) as Metadata) : metadata

/** The reverse of `encodeValues`. */
export const decodeValues = (stored: Metadata): Metadata =>
  holdsReserved(stored) ? (rename(stored, originalName) as Metadata) : stored

/** The most bytes that a document takes, less what the server and our own fields may add. */
export const maxDocumentBytes: number = 16 * 1024 * 1024 - 64 * 1024

/** The bytes that a value takes as BSON, at most. */
export const bsonSize = (value: MetadataValue | undefined): number => {
  switch (typeof value) {
    case 'string':
      return 5 + Buffer.byteLength(value)
    case 'number':
      return 8
    case 'boolean':
      return 1
    case 'object': {
      if (value === null) return 0
      if (value instanceof Date) return 8
      let size = 5
      // Elements carry their place as a name of up to eight digits.
      if (Array.isArray(value)) for (const item of value) size += 10 + bsonSize(item)
      else for (const [field, item] of Object.entries(value)) size += 3 + Buffer.byteLength(field) + bsonSize(item)
      return size
    }
    default:
      return 0
  }
}
