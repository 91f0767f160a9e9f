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

/** What one script holds. The server has no limits; scripts of this size keep its transactions short. */
export const limits: { readonly batchRecords: number; readonly batchBytes: number } = Object.freeze({
  batchRecords: 500,
  batchBytes: 4_000_000,
})

/** Inserting into an HNSW index takes milliseconds a vector, so that its transactions hold fewer. */
export const vectorLimits: { readonly batchRecords: number; readonly batchBytes: number } = Object.freeze({
  batchRecords: 100,
  batchBytes: 4_000_000,
})

/**
 * The rule for `new[<columns>]`: which of the rows in `$rows` are to be written, by the versions that are stored. It is evaluated
 * in the transaction that writes, and the server refuses that where another one wrote meanwhile.
 */
export const freshRule = (
  mode: UpsertMode,
  relation: string,
  keys: readonly string[],
  columns: readonly string[],
): string => {
  const all = columns.join(', ')
  const same = keys.join(', ')
  const rows = `given[${all}] <- $rows`
  const missing = `new[${all}] := given[${all}], not *${relation}{${same}}`
  if (mode === 'replace') return `${rows}\nnew[${all}] := given[${all}]`
  if (mode === 'ifAbsent') return `${rows}\n${missing}`
  return `${rows}\n${missing}\nnew[${all}] := given[${all}], *${relation}{${same}, v: stored}, stored <= v`
}

/** Writes records batch by batch and answers each: `write` gives the identities of those that were written. */
export const writeBatches = async <T extends { readonly version: Version }>(
  records: readonly T[],
  identity: (record: T) => string,
  mode: UpsertMode,
  size: { readonly limits: typeof limits; readonly of: (record: T) => number },
  signal: AbortSignal | undefined,
  write: (batch: readonly T[]) => Promise<ReadonlySet<string>>,
): Promise<Outcome[]> => {
  const unique = uniqueBatch(records, identity, mode)
  const outcomes: Outcome[] = []
  for (const batch of splitBatches(unique.records, size.limits, size.of)) {
    throwIfAborted(signal)
    const written = await write(batch)
    for (const record of batch) outcomes.push(written.has(identity(record)) ? APPLIED : STALE)
  }
  return unique.outcomes(outcomes)
}
