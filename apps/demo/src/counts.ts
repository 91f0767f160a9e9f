import type { DatabaseManager } from '@veritas-db/core'

/** What each store holds of a collection; null where it could not be asked. */
export interface Counts {
  readonly documents: number | null
  readonly passages: number | null
  readonly nodes: number | null
  /** Nodes that stand for documents which are not stored. */
  readonly placeholders: number | null
  readonly edges: number | null
}

/** Asks the stores themselves, through the role handles. */
export async function countAll(db: DatabaseManager, collection: string, signal: AbortSignal): Promise<Counts> {
  const scope = { collection }
  const [documents, passages, nodes, withPlaceholders, edges] = await Promise.all([
    asked(db.countDocuments(collection, { signal })),
    asked(db.vector?.count({ scope, signal })),
    asked(db.graph?.count({ scope, of: 'nodes', signal })),
    asked(db.graph?.count({ scope, of: 'nodes', placeholders: true, signal })),
    asked(db.graph?.count({ scope, of: 'edges', signal })),
  ])
  const placeholders = nodes === null || withPlaceholders === null ? null : withPlaceholders - nodes
  return { documents, passages, nodes, placeholders, edges }
}

/** A store that is down is told by the health table; here it only has no number. */
async function asked(count: Promise<number> | undefined): Promise<number | null> {
  const [result] = await Promise.allSettled([count])
  return result?.status === 'fulfilled' ? (result.value ?? null) : null
}
