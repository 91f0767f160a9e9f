import { runConformance } from '@veritas-db/conformance'
import { validateConfig } from '@veritas-db/core/contract'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { postgres } from '../src/index.js'

const url = process.env.VERITAS_POSTGRES_URL

describe.skipIf(url === undefined)(
  `on a real server${url === undefined ? ' (skipped: VERITAS_POSTGRES_URL is not set)' : ''}`,
  () => {
    const config = { url: url ?? '', prefix: 'vtkit' }
    runConformance({
      describe,
      it,
      beforeAll,
      afterAll,
      plugin: postgres,
      config,
      maxBatch: 2500,
      second: async () =>
        postgres.create(await validateConfig(postgres.config, config, 'postgres'), {
          roles: postgres.roles,
          poolSize: 10,
          queryTimeoutMs: 30_000,
        }),
    })
  },
)
