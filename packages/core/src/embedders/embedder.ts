import { VeritasError } from '../contract/errors.js'
import { checkVector } from '../contract/values.js'

/** How much an embedder's neighbours mean: shared characters, fixed word vectors, or a trained model of whole passages. */
export type EmbedderKind = 'lexical' | 'static' | 'neural'

/** Turns text into vectors. */
export interface Embedder {
  /** Names model and settings; a collection remembers it, and another one is refused. */
  readonly id: string
  /** The length of every vector. */
  readonly dimensions: number
  /** Rank fusion weighs the vector leg by it. */
  readonly kind: EmbedderKind
  /** How many texts one call may hold. Default 100. */
  readonly maxBatch?: number
  /** One vector a text, in order. Called with at most `maxBatch` texts. */
  embed(
    texts: readonly string[],
    options: { readonly purpose: 'document' | 'query'; readonly signal?: AbortSignal },
  ): Promise<readonly Float32Array[]>
}

/** Embeds any number of texts in the embedder's batches, and checks what comes back. @throws VeritasError VALIDATION, ABORTED or what the embedder throws */
export async function embedAll(
  embedder: Embedder,
  texts: readonly string[],
  purpose: 'document' | 'query',
  signal?: AbortSignal,
): Promise<Float32Array[]> {
  const size = embedder.maxBatch ?? 100
  const vectors: Float32Array[] = []
  for (let start = 0; start < texts.length; start += size) {
    const batch = texts.slice(start, start + size)
    const answer = await embedder.embed(batch, signal ? { purpose, signal } : { purpose })
    if (answer.length !== batch.length)
      throw new VeritasError({
        code: 'VALIDATION',
        message: `Embedder ${embedder.id} answered ${answer.length} vectors for ${batch.length} texts: embed() must give one vector a text, in order.`,
      })
    answer.forEach((vector, i) => {
      checkVector(vector, embedder.dimensions, `embedder ${embedder.id}, vector ${start + i}`)
      vectors.push(vector)
    })
  }
  return vectors
}
