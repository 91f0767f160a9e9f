import type pg from 'pg'
import type { VectorContestant } from '../compare.ts'
import { langChain, mastra } from '../rivals.ts'
import { DIMENSIONS, type Item, type LangChainStore, type MastraStore, noEmbedder, rival, SINCE } from '../shape.ts'
import { SCHEMA } from './by-hand.ts'

interface PgVectorStore extends LangChainStore {
  pool: pg.Pool
  createHnswIndex(options: { dimensions: number; m?: number; efConstruction?: number }): Promise<void>
  end(): Promise<void>
}

export function langChainStore(url: string, hnsw: boolean, all: readonly Item[]): VectorContestant {
  const { PGVectorStore } = rival<{
    PGVectorStore: { initialize(embeddings: unknown, options: Record<string, unknown>): Promise<PgVectorStore> }
  }>('@langchain/community/vectorstores/pgvector')
  let store: PgVectorStore | undefined
  const drop = async (): Promise<void> => {
    if (!store) return
    await store.pool.query(`DROP TABLE IF EXISTS ${SCHEMA}.langchain`)
    await store.end()
    store = undefined
  }
  return langChain({
    items: all,
    filter: { year: { gte: SINCE } },
    async reset() {
      await drop()
      store = await PGVectorStore.initialize(noEmbedder, {
        postgresConnectionOptions: { connectionString: url },
        schemaName: SCHEMA,
        tableName: 'langchain',
        dimensions: DIMENSIONS,
      })
      if (hnsw) await store.createHnswIndex({ dimensions: DIMENSIONS })
      return store
    },
    async settle() {
      await store?.pool.query(`ANALYZE ${SCHEMA}.langchain`)
    },
    close: drop,
  })
}

export function mastraStore(url: string, hnsw: boolean, all: readonly Item[]): VectorContestant {
  const { PgVector } = rival<{
    PgVector: new (options: Record<string, unknown>) => MastraStore & { pool: pg.Pool; disconnect(): Promise<void> }
  }>('@mastra/pg')
  const store = new PgVector({ id: 'bench', connectionString: url, schemaName: SCHEMA })
  const indexName = 'mastra'
  return mastra({
    items: all,
    store,
    indexName,
    index: hnsw ? { indexConfig: { type: 'hnsw', hnsw: { m: 16, efConstruction: 64 } } } : { buildIndex: false },
    filter: { year: { $gte: SINCE } },
    async settle() {
      await store.pool.query(`ANALYZE ${SCHEMA}.${indexName}`)
    },
    close: () => store.disconnect(),
  })
}
