import { runConformance } from '@veritas-db/conformance'
import { type Backend, validateConfig } from '@veritas-db/core/contract'
import { afterAll, beforeAll, describe, it } from 'vitest'
import hugegraph from '../src/index.js'
import { removeCommon } from './clean.js'

const url = process.env.VERITAS_HUGEGRAPH_URL
// A server on two cores takes three requests at once, and there are two backends here.
const options = { url, prefix: 'kitmain', poolSize: 1 }

const second = async (): Promise<Backend> => {
  const config = await validateConfig(hugegraph.config, options, 'hugegraph')
  return hugegraph.create(config, { roles: ['graph'], poolSize: 4, queryTimeoutMs: 30_000 })
}

describe.skipIf(url === undefined)(
  url === undefined ? 'conformance: skipped, since VERITAS_HUGEGRAPH_URL names no server' : 'conformance',
  () => {
    // The kit drops its scopes before: hooks of the outer group come last.
    afterAll(async () => {
      if (url !== undefined) await removeCommon(url, ['kitmain'])
    }, 60_000)
    runConformance({
      describe,
      it,
      beforeAll,
      afterAll,
      plugin: hugegraph,
      config: options,
      second,
      raw: { graph: { query: 'x + 1', parameters: { x: 1 }, expected: [2] } },
      timeoutMs: 120_000,
    })
  },
)
