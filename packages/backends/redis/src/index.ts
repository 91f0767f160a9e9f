import { definePlugin, type Plugin } from '@veritas-db/core/contract'
import { RedisCache } from './cache.js'
import { type RedisConfig, type RedisConfigInput, redisConfig } from './config.js'
import { Connection } from './connection.js'
import { RedisVector } from './vector.js'

export type { InjectedClient, RedisConfig, RedisConfigInput, RedisTls } from './config.js'

/** Redis as a vector store, by RediSearch (then with full text) or by its own vector sets, and a cache that processes share. */
export const redis: Plugin<RedisConfigInput | undefined, RedisConfig, 'vector'> = definePlugin({
  name: 'redis',
  package: '@veritas-db/redis',
  contract: 1,
  config: redisConfig,
  roles: ['vector'],
  create: (config, context) => {
    const connection = new Connection(config, context.queryTimeoutMs)
    const vector = new RedisVector(connection, config)
    return {
      engineId: connection.engineId,
      roles: { vector },
      services: { cache: new RedisCache(connection, config.prefix) },
      connect: (options) => connection.connect((session) => vector.settle(session), options),
      probe: (options) => connection.probe(options),
      close: () => connection.close(),
    }
  },
})

export default redis
