import { setTimeout } from 'node:timers/promises'
import redisBackend from '@veritas-db/redis'
import { createClient, type RedisClientType } from 'redis'
import { compareVectors, type VectorContestant } from './compare.ts'
import { ourVectors } from './ours.ts'
import { langChain } from './rivals.ts'
import {
  batches,
  DIMENSIONS,
  type Item,
  items,
  K,
  type LangChainDocument,
  type LangChainStore,
  noEmbedder,
  open,
  quietly,
  rival,
  type ServerBench,
  SINCE,
} from './shape.ts'

const COUNT = 10_000

/** Redis with RediSearch, vectors in a flat index. */
export const redisBench: ServerBench = {
  variable: 'VERITAS_REDIS_URL',
  async measure(url, options) {
    const all = items(COUNT)
    const comparison = { title: `redis vector ${COUNT.toLocaleString('en')}, flat index`, items: all, options }
    const client = createClient({ url, RESP: 2 })
    await client.connect()
    try {
      return await compareVectors(comparison, {
        veritas: patient(client, ourVectors(await open(redisBackend, { url, prefix: 'bench' }))),
        raw: patient(client, raw(url)),
        LangChain: patient(client, langChainStore(url, all)),
      })
    } finally {
      await client.close()
    }
  },
}

/** A new index first looks at all keys there are, beside everything else: nobody loads before that is over. */
function patient<C extends VectorContestant>(client: Pick<RedisClientType, 'sendCommand'>, contestant: C): C {
  const busy = async (): Promise<boolean> => {
    for (const name of await client.sendCommand<string[]>(['FT._LIST'])) {
      const info = await client.sendCommand<unknown[]>(['FT.INFO', name])
      if (String(info[info.indexOf('indexing') + 1]) !== '0') return true
    }
    return false
  }
  return {
    ...contestant,
    async reset() {
      await contestant.reset()
      while (await busy()) await setTimeout(50)
    },
  }
}

const PREFIX = 'bench-raw:'
const INDEX = 'bench-raw'

const bytes = ({ buffer, byteOffset, byteLength }: Float32Array): Buffer => Buffer.from(buffer, byteOffset, byteLength)

/**
 * By hand: hashes, a batch a transaction, an index with a type for each field that is filtered by, the text in a full-text field as
 * ours is (whole words, no positions). All records have the same fields, so that writing one again leaves nothing of the old one.
 */
function raw(url: string): VectorContestant {
  // Without the client's own limit of time, which makes a signal for each command.
  const client = createClient({ url, RESP: 2, commandOptions: { timeout: 0 } })
  const fields = ['documentId', 'version', 'text', 'title', 'kind', 'year', 'open', 'score']
  const drop = async (): Promise<void> => {
    if ((await client.ft._list()).includes(INDEX)) await client.ft.dropIndex(INDEX, { DD: true })
  }
  return {
    async reset() {
      if (!client.isOpen) await client.connect()
      await drop()
      await client.ft.create(
        INDEX,
        {
          vector: { type: 'VECTOR', ALGORITHM: 'FLAT', TYPE: 'FLOAT32', DIM: DIMENSIONS, DISTANCE_METRIC: 'COSINE' },
          text: { type: 'TEXT', NOSTEM: true },
          kind: { type: 'TAG' },
          year: { type: 'NUMERIC' },
          open: { type: 'TAG' },
        },
        { ON: 'HASH', PREFIX, NOOFFSETS: true, NOHL: true },
      )
    },
    async load(all) {
      for (const batch of batches(all)) {
        const pipeline = client.multi()
        for (const { key, documentId, version, vector, text, metadata } of batch) {
          const { title, kind, year, open } = metadata
          pipeline.hSet(PREFIX + key, {
            ...{ documentId, version, text, title, kind },
            ...{ year: String(year), open: String(open), vector: bytes(vector) },
          })
        }
        await pipeline.exec()
      }
    },
    async get({ key }) {
      const [documentId] = await client.hmGet(PREFIX + key, fields.slice(0, -1))
      return documentId ?? undefined
    },
    async query(vector, filtered) {
      const answer = await client.ft.search(
        INDEX,
        `${filtered ? `(@year:[${SINCE} +inf])` : '*'}=>[KNN ${K} @vector $vector AS score]`,
        { PARAMS: { vector: bytes(vector) }, RETURN: fields, SORTBY: 'score', DIALECT: 2, LIMIT: { from: 0, size: K } },
      )
      return answer.documents.map((document) => String(document.value.documentId))
    },
    async close() {
      await drop()
      await client.close()
    },
  }
}

interface RedisStore extends LangChainStore {
  addVectors(vectors: number[][], documents: unknown, options?: { keys?: string[]; ids?: string[] }): Promise<void>
  createIndex(documents: undefined, dimensions: number): Promise<void>
  dropIndex(deleteDocuments: boolean): Promise<boolean>
}

/** Its store with typed fields: the other one, which is deprecated, writes range filters that this server does not take. */
function langChainStore(url: string, all: readonly Item[]): VectorContestant {
  const { FluentRedisVectorStore, Num } = rival<{
    FluentRedisVectorStore: new (embeddings: unknown, options: Record<string, unknown>) => RedisStore
    Num(field: string): { gte(value: number): unknown }
  }>('@langchain/redis')
  // The version of the client that it comes with.
  const theirs = rival<{
    createClient(options: { url: string }): { connect(): Promise<unknown>; quit(): Promise<unknown>; isOpen: boolean }
    VectorAlgorithms: { FLAT: string }
  }>('redis')
  const redisClient = theirs.createClient({ url })
  const store = new FluentRedisVectorStore(noEmbedder, {
    redisClient,
    indexName: 'bench-langchain',
    indexOptions: { ALGORITHM: theirs.VectorAlgorithms.FLAT, DISTANCE_METRIC: 'COSINE' },
    customSchema: [
      { name: 'documentId', type: 'tag' },
      { name: 'title', type: 'text' },
      { name: 'kind', type: 'tag' },
      { name: 'year', type: 'numeric' },
      { name: 'open', type: 'tag' },
    ],
  })
  const asText = ({ metadata, ...rest }: LangChainDocument): LangChainDocument => ({
    ...rest,
    metadata: { ...metadata, open: String(metadata.open) },
  })
  return langChain({
    items: all,
    filter: Num('year').gte(SINCE),
    async reset() {
      if (!redisClient.isOpen) await redisClient.connect()
      await store.dropIndex(true)
      await store.createIndex(undefined, DIMENSIONS)
      return store
    },
    // It warns of types that it would have guessed otherwise.
    add: (_, { vectors, documents, ids }) => {
      const keys = ids.map((id) => `doc:bench-langchain:${id}`)
      return quietly(() => store.addVectors(vectors, documents.map(asText), { keys }))
    },
    async close() {
      await store.dropIndex(true)
      await redisClient.quit()
    },
  })
}
