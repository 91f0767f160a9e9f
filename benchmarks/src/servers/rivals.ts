import type { VectorContestant } from './compare.ts'
import {
  batches,
  DIMENSIONS,
  type Item,
  K,
  type LangChainDocument,
  type LangChainStore,
  type MastraStore,
  toLangChain,
} from './shape.ts'

/** Vectors and documents as rivals take them, made before anything is timed. */
interface Prepared {
  readonly ids: string[]
  readonly vectors: number[][]
  readonly documents: LangChainDocument[]
}

const prepare = (items: readonly Item[], size: number, idOf: (item: Item) => string): readonly Prepared[] =>
  [...batches(items, size)].map((batch) => ({
    ids: batch.map(idOf),
    vectors: batch.map((item) => Array.from(item.vector)),
    documents: batch.map(toLangChain),
  }))

export interface LangChainOptions {
  readonly items: readonly Item[]
  /** Makes an empty store, or makes the one that is there empty. */
  reset(): Promise<LangChainStore>
  /** What `filter` asks for as this store takes it. */
  readonly filter: unknown
  readonly idOf?: (item: Item) => string
  /** In place of `addVectors(vectors, documents, { ids })`. */
  add?(store: LangChainStore, batch: Prepared): Promise<unknown>
  /** In place of `similaritySearchVectorWithScore`. */
  search?(
    store: LangChainStore,
    vector: number[],
    filter: unknown,
  ): ReturnType<LangChainStore['similaritySearchVectorWithScore']>
  settle?(): Promise<void>
  close(): Promise<void>
}

/** A vector store of LangChain, which has no read by key. */
export function langChain(options: LangChainOptions): VectorContestant {
  const { items, idOf = (item) => item.key } = options
  const { add = (store, { vectors, documents, ids }) => store.addVectors(vectors, documents, { ids }) } = options
  const { search = (store, vector, filter) => store.similaritySearchVectorWithScore(vector, K, filter) } = options
  const prepared = prepare(items, 1000, idOf)
  let store: LangChainStore | undefined
  const opened = (): LangChainStore => {
    if (!store) throw new Error('The store is used before it is made.')
    return store
  }
  return {
    async reset() {
      store = await options.reset()
    },
    async load() {
      for (const batch of prepared) await add(opened(), batch)
    },
    ...(options.settle && { settle: () => options.settle?.() ?? Promise.resolve() }),
    async query(vector, filtered) {
      const found = await search(opened(), Array.from(vector), filtered ? options.filter : undefined)
      return found.map(([document]) => String(document.metadata.documentId))
    },
    close: options.close,
  }
}

export interface MastraOptions {
  readonly items: readonly Item[]
  readonly store: MastraStore
  readonly indexName: string
  /** More options of `createIndex`. */
  readonly index?: Record<string, unknown>
  readonly filter: unknown
  /** Whether the text goes beside the metadata; else into them. */
  readonly documents?: boolean
  settle?(): Promise<void>
  close(): Promise<void>
}

/** A vector store of Mastra, which has no read by key. */
export function mastra(options: MastraOptions): VectorContestant {
  const { store, indexName, documents = false } = options
  const prepared = prepare(options.items, 1000, (item) => item.key)
  let made = false
  return {
    async reset() {
      if (made) await store.deleteIndex({ indexName })
      await store.createIndex({ indexName, dimension: DIMENSIONS, metric: 'cosine', ...options.index })
      made = true
    },
    async load() {
      for (const { ids, vectors, documents: all } of prepared)
        await store.upsert({
          indexName,
          ids,
          vectors,
          metadata: all.map(({ pageContent, metadata }) => (documents ? metadata : { ...metadata, text: pageContent })),
          ...(documents && { documents: all.map(({ pageContent }) => pageContent) }),
        })
    },
    ...(options.settle && { settle: () => options.settle?.() ?? Promise.resolve() }),
    async query(vector, filtered) {
      const found = await store.query({
        indexName,
        queryVector: Array.from(vector),
        topK: K,
        ...(filtered && { filter: options.filter }),
      })
      return found.map(({ metadata }) => String(metadata?.documentId))
    },
    async close() {
      if (made) await store.deleteIndex({ indexName })
      await options.close()
    },
  }
}
