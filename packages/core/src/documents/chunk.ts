import type { ResolvedConfig } from '../config/types.js'

/** A part of a document's text: `text.slice(start, end)`. */
export interface Passage {
  readonly text: string
  readonly start: number
  readonly end: number
}

/** A word with the white space after it: passages then cover the text without gaps. */
const WORDS = /\s*\S+\s*/g
/** Text without spaces (Chinese, Japanese, minified code) would be one endless word: it is cut at this length. */
const MAX_WORD = 40

/** Cuts text into passages that keep paragraphs whole where they fit. Text of at most `words` words is one passage. */
export async function chunkText(text: string, options: ResolvedConfig['chunk']): Promise<readonly Passage[]> {
  // No text of fewer characters can have more words, and most documents end here.
  if (text.length < options.words || words(text).length <= options.words) return [{ text, start: 0, end: text.length }]
  const { split } = await import('llm-splitter')
  const chunks = split(text, {
    chunkSize: options.words,
    chunkOverlap: options.overlap,
    chunkStrategy: 'paragraph',
    splitter: words,
  })
  return chunks.map(({ text, start, end }) => ({ text, start, end }))
}

function words(text: string): string[] {
  return (text.match(WORDS) ?? []).flatMap((word) => (word.length <= MAX_WORD ? [word] : cut(word)))
}

function cut(word: string): string[] {
  const parts: string[] = []
  for (let start = 0; start < word.length; ) {
    let end = Math.min(start + MAX_WORD, word.length)
    // Never between the two halves of a surrogate pair.
    const last = word.charCodeAt(end - 1)
    if (end < word.length && last >= 0xd800 && last <= 0xdbff) end--
    parts.push(word.slice(start, end))
    start = end
  }
  return parts
}
