import { runConformance } from '@veritas-db/conformance'
import { type Backend, validateConfig } from '@veritas-db/core/contract'
import { afterAll, beforeAll, describe, it } from 'vitest'
import redis from '../src/index.js'

const url = process.env.VERITAS_REDIS_URL

describe.skipIf(url === undefined)(
  url === undefined ? 'conformance: skipped, since VERITAS_REDIS_URL names no server' : 'conformance',
  () => {
    for (const index of ['flat', 'hnsw'] as const) {
      const options = { url, prefix: `kit_${index}`, index }
      const second = async (): Promise<Backend> => {
        const config = await validateConfig(redis.config, options, 'redis')
        return redis.create(config, { roles: ['vector'], poolSize: 4, queryTimeoutMs: 30_000 })
      }
      runConformance({
        describe,
        it,
        beforeAll,
        afterAll,
        name: `redis with ${index}`,
        plugin: redis,
        config: options,
        second,
      })
    }
  },
)
