import { type Bindings, block } from './script.js'

/** The words of a plain query, as the server's tokenizer splits texts: letters and digits of any alphabet. */
export const wordsOf = (query: string): string[] =>
  [...new Set(query.toLowerCase().match(/[\p{Alphabetic}\p{N}]+/gu) ?? [])].slice(0, 32)

/** The statement that indexes the texts of a relation `<name> {…, t: String}`. */
export const createTextIndex = (relation: string): string =>
  `::fts create ${relation}:f {extractor: t, tokenizer: Simple, filters: [Lowercase]}`

/** Hits of one word, at most: a common word's weakest hits count for nothing. */
const mostHits = 100_000

/**
 * Rules that give `hit[<keys>, score]`: for every text that holds at least one of the words, the sum over its words. `weight` is an
 * expression over the keys. (An OR in the query language itself would take the best word alone.)
 */
export const hitRules = (
  relation: string,
  keys: readonly string[],
  own: readonly string[],
  words: readonly string[],
  bindings: Bindings,
  weight: string,
): string => {
  const all = keys.join(', ')
  const search = words.map(
    // A word is quoted, so that AND, OR, NOT and NEAR are words like others.
    (word, i) =>
      `found[${all}, s, w] := ~${relation}:f{${all} | query: ${bindings.add(`"${word}"`)}, k: ${mostHits}, score_kind: 'tf_idf', bind_score: s}, w = ${i}`,
  )
  return `${search.join('\n')}
hit[${own.join(', ')}, sum(x)] := found[${all}, s, w], x = s * ${weight}`
}

/** The texts that full text covers, with their places, as the parameter `$text`. */
export const textOf = (paths: readonly string[] | undefined): (readonly [number, string])[] =>
  (paths ?? []).map((path, i) => [i, path])

/** A query for the texts of a relation `{k, j}`, by `$text`. */
const textsIn = (relation: string): string =>
  `field[c, path] <- $text ?[k, c, t] := *${relation}{k, j}, field[c, path], t = get(j, [path, 's'], null), is_string(t)`

/** Statements that gather the texts of the rows of `changed`. What is put over a text that is there would leave its old words in the index. */
export const gatherTexts = (changed: string, texts: string): readonly string[] => [
  `?[k, c] := *${changed}{k}, *${texts}{k, c} :rm ${texts} {k, c}`,
  `${textsIn(changed)} :put ${texts} {k, c => t}`,
]

/** A script that gathers all texts of a relation anew, by `$text`. */
export const gatherAll = (relation: string, texts: string): string =>
  block(`?[k, c] := *${texts}{k, c} :rm ${texts} {k, c}`, `${textsIn(relation)} :put ${texts} {k, c => t}`)
