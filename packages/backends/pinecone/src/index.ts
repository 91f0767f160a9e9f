import { hash } from 'node:crypto'
import { type Backend, definePlugin, type Plugin, redactUrl } from '@veritas-db/core/contract'
import { Catalog } from './catalog.js'
import { type PineconeConfig, type PineconeConfigInput, pineconeConfig } from './config.js'
import { Connection } from './connection.js'
import { backendName } from './errors.js'
import { createVectorRole } from './vector.js'

export { type PineconeConfig, type PineconeConfigInput, pineconeConfig } from './config.js'
export { pineconeFetch } from './transport.js'

/**
 * Tells projects apart. The key decides which project it is, and no address does: a part of its hash stands for it, from which the key
 * cannot be found again.
 */
const engineId = ({ url, host, client, apiKey }: PineconeConfig): string => {
  if (host !== undefined) return `pinecone:${redactUrl(/^https?:/.test(host) ? host : `https://${host}`)}`
  const own = client?.getConfig()
  const key = own?.apiKey ?? apiKey?.reveal() ?? ''
  return `pinecone:${redactUrl(own?.controllerHostUrl ?? url)}#${hash('sha256', `veritas engine ${key}`).slice(0, 16)}`
}

/** Pinecone as a vector store, through its vectors API. */
export const pinecone: Plugin<PineconeConfigInput, PineconeConfig, 'vector'> = definePlugin({
  name: backendName,
  package: '@veritas-db/pinecone',
  contract: 1,
  config: pineconeConfig,
  roles: ['vector'],
  create: (config, context): Backend<'vector'> => {
    const connection = new Connection(config, context)
    const catalog = new Catalog(connection)
    return {
      engineId: engineId(config),
      roles: { vector: createVectorRole(connection, catalog) },
      connect: (options) =>
        connection.open({ operation: 'connect', signal: options?.signal }, (call) => catalog.open(call)),
      probe: (options) => {
        const call = { operation: 'probe', signal: options?.signal }
        return connection.call(call, async () => {
          await catalog.open(call)
          // The service tells no version of its own.
          return { product: 'Pinecone', version: 'unknown' }
        })
      },
      close: () => connection.close(),
    }
  },
})

export default pinecone
