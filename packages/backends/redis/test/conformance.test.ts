import { runConformance } from '@veritas-db/conformance'
import { type Backend, validateConfig } from '@veritas-db/core/contract'
import { afterAll, beforeAll, describe, it } from 'vitest'
import redis, { type RedisConfigInput } from '../src/index.js'
import { startBareServer } from './bare-server.js'

const url = process.env.VERITAS_REDIS_URL

const run = (name: string, config: RedisConfigInput): void => {
  const second = async (): Promise<Backend> =>
    redis.create(await validateConfig(redis.config, config, 'redis'), {
      roles: ['vector'],
      poolSize: 4,
      queryTimeoutMs: 30_000,
    })
  runConformance({ describe, it, beforeAll, afterAll, name, plugin: redis, config, second })
}

describe.skipIf(url === undefined)(
  url === undefined ? 'conformance: skipped, since VERITAS_REDIS_URL names no server' : 'conformance',
  () => {
    for (const index of ['flat', 'hnsw', 'vectorset'] as const)
      run(`redis with ${index}`, { url, prefix: `kit_${index}`, index })
  },
)

const bare = url === undefined ? 'VERITAS_REDIS_URL names no server' : await startBareServer(url)
const why = typeof bare === 'string' ? bare : undefined

describe.skipIf(why !== undefined)(`on a server without modules${why === undefined ? '' : `: skipped, ${why}`}`, () => {
  if (typeof bare === 'string') return
  run('redis without modules', { url: bare.url })
  afterAll(() => bare.close())
})
