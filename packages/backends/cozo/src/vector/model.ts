import {
  decodeMetadata,
  encodeMetadata,
  type Key,
  type Metric,
  type RecordHead,
  type VectorMatch,
  type VectorQuery,
  type VectorRecord,
  type Version,
} from '@veritas-db/core/contract'
import type { Space } from '../catalog.js'
import { encodeFields } from '../fields.js'

/** A vector collection with the relations that hold it. */
export interface Collection {
  readonly name: string
  readonly dimensions: number
  readonly metric: Metric
  /** `{k, o => v, d, t, m, j}`: key, ordinal, version, document's id, text, metadata, metadata for filters */
  readonly records: string
  /** `{k, o => x}`, with the index `i`; apart from the records, so that what reads those reads no vectors */
  readonly vectors: string
  /** `{k, o => t}` */
  readonly texts: string
}

export const relationsOf = (name: string): Pick<Collection, 'records' | 'vectors' | 'texts'> => ({
  records: `${name}r`,
  vectors: `${name}x`,
  texts: `${name}f`,
})

export const collectionOf = ({ name, definition }: Space): Collection => ({
  name,
  dimensions: definition.dimensions ?? 0,
  metric: definition.metric ?? 'cosine',
  ...relationsOf(name),
})

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

/** A record as the rows of `upsertScript`. */
export const store = (record: VectorRecord): readonly unknown[] => [
  record.key,
  record.ordinal,
  record.version,
  record.documentId,
  record.text ?? null,
  encodeMetadata(record.metadata),
  encodeFields(record.metadata),
  encodeVector(record.vector),
]

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
  ...(include.metadata && { metadata: decodeMetadata(m as string) }),
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
  metadata: decodeMetadata(m as string),
  ...(typeof t === 'string' && { text: t }),
})
