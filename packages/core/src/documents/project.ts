import { hash } from 'node:crypto'
import { encodeMetadata } from '../contract/metadata-codec.js'
import type { EdgeRecord, NodeRecord, RowRecord, VectorRecord } from '../contract/records.js'
import type { EdgeSet } from '../contract/roles/graph.js'
import type { TableDefinition } from '../contract/roles/relational.js'
import { markSealed } from '../contract/sealed.js'
import { type FieldType, type Metadata, sealMetadata, type Version, ZERO_VERSION } from '../contract/values.js'
import type { Passage } from './chunk.js'
import type { NormalisedDocument, NormalisedReference } from './types.js'

/** Raised whenever the same document would give other records: derived legs of an older projection are then rebuilt. */
export const PROJECTION_VERSION = 1
export const DOCUMENT_TABLE = 'documents'
export const DOCUMENT_LABEL = 'Document'

/** The authority's table: one row a document, beside `key`, `document_id` and `version`, which every row has. Users query these names in SQL. */
export function documentTable(fields: Readonly<Record<string, FieldType>>): TableDefinition {
  return {
    columns: {
      title: { type: 'string' },
      collection_name: { type: 'string' },
      document_type: { type: 'string', index: true },
      created_date: { type: 'date', index: true },
      file_path: { type: 'string' },
      processing_status: { type: 'string' },
      metadata: { type: 'json', paths: fields },
      text: { type: 'string' },
      document_references: { type: 'json' },
      embedder: { type: 'string' },
      projection: { type: 'number' },
      content_hash: { type: 'string' },
      manifest: { type: 'json' },
      deleted: { type: 'boolean' },
    },
    fullText: ['title', 'text'],
  }
}

/** A document with what the write path adds to it. */
export interface VersionedDocument {
  readonly document: NormalisedDocument
  readonly version: Version
  readonly createdDate: Date
  readonly contentHash: string
  /** One embedding a passage. */
  readonly passages: readonly (Passage & { readonly vector: Float32Array })[]
  readonly embedderId: string
}

/** The records of one document, a leg each. */
export interface Projection {
  readonly vectors: readonly VectorRecord[]
  readonly node: NodeRecord
  readonly placeholders: readonly NodeRecord[]
  readonly edges: EdgeSet
  readonly row: RowRecord
}

/** From a document to its legs' records. Pure. */
export function projectDocument(versioned: VersionedDocument): Projection {
  const { document, version } = versioned
  // One object for every leg: what filters see is the same in all of them, and backends encode it once.
  const fields: Metadata = searchableFields(document, versioned.createdDate)
  const vectors = versioned.passages.map(
    (passage, ordinal): VectorRecord => ({
      key: document.key,
      documentId: document.id,
      version,
      ordinal,
      vector: passage.vector,
      text: passage.text,
      metadata: fields,
    }),
  )
  const edges = document.references.map((reference) => edge(document, reference, version))
  return {
    vectors,
    node: {
      key: document.key,
      documentId: document.id,
      version,
      label: DOCUMENT_LABEL,
      placeholder: false,
      properties: fields,
    },
    placeholders: document.references
      .filter((r) => r.key !== document.key)
      .map((r) => placeholder(r.key, r.id, ZERO_VERSION)),
    edges: { source: document.key, version, edges },
    row: { key: document.key, documentId: document.id, version, values: rowValues(versioned, edges.length) },
  }
}

/** The records that a deleted document leaves: a tombstone, and a placeholder without edges. */
export function projectTombstone(
  document: { readonly key: NormalisedDocument['key']; readonly id: string; readonly collection: string },
  version: Version,
): Pick<Projection, 'node' | 'edges' | 'row'> {
  return {
    node: placeholder(document.key, document.id, version),
    edges: { source: document.key, version, edges: [] },
    row: {
      key: document.key,
      documentId: document.id,
      version,
      values: {
        collection_name: document.collection,
        processing_status: 'deleted',
        deleted: true,
        projection: PROJECTION_VERSION,
      },
    },
  }
}

const NO_PROPERTIES: Metadata = sealMetadata({})

function placeholder(key: NodeRecord['key'], documentId: string, version: Version): NodeRecord {
  return { key, documentId, version, label: DOCUMENT_LABEL, placeholder: true, properties: NO_PROPERTIES }
}

function edge(document: NormalisedDocument, reference: NormalisedReference, version: Version): EdgeRecord {
  return {
    source: document.key,
    target: reference.key,
    type: reference.type,
    ordinal: 0,
    version,
    properties: reference.properties,
  }
}

function searchableFields(document: NormalisedDocument, createdDate: Date): Metadata {
  return markSealed({
    ...document.metadata,
    ...(document.title !== null && { title: document.title }),
    ...(document.documentType !== null && { documentType: document.documentType }),
    createdDate,
    ...(document.filePath !== null && { filePath: document.filePath }),
  })
}

function rowValues(versioned: VersionedDocument, edgeCount: number): Metadata {
  const { document } = versioned
  return markSealed({
    title: document.title,
    collection_name: document.scope.collection,
    document_type: document.documentType,
    created_date: versioned.createdDate,
    file_path: document.filePath,
    processing_status: 'stored',
    metadata: document.metadata,
    text: document.text,
    document_references: document.referenceValue,
    embedder: versioned.embedderId,
    projection: PROJECTION_VERSION,
    content_hash: versioned.contentHash,
    manifest: markSealed({
      vector: versioned.passages.length,
      vectorHash: vectorHash(versioned),
      graph: edgeCount,
    }),
    deleted: false,
  })
}

/** SHA-256 over what the user gave: equal hashes mean that storing again changes nothing. */
export function contentHash(document: NormalisedDocument): string {
  const { id, text, title, documentType, createdDate, filePath, metadata, referenceValue } = document
  const own = JSON.stringify([id, text, title, documentType, createdDate?.getTime() ?? null, filePath])
  const head = own + encodeMetadata(metadata) + encodeMetadata(referenceValue)
  return document.embedding === null
    ? hash('sha256', head)
    : hash('sha256', head + hash('sha256', bytesOf(document.embedding)))
}

/** SHA-256 over the embeddings in order, 64 bits of it. */
function vectorHash(versioned: VersionedDocument): string {
  const digests = versioned.passages.map((p) => hash('sha256', bytesOf(p.vector)).slice(0, 16))
  return digests.length === 1 ? (digests[0] as string) : hash('sha256', digests.join('')).slice(0, 16)
}

function bytesOf(vector: Float32Array): Uint8Array {
  return new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength)
}
