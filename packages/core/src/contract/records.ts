import type { VeritasError } from './errors.js'
import type { Key, Metadata, Version } from './values.js'

/** One embedded passage of a document. A document has one or several, told apart by `ordinal`. */
export interface VectorRecord {
  readonly key: Key
  readonly documentId: string
  readonly version: Version
  /** The passage's number within the document, from 0. */
  readonly ordinal: number
  readonly vector: Float32Array
  /** Without NUL characters. */
  readonly text?: string
  readonly metadata: Metadata
}

/** What a vector query found. `metadata`, `text` and `vector` are there where the query asked for them. */
export interface VectorMatch {
  readonly key: Key
  readonly documentId: string
  readonly version: Version
  readonly ordinal: number
  /** Similarity, higher is better: cosine in [-1, 1]; dot the inner product; euclidean 1/(1+d) in (0, 1]. */
  readonly score: number
  readonly metadata?: Metadata
  readonly text?: string
  readonly vector?: Float32Array
}

/** A node of the graph. A placeholder stands for a document that is referred to and not (or no longer) there. */
export interface NodeRecord {
  readonly key: Key
  readonly documentId: string
  readonly version: Version
  /** What kind of thing it is, such as `Document`: a name. */
  readonly label: string
  readonly placeholder: boolean
  readonly properties: Metadata
}

/** An edge. It belongs to its source: (source, type, target, ordinal) identify it, and it has its source's version. */
export interface EdgeRecord {
  readonly source: Key
  readonly target: Key
  /** What the relation is, such as `REFERENCES`: a name. */
  readonly type: string
  /** Tells parallel edges of one type apart. Usually 0. */
  readonly ordinal: number
  readonly version: Version
  readonly properties: Metadata
}

/** A row of a table. `values` holds declared columns only; a column left out is null. */
export interface RowRecord {
  readonly key: Key
  readonly documentId: string
  readonly version: Version
  readonly values: Metadata
}

/** What became of one record of a write. */
export type Outcome =
  | { readonly status: 'applied' }
  /** not written: a newer version is there, or with `ifAbsent` any */
  | { readonly status: 'stale' }
  | { readonly status: 'failed'; readonly error: VeritasError }

export const APPLIED: Outcome = Object.freeze({ status: 'applied' })
export const STALE: Outcome = Object.freeze({ status: 'stale' })

/** Answers of a write in the order of its records. */
export interface WriteResult {
  readonly outcomes: readonly Outcome[]
  /** Given to a later read as `after`, makes it see this write. */
  readonly token?: string
}

/** Why a backend would refuse a record. */
export interface RecordIssue {
  /** The record's place in the batch. */
  readonly index: number
  /** Where in the record, such as `metadata.tags`. */
  readonly path: string
  /** The whole sentence, with the path. */
  readonly message: string
}

/** One page of a scan. */
export interface Page<R> {
  readonly records: readonly R[]
  /** Where the next page starts; null at the end. Opaque. */
  readonly cursor: string | null
}

/** A scanned record without its content. */
export interface RecordHead {
  readonly key: Key
  readonly version: Version
  readonly ordinal?: number
}
