import { setImmediate } from 'node:timers/promises'
import { type DatabaseManager, type StoreSummary, throwIfAborted } from '@veritas-db/core'
import { observed, type Statistics } from './corpus/statistics.js'
import type { Corpus, Problem } from './corpus/types.js'

/** What became of the corpus. */
export interface SyncReport {
  readonly read: number
  /** Documents that were not there before. */
  readonly added: number
  readonly updated: number
  readonly unchanged: number
  readonly deleted: number
  readonly failed: number
  readonly failures: StoreSummary['failures']
  /** Documents stored, but not in every store; with the first reason. */
  readonly partial: number
  readonly partialReason?: string
  /** The first problems of reading, 100 at most; `problemCount` counts all. */
  readonly problems: readonly Problem[]
  readonly problemCount: number
  readonly storeMs: number
  readonly deleteMs: number
}

export interface SyncOptions {
  /** Drops the collection first. */
  readonly fresh?: boolean
  readonly statistics: Statistics
  readonly onProgress?: (done: number) => void
  readonly signal: AbortSignal
}

const MAX_PROBLEMS = 100
const DELETES_AT_ONCE = 20
const PAUSE_AFTER_MS = 20

/**
 * Makes a collection hold what the corpus holds: stores what is new or changed, leaves alone what is not, deletes what
 * is gone. What could not be read is kept as it was.
 */
export async function sync(db: DatabaseManager, corpus: Corpus, options: SyncOptions): Promise<SyncReport> {
  const { signal } = options
  const { collection } = corpus
  if (options.fresh) await db.dropCollection(collection, { signal })
  await db.ensureCollection(collection, { fields: corpus.fields })
  const before = await db.countDocuments(collection, { signal })

  const present = new Set<string>()
  const kept: string[] = []
  const problems: Problem[] = []
  let problemCount = 0
  const onProblem = (problem: Problem): void => {
    if (problem.folder) kept.push(`${problem.id}/`)
    else present.add(problem.id)
    if (problemCount++ < MAX_PROBLEMS) problems.push(problem)
  }
  let done = 0
  let partial = 0
  let partialReason: string | undefined
  const source = remember(observed(corpus.documents(onProblem), options.statistics), present)
  const started = performance.now()
  const summary = await db.storeDocuments(source, collection, {
    skipUnchanged: true,
    signal,
    onResult: (result) => {
      options.onProgress?.(++done)
      const reasons = Object.values(result.errors ?? {})
      if (!result.success || reasons.length === 0) return
      partial++
      partialReason ??= reasons[0]?.message
    },
  })
  const storeMs = performance.now() - started

  const afterStore = await db.countDocuments(collection, { signal })
  const startedDeleting = performance.now()
  // Where as many are stored as were read there is nothing to look for.
  const gone =
    afterStore > summary.stored + summary.unchanged ? await removed(db, collection, present, kept, signal) : []
  for (let i = 0; i < gone.length; i += DELETES_AT_ONCE) {
    throwIfAborted(signal)
    await setImmediate()
    await Promise.all(gone.slice(i, i + DELETES_AT_ONCE).map((id) => db.deleteDocument(id, collection, { signal })))
  }
  const added = Math.max(0, afterStore - before)
  return {
    read: summary.read,
    added,
    updated: Math.max(0, summary.stored - added),
    unchanged: summary.unchanged,
    deleted: gone.length,
    failed: summary.failed,
    failures: summary.failures,
    partial,
    ...(partialReason !== undefined && { partialReason }),
    problems,
    problemCount,
    storeMs,
    deleteMs: performance.now() - startedDeleting,
  }
}

/** Ids of stored documents that were not read this time. */
async function removed(
  db: DatabaseManager,
  collection: string,
  present: ReadonlySet<string>,
  kept: readonly string[],
  signal: AbortSignal,
): Promise<string[]> {
  const gone: string[] = []
  for await (const { id } of db.listDocuments(collection, { signal }))
    if (!present.has(id) && !kept.some((folder) => id.startsWith(folder))) gone.push(id)
  return gone
}

async function* remember<D extends { readonly id?: string | undefined }>(
  source: AsyncIterable<D>,
  ids: Set<string>,
): AsyncGenerator<D> {
  let paused = performance.now()
  for await (const document of source) {
    if (document.id !== undefined) ids.add(document.id)
    // Reading files and writing to an embedded database are synchronous: without a pause Ctrl-C would not be seen.
    if (performance.now() - paused > PAUSE_AFTER_MS) {
      await setImmediate()
      paused = performance.now()
    }
    yield document
  }
}
