/**
 * Plain words as an FTS5 query that matches where at least one of them does; undefined where there are none.
 * Every word is a quoted string, so that nothing of FTS5's syntax gets through.
 */
export const textQuery = (words: string): string | undefined => {
  // What the unicode61 tokenizer takes for parts of words: letters, digits, marks, private use.
  const found = words.match(/[\p{L}\p{N}\p{M}\p{Co}]+/gu)
  if (!found) return undefined
  return [...new Set(found.map((word) => `"${word}"`))].slice(0, 256).join(' OR ')
}

/** The tokenizer of all full-text tables: Unicode words, case and accents ignored. */
export const tokenizer = "tokenize = 'unicode61 remove_diacritics 2'"
