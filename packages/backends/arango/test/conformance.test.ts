import { runConformance } from '@veritas-db/conformance'
import { validateConfig } from '@veritas-db/core/contract'
import { Database } from 'arangojs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { arango } from '../src/index.js'
import { openTarget } from './emulator.js'

const { name, config, secrets, emulator } = await openTarget()

runConformance({
  describe,
  it,
  beforeAll,
  afterAll,
  name,
  plugin: arango,
  config,
  second: async () =>
    arango.create(await validateConfig(arango.config, config, 'arango'), {
      roles: arango.roles,
      poolSize: 4,
      queryTimeoutMs: 30_000,
    }),
  secrets,
  timeoutMs: 60_000,
})

describe('afterwards', () => {
  it('no request broke the description of the HTTP API', () => {
    expect(emulator?.violations ?? []).toEqual([])
  })

  it('the collections that the suites made are dropped', async () => {
    const { url, database = '_system', username = 'root', password = '', prefix } = config
    const client = new Database({ url, databaseName: database, auth: { username, password } })
    for (const collection of await client.collections())
      if (collection.name.startsWith(`${prefix}_`)) await collection.drop()
    client.close()
    await emulator?.close()
  })
})
