/** Keys that one condition holds. */
export const keysAtOnce = 250

/** Documents that one answer of a cursor brings where many are read. */
export const documentsAtOnce = 1000

/** Items in lists of at most `size`. */
export function* splitEvery<T>(items: readonly T[], size: number): Generator<readonly T[]> {
  for (let start = 0; start < items.length; start += size) yield items.slice(start, start + size)
}

/** The condition on `_id` that documents with one of these keys meet. A single key has a way of its own in the server; what is no text cannot become an operator. */
export const oneOf = (keys: readonly string[]): { readonly $eq: string } | { readonly $in: readonly string[] } => {
  const [first, ...others] = keys
  return first !== undefined && others.length === 0 ? { $eq: first } : { $in: keys }
}

/** What a cursor over at most `count` documents is told, so that the first answer holds them all: without it that has 101. */
export const inOneAnswer = (count: number): { readonly batchSize?: number } =>
  count > 100 ? { batchSize: Math.min(count + 1, 100_000) } : {}
