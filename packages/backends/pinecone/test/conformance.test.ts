import { runConformance } from '@veritas-db/conformance'
import { validateConfig } from '@veritas-db/core/contract'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { pinecone } from '../src/index.js'
import { isReal, openTarget } from './emulator.js'

const target = await openTarget()

runConformance({
  describe,
  it,
  beforeAll,
  afterAll,
  name: target.name,
  plugin: pinecone,
  config: target.config,
  second: async () =>
    pinecone.create(await validateConfig(pinecone.config, target.config, 'pinecone'), {
      roles: pinecone.roles,
      poolSize: 4,
      queryTimeoutMs: 30_000,
    }),
  secrets: [target.apiKey],
  timeoutMs: isReal ? 180_000 : 60_000,
})

describe('afterwards', () => {
  it('no request broke the API description', () => {
    expect(target.emulator?.violations ?? []).toEqual([])
  })

  it('the indexes that the suites made are deleted', async () => {
    const { Pinecone } = await import('@pinecone-database/pinecone')
    const { apiKey, url, prefix } = target.config
    const client = new Pinecone({ apiKey: apiKey ?? '', ...(url !== undefined && { controllerHostUrl: url }) })
    const { indexes = [] } = await client.indexes.list()
    for (const { name } of indexes) if (name.startsWith(`${prefix}-`)) await client.indexes.delete(name)
    await target.emulator?.close()
  })
})
