// The stage $vectorSearch: what it refuses, and what it finds.
import type { Document } from 'mongodb'
import { refusedBySearch } from './errors.ts'
import { compileFilter } from './filter.ts'
import type { Definition, Entry, ReadAll, SearchIndex } from './indexes.ts'
import { isZero, score, toVector } from './vectors.ts'

export interface Hit {
  id: unknown
  score: number
}

interface Stage {
  index: string
  path: string
  queryVector: unknown
  limit: number
  numCandidates?: number
  exact?: boolean
  filter?: unknown
}

const vectorField = (
  { fields }: Definition,
  path: string,
): Extract<Definition['fields'][number], { type: 'vector' }> => {
  const field = fields.find((one) => one.path === path)
  if (field?.type !== 'vector') throw refusedBySearch(`${path} is not indexed as vector`)
  return field
}

/** What a search finds, the best first. The stage fits its schema already. */
export const search = async (
  index: SearchIndex,
  stage: Document,
  readAll: ReadAll,
  squared: boolean,
): Promise<Hit[]> => {
  const { path, limit, numCandidates, exact = false, filter, queryVector } = stage as Stage
  if (!index.queryable)
    throw refusedBySearch(
      `cannot query vector index ${index.name} while in state ${index.status === 'PENDING' ? 'NOT_STARTED' : 'INITIAL_SYNC'}`,
    )
  if (!exact && numCandidates !== undefined && limit > numCandidates)
    throw refusedBySearch('limit should be less than or equal to numCandidates')
  const entries = await index.entries(readAll)
  const { definition } = index
  const field = vectorField(definition, path)
  const vector = toVector(queryVector)
  if (!vector) throw refusedBySearch('"queryVector" must be an array of numbers or a BSON vector of float32')
  if (!vector.every(Number.isFinite)) throw refusedBySearch('"queryVector" contains a non-finite value')
  if (vector.length !== field.numDimensions)
    throw refusedBySearch(
      `vector field is indexed with ${field.numDimensions} dimensions but queried with ${vector.length}`,
    )
  if (field.similarity === 'cosine' && isZero(vector))
    throw refusedBySearch('Cosine similarity cannot be calculated against a zero vector.')
  const test = filter === undefined ? () => true : compileFilter(filter, filterPaths(definition))
  const scored = entries.flatMap(({ id, vectors, filterable }: Entry): Hit[] => {
    const stored = vectors.get(path)
    return stored && test(filterable) ? [{ id, score: score(field.similarity, stored, vector, squared) }] : []
  })
  scored.sort((a, b) => b.score - a.score)
  return scored.slice(0, limit)
}

const filterPaths = ({ fields }: Definition): ReadonlySet<string> =>
  new Set(fields.filter(({ type }) => type === 'filter').map(({ path }) => path))
