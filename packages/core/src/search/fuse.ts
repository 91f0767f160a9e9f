import type { Key, Version } from '../contract/values.js'
import type { EmbedderKind } from '../embedders/embedder.js'
import type { Finding, SearchType } from './types.js'

/** A document that a leg found, before the authority has confirmed it. */
export interface Candidate {
  readonly key: Key
  readonly documentId: string
  readonly version: Version
  readonly score: number
  /** The best passage, where the leg knows it. */
  readonly passage?: string
}

/** One leg's answer, best first. */
export interface RankedList {
  readonly searchType: SearchType
  readonly backend: string
  readonly weight: number
  readonly candidates: readonly Candidate[]
}

export interface Fused {
  readonly key: Key
  readonly documentId: string
  /** The versions that the legs saw, by place in `found`. */
  readonly versions: readonly Version[]
  readonly score: number
  readonly passage?: string
  readonly found: readonly Finding[]
}

/** Rank fusion's constant (Cormack, Clarke and Büttcher 2009). */
const K = 60

/**
 * Default weights. A lexical embedder sees the same words as full text does, and less well: its weight is so small that it
 * only breaks ties and adds documents after those that full text found, within the first 100 ranks (1/(60+r)² > weight/61 for r ≤ 100).
 */
export function defaultWeights(
  kind: EmbedderKind,
  graphStarts: 'given' | 'found',
): Readonly<Record<SearchType, number>> {
  const semantic = { lexical: BACKFILL, static: 0.5, neural: 1 }[kind]
  // A walk from documents that full text found adds their neighbours after them; a walk from where the user says is the question itself.
  return { semantic, fullText: 1, metadata: 1, graph: graphStarts === 'given' ? 1 : BACKFILL }
}

const BACKFILL = 0.002

/** Reciprocal rank fusion: a document's score is the sum of weight / (60 + rank) over the lists that hold it. Ties go by key. */
export function fuse(lists: readonly RankedList[]): Fused[] {
  const byKey = new Map<
    Key,
    { documentId: string; score: number; passage?: string; found: Finding[]; versions: Version[]; best: number }
  >()
  for (const list of lists) {
    list.candidates.forEach((candidate, i) => {
      const rank = i + 1
      const share = list.weight / (K + rank)
      const entry = byKey.get(candidate.key) ?? {
        documentId: candidate.documentId,
        score: 0,
        found: [],
        versions: [],
        best: -1,
      }
      byKey.set(candidate.key, entry)
      entry.score += share
      entry.versions.push(candidate.version)
      entry.found.push({ searchType: list.searchType, backend: list.backend, rank, score: candidate.score })
      if (candidate.passage !== undefined && share > entry.best) {
        entry.passage = candidate.passage
        entry.best = share
      }
    })
  }
  return [...byKey]
    .map(([key, { best: _, ...entry }]) => ({ key, ...entry }))
    .sort((a, b) => b.score - a.score || (a.key < b.key ? -1 : 1))
}
