import { Pinecone } from '@pinecone-database/pinecone'
import pineconeBackend from '@veritas-db/pinecone'
import { compareVectors, type VectorContestant } from './compare.ts'
import { ourVectors } from './ours.ts'
import { batches, DIMENSIONS, items, K, open, type ServerBench, SINCE } from './shape.ts'

const COUNT = 2000

/**
 * Pinecone's emulator, which checks every request: it tells what we and the client cost, not what the service does. The clients
 * that LangChain and Mastra come with speak older APIs, which it refuses.
 */
export const pineconeBench: ServerBench = {
  variable: 'VERITAS_PINECONE_URL',
  async measure(url, options) {
    const all = items(COUNT)
    const apiKey = process.env.VERITAS_PINECONE_API_KEY ?? ''
    const comparison = {
      title: `pinecone (emulator) vector ${COUNT.toLocaleString('en')}`,
      items: all,
      options,
      emulated: true,
    }
    try {
      return await compareVectors(comparison, {
        veritas: ourVectors(await open(pineconeBackend, { url, apiKey, prefix: 'bench' })),
        raw: raw(url, apiKey),
      })
    } finally {
      // Ours keeps indexes for the collections to come.
      const client = new Pinecone({ apiKey, controllerHostUrl: url })
      const { indexes = [] } = await client.indexes.list()
      for (const { name } of indexes) if (name.startsWith('bench-')) await client.indexes.delete(name)
    }
  },
}

/** Waits until the index has so many records: the service shows writes late. */
async function visible(stats: () => Promise<{ totalRecordCount?: number | undefined }>, count: number): Promise<void> {
  while (((await stats()).totalRecordCount ?? 0) < count) await new Promise((resolve) => setTimeout(resolve, 50))
  // Counts are ahead of queries.
  await new Promise((resolve) => setTimeout(resolve, 2000))
}

/** By hand: an index of its own, requests of 200 records, which stay below 2 MB, several at a time. */
function raw(url: string, apiKey: string): VectorContestant {
  const client = new Pinecone({ apiKey, controllerHostUrl: url, maxRetries: 0 })
  const name = 'bench-raw'
  let index: ReturnType<Pinecone['index']> | undefined
  let count = 0
  const there = (): ReturnType<Pinecone['index']> => {
    if (!index) throw new Error('The index is used before it is made.')
    return index
  }
  const drop = async (): Promise<void> => {
    const { indexes = [] } = await client.indexes.list()
    if (indexes.some((one) => one.name === name)) await client.indexes.delete(name)
  }
  return {
    async reset() {
      await drop()
      const spec = { serverless: { cloud: 'aws', region: 'us-east-1' } } as const
      await client.indexes.create({ name, dimension: DIMENSIONS, metric: 'cosine', spec, waitUntilReady: true })
      const { host } = await client.indexes.describe(name)
      index = client.index({ host: host.startsWith('http') ? host : `https://${host}` })
    },
    async load(all) {
      count = all.length
      for (const batch of batches(all))
        await Promise.all(
          [...batches(batch, 200)].map((part) =>
            there().upsert({
              records: part.map(({ key, documentId, version, vector, text, metadata }) => ({
                id: key,
                values: Array.from(vector),
                metadata: { documentId, version, text, ...metadata },
              })),
            }),
          ),
        )
    },
    settle: () => visible(() => there().describeIndexStats(), count),
    async get({ key }) {
      const { records } = await there().fetch({ ids: [key] })
      return records[key]?.metadata?.documentId as string | undefined
    },
    async query(vector, filtered) {
      const filter = filtered ? { filter: { year: { $gte: SINCE } } } : {}
      const { matches } = await there().query({ vector: Array.from(vector), topK: K, includeMetadata: true, ...filter })
      return matches.map((match) => String(match.metadata?.documentId))
    },
    close: drop,
  }
}
