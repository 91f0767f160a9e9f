/** Keys that one condition holds. */
export const keysAtOnce = 1000

/** Items in lists of at most `size`. */
export function* splitEvery<T>(items: readonly T[], size: number): Generator<readonly T[]> {
  for (let start = 0; start < items.length; start += size) yield items.slice(start, start + size)
}
