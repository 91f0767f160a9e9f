import { runConformance, suites } from '@veritas-db/conformance'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import mongo, { type MongoRole } from '../src/index.js'
import { canSearch, notRun, openTarget, type SearchTarget } from './search.js'
import { dropDatabase, open, testConfig } from './server.js'

const roles: readonly MongoRole[] = ['vector', 'graph', 'relational']
/** The other roles are the same code on any server. They are here for the units of work that they share with vectors. */
const skip = Object.fromEntries(
  suites
    .filter(({ name }) => /^(graph|relational)\./.test(name))
    .map(({ name }) => [name, 'run by conformance.test.ts']),
)
const target: SearchTarget | undefined = canSearch ? await openTarget() : undefined

describe.skipIf(!target)(target ? `on ${target.name}` : notRun, () => {
  const config = { ...testConfig(), ...target?.config }
  afterAll(async () => {
    await dropDatabase(config.database, config.url)
    await target?.emulator?.close()
  }, 120_000)
  runConformance({
    describe,
    it,
    beforeAll,
    afterAll,
    name: target?.name ?? 'mongo',
    plugin: mongo,
    roles,
    config,
    second: () => open(config, roles),
    skip,
    timeoutMs: 180_000,
  })

  it('no request broke the documentation', () => {
    expect(target?.emulator?.violations ?? []).toEqual([])
  })
})
