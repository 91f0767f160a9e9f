import { definePlugin, type Plugin } from '@veritas-db/core/contract'
import { type ChromaConfig, type ChromaConfigInput, chromaConfig } from './config.js'
import { Connection } from './connection.js'
import { ChromaVector } from './vector.js'

export type { ChromaConfig, ChromaConfigInput } from './config.js'

/** Chroma: a vector store behind HTTP. */
export const chroma: Plugin<ChromaConfigInput | undefined, ChromaConfig, 'vector'> = definePlugin({
  name: 'chroma',
  package: '@veritas-db/chroma',
  contract: 1,
  config: chromaConfig,
  roles: ['vector'],
  create: (config, context) => {
    const connection = new Connection(config, context.queryTimeoutMs)
    return {
      engineId: connection.engineId,
      roles: { vector: new ChromaVector(connection, config) },
      connect: (options) => connection.connect(options),
      probe: (options) => connection.probe(options),
      close: () => connection.close(),
    }
  },
})

export default chroma
