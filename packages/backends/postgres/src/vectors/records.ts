import {
  APPLIED,
  encodeMetadata,
  type Metadata,
  type Outcome,
  type RecordHead,
  STALE,
  uniqueBatch,
  type VectorMatch,
  type VectorQuery,
  type VectorRecord,
  type VectorRole,
} from '@veritas-db/core/contract'
import { type Column, decodeVector, encodeArray, intArray, TYPE_IDS, textArray, uuidArray } from '../binary.js'
import { decodeJson, jsonBytes } from '../json.js'
import { toKey } from '../role.js'
import type { Row, Session } from '../session.js'
import { MERGE, piecewise } from '../upsert.js'

type Include = NonNullable<VectorQuery['include']>
type Found = Omit<VectorMatch, 'score'>

/** About how many bytes a record takes. */
export const recordBytes = ({ vector, text = '', documentId, metadata }: VectorRecord): number =>
  96 + vector.byteLength + text.length * 2 + documentId.length * 2 + jsonBytes(metadata)

export const recordColumns = (records: readonly VectorRecord[]): readonly Column[] => {
  return [
    { name: 'key', type: 'uuid', values: records.map((record) => record.key) },
    { name: 'ordinal', type: 'int4', values: records.map((record) => record.ordinal) },
    { name: 'document_id', type: 'text', values: records.map((record) => record.documentId) },
    { name: 'version', type: 'text', values: records.map((record) => record.version) },
    { name: 'embedding', type: 'vector', values: records.map((record) => record.vector) },
    { name: 'text', type: 'text', values: records.map((record) => record.text ?? null) },
    { name: 'metadata', type: 'jsonb', values: records.map((record) => encodeMetadata(record.metadata)) },
  ]
}

/** The columns of the table `t` that a match is made of. */
export const recordSelect = ({ metadata, text, vector }: Include): string =>
  [
    't.key, t.ordinal, t.document_id, t.version',
    ...(metadata ? ['t.metadata'] : []),
    ...(text ? ['t.text'] : []),
    // As bytes, which are read several times faster than decimal numbers.
    ...(vector ? ['vector_send(t.embedding) AS embedding'] : []),
  ].join(', ')

/** What was selected of a record. Without spreading, which takes longer than all else here. */
export const toMatch = (row: Row): Found => {
  const found: { -readonly [F in keyof VectorMatch]?: VectorMatch[F] } = {
    key: toKey(row.key),
    documentId: row.document_id as string,
    version: row.version as Found['version'],
    ordinal: row.ordinal as number,
  }
  if (row.metadata !== undefined) found.metadata = decodeJson(row.metadata as string) as Metadata
  if (row.text !== undefined && row.text !== null) found.text = row.text as string
  if (row.embedding !== undefined) found.vector = decodeVector(row.embedding as string)
  return found as Found
}

/** The same of a search. */
export const toScored = (row: Row, score: number): VectorMatch => Object.assign(toMatch(row), { score })

/** The head of a record alone. */
export const toHead = (row: Row): RecordHead => ({
  key: toKey(row.key),
  version: row.version as RecordHead['version'],
  ordinal: row.ordinal as number,
})

/** A whole record. */
export const toRecord = (row: Row): VectorRecord => toMatch(row) as VectorRecord

type Patch = Parameters<VectorRole['patch']>[0]['records'][number]

const patchIdentity = ({ key, ordinal }: Pick<Patch, 'key' | 'ordinal'>): string => `${key} ${ordinal}`
const patchBytes = ({ metadata }: Patch): number => 64 + jsonBytes(metadata)

/** Replaces metadata where the record is there and not newer: all of them, or none where a statement fails. */
export const patchRecords = async (
  session: Session,
  table: string,
  patches: readonly Patch[],
): Promise<readonly Outcome[]> => {
  const unique = uniqueBatch(patches, patchIdentity, 'ifNewer')
  const { records } = unique
  const patched = new Set<string>()
  await piecewise(session, records, MERGE, patchBytes, async (piece) => {
    const metadata = piece.map((patch) => encodeMetadata(patch.metadata))
    const { rows } = await session.query(
      `UPDATE ${table} t SET version = p.version, metadata = p.metadata
       FROM unnest($1::uuid[], $2::int4[], $3::text[], $4::jsonb[]) AS p (key, ordinal, version, metadata)
       WHERE t.key = p.key AND t.ordinal = p.ordinal AND p.version COLLATE "C" >= t.version RETURNING t.key, t.ordinal`,
      [
        uuidArray(piece.map((patch) => patch.key)),
        intArray(piece.map((patch) => patch.ordinal)),
        textArray(piece.map((patch) => patch.version)),
        encodeArray({ name: 'metadata', type: 'jsonb', values: metadata }, TYPE_IDS.jsonb),
      ],
    )
    for (const row of rows) patched.add(patchIdentity({ key: toKey(row.key), ordinal: row.ordinal as number }))
  })
  return unique.outcomes(records.map((patch) => (patched.has(patchIdentity(patch)) ? APPLIED : STALE)))
}
