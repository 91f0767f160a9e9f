import type { DatabaseManager } from '@veritas-db/core'
import type { Corpus } from './corpus/types.js'

/** Both directions of one document's relations. */
export interface Relations {
  readonly id: string
  /** Those that refer to it. */
  readonly incoming: readonly string[]
  /** Those that it refers to. */
  readonly outgoing: readonly string[]
  /** What it refers to and is not stored: packages that are not installed, broken links. */
  readonly missing: readonly string[]
}

const MOST = 200

export async function relationsOf(
  db: DatabaseManager,
  corpus: Corpus,
  id: string,
  signal: AbortSignal,
): Promise<Relations> {
  const { collection, edgeType } = corpus
  const along = async (direction: 'in' | 'out'): Promise<string[]> => {
    const graph = { from: [id], direction, edgeTypes: [edgeType] }
    const { hits } = await db.searchDocuments({ mode: 'graph', collection, graph, limit: MOST, signal })
    return hits.map((hit) => hit.id).sort()
  }
  const [incoming, outgoing, document] = await Promise.all([
    along('in'),
    along('out'),
    db.getDocument(id, collection, { signal }),
  ])
  const found = new Set([id, ...outgoing])
  const missing = (document?.references ?? []).map((r) => r.id).filter((target) => !found.has(target))
  return { id, incoming, outgoing, missing: missing.slice(0, MOST) }
}
