import { runConformance } from '@veritas-db/conformance'
import { afterAll, beforeAll, describe, it } from 'vitest'
import mongo from '../src/index.js'
import { dropDatabase, open, roles, testConfig, url } from './server.js'

const raw = { query: '{"aggregate": {"$collection": "documents"}, "pipeline": [{"$count": "rows"}]}' }

describe.skipIf(!url)(url ? 'on the server of VERITAS_MONGO_URL' : 'not run: VERITAS_MONGO_URL is not set', () => {
  const config = testConfig()
  afterAll(() => dropDatabase(config.database), 120_000)
  runConformance({
    describe,
    it,
    beforeAll,
    afterAll,
    plugin: mongo,
    roles,
    config,
    second: () => open(config),
    // The test server writes every record through to its disk.
    timeoutMs: 120_000,
    raw: { graph: { query: '{"ping": 1}' }, relational: raw },
  })
})
