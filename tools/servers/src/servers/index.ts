import type { ServerName } from '../names.ts'
import type { ServerDefinition } from '../types.ts'
import { cayley } from './cayley.ts'
import { chroma } from './chroma.ts'
import { cozo } from './cozo.ts'
import { arango, pinecone } from './emulators.ts'
import { hugegraph } from './hugegraph.ts'
import { mongo } from './mongo.ts'
import { mongosearch } from './mongosearch.ts'
import { neo4j } from './neo4j.ts'
import { postgres } from './postgres.ts'
import { redis } from './redis.ts'
import { weaviate } from './weaviate.ts'

const byName: Record<ServerName, ServerDefinition> = {
  postgres,
  mongo,
  mongosearch,
  cozo,
  chroma,
  weaviate,
  redis,
  neo4j,
  hugegraph,
  cayley,
  pinecone,
  arango,
}

/** Every server there is. */
export const SERVERS: readonly ServerDefinition[] = Object.values(byName)

export const serverNamed = (name: ServerName): ServerDefinition => byName[name]
