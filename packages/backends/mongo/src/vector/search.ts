import { bestFirst, type Metric, type VectorMatch, type VectorQuery } from '@veritas-db/core/contract'
import type { Binary, Document } from 'mongodb'
import type { SearchFilter } from './filter.js'
import { projectionOf, type StoredVector, toMatch, VECTOR_FIELD } from './records.js'
import { INDEX_NAME } from './search-index.js'

/** The most candidates that a search considers, and so the most that it finds. */
export const MOST_CANDIDATES = 10_000
/** How many neighbours to consider for each that is asked for, as the documentation advises. */
const CANDIDATES_EACH = 20

/** What a search found: the record with its score under a name that no field has. */
export interface Found extends StoredVector {
  readonly score: number
}

interface Search extends Pick<VectorQuery, 'topK' | 'include' | 'exact'> {
  readonly vector: Binary
  readonly filter: SearchFilter
  readonly metric: Metric
  /** How many neighbours are considered, at least. */
  readonly numCandidates: number
}

/** The pipeline of a search. Pure. mongodb.com/docs: $vectorSearch */
export const searchPipeline = (search: Search): Document[] => {
  const { vector, topK, filter, exact, include = {}, metric } = search
  const numCandidates = Math.min(MOST_CANDIDATES, Math.max(topK * CANDIDATES_EACH, search.numCandidates))
  const fields = projectionOf({ ...include, vector: include.vector === true || metric === 'euclidean' })
  return [
    {
      $vectorSearch: {
        index: INDEX_NAME,
        path: VECTOR_FIELD,
        queryVector: vector,
        limit: topK,
        ...(exact ? { exact: true } : { numCandidates }),
        ...(typeof filter !== 'boolean' && { filter }),
      },
    },
    { $project: { ...fields, score: { $meta: 'vectorSearchScore' } } },
  ]
}

/** What a search found as the contract has it: scores in its scale, the best first, equal ones in order of key. */
export const toMatches = (
  found: readonly Found[],
  { metric, vector, include = {} }: Pick<VectorQuery, 'vector' | 'include'> & { readonly metric: Metric },
): VectorMatch[] =>
  found.map((hit) => ({ ...toMatch(hit, include), score: scoreOf(hit, metric, vector) })).sort(bestFirst)

/**
 * The server's score, which is between 0 and 1, in the contract's scale. Of the cosine it is (1 + cosine) / 2. Of the distance the
 * documentation and the program differ (1 / (1 + d), or d squared), so it is reckoned anew from the vectors.
 */
const scoreOf = (hit: Found, metric: Metric, vector: Float32Array): number =>
  metric === 'euclidean'
    ? 1 / (1 + distance(hit.e.toFloat32Array(), vector))
    : Math.min(1, Math.max(-1, 2 * hit.score - 1))

const distance = (a: Float32Array, b: Float32Array): number => {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += ((a[i] as number) - (b[i] as number)) ** 2
  return Math.sqrt(sum)
}
