// Vectors as Pinecone keeps them (32-bit floats) and the three metrics, searched exactly.
export type Metric = 'cosine' | 'dotproduct' | 'euclidean'

export interface Sparse {
  indices: number[]
  values: number[]
}

/** Shortest decimal that is the same 32-bit float: 0.1 comes back as 0.1, as in the service's JSON. */
export const float32 = (value: number): number => {
  const rounded = Math.fround(value)
  for (let digits = 6; digits < 9; digits++) {
    const short = Number(rounded.toPrecision(digits))
    if (Math.fround(short) === rounded) return short
  }
  return rounded
}

export const allZero = (values: readonly number[]): boolean => values.every((v) => Math.abs(v) < 1e-8)

const dot = (a: Float32Array, b: Float32Array): number => {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += (a[i] ?? 0) * (b[i] ?? 0)
  return sum
}

export const sparseDot = (a: Sparse, b: Sparse): number => {
  const weights = new Map(a.indices.map((index, i) => [index, a.values[i] ?? 0]))
  return b.indices.reduce((sum, index, i) => sum + (weights.get(index) ?? 0) * (b.values[i] ?? 0), 0)
}

/** Pinecone's score: cosine and dotproduct as they are, euclidean as the SQUARED distance (lower is closer). */
export const score = (metric: Metric, a: Float32Array, b: Float32Array): number => {
  if (metric === 'dotproduct') return dot(a, b)
  if (metric === 'cosine') return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b))
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += ((a[i] ?? 0) - (b[i] ?? 0)) ** 2
  return sum
}

/** Order of two scores, best first. */
export const better = (metric: Metric, a: number, b: number): number => (metric === 'euclidean' ? a - b : b - a)

/** A number in [-1, 1] that depends on the text alone: the same record is off by the same amount each time. */
export const wobble = (text: string): number => {
  let hash = 2166136261
  for (const char of text) hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 16777619)
  return ((hash >>> 0) / 0xffffffff) * 2 - 1
}
