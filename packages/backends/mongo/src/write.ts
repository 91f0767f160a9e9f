import {
  APPLIED,
  FULL_FILTER,
  type Limits,
  type Outcome,
  type RoleCapabilities,
  STALE,
  splitBatches,
  throwIfAborted,
  type UpsertMode,
  uniqueBatch,
  VeritasError,
  type Version,
} from '@veritas-db/core/contract'
import type { AnyBulkWriteOperation, Collection, Document, MongoBulkWriteError } from 'mongodb'
import type { Access } from './access.js'
import { toVeritasError } from './errors.js'
import { inOneAnswer, keysAtOnce, splitEvery } from './lists.js'

/**
 * What one command holds. The server takes 100,000 operations and 48,000,000 bytes; smaller commands keep its memory
 * and the time between two looks at the signal small.
 */
export const limits: Limits = Object.freeze({ batchRecords: 500, batchBytes: 8_000_000 })

/** What roles that keep their records as documents have in common. */
export const documentCapabilities: RoleCapabilities = Object.freeze<RoleCapabilities>({
  limits,
  filter: FULL_FILTER,
  upsertModes: ['replace', 'ifNewer', 'ifAbsent'],
  conditionalUpsert: 'atomic',
  readAfterWrite: 'immediate',
  scan: { order: 'key', resume: 'cursor', snapshot: false },
})

/** A document as it is to be written: its fields are set as a whole, and others of the same document stay. */
export interface Write {
  readonly id: string
  readonly version: Version
  readonly set: Document
  /** Its bytes as BSON, at most. */
  readonly size: number
}

/** What our collections hold: `_id` is the key, `v` the version. */
export interface Stored extends Document {
  readonly _id: string
  readonly v: Version
}

const duplicateKey = 11000
const nothing: ReadonlyMap<string, Version> = new Map()
/** From how many records on their versions are read before they are written. */
const readFirst = 32
/** How often a write is tried again that lost against one of another version at the same moment. */
export const mostRounds = 10

/** The error of each failed operation of an unordered bulk write. */
interface BulkAnswer {
  readonly errors: ReadonlyMap<number, { readonly code: number; readonly error: unknown }>
  readonly matched: number
  readonly modified: number
  /** The places of the operations that inserted. */
  readonly inserted: ReadonlySet<number>
}

/** Sends operations in any order and answers what became of each, instead of throwing where some fail. */
export const bulk = async <D extends Document>(
  access: Access,
  signal: AbortSignal | undefined,
  collection: Collection<D>,
  operations: readonly AnyBulkWriteOperation<D>[],
): Promise<BulkAnswer> => {
  const errors = new Map<number, { code: number; error: unknown }>()
  const answer = await access.write(signal, async (settings) => {
    try {
      return await collection.bulkWrite(operations, { ...settings, ordered: false })
    } catch (error) {
      // Within a transaction one failed operation ends all of it.
      if (access.transactional || !isBulkError(error) || error.errorLabels.length > 0) throw error
      const failed = Array.isArray(error.writeErrors) ? error.writeErrors : [error.writeErrors]
      // Nor is anything known to be written for good where its confirmation failed.
      if (failed.length === 0 || error.result.getWriteConcernError()) throw error
      for (const one of failed) errors.set(one.index, { code: one.code, error: nativeError(one.code, one.errmsg) })
      return error.result
    }
  })
  return {
    errors,
    matched: answer.matchedCount,
    modified: answer.modifiedCount,
    inserted: new Set(Object.keys(answer.upsertedIds).map(Number)),
  }
}

const isBulkError = (error: unknown): error is MongoBulkWriteError =>
  error instanceof Error && error.name === 'MongoBulkWriteError' && 'writeErrors' in error && 'result' in error

const nativeError = (code: number, message: string | undefined): Error =>
  Object.assign(new Error(message ?? `server error ${code}`), { code })

/** Writes documents, each in one atomic step of the server, which compares versions itself. Answers each. */
export const writeDocuments = async (
  access: Access,
  signal: AbortSignal | undefined,
  collection: Collection<Stored>,
  writes: readonly Write[],
  mode: UpsertMode,
): Promise<Outcome[]> => {
  const unique = uniqueBatch(writes, (write) => write.id, mode)
  const outcomes: Outcome[] = []
  for (const batch of splitBatches(unique.records, limits, (write) => write.size)) {
    throwIfAborted(signal)
    for (const outcome of await writeBatch(access, signal, collection, batch, mode)) outcomes.push(outcome)
  }
  return unique.outcomes(outcomes)
}

