import {
  decodeMetadata,
  encodeFieldPath,
  encodeMetadata,
  type Metadata,
  type MetadataValue,
} from '@veritas-db/core/contract'

/** What Pinecone holds as metadata: flat, no nulls, no dates, lists of texts alone. */
export type NativeMetadata = Record<string, string | number | boolean | string[]>

/**
 * The kinds of fields, by the first letter of their names. A value has exactly one: `s` text, `n` number, `b` boolean,
 * `d` date in milliseconds, `a` list of texts, `l` list of numbers as texts, `o` an object or empty list (always true).
 */
export const KINDS = ['s', 'n', 'b', 'd', 'a', 'l', 'o'] as const
export type Kind = (typeof KINDS)[number]

/** The native field of a path, of one kind. Record fields of our own have no `_` at the second place, so none collide. */
export const fieldName = (kind: Kind, path: string): string => encodeFieldPath(path, `${kind}_`)

/** The path that a native field stands for; the reverse of `fieldName`. */
export const fieldPath = (name: string): string =>
  name
    .slice(2)
    .replace(/__|_([0-9a-f]+)_/g, (_, code: string | undefined) =>
      code === undefined ? '_' : String.fromCodePoint(Number.parseInt(code, 16)),
    )

/** A number of a list as the text it is stored as. */
export const listNumber = (value: number): string => String(value === 0 ? 0 : value)

type Tree = { [field: string]: MetadataValue | Tree }

const isTree = (value: unknown): value is Tree =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date)

/**
 * Metadata as native fields. What has no native form (null, empty lists and objects) stays as JSON in the field `rest`, so that
 * nothing is stored twice: a record's metadata has 40 KB at most.
 */
export const toNative = (metadata: Metadata): NativeMetadata => {
  const native: NativeMetadata = {}
  const walk = (object: Metadata, prefix: string): Tree | undefined => {
    let rest: Tree | undefined
    const keep = (field: string, value: MetadataValue | Tree): void => {
      rest ??= {}
      rest[field] = value
    }
    for (const [field, value] of Object.entries(object)) {
      const path = prefix + field
      if (value === undefined) continue
      if (value === null) keep(field, null)
      else if (typeof value === 'string') native[fieldName('s', path)] = value
      else if (typeof value === 'number') native[fieldName('n', path)] = value
      else if (typeof value === 'boolean') native[fieldName('b', path)] = value
      else if (value instanceof Date) native[fieldName('d', path)] = value.getTime()
      else if (Array.isArray(value) && value.length > 0) {
        if (typeof value[0] === 'string') native[fieldName('a', path)] = [...(value as readonly string[])]
        else native[fieldName('l', path)] = (value as readonly number[]).map(listNumber)
      } else {
        native[fieldName('o', path)] = true
        if (Array.isArray(value)) keep(field, [])
        else {
          const entries = Object.values(value).filter((item) => item !== undefined)
          const inner = entries.length === 0 ? {} : walk(value as Metadata, `${path}.`)
          if (inner) keep(field, inner)
        }
      }
    }
    return rest
  }
  const rest = walk(metadata, '')
  if (rest) native.rest = encodeMetadata(rest as Metadata)
  return native
}

/** The reverse of `toNative`; fields of our own are passed over. */
export const fromNative = (native: Readonly<Record<string, unknown>>): Metadata => {
  const metadata: Tree = typeof native.rest === 'string' ? { ...(decodeMetadata(native.rest) as Tree) } : {}
  for (const [name, stored] of Object.entries(native)) {
    if (name[1] !== '_' || name[0] === 'o') continue
    const parts = fieldPath(name).split('.')
    const last = parts.pop() as string
    let at = metadata
    for (const part of parts) {
      const inner = Object.hasOwn(at, part) ? at[part] : undefined
      if (isTree(inner)) at = inner
      else {
        const made: Tree = {}
        at[part] = made
        at = made
      }
    }
    at[last] = contractValue(name[0] as Kind, stored)
  }
  return metadata as Metadata
}

const contractValue = (kind: Kind, stored: unknown): MetadataValue => {
  if (kind === 'd') return new Date(stored as number)
  if (kind === 'l') return (stored as readonly string[]).map(Number)
  return stored as MetadataValue
}
