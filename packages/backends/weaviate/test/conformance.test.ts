import { runConformance } from '@veritas-db/conformance'
import { type Backend, validateConfig } from '@veritas-db/core/contract'
import { afterAll, beforeAll, describe, it } from 'vitest'
import weaviate from '../src/index.js'

const { VERITAS_WEAVIATE_URL: url, VERITAS_WEAVIATE_GRPC: grpc } = process.env
const options = { url, grpc, prefix: 'kit' }

const second = async (): Promise<Backend> => {
  const config = await validateConfig(weaviate.config, options, 'weaviate')
  return weaviate.create(config, { roles: ['vector'], poolSize: 4, queryTimeoutMs: 30_000 })
}

describe.skipIf(url === undefined)(
  url === undefined ? 'conformance: skipped, since VERITAS_WEAVIATE_URL names no server' : 'conformance',
  () => {
    runConformance({ describe, it, beforeAll, afterAll, plugin: weaviate, config: options, second, timeoutMs: 90_000 })
  },
)
