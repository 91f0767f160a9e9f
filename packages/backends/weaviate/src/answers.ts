import { APPLIED, bestFirst, type Metric, type Outcome, type VectorMatch } from '@veritas-db/core/contract'
import { type Include, recordOf, type StoredObject } from './encode.js'
import { ofObject } from './errors.js'
import { HEAD } from './properties.js'

/** What the server says of one object of a batch. */
export interface BatchAnswer {
  readonly result?: {
    readonly status?: 'SUCCESS' | 'FAILED'
    readonly errors?: { readonly error?: readonly { readonly message?: string }[] } | null
  }
}

/** What a request asks for. */
export const wanted = ({
  metadata,
  text,
  vector,
}: Include): { returnProperties: string[]; includeVector: boolean } => ({
  returnProperties: [HEAD, ...(metadata ? ['metadata'] : []), ...(text ? ['text'] : [])],
  includeVector: vector ?? false,
})

/** An object with its distance or score. */
export interface Scored extends StoredObject {
  readonly metadata: { readonly distance?: number; readonly score?: number } | undefined
}

/** Records best first, and those of one score in order of key. */
export const ranked = (
  objects: readonly Scored[],
  include: Include,
  score: (object: Scored) => number,
): VectorMatch[] => objects.map((object) => ({ ...recordOf(object, include), score: score(object) })).sort(bestFirst)

/** What became of the objects of a batch. @throws VeritasError NOT_FOUND where the collection is gone */
export const outcomesOf = (answers: readonly BatchAnswer[], count: number): Outcome[] =>
  Array.from({ length: count }, (_, i): Outcome => {
    const result = answers[i]?.result
    if (result?.status === 'SUCCESS') return APPLIED
    const messages = result?.errors?.error?.flatMap(({ message }) => message ?? []) ?? []
    const error = ofObject(messages.join('; ') || 'for no given reason')
    if (error.code === 'NOT_FOUND') throw error
    return { status: 'failed', error }
  })

/** Weaviate's distance as a similarity: it gives 1 - cosine, the negative inner product, and the square of the Euclidean distance. */
export const similarity = (metric: Metric, distance: number): number => {
  if (metric === 'dot') return -distance
  if (metric === 'euclidean') return 1 / (1 + Math.sqrt(Math.max(0, distance)))
  return Math.max(-1, Math.min(1, 1 - distance))
}
