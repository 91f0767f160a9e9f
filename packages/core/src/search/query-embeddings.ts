import { LRUCache } from 'lru-cache'
import type { ResolvedConfig } from '../config/types.js'
import { VeritasError } from '../contract/errors.js'
import { type Embedder, embedAll } from '../embedders/embedder.js'

/** Embeds queries, and keeps the embeddings for `performance.cacheTtlSeconds`. */
export function queryEmbeddings(
  config: ResolvedConfig,
): (embedder: Embedder, query: string, signal?: AbortSignal) => Promise<Float32Array> {
  const ttl = config.performance.cacheTtlSeconds * 1000
  const cache = ttl > 0 ? new LRUCache<string, Float32Array>({ max: 1000, ttl }) : undefined
  return async (embedder, query, signal) => {
    const id = `${embedder.id} ${query}`
    const cached = cache?.get(id)
    if (cached) return cached
    const [vector] = await embedAll(embedder, [query], 'query', signal)
    if (vector === undefined)
      throw new VeritasError({ code: 'INTERNAL', message: `Embedder ${embedder.id} gave no vector.` })
    cache?.set(id, vector)
    return vector
  }
}
