import type { CollectionDefinition, CollectionInfo, Metric, Scope } from '@veritas-db/core/contract'
import { VeritasError } from '@veritas-db/core/contract'
import { addTypedPaths, type TypedPath } from '../fields.js'
import { findSpace, listSpaces, removeSpace, type Space, saveSpace } from '../schema.js'
import type { Session } from '../session.js'

/** What the catalogue keeps of a vector collection. */
export interface VectorDefinition {
  readonly dimensions: number
  readonly metric: Metric
  readonly paths: Readonly<Record<string, TypedPath>>
}

export type VectorSpace = Space<VectorDefinition>

/** The tables of a collection. A record's slot is its row in the first two and its place in the code matrix. */
export interface VectorTables {
  /** slot, key, ordinal, document_id, version, metadata: kept apart from the embeddings, so that filters read little */
  readonly records: string
  /** slot, embedding (float32), text */
  readonly embeddings: string
  /** chunk, seq, codes: int8 codes of 1,024 slots, as of the change `seq` */
  readonly codes: string
  /** slots to use again */
  readonly free: string
}

export const vectorTables = (space: Space<unknown>): VectorTables => ({
  records: `v${space.id}`,
  embeddings: `v${space.id}_embeddings`,
  codes: `v${space.id}_codes`,
  free: `v${space.id}_free`,
})

export const findCollection = (session: Session, scope: Scope): VectorSpace | undefined =>
  findSpace<VectorDefinition>(session, 'vector', scope)

/** Whether a collection is there already, with all that the definition asks for. */
export const isEnsured = (space: VectorSpace | undefined, definition: CollectionDefinition): boolean =>
  space !== undefined &&
  space.definition.dimensions === definition.dimensions &&
  space.definition.metric === definition.metric &&
  Object.keys(definition.fields ?? {}).every((path) => Object.hasOwn(space.definition.paths, path))

/** Makes a collection, or adds the fields it lacks. Runs in a transaction. */
export const ensureCollection = (session: Session, scope: Scope, wanted: CollectionDefinition): void => {
  const found = findCollection(session, scope)
  const { dimensions, metric, fields = {} } = wanted
  if (found && (found.definition.dimensions !== dimensions || found.definition.metric !== metric)) {
    const { definition } = found
    throw new VeritasError({
      code: 'CONFLICT',
      message: `The collection "${scope.collection}" has ${definition.dimensions} dimensions and the metric ${definition.metric}; ${dimensions} and ${metric} were asked for.`,
    })
  }
  const space = found ?? saveSpace<VectorDefinition>(session, 'vector', scope, '', { dimensions, metric, paths: {} })
  const { records, embeddings, codes, free } = vectorTables(space)
  if (!found) {
    session.db.exec(`
      CREATE TABLE ${records} (slot INTEGER PRIMARY KEY, key TEXT NOT NULL, ordinal INTEGER NOT NULL,
        document_id TEXT NOT NULL, version TEXT NOT NULL, metadata BLOB NOT NULL);
      CREATE UNIQUE INDEX ${records}_key ON ${records} (key, ordinal);
      CREATE TABLE ${embeddings} (slot INTEGER PRIMARY KEY, embedding BLOB NOT NULL, text TEXT);
      CREATE TABLE ${codes} (chunk INTEGER PRIMARY KEY, seq INTEGER NOT NULL, codes BLOB NOT NULL);
      CREATE TABLE ${free} (slot INTEGER PRIMARY KEY);
      INSERT INTO veritas_vector_state VALUES (${space.id}, 0, 0, 0, 0, 0);
    `)
  }
  const paths = addTypedPaths(session, records, 'metadata', 'f', space.definition.paths, fields)
  saveSpace<VectorDefinition>(session, 'vector', scope, '', { dimensions, metric, paths })
}

/** Removes a collection with all in it. Runs in a transaction. */
export const dropCollection = (session: Session, space: VectorSpace): void => {
  for (const table of Object.values(vectorTables(space))) session.db.exec(`DROP TABLE ${table}`)
  session.run('DELETE FROM veritas_vector_state WHERE space = ?', space.id)
  session.run('DELETE FROM veritas_vector_log WHERE space = ?', space.id)
  removeSpace(session, space.id)
}

export const listCollections = (session: Session): CollectionInfo[] =>
  listSpaces<VectorDefinition>(session, 'vector').map(({ scope, space: { definition } }) => ({
    scope,
    dimensions: definition.dimensions,
    metric: definition.metric,
    fields: Object.fromEntries(Object.entries(definition.paths).map(([path, { type }]) => [path, type])),
  }))

/** The state of a collection, as the database has it. */
export interface VectorState {
  rows: number
  /** The first slot never used. */
  high: number
  /** Slots below `high` that are free. */
  free: number
  /** The number of the last change. */
  seq: number
  /** Changes up to here may have been merged: who has not seen them yet reads everything anew. */
  floor: number
}

/** A collection's state; undefined where it has been dropped. */
export const readState = (session: Session, space: number): VectorState | undefined => {
  const row = session.get('SELECT row_count, high, free, seq, floor FROM veritas_vector_state WHERE space = ?', space)
  return (
    row && {
      rows: row.row_count as number,
      high: row.high as number,
      free: row.free as number,
      seq: row.seq as number,
      floor: row.floor as number,
    }
  )
}

/** An embedding as it is stored; the bytes of the vector itself, not a copy. */
export const toBlob = (vector: Float32Array): Uint8Array =>
  new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength)

/** An embedding from its blob. */
export const fromBlob = (blob: Uint8Array): Float32Array =>
  blob.byteOffset % 4 === 0
    ? new Float32Array(blob.buffer, blob.byteOffset, blob.byteLength / 4)
    : new Float32Array(blob.slice().buffer)
