import { decodeMetadata, encodeMetadata, type Metadata, type MetadataValue } from '@veritas-db/core/contract'

/**
 * One value as filters see it: under `s` a text, `n` a number as text, `b` a boolean, `d` a date in milliseconds, `l` and `m` the
 * texts and numbers of a list as names, `o` an object.
 */
export type Field =
  | { readonly s: string }
  | { readonly n: string }
  | { readonly b: boolean }
  | { readonly d: number }
  | { readonly l: Readonly<Record<string, 1>> }
  | { readonly m: Readonly<Record<string, 1>> }
  | { readonly o: 1 }

/** A number as the one text that all equal numbers have. */
export const numberText = (value: number): string => String(value === 0 ? 0 : value)

/** Metadata for filters: every value that is there under its dotted path, with its type. */
export const encodeFields = (metadata: Metadata): Record<string, Field> => {
  const entries: [string, Field][] = []
  const walk = (object: Metadata, prefix: string): void => {
    for (const [name, value] of Object.entries(object)) {
      if (value === null || value === undefined) continue
      const path = prefix + name
      entries.push([path, fieldOf(value)])
      if (isObject(value)) walk(value, `${path}.`)
    }
  }
  walk(metadata, '')
  return Object.fromEntries(entries)
}

const isObject = (value: MetadataValue): value is Metadata =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date)

const fieldOf = (value: NonNullable<MetadataValue>): Field => {
  if (typeof value === 'string') return { s: value }
  if (typeof value === 'number') return { n: numberText(value) }
  if (typeof value === 'boolean') return { b: value }
  if (value instanceof Date) return { d: value.getTime() }
  if (!Array.isArray(value)) return { o: 1 }
  if (typeof value[0] === 'number')
    return { m: Object.fromEntries(value.map((item) => [numberText(item as number), 1])) }
  return { l: Object.fromEntries(value.map((item) => [item as string, 1])) }
}

/** Columns without the texts, which are exact among the fields already and may be long. */
export const encodeRest = (values: Metadata): string =>
  encodeMetadata(Object.fromEntries(Object.entries(values).filter(([, value]) => typeof value !== 'string')))

/** Columns out of what `encodeRest` left and the fields. */
export const decodeRow = (rest: string, fields: Readonly<Record<string, unknown>>): Metadata => {
  const texts = Object.entries(fields).flatMap(([path, field]): [string, string][] => {
    const text = path.includes('.') ? undefined : (field as { readonly s?: string }).s
    return text === undefined ? [] : [[path, text]]
  })
  return { ...decodeMetadata(rest), ...Object.fromEntries(texts) }
}
