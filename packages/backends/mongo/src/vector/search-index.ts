import { setTimeout as sleep } from 'node:timers/promises'
import { type CollectionDefinition, type Metric, throwIfAborted, VeritasError } from '@veritas-db/core/contract'
import type { Collection, Document } from 'mongodb'
import type { Access } from '../access.js'
import { codeOf } from '../errors.js'
import type { Stored } from '../write.js'
import { WORDS_FIELD } from './filter.js'
import { VECTOR_FIELD } from './records.js'

/** The name of the one search index of a collection. */
export const INDEX_NAME = 'veritas_vectors'

/** Both have the same name there. Its `dotProduct` is for vectors of length 1 alone, where `cosine` gives the same. */
export const METRICS: readonly Metric[] = ['cosine', 'euclidean']

/** What a search index says of itself. mongodb.com/docs: $listSearchIndexes */
interface IndexStatus extends Document {
  readonly name: string
  readonly status?: string
  readonly queryable?: boolean
}

/** How long an index that could be asked is taken to be there, in milliseconds. */
const REMEMBER_MS = 60_000
const FIRST_PAUSE_MS = 20
const LONGEST_PAUSE_MS = 2000
const gone: ReadonlySet<number | undefined> = new Set([26, 27])

const definitionOf = ({ dimensions, metric }: Pick<CollectionDefinition, 'dimensions' | 'metric'>): Document => ({
  fields: [
    { type: 'vector', path: VECTOR_FIELD, numDimensions: dimensions, similarity: metric },
    // All filters ask this one field, so the index is never built anew for a field that is declared later.
    { type: 'filter', path: WORDS_FIELD },
  ],
})

/** The search indexes: made by the server in its own time, beside the collections. */
export class SearchIndexes {
  readonly #readyTimeoutMs: number
  readonly #seen = new Map<string, number>()

  constructor(readyTimeoutMs: number) {
    this.#readyTimeoutMs = readyTimeoutMs
  }

  /** Makes a collection's index where it is not there, and waits until it can be asked. @throws VeritasError TIMEOUT */
  async ensure(
    access: Access,
    collection: Collection<Stored>,
    definition: Pick<CollectionDefinition, 'dimensions' | 'metric'>,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const end = performance.now() + this.#readyTimeoutMs
    let made = false
    for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 1.6, LONGEST_PAUSE_MS)) {
      const status = await statusOf(access, collection, signal)
      if (status?.queryable === true) break
      if (status?.status === 'FAILED')
        throw new VeritasError({
          code: 'INTERNAL',
          message: `MongoDB could not build the search index of ${collection.collectionName}: look at $listSearchIndexes.`,
        })
      if (!status && !made) {
        // Of several callers all may send it: the same definition again is no error.
        const options = { name: INDEX_NAME, type: 'vectorSearch', definition: definitionOf(definition) }
        await access.write(signal, () => collection.createSearchIndex(options))
        made = true
      }
      if (performance.now() + pause > end)
        throw new VeritasError({
          code: 'TIMEOUT',
          message: `The search index of ${collection.collectionName} could not be asked within ${this.#readyTimeoutMs} ms (its status: ${status?.status ?? 'not there'}). It goes on being built: try again, or raise indexReadyTimeoutMs.`,
        })
      await pausing(pause, signal)
    }
    this.#seen.set(collection.collectionName, performance.now())
  }

  /**
   * Looks whether a search that found nothing was one at all: a search on an index that is missing finds nothing, and that is no error of the server's.
   * @throws VeritasError UNAVAILABLE where there is no index that can be asked
   */
  async confirm(access: Access, collection: Collection<Stored>, signal: AbortSignal | undefined): Promise<void> {
    const seen = this.#seen.get(collection.collectionName)
    if (seen !== undefined && performance.now() - seen < REMEMBER_MS) return
    const status = await statusOf(access, collection, signal)
    if (status?.queryable !== true) throw notReady(collection.collectionName, status?.status)
    this.#seen.set(collection.collectionName, performance.now())
  }

  /** Removes a collection's index, before the collection itself. */
  async drop(access: Access, collection: Collection<Stored>, signal: AbortSignal | undefined): Promise<void> {
    this.#seen.delete(collection.collectionName)
    try {
      await access.write(signal, () => collection.dropSearchIndex(INDEX_NAME))
    } catch (error) {
      if (!gone.has(codeOf(error))) throw error
    }
  }
}

const statusOf = async (
  access: Access,
  collection: Collection<Stored>,
  signal: AbortSignal | undefined,
): Promise<IndexStatus | undefined> => {
  const found = await access.read(signal, ({ maxTimeMS }) =>
    collection.listSearchIndexes(INDEX_NAME, { maxTimeMS }).toArray(),
  )
  return found[0] as IndexStatus | undefined
}

const notReady = (name: string, status: string | undefined): VeritasError =>
  new VeritasError({
    code: 'UNAVAILABLE',
    message: status
      ? `The search index of ${name} cannot be asked yet (its status: ${status}): try again later.`
      : `The search index of ${name} is not there: ensureCollection makes it.`,
  })

/** What mongot says of an index that it is still building, as the error that it is. */
export const asNotReady = (error: unknown, name: string): unknown => {
  if (!(error instanceof Error)) return error
  const state = /while in state ([A-Z_]+)/.exec(error.message)?.[1]
  return state === undefined ? error : notReady(name, state)
}

/** Waits. @throws VeritasError ABORTED */
const pausing = async (ms: number, signal: AbortSignal | undefined): Promise<void> => {
  try {
    await sleep(ms, undefined, signal ? { signal } : {})
  } catch (error) {
    throwIfAborted(signal)
    throw error
  }
}
