import { type Key, type Limits, splitBatches, type Version } from '@veritas-db/core/contract'
import { type EdgeRow, rowBytes } from './records.js'

/** Keys in one request. */
const KEYS_A_REQUEST = 1000

/** Source, version, rows of edges. */
export type SetRow = readonly [Key, Version, readonly EdgeRow[]]

/** Batches in which no source comes twice: a script reads the edges of all its sources before it writes. */
export const setBatches = function* (rows: readonly SetRow[], limits: Limits): Generator<readonly SetRow[]> {
  const sizeOf = (row: SetRow): number => row[2].reduce((sum, edge) => sum + rowBytes(edge), 100)
  let from = 0
  let sources = new Set<Key>()
  for (let i = 0; i <= rows.length; i++) {
    const source = rows[i]?.[0]
    if (source === undefined || sources.has(source)) {
      yield* splitBatches(rows.slice(from, i), limits, sizeOf)
      from = i
      sources = new Set()
    }
    if (source !== undefined) sources.add(source)
  }
}

export const keyBatches = (keys: readonly Key[]): Iterable<readonly Key[]> =>
  splitBatches([...new Set(keys)], { batchRecords: KEYS_A_REQUEST })
