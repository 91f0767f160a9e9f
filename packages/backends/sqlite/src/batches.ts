import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Outcome, WriteResult } from '@veritas-db/core/contract'
import type { Access, Session, Transaction } from './session.js'

/** Records a transaction, outside a unit of work. */
export const batchRecords = 1000

/**
 * Writes items in batches, each a transaction of its own outside a unit of work, and lets others run in between.
 * `check` sees all of them in the first transaction, before anything is written.
 */
export const inBatches = async <T, R>(
  access: Access,
  signal: AbortSignal | undefined,
  items: readonly T[],
  write: (transaction: Transaction, batch: readonly T[]) => readonly R[],
  check?: (session: Session) => void,
): Promise<R[]> => {
  const results: R[] = []
  // Even an empty batch looks for the place it would be written to.
  for (let start = 0; start === 0 || start < items.length; start += batchRecords) {
    if (start > 0) await nextTurn()
    const batch = start === 0 && items.length <= batchRecords ? items : items.slice(start, start + batchRecords)
    try {
      const written = await access.write(signal, (transaction) => {
        if (start === 0) check?.(transaction.session)
        return write(transaction, batch)
      })
      for (const result of written) results.push(result)
    } catch (error) {
      // In a unit of work the batches before this one are not committed, and must not be without it.
      if (start > 0) access.transaction?.doom(error)
      throw error
    }
  }
  return results
}

/** The answer of a write. */
export const writeResult = (outcomes: readonly Outcome[]): WriteResult => ({ outcomes })

/** The sum of deleted records. */
export const sum = (counts: readonly number[]): number => counts.reduce((a, b) => a + b, 0)

/**
 * Deletes what a filter matches, in batches, each a transaction of its own outside a unit of work. `remove` deletes up to
 * `batchRecords` and says how many it deleted.
 */
export const deleteInBatches = async (
  access: Access,
  signal: AbortSignal | undefined,
  remove: (transaction: Transaction) => number,
): Promise<number> => {
  let deleted = 0
  for (;;) {
    const count = await access.write(signal, remove)
    deleted += count
    if (count < batchRecords) return deleted
    await nextTurn()
  }
}
