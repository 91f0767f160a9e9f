import type { Metric, UpsertMode, VectorCapabilities } from '../capabilities.js'
import type { FilterNode } from '../filter/ast.js'
import type { Page, RecordHead, RecordIssue, VectorMatch, VectorRecord, WriteResult } from '../records.js'
import type { FieldType, Key, Metadata, Scope, Version } from '../values.js'
import type { CallOptions, DeleteResult, ReadOptions, ScanOptions, ScopedOptions } from './common.js'

export interface CollectionDefinition {
  /** The length of every vector. */
  readonly dimensions: number
  readonly metric: Metric
  /** Typed metadata fields, by dotted path, to index for filters. Others can be filtered too, perhaps slower. */
  readonly fields?: Readonly<Record<string, FieldType>>
}

export interface CollectionInfo extends CollectionDefinition {
  readonly scope: Scope
}

export interface VectorQuery extends ReadOptions {
  readonly vector: Float32Array
  /** How many matches, at most: a whole number from 1 to `maxTopK`, else VALIDATION. */
  readonly topK: number
  readonly filter?: FilterNode
  /** What comes back beside keys and scores. Default nothing. */
  readonly include?: { readonly metadata?: boolean; readonly text?: boolean; readonly vector?: boolean }
  /** True nearest neighbours instead of approximate ones, where `exact` is declared `optional`. */
  readonly exact?: boolean
  /** Reserved for a later contract: named vectors. */
  readonly vectorName?: never
  /** Reserved for a later contract: sparse vectors. */
  readonly sparse?: never
}

export interface TextQuery extends ReadOptions {
  /** Plain words, not a query syntax; a hit holds at least one of them. */
  readonly query: string
  readonly limit: number
  readonly filter?: FilterNode
}

/**
 * Passages with embeddings, in collections of one dimension and metric.
 * A call on a collection that was never ensured throws `NOT_FOUND`.
 */
export interface VectorRole {
  readonly capabilities: VectorCapabilities
  /** What this backend would refuse, before anything is written. Pure. Empty where all is well. */
  check(records: readonly VectorRecord[], definition?: CollectionDefinition): readonly RecordIssue[]
  /**
   * Makes the collection where it is not there; may be called at any time and by several callers at once.
   * New fields are added. @throws VeritasError CONFLICT where dimensions or metric differ from what is there
   */
  ensureCollection(options: ScopedOptions & CollectionDefinition): Promise<void>
  /** Removes the collection with all in it; one that is not there is no error. */
  dropCollection(options: ScopedOptions): Promise<void>
  listCollections(options?: CallOptions): Promise<readonly CollectionInfo[]>
  /**
   * Writes whole records: nothing of an earlier one with the same (key, ordinal) stays. Answers each record. Default mode `replace`.
   * Where `conditionalUpsert` is `none`, the version is part of the identity: several versions stay side by side until
   * `deleteByDocument` removes the older ones. Invalid records reject the whole call with VALIDATION before anything is written.
   * Of several with one (key, ordinal) in a batch, all are treated as if sent one after the other.
   */
  upsert(
    options: ScopedOptions & { readonly records: readonly VectorRecord[]; readonly mode?: UpsertMode },
  ): Promise<WriteResult>
  /** All records of the documents; missing ones are left out. `include` as in `query`, default metadata and text. */
  get(
    options: ReadOptions & { readonly keys: readonly Key[]; readonly include?: VectorQuery['include'] },
  ): Promise<readonly Omit<VectorMatch, 'score'>[]>
  /** The nearest records, best first. Equal scores come in order of key. The cosine similarity of a zero vector counts as 0, unless `check` refuses it. */
  query(options: VectorQuery): Promise<readonly VectorMatch[]>
  /** Deletes all records of the documents, or those that the filter matches. An empty list deletes nothing. */
  delete(
    options: ScopedOptions & ({ readonly keys: readonly Key[] } | { readonly filter: FilterNode }),
  ): Promise<DeleteResult>
  /** Deletes the documents' records of versions below the given ones. */
  deleteByDocument(
    options: ScopedOptions & { readonly documents: readonly { readonly key: Key; readonly versionBelow: Version }[] },
  ): Promise<DeleteResult>
  count(options: ReadOptions & { readonly filter?: FilterNode }): Promise<number>
  /** All records, page by page. `fields: 'keys'` gives keys, versions and ordinals alone. */
  scan(options: ScanOptions & { readonly fields: 'keys' }): Promise<Page<RecordHead>>
  scan(options: ScanOptions & { readonly fields?: 'all' }): Promise<Page<VectorRecord>>
  /** Full text over `text`, best first; scores are above 0. Where `fullText` is declared. */
  searchText(options: TextQuery): Promise<readonly VectorMatch[]>
  /** Replaces the metadata of records that are there, at their new version; one that is not there, or newer, is `stale`. Where `patch` is declared. */
  patch(
    options: ScopedOptions & {
      readonly records: readonly {
        readonly key: Key
        readonly ordinal: number
        readonly version: Version
        readonly metadata: Metadata
      }[]
    },
  ): Promise<WriteResult>
}
