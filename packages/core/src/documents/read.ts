import type { RowRecord } from '../contract/records.js'
import type { Metadata, MetadataValue } from '../contract/values.js'
import type { StoredDocument, StoredReference } from './types.js'

/** The authority's row as a document. The reverse of the projection's row. */
export function readDocument<M extends object = Metadata>(row: RowRecord): StoredDocument<M> {
  const { values } = row
  return {
    id: row.documentId,
    collection: String(values.collection_name),
    text: typeof values.text === 'string' ? values.text : '',
    title: textOf(values.title),
    documentType: textOf(values.document_type),
    references: readReferences(values.document_references),
    metadata: (values.metadata ?? {}) as M,
    createdDate: values.created_date instanceof Date ? values.created_date : new Date(0),
    filePath: textOf(values.file_path),
    version: row.version,
  }
}

function textOf(value: MetadataValue | undefined): string | null {
  return typeof value === 'string' ? value : null
}

function readReferences(value: MetadataValue | undefined): StoredReference[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value as Metadata)
    .sort(([a], [b]) => Number(a) - Number(b))
    .map(([, item]) => {
      const { id, type, properties } = item as Metadata
      return { id: String(id), type: String(type), properties: (properties ?? {}) as Metadata }
    })
}

/** What filters see of a document: its metadata and attributes. */
export function filterableFields(row: RowRecord): Metadata {
  const { title, document_type, created_date, file_path, metadata } = row.values
  return {
    ...(metadata as Metadata | null),
    title,
    documentType: document_type,
    createdDate: created_date,
    filePath: file_path,
  }
}
