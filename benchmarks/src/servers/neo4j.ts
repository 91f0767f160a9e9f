import neo4jBackend from '@veritas-db/neo4j'
import neo4j, { type Driver } from 'neo4j-driver'
import { compareGraphs, compareVectors, type GraphContestant, type VectorContestant } from './compare.ts'
import { ourGraph, ourVectors } from './ours.ts'
import { langChain } from './rivals.ts'
import {
  batches,
  DIMENSIONS,
  type Item,
  items,
  K,
  type LangChainStore,
  noEmbedder,
  open,
  rival,
  type ServerBench,
  SINCE,
} from './shape.ts'

const NODES = 10_000
const VECTORS = 2000

/** Neo4j: 10,000 nodes with 30,000 edges; 2,000 vectors, whose index the server builds slowly. */
export const neo4jBench: ServerBench = {
  variable: 'VERITAS_NEO4J_URL',
  async measure(url, options) {
    const driver = neo4j.driver(url, undefined, { disableLosslessIntegers: true })
    const config = { url, prefix: 'bench' }
    try {
      const nodes = items(NODES, 2)
      const graphs = await compareGraphs(
        { title: `neo4j graph ${NODES.toLocaleString('en')}`, items: nodes, options },
        { veritas: ourGraph(await open(neo4jBackend, config), () => indexed(driver)), raw: rawGraph(driver) },
      )
      const all = items(VECTORS)
      const vectors = await compareVectors(
        { title: `neo4j vector ${VECTORS.toLocaleString('en')}`, items: all, options },
        {
          veritas: ourVectors(await open(neo4jBackend, config), () => indexed(driver)),
          raw: rawVectors(driver),
          LangChain: langChainStore(driver, url, all),
        },
      )
      return [...graphs, ...vectors]
    } finally {
      await driver.close()
    }
  },
}

/** Waits for indexes; those of vectors are filled after the commit. */
async function indexed(driver: Driver): Promise<void> {
  await driver.executeQuery('CALL db.awaitIndexes(300)')
}

async function write(driver: Driver, query: string, parameters: Record<string, unknown>): Promise<void> {
  const session = driver.session()
  try {
    await session.executeWrite((transaction) => transaction.run(query, parameters))
  } finally {
    await session.close()
  }
}

async function read(driver: Driver, query: string, parameters: Record<string, unknown>): Promise<readonly string[]> {
  const session = driver.session({ defaultAccessMode: neo4j.session.READ })
  try {
    const { records } = await session.run(query, parameters)
    return records.map((record) => record.get('n').properties.documentId as string)
  } finally {
    await session.close()
  }
}

async function drop(
  driver: Driver,
  label: string,
  indexes: readonly string[],
  constraints: readonly string[],
): Promise<void> {
  const session = driver.session()
  try {
    for (const name of constraints) await session.run(`DROP CONSTRAINT ${name} IF EXISTS`)
    for (const name of indexes) await session.run(`DROP INDEX ${name} IF EXISTS`)
    await session.run(`MATCH (n:${label}) CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 5000 ROWS`)
  } finally {
    await session.close()
  }
}

/** By hand: MERGE over batches by an indexed key. */
function rawGraph(driver: Driver): GraphContestant {
  const clear = (): Promise<void> => drop(driver, 'BenchRaw', ['bench_raw_kind', 'bench_raw_year'], ['bench_raw_key'])
  return {
    async reset() {
      await clear()
      await driver.executeQuery('CREATE CONSTRAINT bench_raw_key FOR (n:BenchRaw) REQUIRE n.key IS UNIQUE')
      await driver.executeQuery('CREATE INDEX bench_raw_kind FOR (n:BenchRaw) ON (n.kind)')
      await driver.executeQuery('CREATE INDEX bench_raw_year FOR (n:BenchRaw) ON (n.year)')
      await indexed(driver)
    },
    async load(all) {
      for (const batch of batches(all))
        await write(driver, 'UNWIND $rows AS row MERGE (n:BenchRaw {key: row.key}) SET n = row', {
          rows: batch.map(({ key, documentId, version, metadata }) => ({ key, documentId, version, ...metadata })),
        })
      for (const batch of batches(all))
        await write(
          driver,
          // A row a document, whose node is then looked up once for all its edges.
          `UNWIND $rows AS row MATCH (a:BenchRaw {key: row.key}) UNWIND row.targets AS target
           MATCH (b:BenchRaw {key: target}) MERGE (a)-[r:REFERENCES]->(b) SET r = {version: row.version}`,
          { rows: batch.map(({ key, version, targets }) => ({ key, version, targets })) },
        )
    },
    settle: () => indexed(driver),
    get: async ({ key }) => (await read(driver, 'MATCH (n:BenchRaw {key: $key}) RETURN n', { key }))[0],
    neighbors: ({ key }) =>
      read(driver, 'MATCH (:BenchRaw {key: $key})-->(n) RETURN DISTINCT n ORDER BY n.key LIMIT 100', { key }),
    close: clear,
  }
}

