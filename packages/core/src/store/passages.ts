import type { ResolvedConfig } from '../config/types.js'
import { VeritasError } from '../contract/errors.js'
import { chunkText, type Passage } from '../documents/chunk.js'
import type { VersionedDocument } from '../documents/project.js'
import type { NormalisedDocument } from '../documents/types.js'
import { embedAll } from '../embedders/embedder.js'
import { type Collection, type Collections, EXTERNAL_EMBEDDER } from './collections.js'

export interface PassageParts {
  readonly config: ResolvedConfig
  readonly collections: Collections
}

/** Passages with embeddings, or the reason why a document cannot have them. One call of the embedder's for the whole batch. */
export async function embedPassages(
  collection: Collection,
  documents: readonly NormalisedDocument[],
  parts: PassageParts,
  signal?: AbortSignal,
): Promise<readonly (VersionedDocument['passages'] | VeritasError)[]> {
  const plans = await Promise.all(
    documents.map(
      async (document): Promise<readonly (Passage & { readonly vector?: Float32Array })[] | VeritasError> => {
        if (document.embedding) return givenPassage(collection, document, document.embedding, parts.config)
        if (collection.embedder !== EXTERNAL_EMBEDDER) return chunkText(document.text, parts.config.chunk)
        return new VeritasError({
          code: 'VALIDATION',
          path: 'document.embedding',
          message: `document.embedding: is missing, and the collection "${collection.scope.collection}" holds embeddings that come with the documents: give one of ${collection.dimensions} dimensions.`,
        })
      },
    ),
  )
  const texts = plans.flatMap((plan) =>
    VeritasError.is(plan) ? [] : plan.filter((p) => p.vector === undefined).map((p) => p.text),
  )
  const vectors =
    texts.length > 0 ? await embedAll(parts.collections.embedderOf(collection), texts, 'document', signal) : []
  let next = 0
  return plans.map((plan) =>
    VeritasError.is(plan) ? plan : plan.map((p) => ({ ...p, vector: p.vector ?? (vectors[next++] as Float32Array) })),
  )
}

function givenPassage(
  collection: Collection,
  document: NormalisedDocument,
  vector: Float32Array,
  config: ResolvedConfig,
): VersionedDocument['passages'] | VeritasError {
  if (collection.embedder !== EXTERNAL_EMBEDDER && config.embedder === undefined)
    return new VeritasError({
      code: 'VALIDATION',
      path: 'document.embedding',
      message: `document.embedding: the collection "${collection.scope.collection}" is embedded by ${collection.embedder}; embeddings from elsewhere cannot be mixed in. Leave it out, or use another collection.`,
    })
  if (vector.length !== collection.dimensions)
    return new VeritasError({
      code: 'VALIDATION',
      path: 'document.embedding',
      message: `document.embedding: has ${vector.length} dimensions, the collection "${collection.scope.collection}" has ${collection.dimensions}.`,
    })
  return [{ text: document.text, start: 0, end: document.text.length, vector }]
}