/**
 * One batch. Where a newer version is there, the condition of an upsert does not match, the server tries to insert, and
 * fails for the key is taken: that is what `stale` looks like. A write that lost against an insert at the same moment
 * looks alike, so then the versions are read, and what is newer than the stored one is tried again.
 * Of many records the versions are read before: to insert what is absent is several times as fast as to upsert it. While a
 * collection is being filled, not even that: where nothing was there the last time, all are inserted, and those whose key is taken
 * come to the next round.
 */
const writeBatch = async (
  access: Access,
  signal: AbortSignal | undefined,
  collection: Collection<Stored>,
  batch: readonly Write[],
  mode: UpsertMode,
): Promise<Outcome[]> => {
  const outcomes = batch.map((): Outcome => APPLIED)
  let waiting = batch.map((_, i) => i)
  for (let round = 0; waiting.length > 0; round++) {
    const many = waiting.length >= readFirst
    const blind = round === 0 && many && access.loading.has(collection.namespace)
    // In a transaction a failed insert would end it; what it has read cannot change under it, the server refuses the loser.
    const look = !blind && (round > 0 || many || access.transactional)
    const known = look ? await readVersions(access, signal, collection, batch, waiting) : blind ? nothing : undefined
    const sent: number[] = []
    const operations: AnyBulkWriteOperation<Stored>[] = []
    for (const i of waiting) {
      const write = batch[i] as Write
      const stored = known?.get(write.id)
      if (stored !== undefined && (mode === 'ifAbsent' || (mode === 'ifNewer' && stored > write.version)))
        outcomes[i] = STALE
      else {
        sent.push(i)
        operations.push(known && stored === undefined ? insertion(write) : upsert(write, mode))
      }
    }
    if (operations.length === 0) break
    const { errors, inserted } = await bulk(access, signal, collection, operations)
    if (round === 0 && many && known?.size === 0 && errors.size === 0) access.loading.add(collection.namespace)
    else access.loading.delete(collection.namespace)
    waiting = []
    for (const [at, i] of sent.entries()) {
      const failure = errors.get(at)
      if (failure && failure.code !== duplicateKey) outcomes[i] = failed(failure.error, access)
      else if (mode === 'ifAbsent') outcomes[i] = !failure && (known || inserted.has(at)) ? APPLIED : STALE
      else if (failure && round < mostRounds) waiting.push(i)
      else if (failure) outcomes[i] = failed(contention(), access)
    }
  }
  return outcomes
}

export const failed = (error: unknown, { hosts }: Pick<Access, 'hosts'>): Outcome => ({
  status: 'failed',
  error: toVeritasError(error, { target: hosts }),
})

const insertion = (write: Write): AnyBulkWriteOperation<Stored> => ({
  insertOne: { document: { _id: write.id, v: write.version, ...write.set } },
})

const upsert = ({ id, version, set }: Write, mode: UpsertMode): AnyBulkWriteOperation<Stored> => {
  const filter: Document = mode === 'ifNewer' ? { _id: id, v: { $lte: version } } : { _id: id }
  return { updateOne: { filter, update: mode === 'ifAbsent' ? { $setOnInsert: set } : { $set: set }, upsert: true } }
}

const readVersions = async (
  access: Access,
  signal: AbortSignal | undefined,
  collection: Collection<Stored>,
  batch: readonly Write[],
  places: readonly number[],
): Promise<Map<string, Version>> => {
  const versions = new Map<string, Version>()
  const ids = places.map((i) => (batch[i] as Write).id)
  for (const some of splitEvery(ids, keysAtOnce)) {
    const found = await access.read(signal, (settings) =>
      collection
        .find({ _id: { $in: some } }, { ...settings, ...inOneAnswer(some.length), projection: { v: 1 } })
        .toArray(),
    )
    for (const { _id, v } of found) versions.set(_id, v)
  }
  return versions
}

export const contention = (): VeritasError =>
  new VeritasError({
    code: 'CONFLICT',
    retryable: true,
    message: 'Other writers kept inserting and deleting the same record at the same moment.',
  })
