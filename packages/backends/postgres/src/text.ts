import { literal } from './sql.js'

/** How many characters of a row can be found by full text: PostgreSQL's `tsvector` holds 1 MB of words at most. */
export const SEARCHABLE_CHARACTERS = 100_000
/** The longest query; the rest is ignored. */
const QUERY_CHARACTERS = 10_000

/** What PostgreSQL's parser would join to one word (addresses, paths, hyphenated words) or leave out (tags). */
const JOINTS = '/.@:_-+~%&=?#<>;'
const spaced = (sql: string): string => `translate(${sql}, '${JOINTS}', '${' '.repeat(JOINTS.length)}')`

/** Columns as one `tsvector`, the first weighted highest. */
export const textVector = (config: string, columns: readonly string[]): string => {
  const length = Math.floor(SEARCHABLE_CHARACTERS / Math.max(columns.length, 1))
  const parts = columns.map((column, i) => {
    const text = spaced(`left(coalesce(${column}, ''), ${length})`)
    const vector = `to_tsvector(${literal(config)}::regconfig, ${text})`
    return columns.length === 1 ? vector : `setweight(${vector}, '${'ABCD'[Math.min(i, 3)]}')`
  })
  return parts.length === 1 ? (parts[0] as string) : `(${parts.join(' || ')})`
}

/**
 * Plain words, given as the parameter `place`, as a query that matches where at least one of them does; null where there
 * are none. The words become what they would be in a stored text, quoted, so that nothing of the query syntax gets through.
 */
export const textQuery = (config: string, place: string): string => {
  const quoted = `'''' || replace(replace(word, E'\\\\', E'\\\\\\\\'), '''', '''''') || ''''`
  const text = spaced(`left(${place}::text, ${QUERY_CHARACTERS})`)
  const words = `tsvector_to_array(to_tsvector(${literal(config)}::regconfig, ${text}))`
  return `(SELECT string_agg(${quoted}, ' | ')::tsquery FROM unnest(${words}) AS word)`
}
