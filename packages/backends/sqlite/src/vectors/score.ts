import type { Metric } from '@veritas-db/core/contract'

/** A row compared exactly, in double precision. */
export interface Scored {
  /** The contract's similarity. */
  readonly score: number
  /** The same order in the unit of the matrix: cosine, dot product, or q·x − ‖x‖² / 2 for euclidean. */
  readonly order: number
}

/** Compares vectors with one query. cos = q·x / (‖q‖ ‖x‖), 0 where a norm is 0; euclidean 1 / (1 + ‖q − x‖). */
export const scorer = (metric: Metric, query: Float32Array): ((row: Float32Array) => Scored) => {
  const n = query.length
  let squares = 0
  for (const x of query) squares += x * x
  if (metric === 'euclidean') {
    return (row) => {
      let sum = 0
      for (let i = 0; i < n; i++) {
        const d = (query[i] as number) - (row[i] as number)
        sum += d * d
      }
      return { score: 1 / (1 + Math.sqrt(sum)), order: (squares - sum) / 2 }
    }
  }
  const norm = Math.sqrt(squares)
  return (row) => {
    let dot = 0
    let rowSquares = 0
    for (let i = 0; i < n; i++) {
      const x = row[i] as number
      dot += (query[i] as number) * x
      rowSquares += x * x
    }
    if (metric === 'dot') return { score: dot, order: dot }
    const norms = norm * Math.sqrt(rowSquares)
    const cosine = norms === 0 ? 0 : Math.max(-1, Math.min(1, dot / norms))
    return { score: cosine, order: cosine }
  }
}
