import { definePlugin, type Plugin } from '@veritas-db/core/contract'
import { type WeaviateConfig, type WeaviateConfigInput, weaviateConfig } from './config.js'
import { Connection } from './connection.js'
import { WeaviateVector } from './vector.js'

export type { WeaviateConfig, WeaviateConfigInput } from './config.js'

/** Weaviate: a vector store with full text. */
export const weaviate: Plugin<WeaviateConfigInput | undefined, WeaviateConfig, 'vector'> = definePlugin({
  name: 'weaviate',
  package: '@veritas-db/weaviate',
  contract: 1,
  config: weaviateConfig,
  roles: ['vector'],
  create: (config, context) => {
    const connection = new Connection(config, context.queryTimeoutMs)
    return {
      engineId: connection.engineId,
      roles: { vector: new WeaviateVector(connection, config) },
      connect: (options) => connection.connect(options),
      probe: (options) => connection.probe(options),
      close: () => connection.close(),
    }
  },
})

export default weaviate
