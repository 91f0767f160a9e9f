// Vectors as BSON holds them, and the scores of mongodb.com/docs, "About the Similarity Functions".
import { type Binary, BSON, type Document } from 'mongodb'

export type Similarity = 'euclidean' | 'cosine' | 'dotProduct'

const isBinary = (value: unknown): value is Binary =>
  typeof value === 'object' && value !== null && '_bsontype' in value && value._bsontype === 'Binary'

/** A vector of 32-bit floats: BSON's own (binary subtype 9, dtype 0x27), or an array of numbers; undefined for anything else. */
export const toVector = (value: unknown): Float32Array | undefined => {
  if (isBinary(value)) {
    if (value.sub_type !== BSON.Binary.SUBTYPE_VECTOR) return undefined
    return value.buffer[0] === BSON.Binary.VECTOR_TYPE.Float32 ? value.toFloat32Array() : undefined
  }
  if (!Array.isArray(value) || value.length === 0 || !value.every((x) => typeof x === 'number')) return undefined
  return Float32Array.from(value)
}

/** What the schemas see of a query vector. */
export const describeVector = (value: unknown): unknown => {
  if (!isBinary(value)) return value
  const vector = toVector(value)
  return vector ? { $vector: 'float32', length: vector.length } : { $binary: value.sub_type }
}

export const isZero = (vector: Float32Array): boolean => vector.every((x) => x === 0)

/**
 * The score of a document. Of euclidean the documentation gives 1 / (1 + distance), and the published source of mongot takes
 * Lucene's function, which squares the distance: `squared` chooses.
 */
export const score = (similarity: Similarity, a: Float32Array, b: Float32Array, squared: boolean): number => {
  let dot = 0
  let lengths = [0, 0] as readonly [number, number]
  let distance = 0
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i] as number, b[i] as number]
    dot += x * y
    lengths = [lengths[0] + x * x, lengths[1] + y * y]
    distance += (x - y) ** 2
  }
  if (similarity === 'euclidean') return Math.fround(1 / (1 + (squared ? distance : Math.sqrt(distance))))
  if (similarity === 'dotProduct') return Math.fround(Math.max(0, (1 + dot) / 2))
  return Math.fround((1 + dot / Math.sqrt(lengths[0] * lengths[1])) / 2)
}

/** All values at a dotted path, those of lists one by one, as an index sees them. */
export const valuesAt = (document: Document, path: string): unknown[] => {
  const walk = (value: unknown, parts: readonly string[]): unknown[] => {
    if (Array.isArray(value)) return value.flatMap((item) => walk(item, parts))
    const [first, ...rest] = parts
    if (first === undefined) return value === undefined ? [] : [value]
    return typeof value === 'object' && value !== null && !('_bsontype' in value) && Object.hasOwn(value, first)
      ? walk((value as Document)[first], rest)
      : []
  }
  return walk(document, path.split('.'))
}

/** The one value at a dotted path, lists as they are. */
export const valueAt = (document: Document, path: string): unknown =>
  path
    .split('.')
    .reduce<unknown>(
      (value, part) =>
        typeof value === 'object' && value !== null && Object.hasOwn(value, part)
          ? (value as Document)[part]
          : undefined,
      document,
    )
