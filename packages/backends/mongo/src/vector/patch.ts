import {
  APPLIED,
  checkVectorPatch,
  type Outcome,
  prepareRecords,
  STALE,
  splitBatches,
  throwIfAborted,
  uniqueBatch,
  type VectorRecord,
} from '@veritas-db/core/contract'
import type { Collection, Document } from 'mongodb'
import type { Access } from '../access.js'
import { bulk, failed, limits, type Stored } from '../write.js'
import { metadataFields, recordId } from './records.js'

type Patch = Pick<VectorRecord, 'key' | 'ordinal' | 'version' | 'metadata'>

interface PatchWrite extends Pick<Patch, 'version'> {
  readonly id: string
  readonly set: Document
  readonly size: number
}

const preparePatch = (patch: Patch): PatchWrite => {
  checkVectorPatch(patch)
  const { set, size } = metadataFields(patch.metadata)
  return {
    id: recordId(patch.key, patch.ordinal),
    version: patch.version,
    set: { v: patch.version, ...set },
    size: size + 200,
  }
}

/**
 * Replaces the metadata of records that are there and not newer, each in one atomic step. The server says how many there were,
 * not which; so their versions are read afterwards: one that has the patch's version had it applied, or was as new before.
 */
export const patchRecords = async (
  access: Access,
  signal: AbortSignal | undefined,
  collection: Collection<Stored>,
  patches: readonly Patch[],
): Promise<Outcome[]> => {
  const unique = uniqueBatch(prepareRecords(patches, preparePatch), ({ id }) => id, 'ifNewer')
  const outcomes: Outcome[] = []
  for (const batch of splitBatches(unique.records, limits, ({ size }) => size)) {
    throwIfAborted(signal)
    const { errors } = await bulk(
      access,
      signal,
      collection,
      batch.map(({ id, version, set }) => ({
        updateOne: { filter: { _id: id, v: { $lte: version } }, update: { $set: set } },
      })),
    )
    const ids = batch.map(({ id }) => id)
    const stored = await access.read(signal, (settings) =>
      collection
        .find({ _id: { $in: ids } }, { ...settings, projection: { v: 1 } })
        .batchSize(ids.length + 1)
        .toArray(),
    )
    const versions = new Map(stored.map(({ _id, v }) => [_id, v]))
    for (const [i, { id, version }] of batch.entries()) {
      const failure = errors.get(i)
      if (failure) outcomes.push(failed(failure.error, access))
      else outcomes.push(versions.get(id) === version ? APPLIED : STALE)
    }
  }
  return unique.outcomes(outcomes)
}
