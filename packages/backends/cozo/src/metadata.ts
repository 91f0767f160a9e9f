import { encodeMetadata, type Metadata, type MetadataValue } from '@veritas-db/core/contract'

/**
 * Metadata as one JSON text that comes back as it went in, and that filters of the server can look into. Marks, which no field can be
 * mistaken for, stand for what its JSON lacks: `{"$date": milliseconds}`; `{"$number": "0.30000000000000004"}` for a number that its
 * parser would round; a list beside its elements as names, since it cannot search in arrays: `{"$list": ["b", "b"], "$texts": {"b": 1}}`
 * or `"$numbers"`.
 */
export const encodeFields = (metadata: Metadata): string =>
  // Without such values it is the text that the contract's own codec makes, once for all roles.
  Object.values(metadata).some(needsMark) ? JSON.stringify(marked(metadata)) : encodeMetadata(metadata)

/** The reverse of `encodeFields`. */
export const decodeFields = (text: string): Metadata => {
  const parsed: unknown = JSON.parse(text)
  return (text.includes('"$') ? unmarked(parsed) : parsed) as Metadata
}

/**
 * Whether the server's parser of JSON reads the number as it is. It multiplies or divides the digits by a power of ten, which is exact
 * for whole numbers and for up to 15 digits; of 1,000 random doubles it changed 193.
 */
export const isExact = (value: number): boolean => {
  if (Number.isInteger(value)) return Number.isSafeInteger(value)
  const digits = String(value)
    .replace(/^-?0?\.?0*/, '')
    .replace('.', '')
  return !digits.includes('e') && digits.length <= 15
}

/** A number as the one text that all equal numbers have. */
export const numberText = (value: number): string => String(value === 0 ? 0 : value)

const isObject = (value: MetadataValue | undefined): value is Metadata =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date)

const needsMark = (value: MetadataValue | undefined): boolean => {
  if (typeof value === 'number') return !isExact(value)
  return Array.isArray(value) || (isObject(value) && Object.values(value).some(needsMark))
}

const marked = (value: MetadataValue | undefined): unknown => {
  if (typeof value === 'number') return isExact(value) ? value : { $number: numberText(value) }
  if (value instanceof Date) return { $date: value.getTime() }
  if (Array.isArray(value)) return markedList(value)
  return isObject(value)
    ? Object.fromEntries(Object.entries(value).map(([field, item]) => [field, marked(item)]))
    : value
}

const markedList = (list: readonly (string | number)[]): unknown => {
  const kind = typeof list[0] === 'number' ? '$numbers' : '$texts'
  const names = list.map((item) => [typeof item === 'number' ? numberText(item) : item, 1] as const)
  return { $list: list, [kind]: Object.fromEntries(names) }
}

const unmarked = (value: unknown): unknown => {
  if (typeof value !== 'object' || value === null) return value
  if ('$date' in value) return new Date(value.$date as number)
  if ('$number' in value) return Number(value.$number)
  if ('$list' in value) return value.$list
  return Object.fromEntries(Object.entries(value).map(([field, item]) => [field, unmarked(item)]))
}
