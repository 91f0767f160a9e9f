import { closest, distance } from 'fastest-levenshtein'

/** ` Did you mean "…"?` where one of the names is near enough, else an empty text. */
export function didYouMean(wrong: string, names: readonly string[]): string {
  if (names.length === 0) return ''
  const best = closest(wrong, names)
  return distance(wrong, best) <= Math.max(2, Math.floor(best.length / 2)) ? ` Did you mean "${best}"?` : ''
}
