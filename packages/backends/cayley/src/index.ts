import {
  type Backend,
  definePlugin,
  type Plugin,
  type PluginContext,
  type ProbeResult,
  throwIfAborted,
  VeritasError,
} from '@veritas-db/core/contract'
import { type CayleyConfig, type CayleyConfigInput, cayleyConfig } from './config.js'
import { Connection } from './connection.js'
import { backendName } from './errors.js'
import { CayleyGraph } from './graph.js'

export { type CayleyConfig, type CayleyConfigInput, cayleyConfig } from './config.js'

const createBackend = (config: CayleyConfig, context: PluginContext): Backend<'graph'> => {
  const connection = new Connection(config, context)
  const named = (error: unknown, operation: string): VeritasError =>
    VeritasError.from(error, { backend: backendName, operation })
  return {
    engineId: connection.engineId,
    roles: { graph: new CayleyGraph(connection, config.prefix) },
    connect: (options) =>
      connection.connect(options?.signal).catch((error: unknown) => {
        throw named(error, 'connect')
      }),
    probe: async (options): Promise<ProbeResult> => {
      try {
        throwIfAborted(options?.signal)
        await connection.call(() => connection.query('g.emit(1)', {}, options?.signal))
        // The server tells nobody which version it is.
        return { product: 'Cayley', version: 'unknown' }
      } catch (error) {
        throw named(error, 'probe')
      }
    },
    close: () => connection.close(),
  }
}

/** The Cayley backend: documents and references as quads, over its HTTP API. */
export const cayley: Plugin<CayleyConfigInput, CayleyConfig, 'graph'> = definePlugin({
  name: backendName,
  package: '@veritas-db/cayley',
  contract: 1,
  config: cayleyConfig,
  roles: ['graph'],
  create: createBackend,
})

export default cayley
