import { setImmediate } from 'node:timers/promises'
import { invalid, throwIfAborted, VeritasError } from '../contract/errors.js'
import { typeName } from '../contract/values.js'
import type { NormalisedDocument, VeritasDocument } from '../documents/types.js'
import type { StoreProgress, StoreResult, StoreSummary } from './results.js'
import type { WriteAnswer } from './write.js'

export interface StreamOptions {
  /** Called after each batch. */
  readonly onProgress?: (progress: StoreProgress) => void
  /** Called with each document's result. */
  readonly onResult?: (result: StoreResult) => void
  readonly signal?: AbortSignal
}

export interface StreamParts<M extends object> {
  readonly batchSize: number
  normalise(document: VeritasDocument<M>): NormalisedDocument
  write(documents: readonly NormalisedDocument[]): Promise<readonly WriteAnswer[]>
}

/** Batches under way at once: enough to keep a server busy while the next batch is read, few enough to keep memory flat. */
const IN_FLIGHT = 3
const MAX_FAILURES = 100

/** Stores a stream of any length in batches; the source is read only as fast as batches are written. One bad document does not stop the others. */
export async function storeStream<M extends object>(
  source: AsyncIterable<VeritasDocument<M>> | Iterable<VeritasDocument<M>>,
  parts: StreamParts<M>,
  options: StreamOptions,
): Promise<StoreSummary> {
  if (typeof source !== 'object' || source === null || !(Symbol.asyncIterator in source || Symbol.iterator in source))
    throw invalid('documents', `needs an array, an iterable or an async iterable of documents, got ${typeName(source)}`)
  const started = performance.now()
  const counts = { read: 0, stored: 0, unchanged: 0, superseded: 0, failed: 0 }
  const failures: { index: number; id?: string; error: VeritasError }[] = []
  const fail = (index: number, id: string | undefined, error: VeritasError): void => {
    counts.failed++
    if (failures.length < MAX_FAILURES) failures.push({ index, ...(id !== undefined && { id }), error })
  }
  const settle = (batch: readonly Entry[], answers: readonly WriteAnswer[]): void => {
    for (const [i, answer] of answers.entries()) {
      const { index, document } = batch[i] as Entry
      if (VeritasError.is(answer)) {
        fail(index, document.id, answer)
        continue
      }
      options.onResult?.(answer)
      const legs = Object.values(answer.legs)
      if (legs.every((leg) => leg === 'unchanged')) counts.unchanged++
      else if (answer.success) counts.stored++
      else if (legs.includes('superseded')) counts.superseded++
      else fail(index, document.id, firstError(answer))
    }
    options.onProgress?.({ ...counts })
  }

  const flying = new Set<Promise<void>>()
  let broken: unknown
  const send = (batch: readonly Entry[]): void => {
    const work: Promise<void> = parts
      .write(batch.map((b) => b.document))
      .then((answers) => settle(batch, answers))
      .catch((error: unknown) => {
        broken ??= error
      })
      .finally(() => flying.delete(work))
    flying.add(work)
  }
  try {
    let batch: Entry[] = []
    for await (const input of source) {
      throwIfAborted(options.signal)
      if (broken !== undefined) break
      const index = counts.read++
      try {
        batch.push({ index, document: parts.normalise(input) })
      } catch (error) {
        fail(index, idOf(input), VeritasError.from(error, {}))
      }
      if (batch.length < parts.batchSize) continue
      while (flying.size >= IN_FLIGHT) await Promise.race(flying)
      // An embedded engine answers without ever waiting: signals, timers and servers of the process must get their turn.
      await setImmediate()
      send(batch)
      batch = []
    }
    throwIfAborted(options.signal)
    if (batch.length > 0 && broken === undefined) send(batch)
  } finally {
    // Whatever happened to the source, what was sent is waited for, so that nothing is written behind the caller's back.
    await Promise.all(flying)
  }
  if (broken !== undefined) throw VeritasError.from(broken, {})
  return { ...counts, failures, durationMs: performance.now() - started }
}

interface Entry {
  readonly index: number
  readonly document: NormalisedDocument
}

function firstError(result: StoreResult): VeritasError {
  const error = Object.values(result.errors ?? {})[0]
  return (
    error ??
    new VeritasError({ code: 'INTERNAL', message: `The document ${result.id} was not stored, and no store said why.` })
  )
}

function idOf(input: unknown): string | undefined {
  return typeof input === 'object' && input !== null && 'id' in input && typeof input.id === 'string'
    ? input.id
    : undefined
}
