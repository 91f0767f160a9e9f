import type { BenchOptions, Row } from '../measure.ts'
import type { ServerBench } from './shape.ts'

/** All servers that can be measured, by the names that `npm run servers` has for them. Loaded when asked for, since each brings its driver. */
export const SERVERS: Readonly<Record<string, () => Promise<ServerBench>>> = {
  postgres: async () => (await import('./postgres.ts')).postgresBench,
  mongo: async () => (await import('./mongo.ts')).mongoBench,
  cozo: async () => (await import('./cozo.ts')).cozoBench,
  chroma: async () => (await import('./chroma.ts')).chromaBench,
  pinecone: async () => (await import('./pinecone.ts')).pineconeBench,
  weaviate: async () => (await import('./weaviate.ts')).weaviateBench,
  redis: async () => (await import('./redis.ts')).redisBench,
  neo4j: async () => (await import('./neo4j.ts')).neo4jBench,
  arango: async () => (await import('./arango.ts')).arangoBench,
  hugegraph: async () => (await import('./hugegraph.ts')).hugegraphBench,
  cayley: async () => (await import('./cayley.ts')).cayleyBench,
}

/** Measures those of the named servers that run; all that run where none is named. */
export async function servers(options: BenchOptions, names: readonly string[]): Promise<readonly Row[]> {
  const rows: Row[] = []
  for (const name of names.length > 0 ? names : Object.keys(SERVERS)) {
    const bench = await SERVERS[name]?.()
    const url = bench && process.env[bench.variable]
    if (!bench || !url) {
      console.error(
        `${name} is not measured: ${bench ? `no ${bench.variable}, npm run servers -- up ${name}` : 'unknown'}`,
      )
      continue
    }
    console.error(`measuring ${name} …`)
    rows.push(...(await bench.measure(url, options)))
  }
  return rows
}
