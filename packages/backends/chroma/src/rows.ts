import { type Metric, splitBatches, type VectorMatch, type VectorRole } from '@veritas-db/core/contract'
import type { Metadata as ChromaMetadata, Collection } from 'chromadb'
import { documentIdOf, metadataOf, parseId } from './encode.js'

/** Ids in one condition: the store under a single server binds each as a parameter, of which it has 32,766. */
export const IDS_A_REQUEST = 5000

export type Include = NonNullable<Parameters<VectorRole['get']>[0]['include']>
type Field = 'documents' | 'metadatas' | 'embeddings' | 'distances'

/** One record of an answer, whatever was asked for. */
export interface Row {
  readonly id: string
  readonly text: string | null | undefined
  readonly metadata: ChromaMetadata | null | undefined
  readonly vector: readonly number[] | null | undefined
  readonly distance?: number | null | undefined
}

export type Found = Omit<VectorMatch, 'score'>

/** What a request asks for. */
export const fieldsOf = ({ metadata, text, vector }: Include): Field[] => [
  ...(text ? (['documents'] as const) : []),
  ...(metadata ? (['metadatas'] as const) : []),
  ...(vector ? (['embeddings'] as const) : []),
]

export const getRows = async (collection: Collection, request: Parameters<Collection['get']>[0]): Promise<Row[]> => {
  const { ids, documents, metadatas, embeddings } = await collection.get(request)
  return ids.map((id, i) => ({ id, text: documents[i], metadata: metadatas[i], vector: embeddings[i] }))
}

/** Rows as records, each made into what the caller wants. One that is deleted meanwhile may be missing. */
export const found = async <T>(
  collection: Collection,
  rows: readonly Row[],
  include: Include,
  make: (record: Found, row: Row) => T,
): Promise<T[]> => {
  const identities = rows.map(({ id }) => parseId(id))
  // A long document id is in the metadata only, which was perhaps not asked for.
  const missing = include.metadata ? [] : rows.filter((_, i) => identities[i]?.documentId === undefined)
  const stored = new Map<string, ChromaMetadata | null | undefined>()
  for (const some of splitBatches(missing, { batchRecords: IDS_A_REQUEST }))
    for (const row of await getRows(collection, { ids: some.map((r) => r.id), include: ['metadatas'] }))
      stored.set(row.id, row.metadata)
  const records: T[] = []
  for (const [i, row] of rows.entries()) {
    const identity = identities[i] as (typeof identities)[number]
    const documentId = documentIdOf(identity, row.metadata ?? stored.get(row.id))
    // Deleted between the two requests.
    if (documentId === undefined) continue
    const { key, version, ordinal } = identity
    const record: Found = {
      ...{ key, documentId, version, ordinal },
      ...(include.metadata && { metadata: metadataOf(row.metadata) }),
      ...(include.text && typeof row.text === 'string' && { text: row.text }),
      ...(include.vector && row.vector && { vector: Float32Array.from(row.vector) }),
    }
    records.push(make(record, row))
  }
  return records
}

/** Chroma's distance as a similarity: it gives 1 - cosine, 1 - inner product, and the square of the Euclidean distance. */
export const similarity = (metric: Metric, distance: number): number => {
  if (metric === 'dot') return 1 - distance
  if (metric === 'euclidean') return 1 / (1 + Math.sqrt(Math.max(0, distance)))
  return Math.max(-1, Math.min(1, 1 - distance))
}
