import { runConformance } from '@veritas-db/conformance'
import { type Backend, validateConfig } from '@veritas-db/core/contract'
import { afterAll, beforeAll, describe, it } from 'vitest'
import chroma from '../src/index.js'

const url = process.env.VERITAS_CHROMA_URL
const options = { url, prefix: 'kit' }

const second = async (): Promise<Backend> => {
  const config = await validateConfig(chroma.config, options, 'chroma')
  return chroma.create(config, { roles: ['vector'], poolSize: 4, queryTimeoutMs: 30_000 })
}

describe.skipIf(url === undefined)(
  url === undefined ? 'conformance: skipped, since VERITAS_CHROMA_URL names no server' : 'conformance',
  () => {
    // An oversized batch of this server is one of more than 5,461 records.
    runConformance({
      describe,
      it,
      beforeAll,
      afterAll,
      plugin: chroma,
      config: options,
      second,
      maxBatch: 6000,
      timeoutMs: 90_000,
    })
  },
)
