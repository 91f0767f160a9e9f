import type { FilterNode } from '../contract/filter/ast.js'
import { evaluateFilter } from '../contract/filter/evaluate.js'
import type { RowRecord } from '../contract/records.js'
import type { RelationalRole } from '../contract/roles/relational.js'
import type { Key, Metadata, Version } from '../contract/values.js'
import { DOCUMENT_TABLE } from '../documents/project.js'
import { filterableFields, readDocument } from '../documents/read.js'
import type { Collection } from '../store/collections.js'
import type { Fused } from './fuse.js'
import { bestPassage } from './passage.js'
import type { SearchHit } from './types.js'

export interface EnrichOptions {
  readonly filter: FilterNode
  readonly limit: number
  readonly query?: string
  readonly signal?: AbortSignal
  /** Told of every version read. */
  readonly observe: (version: Version) => void
}

const COLUMNS = [
  'title',
  'collection_name',
  'document_type',
  'created_date',
  'file_path',
  'metadata',
  'text',
  'deleted',
]

/**
 * Confirms candidates with the authority, in one read a page: what is deleted, unknown, of another version or no match
 * for the filter is dropped. Stops at `limit`.
 */
export async function enrich(
  authority: RelationalRole,
  collectionOf: (key: Key) => Collection,
  fused: readonly Fused[],
  options: EnrichOptions,
): Promise<{ hits: SearchHit[]; dropped: number }> {
  const hits: SearchHit[] = []
  let dropped = 0
  // A few more than wanted in the first read, so that a dropped hit rarely costs a second one.
  const page = options.limit + 5
  for (let start = 0; start < fused.length && hits.length < options.limit; start += page) {
    const slice = fused.slice(start, start + page)
    const rows = await readRows(authority, collectionOf, slice, options.signal)
    for (const candidate of slice) {
      if (hits.length >= options.limit) break
      const row = rows.get(candidate.key)
      if (row) options.observe(row.version)
      const hit = row && confirm(candidate, row, options)
      if (hit) hits.push(hit)
      else dropped++
    }
  }
  return { hits, dropped }
}

async function readRows(
  authority: RelationalRole,
  collectionOf: (key: Key) => Collection,
  slice: readonly Fused[],
  signal: AbortSignal | undefined,
): Promise<Map<Key, RowRecord>> {
  const byCollection = Map.groupBy(slice, (candidate) => collectionOf(candidate.key))
  const pages = await Promise.all(
    [...byCollection].map(([collection, candidates]) =>
      authority.get({
        scope: collection.scope,
        table: DOCUMENT_TABLE,
        keys: candidates.map((c) => c.key),
        columns: COLUMNS,
        ...(signal && { signal }),
      }),
    ),
  )
  return new Map(pages.flat().map((row) => [row.key, row]))
}

function confirm(candidate: Fused, row: RowRecord, options: EnrichOptions): SearchHit | undefined {
  if (row.values.deleted === true || row.documentId !== candidate.documentId) return undefined
  // Only legs that saw the current version count; a hit that no such leg found is of a document as it was.
  const current = candidate.found.filter((_, i) => candidate.versions[i] === row.version)
  if (current.length === 0 || !evaluateFilter(options.filter, filterableFields(row))) return undefined
  const { text, references: _, version: __, ...document } = readDocument(row)
  return {
    ...document,
    score: candidate.score,
    passage: candidate.passage ?? bestPassage(text, options.query),
    found: current,
  }
}

/** Hits that the authority could not confirm: what the legs themselves know. */
export function unverifiedHits(
  fused: readonly Fused[],
  collectionOf: (key: Key) => Collection,
  limit: number,
): SearchHit[] {
  return fused.slice(0, limit).map(
    (candidate): SearchHit => ({
      id: candidate.documentId,
      collection: collectionOf(candidate.key).scope.collection,
      score: candidate.score,
      title: null,
      documentType: null,
      metadata: {} satisfies Metadata,
      createdDate: null,
      filePath: null,
      passage: candidate.passage ?? '',
      found: candidate.found,
      unverified: true,
    }),
  )
}
