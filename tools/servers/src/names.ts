export const NAMES = [
  'postgres',
  'mongo',
  'mongosearch',
  'cozo',
  'chroma',
  'weaviate',
  'redis',
  'neo4j',
  'hugegraph',
  'cayley',
  'pinecone',
  'arango',
] as const

export type ServerName = (typeof NAMES)[number]

export const isServerName = (name: string): name is ServerName => NAMES.some((known) => known === name)
