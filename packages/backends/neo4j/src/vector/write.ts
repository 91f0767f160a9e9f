import {
  APPLIED,
  type Metadata,
  type Outcome,
  STALE,
  type UpsertMode,
  type VectorRecord,
} from '@veritas-db/core/contract'
import { inBatches, writeCondition } from '../batches.js'
import { type Collection, guardOf } from '../collections.js'
import type { Access } from '../connection.js'
import { lock, quote, type Statement, toNumber } from '../cypher.js'
import type { Environment } from '../environment.js'
import { bytesOf, metadataProperties } from '../properties.js'
import { fieldsOf, idOf } from './records.js'

interface Row {
  readonly properties: Readonly<Record<string, unknown>>
  readonly vector?: Float32Array
}

/** Writes whole records; answers each. Where the collection is no longer the one that is meant, all are stale. */
export const upsertRecords = (
  environment: Environment,
  access: Access,
  collection: Collection,
  records: readonly VectorRecord[],
  mode: UpsertMode,
  signal: AbortSignal | undefined,
): Promise<Outcome[]> => {
  const toDate = environment.connection.toNativeDate
  const toRow = (record: VectorRecord): Row => ({
    properties: Object.assign(metadataProperties(record.metadata, toDate), fieldsOf(record)),
    vector: record.vector,
  })
  return write(environment, access, collection, records, toRow, signal, (rows) =>
    upsertStatement(environment, collection, rows, mode),
  )
}

type Patch = Pick<VectorRecord, 'key' | 'ordinal' | 'version'> & { readonly metadata: Metadata }

/** Replaces the metadata of records that are there and not newer; answers each. */
export const patchRecords = (
  environment: Environment,
  access: Access,
  collection: Collection,
  records: readonly Patch[],
  signal: AbortSignal | undefined,
): Promise<Outcome[]> => {
  const toDate = environment.connection.toNativeDate
  const toRow = (record: Patch): Row => ({
    properties: { ...metadataProperties(record.metadata, toDate), _id: idOf(record), _version: record.version },
  })
  return write(environment, access, collection, records, toRow, signal, (rows) =>
    patchStatement(environment, collection, rows),
  )
}

/** Writes records batch by batch, all in one order, so that writers never wait for each other; a statement answers which it wrote. */
const write = async <R extends Pick<VectorRecord, 'key' | 'ordinal'>>(
  { sizes }: Environment,
  access: Access,
  { dimensions }: Collection,
  records: readonly R[],
  toRow: (record: R) => Row,
  signal: AbortSignal | undefined,
  statement: (rows: readonly Row[]) => Statement,
): Promise<Outcome[]> => {
  const ids = records.map(idOf)
  const rows = records.map(toRow).sort((a, b) => ((a.properties._id as string) < (b.properties._id as string) ? -1 : 1))
  const sizeOf = ({ properties, vector }: Row): number => bytesOf(properties) + (vector ? dimensions * 9 : 0)
  const written = new Set<unknown>()
  await inBatches(rows, sizes.passages, sizeOf, signal, async (batch) => {
    const [answer] = await access.run(statement(batch), signal)
    const all = toNumber(answer?.get('count')) === batch.length
    const some = all ? batch.map(({ properties }) => properties._id) : (answer?.get('written') as readonly unknown[])
    for (const id of some) written.add(id)
  })
  return ids.map((id) => (written.has(id) ? APPLIED : STALE))
}

/**
 * The version is compared, and what is there taken away, under the node's write lock. A vector stays until it is set: where it is the
 * same, the server has nothing to do in its index, which takes it most of the time.
 */
const upsertStatement = (
  { dialect, prefix }: Environment,
  { label, generation }: Collection,
  rows: readonly Row[],
  mode: UpsertMode,
): Statement => {
  const condition = writeCondition(mode, 'n', 'properties._version')
  return {
    text: `${guardOf(prefix)}
      UNWIND $rows AS row
      MERGE (n:${quote(label)} {_id: row.properties._id})
      ${lock('n')}
      WITH row, n, row.properties AS properties${condition === undefined ? '' : ` WHERE ${condition}`}
      SET n = properties { .*, _vector: n._vector }
      WITH n, row
      ${dialect.setVector('n', '_vector', 'row.vector')}
      RETURN count(n) AS count, ${condition === undefined ? '[]' : 'collect(row.properties._id)'} AS written`,
    parameters: { collection: label, generation, rows },
  }
}

const patchStatement = (
  { prefix }: Environment,
  { label, generation }: Collection,
  rows: readonly Row[],
): Statement => ({
  text: `${guardOf(prefix)}
    UNWIND $rows AS row
    MATCH (n:${quote(label)} {_id: row.properties._id})
    ${lock('n')}
    WITH n, row.properties AS properties WHERE n._version <= row.properties._version
    SET n = properties { .*, _documentId: n._documentId, _text: n._text, _vector: n._vector }
    RETURN count(n) AS count, collect(properties._id) AS written`,
  parameters: { collection: label, generation, rows },
})
