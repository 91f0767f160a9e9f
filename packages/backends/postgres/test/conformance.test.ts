import { runConformance } from '@veritas-db/conformance'
import { validateConfig } from '@veritas-db/core/contract'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { type PostgresOptions, postgres } from '../src/index.js'
import { clear, own, unless, url } from './server.js'

const runs: Readonly<Record<string, PostgresOptions>> = {
  'as it is set by default': { prefix: own('kit') },
  // Every search and filter goes through its index, however few the records.
  'with all indexes from the start': { prefix: own('kiti'), indexBuild: 'eager', indexThresholdRows: 0 },
  'behind a pooler in transaction mode, in a schema of its own, with half-precision indexes': {
    prefix: own('kitp'),
    schema: own('schema'),
    transactionPooling: true,
    indexBuild: 'eager',
    halfvec: true,
  },
}

describe.skipIf(url === undefined)(`on a real server${unless}`, () => {
  for (const [name, options] of Object.entries(runs)) {
    const config: PostgresOptions = { url: url ?? '', ...options }
    describe(name, () => {
      afterAll(() => clear(options))
      runConformance({
        describe,
        it,
        beforeAll,
        afterAll,
        plugin: postgres,
        config,
        // Beyond what one statement takes.
        maxBatch: name.includes('default') ? 10_500 : 2500,
        timeoutMs: 60_000,
        second: async () =>
          postgres.create(await validateConfig(postgres.config, config, 'postgres'), {
            roles: postgres.roles,
            poolSize: 10,
            queryTimeoutMs: 30_000,
          }),
      })
    })
  }
})
