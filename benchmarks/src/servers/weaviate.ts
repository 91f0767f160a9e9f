import weaviateBackend from '@veritas-db/weaviate'
import weaviate, { type Collection, type WeaviateClient } from 'weaviate-client'
import { compareVectors, type VectorContestant } from './compare.ts'
import { ourVectors } from './ours.ts'
import { langChain } from './rivals.ts'
import {
  batches,
  type Item,
  items,
  K,
  type LangChainStore,
  noEmbedder,
  open,
  quietly,
  rival,
  type ServerBench,
  SINCE,
} from './shape.ts'

const COUNT = 2000

/** Weaviate: 2,000 documents, since its server takes some 2 ms for each. */
export const weaviateBench: ServerBench = {
  variable: 'VERITAS_WEAVIATE_URL',
  async measure(url, options) {
    const all = items(COUNT)
    const grpc = process.env.VERITAS_WEAVIATE_GRPC ?? 'localhost:50051'
    const client = await connect(weaviate, url, grpc)
    const theirs = rival<{ default: typeof weaviate }>('weaviate-client').default
    const theirClient = await connect(theirs, url, grpc)
    try {
      const comparison = { title: `weaviate vector ${COUNT.toLocaleString('en')}`, items: all, options }
      return await compareVectors(comparison, {
        veritas: ourVectors(await open(weaviateBackend, { url, grpc, prefix: 'bench' })),
        raw: raw(client, url),
        LangChain: langChainStore(theirClient, theirs, all),
      })
    } finally {
      await client.close()
      await theirClient.close()
    }
  },
}

function connect(client: typeof weaviate, url: string, grpc: string): Promise<WeaviateClient> {
  const { hostname, port, protocol } = new URL(url)
  const [grpcHost, grpcPort] = grpc.split(':')
  const secure = protocol === 'https:'
  return client.connectToCustom({
    ...{ httpHost: hostname, httpPort: Number(port), httpSecure: secure },
    ...{ grpcHost: grpcHost ?? hostname, grpcPort: Number(grpcPort), grpcSecure: secure },
  })
}

/** A class with typed properties; years have an index for ranges. */
const classOf = (client: typeof weaviate, name: string) => ({
  name,
  vectorizers: client.configure.vectors.selfProvided({
    vectorIndexConfig: client.configure.vectorIndex.hnsw({ distanceMetric: 'cosine' }),
  }),
  properties: [
    { name: 'documentId', dataType: 'text' as const, tokenization: 'field' as const },
    { name: 'version', dataType: 'text' as const, tokenization: 'field' as const },
    { name: 'text', dataType: 'text' as const },
    { name: 'title', dataType: 'text' as const },
    { name: 'kind', dataType: 'text' as const, tokenization: 'field' as const },
    { name: 'year', dataType: 'number' as const, indexRangeFilters: true },
    { name: 'open', dataType: 'boolean' as const },
  ],
})

const uuidOf = ({ key }: Item): string => key.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')

/** By hand: the client, but for loading, since each of its batches over gRPC takes half a second at least. */
function raw(client: WeaviateClient, url: string): VectorContestant {
  const name = 'BenchRaw'
  let collection: Collection | undefined
  const there = (): Collection => {
    if (!collection) throw new Error('The collection is used before it is made.')
    return collection
  }
  return {
    async reset() {
      await client.collections.delete(name)
      collection = await client.collections.create(classOf(weaviate, name))
    },
    async load(all) {
      for (const batch of batches(all)) {
        const objects = batch.map((item) => ({
          class: name,
          id: uuidOf(item),
          vectors: { default: Array.from(item.vector) },
          properties: { documentId: item.documentId, version: item.version, text: item.text, ...item.metadata },
        }))
        const answer = await fetch(`${url}/v1/batch/objects`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ objects }),
        })
        if (!answer.ok) throw new Error(await answer.text())
        const results = (await answer.json()) as { readonly result?: { readonly status?: string } }[]
        if (results.some(({ result }) => result?.status !== 'SUCCESS')) throw new Error(JSON.stringify(results[0]))
      }
    },
    async get(item) {
      const found = await there().query.fetchObjectById(uuidOf(item))
      return found?.properties.documentId as string | undefined
    },
    async query(vector, filtered) {
      const collection = there()
      const filters = collection.filter.byProperty('year').greaterOrEqual(SINCE)
      const options = { limit: K, returnMetadata: ['distance' as const], ...(filtered && { filters }) }
      const { objects } = await collection.query.nearVector(Array.from(vector), options)
      return objects.map((object) => String(object.properties.documentId))
    },
    close: () => client.collections.delete(name),
  }
}

function langChainStore(client: WeaviateClient, theirs: typeof weaviate, all: readonly Item[]): VectorContestant {
  const { WeaviateStore } = rival<{
    WeaviateStore: { initialize(embeddings: unknown, options: Record<string, unknown>): Promise<LangChainStore> }
  }>('@langchain/weaviate')
  const indexName = 'BenchLangchain'
  const metadataKeys = ['documentId', 'title', 'kind', 'year', 'open']
  return langChain({
    items: all,
    filter: client.collections.get(indexName).filter.byProperty('year').greaterOrEqual(SINCE),
    idOf: uuidOf,
    async reset() {
      await client.collections.delete(indexName)
      return WeaviateStore.initialize(noEmbedder, { client, schema: classOf(theirs, indexName), metadataKeys })
    },
    // It reports each batch on the console.
    add: (store, { vectors, documents, ids }) => quietly(() => store.addVectors(vectors, documents, { ids })),
    close: () => client.collections.delete(indexName),
  })
}
