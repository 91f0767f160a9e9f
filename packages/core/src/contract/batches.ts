import type { Limits, UpsertMode } from './capabilities.js'
import { APPLIED, type Outcome, STALE } from './records.js'
import type { Version } from './values.js'

/** Cuts items into batches within a backend's limits. `sizeOf` gives an item's bytes on the wire; one too large travels alone. */
export function* splitBatches<T>(
  items: readonly T[],
  limits: Limits,
  sizeOf?: (item: T) => number,
): Generator<readonly T[]> {
  const maxBytes = limits.batchBytes ?? Number.POSITIVE_INFINITY
  let start = 0
  let bytes = 0
  for (let i = 0; i < items.length; i++) {
    const size = sizeOf && limits.batchBytes !== undefined ? sizeOf(items[i] as T) : 0
    if (i > start && (i - start >= limits.batchRecords || bytes + size > maxBytes)) {
      yield items.slice(start, i)
      start = i
      bytes = 0
    }
    bytes += size
  }
  if (start < items.length) yield start === 0 ? items : items.slice(start)
}

/** A batch without duplicates, and how its answers become answers of the whole batch. */
export interface UniqueBatch<T> {
  /** One record an identity: the one that would be there in the end if all were sent one after the other. */
  readonly records: readonly T[]
  /** The answers of all records, given those of `records`. */
  outcomes(unique: readonly Outcome[]): Outcome[]
}

/** Resolves records of one identity within a batch, for stores whose bulk write refuses or reorders duplicates. */
export function uniqueBatch<T extends { readonly version: Version }>(
  records: readonly T[],
  identity: (record: T) => string,
  mode: UpsertMode,
): UniqueBatch<T> {
  const winners = new Map<string, number>()
  const passed = new Set<number>()
  records.forEach((record, i) => {
    const id = identity(record)
    const before = winners.get(id)
    const wins =
      before === undefined ||
      mode === 'replace' ||
      (mode === 'ifNewer' && record.version >= (records[before] as T).version)
    if (!wins) return
    // What a later record of the batch replaces would have been written for a moment: it shares the winner's answer.
    if (before !== undefined) passed.add(before)
    winners.set(id, i)
  })
  if (winners.size === records.length) return { records, outcomes: (unique) => unique.slice() }
  const order = [...winners.values()]
  const place = new Map(order.map((index, at) => [index, at]))
  return {
    records: order.map((i) => records[i] as T),
    outcomes: (unique) =>
      records.map((record, i) => {
        const at = place.get(i)
        if (at !== undefined) return unique[at] ?? APPLIED
        if (!passed.has(i)) return STALE
        const winner = unique[place.get(winners.get(identity(record)) as number) as number] ?? APPLIED
        return winner
      }),
  }
}
