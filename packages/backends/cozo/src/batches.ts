import {
  APPLIED,
  type Outcome,
  STALE,
  splitBatches,
  throwIfAborted,
  type UpsertMode,
  uniqueBatch,
  type Version,
} from '@veritas-db/core/contract'
import type { Rows } from './connection.js'

/** What one script holds. The server has no limits; scripts of this size keep its transactions short. */
export const limits: { readonly batchRecords: number; readonly batchBytes: number } = Object.freeze({
  batchRecords: 1000,
  batchBytes: 4_000_000,
})

/** Inserting into an HNSW index takes milliseconds a vector, so that its transactions hold fewer. */
export const vectorLimits: { readonly batchRecords: number; readonly batchBytes: number } = Object.freeze({
  batchRecords: 100,
  batchBytes: 4_000_000,
})

/** Keys that one script asks for. */
export const keysAtOnce = 1000

/** Items in lists of at most `size`. */
export function* splitEvery<T>(items: readonly T[], size: number): Generator<readonly T[]> {
  yield* splitBatches(items, { batchRecords: size })
}

/** Writes records batch by batch and answers each: `write` gives the keys of those that were stale. */
export const writeBatches = async <T extends { readonly version: Version }>(
  records: readonly T[],
  identity: (record: T) => string,
  mode: UpsertMode,
  size: { readonly limits: typeof limits; readonly of: (record: T) => number },
  signal: AbortSignal | undefined,
  write: (batch: readonly T[]) => Promise<Rows>,
): Promise<Outcome[]> => {
  const unique = uniqueBatch(records, identity, mode)
  const outcomes: Outcome[] = []
  for (const batch of splitBatches(unique.records, size.limits, size.of)) {
    throwIfAborted(signal)
    const answer = await write(batch)
    const stale = new Set(mode === 'replace' ? [] : answer.map((key) => key.join(' ')))
    for (const record of batch) outcomes.push(stale.size > 0 && stale.has(identity(record)) ? STALE : APPLIED)
  }
  return unique.outcomes(outcomes)
}
