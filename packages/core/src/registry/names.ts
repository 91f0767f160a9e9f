/** Short names of the backends that the project itself publishes, and the packages that provide them. */
export const BUILT_IN: Readonly<Record<string, string>> = {
  sqlite: '@veritas-db/sqlite',
  postgres: '@veritas-db/postgres',
  mongo: '@veritas-db/mongo',
  cozo: '@veritas-db/cozo',
  chroma: '@veritas-db/chroma',
  pinecone: '@veritas-db/pinecone',
  weaviate: '@veritas-db/weaviate',
  redis: '@veritas-db/redis',
  neo4j: '@veritas-db/neo4j',
  arango: '@veritas-db/arango',
  hugegraph: '@veritas-db/hugegraph',
  cayley: '@veritas-db/cayley',
}

/** Other names that people use for them. */
export const ALIASES: Readonly<Record<string, string>> = {
  chromadb: 'chroma',
  arangodb: 'arango',
  postgresql: 'postgres',
  mongodb: 'mongo',
  cozodb: 'cozo',
}
