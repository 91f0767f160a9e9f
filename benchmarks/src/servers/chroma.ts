import chroma from '@veritas-db/chroma'
import { ChromaClient, type Collection } from 'chromadb'
import { compareVectors, type VectorContestant } from './compare.ts'
import { ourVectors } from './ours.ts'
import { langChain, mastra } from './rivals.ts'
import {
  batches,
  type Item,
  items,
  K,
  type LangChainStore,
  type MastraStore,
  noEmbedder,
  open,
  rival,
  type ServerBench,
  SINCE,
} from './shape.ts'

const COUNT = 10_000

/** Chroma: its server takes nearly all the time that storing takes. */
export const chromaBench: ServerBench = {
  variable: 'VERITAS_CHROMA_URL',
  async measure(url, options) {
    const all = items(COUNT)
    const comparison = { title: `chroma vector ${COUNT.toLocaleString('en')}`, items: all, options }
    return compareVectors(comparison, {
      veritas: ourVectors(await open(chroma, { url, prefix: 'bench' })),
      raw: raw(url),
      LangChain: langChainStore(url, all),
      Mastra: mastraStore(url, all),
    })
  },
}

const address = (url: string): { host: string; port: number; ssl: boolean } => {
  const { hostname, port, protocol } = new URL(url)
  return { host: hostname, port: Number(port), ssl: protocol === 'https:' }
}

async function drop(client: ChromaClient, name: string): Promise<void> {
  const there = await client.listCollections()
  if (there.some((collection) => collection.name === name)) await client.deleteCollection({ name })
}

/** By hand: one collection, ids that are keys, metadata to filter by, the text as the document. */
function raw(url: string): VectorContestant {
  const client = new ChromaClient(address(url))
  const name = 'bench_raw'
  let collection: Collection | undefined
  const there = (): Collection => {
    if (!collection) throw new Error('The collection is used before it is made.')
    return collection
  }
  return {
    async reset() {
      await drop(client, name)
      const configuration = { hnsw: { space: 'cosine' as const } }
      collection = await client.createCollection({ name, embeddingFunction: null, configuration })
    },
    async load(all) {
      for (const batch of batches(all))
        await there().upsert({
          ids: batch.map((item) => item.key),
          embeddings: batch.map((item) => Array.from(item.vector)),
          documents: batch.map((item) => item.text),
          metadatas: batch.map(({ documentId, version, metadata }) => ({ documentId, version, ...metadata })),
        })
    },
    async get({ key }) {
      const { metadatas } = await there().get({ ids: [key], include: ['documents', 'metadatas'] })
      return metadatas[0]?.documentId as string | undefined
    },
    async query(vector, filtered) {
      const { metadatas } = await there().query({
        queryEmbeddings: [Array.from(vector)],
        nResults: K,
        include: ['documents', 'metadatas', 'distances'],
        ...(filtered && { where: { year: { $gte: SINCE } } }),
      })
      return (metadatas[0] ?? []).map((metadata) => String(metadata?.documentId))
    },
    close: () => drop(client, name),
  }
}

function langChainStore(url: string, all: readonly Item[]): VectorContestant {
  const { Chroma } = rival<{ Chroma: new (embeddings: unknown, options: Record<string, unknown>) => LangChainStore }>(
    '@langchain/community/vectorstores/chroma',
  )
  const client = new ChromaClient(address(url))
  const collectionName = 'bench_langchain'
  return langChain({
    items: all,
    filter: { year: { $gte: SINCE } },
    async reset() {
      await drop(client, collectionName)
      const collectionMetadata = { 'hnsw:space': 'cosine' }
      return new Chroma(noEmbedder, { clientParams: address(url), url, collectionName, collectionMetadata })
    },
    close: () => drop(client, collectionName),
  })
}

function mastraStore(url: string, all: readonly Item[]): VectorContestant {
  const { ChromaVector } = rival<{ ChromaVector: new (options: Record<string, unknown>) => MastraStore }>(
    '@mastra/chroma',
  )
  const store = new ChromaVector({ id: 'bench', ...address(url) })
  const filter = { year: { $gte: SINCE } }
  return mastra({ items: all, store, indexName: 'bench_mastra', filter, documents: true, close: async () => undefined })
}
