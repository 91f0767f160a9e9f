const WORD = /[\p{L}\p{N}]+/gu
/** Characters of the passage shown for a hit that full text, a filter or the graph found. */
const LENGTH = 320

/** The part of a text that holds most different words of the query; its beginning where there is no query. */
export function bestPassage(text: string, query: string | undefined): string {
  if (text.length <= LENGTH) return text.trim()
  const wanted = new Set((query ?? '').toLowerCase().match(WORD) ?? [])
  if (wanted.size === 0) return cut(text, 0)
  const places: { at: number; word: string }[] = []
  for (const match of text.toLowerCase().matchAll(WORD))
    if (wanted.has(match[0])) places.push({ at: match.index, word: match[0] })
  let best = { at: 0, words: 0 }
  const inside = new Map<string, number>()
  let left = 0
  for (const place of places) {
    inside.set(place.word, (inside.get(place.word) ?? 0) + 1)
    while (place.at - (places[left]?.at ?? 0) > LENGTH * 0.8) {
      const gone = (places[left] as { word: string }).word
      const count = (inside.get(gone) ?? 1) - 1
      if (count === 0) inside.delete(gone)
      else inside.set(gone, count)
      left++
    }
    if (inside.size > best.words) best = { at: places[left]?.at ?? 0, words: inside.size }
  }
  return cut(text, Math.max(0, best.at - 40))
}

/** About LENGTH characters from `from`, at word boundaries. */
function cut(text: string, from: number): string {
  const start = from === 0 ? 0 : text.indexOf(' ', from) + 1 || from
  const rough = text.slice(start, start + LENGTH)
  const end = start + LENGTH >= text.length ? rough.length : Math.max(rough.lastIndexOf(' '), LENGTH / 2)
  const body = rough.slice(0, end).trim().toWellFormed()
  return `${start > 0 ? '… ' : ''}${body}${start + end < text.length ? ' …' : ''}`
}