function rawVectors(driver: Driver): VectorContestant {
  const clear = (): Promise<void> => drop(driver, 'BenchVector', ['bench_vector'], ['bench_vector_key'])
  // Properties by name: a whole node would bring its vector, or read it to leave it out.
  const fields = ['key', 'documentId', 'version', 'text', 'title', 'kind', 'year', 'open']
  const node = `{properties: n {${fields.map((field) => `.${field}`).join(', ')}}} AS n`
  return {
    async reset() {
      await clear()
      await driver.executeQuery('CREATE CONSTRAINT bench_vector_key FOR (n:BenchVector) REQUIRE n.key IS UNIQUE')
      await driver.executeQuery(
        `CREATE VECTOR INDEX bench_vector FOR (n:BenchVector) ON (n.embedding) OPTIONS {indexConfig: {
         \`vector.dimensions\`: ${DIMENSIONS}, \`vector.similarity_function\`: 'cosine', \`vector.quantization.enabled\`: false}}`,
      )
      await indexed(driver)
    },
    async load(all) {
      for (const batch of batches(all))
        await write(
          driver,
          `UNWIND $rows AS row MERGE (n:BenchVector {key: row.properties.key}) SET n = row.properties
           WITH n, row CALL db.create.setNodeVectorProperty(n, 'embedding', row.vector)`,
          {
            rows: batch.map(({ key, documentId, version, vector, text, metadata }) => ({
              vector: Array.from(vector),
              properties: { key, documentId, version, text, ...metadata },
            })),
          },
        )
    },
    settle: () => indexed(driver),
    get: async ({ key }) => (await read(driver, `MATCH (n:BenchVector {key: $key}) RETURN ${node}`, { key }))[0],
    query(vector, filtered) {
      // Neo4j's index knows no filters: more are asked for, and those that match kept.
      const among = filtered ? K * 10 : K
      return read(
        driver,
        `CALL db.index.vector.queryNodes('bench_vector', ${among}, $vector) YIELD node AS n, score
         ${filtered ? 'WHERE n.year >= $since' : ''} RETURN ${node}, score LIMIT ${K}`,
        { vector: Array.from(vector), since: SINCE },
      )
    },
    close: clear,
  }
}

interface Neo4jStore extends Omit<LangChainStore, 'addVectors' | 'similaritySearchVectorWithScore'> {
  addVectors(vectors: number[][], documents: unknown, metadatas: undefined, ids: string[]): Promise<unknown>
  similaritySearchVectorWithScore(
    vector: number[],
    k: number,
    query: string,
    options: { filter?: unknown },
  ): ReturnType<LangChainStore['similaritySearchVectorWithScore']>
  createNewIndex(): Promise<void>
  close(): Promise<void>
}

function langChainStore(driver: Driver, url: string, all: readonly Item[]): VectorContestant {
  const { Neo4jVectorStore } = rival<{
    Neo4jVectorStore: {
      initialize(embeddings: unknown, options: Record<string, unknown>): Promise<Neo4jStore & LangChainStore>
    }
  }>('@langchain/community/vectorstores/neo4j_vector')
  let store: (Neo4jStore & LangChainStore) | undefined
  const clear = (): Promise<void> => drop(driver, 'BenchLangchain', ['bench_langchain'], ['bench_langchain_id'])
  return langChain({
    items: all,
    filter: { year: { $gte: SINCE } },
    async reset() {
      await clear()
      await store?.close()
      const names = { nodeLabel: 'BenchLangchain', indexName: 'bench_langchain' }
      store = await Neo4jVectorStore.initialize(noEmbedder, { url, username: '', password: '', ...names })
      // As its `fromDocuments` does.
      await store.createNewIndex()
      await driver.executeQuery('CREATE CONSTRAINT bench_langchain_id FOR (n:BenchLangchain) REQUIRE n.id IS UNIQUE')
      return store
    },
    add: async (_, { vectors, documents, ids }) => store?.addVectors(vectors, documents, undefined, ids),
    search: async (_, vector, filter) =>
      (await (store as Neo4jStore | undefined)?.similaritySearchVectorWithScore(vector, K, '', { filter })) ?? [],
    settle: () => indexed(driver),
    async close() {
      await clear()
      await store?.close()
    },
  })
}
