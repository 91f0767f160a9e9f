import { type Key, type Outcome, VeritasError } from '@veritas-db/core/contract'
import { lock, quote } from '../cypher.js'

/** The nodes at the ends of a batch's edges, once each and in the order in which everybody locks them. */
export interface Ends {
  readonly keys: readonly Key[]
  /** Where a key is among them. */
  placeOf(key: Key): number
}

export const endsOf = (ends: Iterable<Key>): Ends => {
  const keys = [...new Set(ends)].sort()
  const places = new Map(keys.map((key, place) => [key, place]))
  return { keys, placeOf: (key) => places.get(key) ?? -1 }
}

/**
 * How a statement about edges begins: `ends[place][0]` is the node or null, and `missing` the keys of those that are not there. They are
 * locked until the transaction ends, so that between the look at edges and their write nobody changes them, nor deletes an end.
 * Lists in a list: nodes that are not there would be left out of a plain one.
 */
export const lockEnds = (label: string): string => `UNWIND $keys AS key
      OPTIONAL MATCH (n:${quote(label)} {_key: key})
      ${lock('n')}
      WITH collect([n]) AS ends, collect(CASE WHEN n IS NULL THEN key END) AS missing`

/** The node in a place that travels as a plain number, which is FLOAT: the driver takes several times as long for INTEGER. */
export const endAt = (place: string): string => `ends[toInteger(${place})][0]`

/** The failure of an edge, or of a set of them, of which an end is missing. */
export const missingEnd = (
  source: Key,
  targets: readonly Key[],
  missing: ReadonlySet<unknown>,
): Outcome | undefined => {
  if (missing.has(source)) return notFound('source', source)
  const target = targets.find((key) => missing.has(key))
  return target === undefined ? undefined : notFound('target', target)
}

const notFound = (what: string, key: Key): Outcome => ({
  status: 'failed',
  error: new VeritasError({ code: 'NOT_FOUND', message: `The ${what} ${key} of the edge is not there.` }),
})
