import type { Metadata, Scalar } from '@veritas-db/core/contract'
import type { Metadata as ChromaMetadata } from 'chromadb'

export type Literal = string | number | boolean

/**
 * What stands in the field `t_path` where a value is at the path. Booleans have none: Chroma can look for true and false, but
 * has no other way to tell whether there is any text, or to turn a comparison of numbers round.
 */
export const typeFlag = { string: 's', number: 'n', date: 'd', array: 'a', object: 'o' } as const

/** The field with the type of the value at a path. */
export const flagField = (path: string): string => `t_${path}`
/**
 * The field that is 1 where the array at a path holds an element. Chroma has arrays, but a server of one's own (1.5.9)
 * leaves those of dropped collections behind, where new records inherit them.
 */
export const elementField = (path: string, element: string | number): string => `l${JSON.stringify([path, element])}`
export const booleanField = (path: string): string => `b_${path}`
export const integerField = (path: string): string => `i_${path}`
export const fractionField = (path: string): string => `f_${path}`
export const dateField = (path: string): string => `d_${path}`

/**
 * The field with the value at a path, and the value as it is there. Dates are numbers to Chroma, and integers and
 * fractions are two types whose comparison cuts fractions off (0.3 equals 0 there): each has a field of its own.
 */
export const stored = (path: string, value: Scalar): readonly [field: string, literal: Literal] => {
  if (value instanceof Date) return [dateField(path), value.getTime()]
  if (typeof value === 'string') return [`s_${path}`, value]
  if (typeof value === 'boolean') return [booleanField(path), value]
  return [Number.isInteger(value) ? integerField(path) : fractionField(path), withinInt64(value)]
}

/** Stored integers are below 2^53; what a filter compares with may be beyond 2^63, where Chroma's integers end. */
export const withinInt64 = (value: number): number => Math.max(-(2 ** 60), Math.min(2 ** 60, value))

/** Adds the fields to filter by. Answers whether `metadataIn` can make the metadata of them again. */
export const addFields = (out: ChromaMetadata, metadata: Metadata, prefix = ''): boolean => {
  let whole = true
  for (const [field, value] of Object.entries(metadata)) {
    if (value === undefined) continue
    const path = prefix + field
    if (value === null) whole = false
    else if (Array.isArray(value)) {
      out[flagField(path)] = typeFlag.array
      for (const element of value) out[elementField(path, element)] = 1
      // Neither their order nor how often they are there.
      whole = false
    } else if (typeof value === 'object' && !(value instanceof Date)) {
      out[flagField(path)] = typeFlag.object
      if (!addFields(out, value as Metadata, `${path}.`)) whole = false
    } else if (!addScalar(out, path, value as Scalar)) whole = false
  }
  return whole
}

const addScalar = (out: ChromaMetadata, path: string, value: Scalar): boolean => {
  const [field, literal] = stored(path, value)
  out[field] = literal
  if (typeof value === 'boolean') return true
  out[flagField(path)] = typeFlag[value instanceof Date ? 'date' : (typeof value as 'string' | 'number')]
  // The server reads one fraction in five as its neighbour.
  return typeof value !== 'number' || Number.isInteger(value)
}

type Tree = { [field: string]: Scalar | Tree }

/** The metadata that fields were made of, where `addFields` has said that it can be done. */
export const metadataIn = (fields: Readonly<Record<string, unknown>>): Metadata => {
  const tree: Tree = {}
  for (const [field, literal] of Object.entries(fields)) {
    const path = field.slice(2)
    switch (field.slice(0, 2)) {
      case 's_':
      case 'i_':
      case 'b_':
        put(tree, path, literal as Literal)
        break
      case 'd_':
        put(tree, path, new Date(literal as number))
        break
      case 't_':
        // It may be empty.
        if (literal === typeFlag.object) objectAt(tree, path.split('.'))
    }
  }
  return tree as Metadata
}

const put = (tree: Tree, path: string, value: Scalar): void => {
  const end = path.lastIndexOf('.')
  const parent = end < 0 ? tree : objectAt(tree, path.slice(0, end).split('.'))
  parent[path.slice(end + 1)] = value
}

/** The object at a path, made where it is not there: fields come in no order. Names hold no dots, and none is `__proto__`. */
const objectAt = (tree: Tree, path: readonly string[]): Tree => {
  let at = tree
  for (const name of path) {
    if (!Object.hasOwn(at, name)) at[name] = {}
    at = at[name] as Tree
  }
  return at
}
