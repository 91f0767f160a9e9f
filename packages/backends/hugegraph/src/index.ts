import { definePlugin, type Plugin } from '@veritas-db/core/contract'
import { type HugeGraphConfig, type HugeGraphConfigInput, hugegraphConfig } from './config.js'
import { Connection } from './connection.js'
import { HugeGraph } from './graph.js'

export type { HugeGraphConfig, HugeGraphConfigInput } from './config.js'

/** Apache HugeGraph over REST: a graph store. */
export const hugegraph: Plugin<HugeGraphConfigInput | undefined, HugeGraphConfig, 'graph'> = definePlugin({
  name: 'hugegraph',
  package: '@veritas-db/hugegraph',
  contract: 1,
  config: hugegraphConfig,
  roles: ['graph'],
  create: (config, context) => {
    const connection = new Connection(config, context.queryTimeoutMs)
    return {
      engineId: connection.engineId,
      roles: { graph: new HugeGraph(connection, config) },
      connect: (options) => connection.connect(options),
      probe: (options) => connection.probe(options),
      close: () => connection.close(),
    }
  },
})

export default hugegraph
