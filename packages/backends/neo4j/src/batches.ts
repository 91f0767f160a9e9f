import { type Limits, splitBatches, throwIfAborted, type UpsertMode } from '@veritas-db/core/contract'

/** What both roles declare: no transaction holds more. */
export const limits: Limits = { batchRecords: 5000, batchBytes: 4 * 1024 * 1024 }

/** A transaction that takes longer holds its locks too long for others: the next ones are half as large. */
const LONG_MS = 2000
const LEAST_RECORDS = 50
const STEP_RECORDS = 250

/** How many records of one kind go into a transaction: fewer where the server is slow with them, more again where it is not. */
export class BatchSize {
  #records = limits.batchRecords

  get records(): number {
    return this.#records
  }

  /** Takes notice of how long a full batch took. */
  took(durationMs: number): void {
    if (durationMs > LONG_MS) this.#records = Math.max(LEAST_RECORDS, this.#records >> 1)
    else if (durationMs < LONG_MS / 4) this.#records = Math.min(limits.batchRecords, this.#records + STEP_RECORDS)
  }
}

/** Works through items batch by batch, within the limits of count and bytes and as large as `size` says; stops between batches when the signal fires. */
export const inBatches = async <T>(
  items: readonly T[],
  size: BatchSize,
  sizeOf: (item: T) => number,
  signal: AbortSignal | undefined,
  work: (batch: readonly T[]) => Promise<void>,
): Promise<void> => {
  let rest = items
  while (rest.length > 0) {
    throwIfAborted(signal)
    const allowed = size.records
    const { value: batch = rest } = splitBatches(rest, { ...limits, batchRecords: allowed }, sizeOf).next()
    const started = performance.now()
    await work(batch)
    // What a few records took says nothing of many, unless it was long.
    const duration = performance.now() - started
    if (batch.length >= allowed || duration > LONG_MS) size.took(duration)
    rest = rest.slice(batch.length)
  }
}

/** The condition under which a row is written over the node or relationship `stored`, given the row's version; undefined where it always is. */
export const writeCondition = (mode: UpsertMode, stored: string, version: string): string | undefined =>
  mode === 'replace'
    ? undefined
    : mode === 'ifAbsent'
      ? `${stored}._version IS NULL`
      : `coalesce(${stored}._version, '') <= ${version}`
