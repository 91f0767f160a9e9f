import type {
  CollectionDefinition,
  Key,
  Metric,
  RecordHead,
  VectorMatch,
  VectorQuery,
  VectorRecord,
  Version,
} from '@veritas-db/core/contract'
import { conflict, type Definition, type Layout, type Space } from '../catalog.js'
import type { CozoConfig } from '../config.js'
import { decodeFields } from '../metadata.js'
import type { Source } from '../select.js'
import { assignSlots, createIndexes, dropIndexes, readySlots, type Slots, slotColumns } from '../slots.js'
import { createTextIndex } from '../text.js'

/** A vector collection with the relations that hold it. */
export interface Collection {
  readonly dimensions: number
  readonly metric: Metric
  readonly slots: Slots | undefined
  /** `{k, o => v, d, t, m, slots}`: key, ordinal, version, document's id, text, metadata */
  readonly records: string
  /** `{k, o => x}`, with the index `i`; apart from the records, so that what reads those reads no vectors */
  readonly vectors: string
  /** `{k, o => t}` */
  readonly texts: string
}

export const relationsOf = (base: string): Pick<Collection, 'records' | 'vectors' | 'texts'> => ({
  records: `${base}r`,
  vectors: `${base}x`,
  texts: `${base}f`,
})

export const collectionOf = ({ base, definition }: Space): Collection => ({
  dimensions: definition.dimensions ?? 0,
  metric: definition.metric ?? 'cosine',
  slots: definition.slots,
  ...relationsOf(base),
})

const keys: readonly string[] = ['k', 'o']

export const sourceOf = ({ records, slots }: Collection): Source => ({
  relation: records,
  keys,
  slots: readySlots(slots),
})

/** Where a collection is. */
export const vectorLayout = ({ m, efConstruction }: CozoConfig['hnsw']): Layout => ({
  kind: 'vector',
  make: (base, { dimensions, metric = 'cosine', slots }) => {
    const { records, vectors, texts } = relationsOf(base)
    const index = `{dim: ${dimensions}, dtype: F32, fields: [x], distance: ${distances[metric].option}, m: ${m}, ef_construction: ${efConstruction}}`
    return [
      `:create ${records} {k: String, o: Int => v: String, d: String, t: String?, m: String${slotColumns(slots)}}`,
      ...createIndexes(records, slots, keys),
      `:create ${vectors} {k: String, o: Int => x: <F32; ${dimensions}>}`,
      ...(isIndexed(metric) ? [`::hnsw create ${vectors}:i ${index}`] : []),
      `:create ${texts} {k: String, o: Int => t: String}`,
      createTextIndex(texts),
    ]
  },
  drop: (base, { slots }) => {
    const { records, vectors, texts } = relationsOf(base)
    return [
      ...dropIndexes(records, slots),
      `::hnsw drop ${vectors}:i`,
      `::fts drop ${texts}:f`,
      ...[records, vectors, texts].map((relation) => `::remove ${relation}`),
    ]
  },
})

/** The definition with what is declared now. @throws VeritasError CONFLICT where dimensions or metric are others already */
export const mergeCollections = (before: Definition | undefined, wanted: CollectionDefinition): Definition => {
  const { dimensions, metric, fields } = wanted
  if (before && before.dimensions !== dimensions) throw conflict('dimensions', before.dimensions, dimensions)
  if (before && before.metric !== metric) throw conflict('metric', before.metric, metric)
  const all = { ...before?.fields, ...fields }
  return {
    dimensions,
    metric,
    ...(Object.keys(all).length > 0 && { fields: all }),
    slots: assignSlots(before?.slots, all),
  }
}

/** A distance of the server: its function, its name as an option of an index, and the similarity it stands for. */
export interface Distance {
  readonly call: string
  readonly option: string
  readonly score: (distance: number) => number
}

/** The server's distances, as functions and as options of an index. */
export const distances: Readonly<Record<Metric, Distance>> = {
  cosine: { call: 'cos_dist', option: 'Cosine', score: (d: number) => Math.max(-1, Math.min(1, 1 - d)) },
  dot: { call: 'ip_dist', option: 'IP', score: (d: number) => 1 - d },
  // The server's distance is the square.
  euclidean: { call: 'l2_dist', option: 'L2', score: (d: number) => 1 / (1 + Math.sqrt(Math.max(0, d))) },
}

/** An index by inner product finds few of the nearest where lengths differ: there all vectors are compared. */
export const isIndexed = (metric: Metric): boolean => metric !== 'dot'

export const encodeVector = (vector: Float32Array): string =>
  Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength).toString('base64')

export const identity = ({ key, ordinal }: { readonly key: Key; readonly ordinal: number }): string =>
  `${key} ${ordinal}`

export const toMatch = (
  [k, o, v, d, t, m, x]: readonly unknown[],
  include: NonNullable<VectorQuery['include']>,
): Omit<VectorMatch, 'score'> => ({
  key: k as Key,
  ordinal: o as number,
  version: v as Version,
  documentId: d as string,
  ...(include.text && typeof t === 'string' && { text: t }),
  ...(include.metadata && { metadata: decodeFields(m as string) }),
  ...(include.vector && { vector: Float32Array.from(x as number[]) }),
})

export const toHead = ([k, o, v]: readonly unknown[]): RecordHead => ({
  key: k as Key,
  ordinal: o as number,
  version: v as Version,
})

export const toRecord = ([k, o, v, d, t, m, x]: readonly unknown[]): VectorRecord => ({
  key: k as Key,
  ordinal: o as number,
  version: v as Version,
  documentId: d as string,
  vector: Float32Array.from(x as number[]),
  metadata: decodeFields(m as string),
  ...(typeof t === 'string' && { text: t }),
})
