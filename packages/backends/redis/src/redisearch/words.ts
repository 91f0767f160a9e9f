/** A word is a run of letters, their marks, and digits; RediSearch's own tokens know ASCII punctuation and case alone. */
const WORD = /[\p{L}\p{M}\p{N}]+/gu

/** The words of a text, without regard to case. */
export const wordsOf = (text: string): readonly string[] => text.normalize('NFC').toLowerCase().match(WORD) ?? []

/** Texts that RediSearch cuts into the same words as we do. */
const PLAIN = /^[A-Za-z0-9 \t,.:;!?'"()[\]{}<>@#$%^&*=+|/~`-]*$/

/** The text as it is indexed: itself where that gives the right words, else its words; empty where it has none. */
export const indexedText = (text: string): string => (PLAIN.test(text) ? text : wordsOf(text).join(' '))

/** The query for records that hold at least one of the words; undefined where there is no word. Words hold no syntax. */
export const wordQuery = (field: string, query: string): string | undefined => {
  const words = [...new Set(wordsOf(query))]
  return words.length === 0 ? undefined : `@${field}:(${words.join('|')})`
}
