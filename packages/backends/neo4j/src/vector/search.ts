import { type FilterNode, isMatchAll, type VectorMatch, type VectorQuery } from '@veritas-db/core/contract'
import { type Collection, guardOf } from '../collections.js'
import type { Access, Row } from '../connection.js'
import { integer, quote } from '../cypher.js'
import { type Environment, filterOn } from '../environment.js'
import { returned, toMatch } from './records.js'

export interface Search {
  readonly vector: Float32Array
  readonly topK: number
  readonly filter: FilterNode | undefined
  readonly include: NonNullable<VectorQuery['include']>
  readonly exact: boolean
}

/** How many the index is asked for: the more, the fewer of the nearest it misses. */
const fetchFor = (topK: number): number => Math.min(topK + 100, topK * 4 + 16)
/** How many more where a filter takes some away. */
const FILTER_FACTOR = 5

/**
 * The nearest records, best first. The index brings more than asked for, and the filter is applied to them. Where that leaves too few,
 * or all are to be exact, every record that the filter leaves is compared instead.
 */
export const nearest = async (
  environment: Environment,
  access: Access,
  collection: Collection,
  search: Search,
  signal: AbortSignal | undefined,
): Promise<VectorMatch[]> => {
  const { dialect, prefix } = environment
  const { topK, include } = search
  const filtered = search.filter !== undefined && !isMatchAll(search.filter)
  const filter = filterOn(environment, filtered ? search.filter : undefined)
  const parameters = {
    ...filter.parameters,
    collection: collection.label,
    generation: collection.generation,
    vector: search.vector,
    limit: integer(topK),
  }
  const best = `WITH n, score ORDER BY score DESC, n._id LIMIT $limit RETURN score, ${returned(include)}`
  const run = (text: string, more: Record<string, unknown> = {}): Promise<readonly Row[]> =>
    access.run({ text: `${guardOf(prefix)} ${text}`, parameters: { ...parameters, ...more } }, signal)
  const toMatches = (rows: readonly Row[]): VectorMatch[] =>
    rows.map((row) => ({
      ...toMatch(row, include),
      score: dialect.score(collection.metric, row.get('score') as number),
    }))
  const similarity = dialect.similarity(collection.metric, 'n._vector', '$vector')

  if (!search.exact) {
    const fetch = fetchFor(topK) * (filtered ? FILTER_FACTOR : 1)
    const rows = await run(`${dialect.queryVector} WITH n, score WHERE ${filter.text} ${best}`, {
      index: `${collection.label}_vector`,
      fetch: integer(fetch),
    })
    // Fewer without a filter are all there are.
    if (!filtered || rows.length >= topK) return toMatches(rows)
  }
  return toMatches(
    await run(`MATCH (n:${quote(collection.label)}) WHERE ${filter.text} WITH n, ${similarity} AS score ${best}`),
  )
}
