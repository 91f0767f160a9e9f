import { definePlugin, type Plugin } from '@veritas-db/core/contract'
import { RedisCache } from './cache.js'
import { type RedisConfig, type RedisConfigInput, redisConfig } from './config.js'
import { Connection } from './connection.js'
import { RedisVector } from './vector.js'

export type { InjectedClient, RedisConfig, RedisConfigInput } from './config.js'

/** Redis with RediSearch: a vector store with full text, and a cache that processes share. */
export const redis: Plugin<RedisConfigInput | undefined, RedisConfig, 'vector'> = definePlugin({
  name: 'redis',
  package: '@veritas-db/redis',
  contract: 1,
  config: redisConfig,
  roles: ['vector'],
  create: (config, context) => {
    const connection = new Connection(config, context.queryTimeoutMs)
    return {
      engineId: connection.engineId,
      roles: { vector: new RedisVector(connection, config) },
      services: { cache: new RedisCache(connection, config.prefix) },
      connect: (options) => connection.connect(options),
      probe: (options) => connection.probe(options),
      close: () => connection.close(),
    }
  },
})

export default redis
