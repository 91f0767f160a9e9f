import type { BenchOptions, Row } from '../measure.ts'
import { arangoBench } from './arango.ts'
import { cayleyBench } from './cayley.ts'
import { chromaBench } from './chroma.ts'
import { cozoBench } from './cozo.ts'
import { hugegraphBench } from './hugegraph.ts'
import { mongoBench } from './mongo.ts'
import { neo4jBench } from './neo4j.ts'
import { pineconeBench } from './pinecone.ts'
import { postgresBench } from './postgres.ts'
import { redisBench } from './redis.ts'
import type { ServerBench } from './shape.ts'
import { weaviateBench } from './weaviate.ts'

/** All servers that can be measured, by the names that `npm run servers` has for them. */
export const SERVERS: Readonly<Record<string, ServerBench>> = {
  postgres: postgresBench,
  mongo: mongoBench,
  cozo: cozoBench,
  chroma: chromaBench,
  pinecone: pineconeBench,
  weaviate: weaviateBench,
  redis: redisBench,
  neo4j: neo4jBench,
  arango: arangoBench,
  hugegraph: hugegraphBench,
  cayley: cayleyBench,
}

/** Measures those of the named servers that run; all that run where none is named. */
export async function servers(options: BenchOptions, names: readonly string[]): Promise<readonly Row[]> {
  const rows: Row[] = []
  for (const name of names.length > 0 ? names : Object.keys(SERVERS)) {
    const bench = SERVERS[name]
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
