import { runConformance } from '@veritas-db/conformance'
import { afterAll, beforeAll, describe, it } from 'vitest'
import cozo from '../src/index.js'
import { cleanUp, open, testConfig, url } from './server.js'

const raw = { query: '?[a, b] <- [[1, $b]]', parameters: { b: 'x' }, expected: [[1, 'x']] }

describe.skipIf(!url)(url ? 'on the server of VERITAS_COZO_URL' : 'not run: VERITAS_COZO_URL is not set', () => {
  const config = testConfig()
  afterAll(() => cleanUp(config), 60_000)
  runConformance({
    describe,
    it,
    beforeAll,
    afterAll,
    plugin: cozo,
    config,
    second: () => open(config),
    // Inserting into an HNSW index takes milliseconds a vector.
    timeoutMs: 120_000,
    raw: { graph: raw, relational: raw },
  })
})
