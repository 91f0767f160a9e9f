import { type Key, type Limits, splitBatches, type Version } from '@veritas-db/core/contract'
import type { EdgeRow } from './records.js'

/** What the server takes at once, unless `batch.max_vertices_per_batch` and `batch.max_edges_per_batch` say otherwise. */
export const LIMITS: Limits = { batchRecords: 500, batchBytes: 512 * 1024 }

/** Keys in one script. */
const KEYS_A_SCRIPT = 1000

/** Source, version, rows of edges. */
export type SetRow = readonly [Key, Version, readonly EdgeRow[]]

/** What a row takes in a request, about: keys, version and punctuation, its properties twice escaped. */
const rowBytes = (row: EdgeRow): number => 150 + row[2].length + Buffer.byteLength(JSON.stringify(row[5]))

/** Batches by sets, their edges and their bytes, in which no source comes twice: a script reads the edges of all its sources before it writes. */
export const setBatches = function* (rows: readonly SetRow[], limits: Limits): Generator<readonly SetRow[]> {
  let batch: SetRow[] = []
  let edges = 0
  let bytes = 0
  const sources = new Set<Key>()
  for (const row of rows) {
    const size = row[2].reduce((sum, edge) => sum + rowBytes(edge), 100)
    const full =
      batch.length >= limits.batchRecords ||
      edges + row[2].length > 2 * limits.batchRecords ||
      bytes + size > (limits.batchBytes ?? Number.POSITIVE_INFINITY)
    if (batch.length > 0 && (full || sources.has(row[0]))) {
      yield batch
      batch = []
      edges = 0
      bytes = 0
      sources.clear()
    }
    batch.push(row)
    sources.add(row[0])
    edges += row[2].length
    bytes += size
  }
  if (batch.length > 0) yield batch
}

export const keyBatches = (keys: readonly Key[]): Iterable<readonly Key[]> =>
  splitBatches([...new Set(keys)], { batchRecords: KEYS_A_SCRIPT })
