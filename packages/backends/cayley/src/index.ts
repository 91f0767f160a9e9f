import { definePlugin, type Plugin } from '@veritas-db/core/contract'
import { type CayleyConfig, type CayleyConfigInput, cayleyConfig } from './config.js'
import { Connection } from './connection.js'
import { backendName } from './errors.js'
import { CayleyGraph } from './graph.js'

export { type CayleyConfig, type CayleyConfigInput, cayleyConfig } from './config.js'

/** The Cayley backend: documents and references as quads, over its HTTP API. */
export const cayley: Plugin<CayleyConfigInput, CayleyConfig, 'graph'> = definePlugin({
  name: backendName,
  package: '@veritas-db/cayley',
  contract: 1,
  config: cayleyConfig,
  roles: ['graph'],
  create: (config, context) => {
    const connection = new Connection(config, context)
    return {
      engineId: connection.engineId,
      roles: { graph: new CayleyGraph(connection, config.prefix) },
      connect: (options) => connection.connect(options),
      probe: (options) => connection.probe(options),
      close: () => connection.close(),
    }
  },
})

export default cayley
