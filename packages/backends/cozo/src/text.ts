import { type Metadata, type UpsertMode, valueAt } from '@veritas-db/core/contract'
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

/** The texts of a record at the paths that full text covers, with the paths' places. */
export const textsAt = (paths: readonly string[], metadata: Metadata): (readonly [number, string])[] =>
  paths.flatMap((path, i) => {
    const text = valueAt(metadata, path)
    return typeof text === 'string' ? [[i, text] as const] : []
  })

/**
 * Statements that put `$texts`, rows of `columns` and a text, in place of what records with the keys `$keys` had. What is put over a
 * text that is there would leave its old words in the index, so that those go first.
 */
export const replaceTexts = (
  relation: string,
  keys: readonly string[],
  columns: readonly string[],
  mode: UpsertMode,
): string => {
  const own = keys.join(', ')
  const all = columns.join(', ')
  const fresh = mode === 'replace' ? '' : `, not *_stale{${own}}`
  return block(
    `written[${own}] <- $keys ?[${all}] := written[${own}]${fresh}, *${relation}{${all}} :rm ${relation} {${all}}`,
    `given[${all}, t] <- $texts ?[${all}, t] := given[${all}, t]${fresh} :put ${relation} {${all} => t}`,
  )
}

/** A script that gathers all texts of a relation `{k => m}` anew, by `$paths`. */
export const gatherAll = (relation: string, texts: string): string =>
  block(
    `?[k, c] := *${texts}{k, c} :rm ${texts} {k, c}`,
    `path[c, steps] <- $paths
     ?[k, c, t] := *${relation}{k, m}, f = parse_json(m), path[c, steps], t = get(f, steps, null), is_string(t) :put ${texts} {k, c => t}`,
  )

/** Paths as `gatherAll` takes them. */
export const stepsOf = (paths: readonly string[]): (readonly [number, readonly string[]])[] =>
  paths.map((path, i) => [i, path.split('.')])
