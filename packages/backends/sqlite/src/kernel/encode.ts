/** How similarity is measured. Scores are similarities: higher is closer. */
export type Metric = 'cosine' | 'dot' | 'euclidean'

// Beyond these norms the kernel's 32-bit sums lose too much, or overflow; such a row is always compared exactly.
const smallest = 1e-12
const largest = 1e12

/** The bias that marks a slot whose row the codes can't represent. */
export const outlierBias: number = Number.POSITIVE_INFINITY

/** False for a norm the codes can't represent well: such a row has to be compared by its floats. */
export const isEncodable = (norm: number): boolean => norm === 0 || (norm >= smallest && norm <= largest)

/**
 * The two factors that turn the integer dot product of a row's codes into an order by the metric, from its ‖x‖² and
 * max|x|: the scale max|x| / 127 / ‖x‖ for cosine, max|x| / 127 for dot, and the same with the bias −‖x‖² / 2 for
 * euclidean, as ‖q − x‖² = ‖q‖² − 2 (q·x − ‖x‖² / 2). NaN and `outlierBias` where the codes can't represent the row.
 */
export const rowFactors = (squares: number, largestValue: number, metric: Metric): { scale: number; bias: number } => {
  const norm = Math.sqrt(squares)
  if (!isEncodable(norm)) return { scale: Number.NaN, bias: outlierBias }
  const step = largestValue / 127
  return {
    scale: metric !== 'cosine' ? step : norm === 0 ? 0 : step / norm,
    bias: metric === 'euclidean' ? -squares / 2 : 0,
  }
}

/** Largest magnitude of a query's codes: as precise as 32-bit sums of `stride` products allow. */
export const queryLimit = (stride: number): number => Math.min(32767, Math.floor((2 ** 31 - 1) / (127 * stride)))

/** A query as the kernel takes it. */
export interface EncodedQuery {
  /** What a row's bias is multiplied by. */
  readonly biasFactor: number
  /** Multiplies the kernel's score into the metric's own: cosine, dot product, or q·x − ‖x‖² / 2. */
  readonly unit: number
}

/** Writes a query's codes; undefined where they can't represent it (see `isEncodable`). */
export const encodeQuery = (target: Int16Array, query: Float32Array, metric: Metric): EncodedQuery | undefined => {
  let largestValue = 0
  let squares = 0
  for (const x of query) {
    const size = Math.abs(x)
    if (size > largestValue) largestValue = size
    squares += x * x
  }
  const norm = Math.sqrt(squares)
  if (!isEncodable(norm)) return undefined
  target.fill(0)
  if (norm === 0) return { biasFactor: 1, unit: 1 }
  const factor = queryLimit(target.length) / largestValue
  for (let i = 0; i < query.length; i++) target[i] = Math.round((query[i] as number) * factor)
  return { biasFactor: factor, unit: metric === 'cosine' ? 1 / (factor * norm) : 1 / factor }
}
