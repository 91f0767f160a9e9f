import {
  APPLIED,
  type Metadata,
  type Outcome,
  STALE,
  splitBatches,
  throwIfAborted,
  type UpsertMode,
  type VectorRecord,
  type Version,
} from '@veritas-db/core/contract'
import { type Collection, guardOf } from '../collections.js'
import type { Access } from '../connection.js'
import { integer, quote, type Statement, toNumber } from '../cypher.js'
import { type Environment, limits, when, writeCondition } from '../environment.js'
import { metadataProperties } from '../properties.js'
import { fieldsOf, idOf } from './records.js'

interface Row {
  readonly i: bigint
  readonly id: string
  readonly version: Version
  readonly vector?: Float32Array
  readonly properties: Record<string, unknown>
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
  const rows = records.map(
    (record, i): Row => ({
      i: integer(i),
      id: idOf(record),
      version: record.version,
      vector: record.vector,
      properties: {
        ...metadataProperties(record.metadata, toDate),
        ...fieldsOf(record),
        ...(record.text !== undefined && { _text: record.text }),
      },
    }),
  )
  return write(access, collection, rows, signal, (batch) => upsertStatement(environment, collection, batch, mode))
}

/** Replaces the metadata of records that are there and not newer; answers each. */
export const patchRecords = (
  environment: Environment,
  access: Access,
  collection: Collection,
  records: readonly (Pick<VectorRecord, 'key' | 'ordinal' | 'version'> & { readonly metadata: Metadata })[],
  signal: AbortSignal | undefined,
): Promise<Outcome[]> => {
  const toDate = environment.connection.toNativeDate
  const rows = records.map(
    (record, i): Row => ({
      i: integer(i),
      id: idOf(record),
      version: record.version,
      properties: metadataProperties(record.metadata, toDate),
    }),
  )
  return write(access, collection, rows, signal, (batch) => patchStatement(environment, collection, batch))
}

/** Writes rows batch by batch, all in one order, so that writers never wait for each other; what a statement answers was applied. */
const write = async (
  access: Access,
  collection: Collection,
  rows: readonly Row[],
  signal: AbortSignal | undefined,
  statement: (batch: readonly Row[]) => Statement,
): Promise<Outcome[]> => {
  const outcomes: Outcome[] = rows.map(() => STALE)
  const sizeOf = ({ properties }: Row): number =>
    String(properties._json).length * 3 + String(properties._text ?? '').length + collection.dimensions * 9 + 400
  const sorted = rows.toSorted((a, b) => (a.id < b.id ? -1 : 1))
  for (const batch of splitBatches(sorted, limits, sizeOf)) {
    throwIfAborted(signal)
    for (const row of await access.run(statement(batch), signal)) outcomes[toNumber(row.get('i'))] = APPLIED
  }
  return outcomes
}

/** A property is set before the stored version is read: that takes the node's write lock, and nobody comes in between. */
const upsertStatement = (
  { dialect, prefix }: Environment,
  { label, generation }: Collection,
  rows: readonly Row[],
  mode: UpsertMode,
): Statement => ({
  text: `${guardOf(prefix)}
    UNWIND $rows AS row
    MERGE (n:${quote(label)} {_id: row.id})
    SET n._lock = true
    WITH row, n, n._version AS stored
    WITH row, n, ${writeCondition(mode)} AS write
    ${when('write', 'SET n = row.properties')}
    ${when('NOT write', 'REMOVE n._lock')}
    WITH row, n WHERE write
    ${dialect.setVector('n', '_vector', 'row.vector')}
    RETURN row.i AS i`,
  parameters: { collection: label, generation, rows },
})

const kept = ['_id', '_key', '_documentId', '_ordinal', '_text', '_vector']

const patchStatement = (
  { prefix }: Environment,
  { label, generation }: Collection,
  rows: readonly Row[],
): Statement => ({
  text: `${guardOf(prefix)}
    UNWIND $rows AS row
    MATCH (n:${quote(label)} {_id: row.id})
    SET n._lock = true
    REMOVE n._lock
    WITH row, n WHERE row.version >= n._version
    WITH row, n, n { ${kept.map((name) => `.${name}`).join(', ')} } AS kept
    SET n = row.properties
    SET n += kept
    SET n._version = row.version
    RETURN row.i AS i`,
  parameters: { collection: label, generation, rows },
})
