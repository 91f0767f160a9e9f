import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { expandEnvironment } from '../src/config/environment.js'
import { checkOptions } from '../src/config/explain.js'
import { loadConfig } from '../src/config/load.js'
import { configSchema } from '../src/config/schema.js'
import { hashedEmbedder } from '../src/embedders/hashed.js'
import { emptyPlugin } from './helpers.js'

describe('the configuration schema', () => {
  it('fills in the documented defaults', async () => {
    const { performance, chunk } = await checkOptions(configSchema, {}, '')
    expect(performance).toEqual({
      poolSize: 20,
      queryTimeoutMs: 30_000,
      retries: 3,
      retryDelayMs: 100,
      breakerThreshold: 5,
      breakerResetMs: 10_000,
      cacheTtlSeconds: 300,
      batchSize: 100,
      probeTimeoutMs: 5_000,
    })
    expect(chunk).toEqual({ words: 200, overlap: 20 })
  })

  it('names the path of an unknown option and the nearest valid name', async () => {
    await expect(checkOptions(configSchema, { performance: { poolSzie: 3 } }, '')).rejects.toThrow(
      'performance.poolSzie: unknown option. Did you mean "poolSize"?',
    )
    await expect(checkOptions(configSchema, { vektor: { type: 'sqlite' } }, '')).rejects.toThrow(
      'vektor: unknown option. Did you mean "vector"?',
    )
  })

  it('names the path of an unknown option of a plugin', async () => {
    const { config } = emptyPlugin()
    await expect(checkOptions(config, { pth: 'x' }, 'vector.config')).rejects.toThrow(
      'vector.config.pth: unknown option. Did you mean "path"?',
    )
    await expect(checkOptions(config, { pool: { sizee: 1 } }, 'vector.config')).rejects.toThrow(
      'vector.config.pool.sizee: unknown option. Did you mean "size"?',
    )
  })

  it('lists every mistake, each with its path', async () => {
    const check = checkOptions(configSchema, { performance: { poolSize: 0, retries: -1 }, tenant: "x'; --" }, '')
    await expect(check).rejects.toMatchObject({ code: 'CONFIGURATION' })
    await expect(check).rejects.toThrow(/performance\.poolSize: .*\nperformance\.retries: .*\ntenant: /)
  })

  it('takes a plugin and an embedder as they are', async () => {
    const plugin = emptyPlugin()
    const embedder = hashedEmbedder()
    const config = await checkOptions(configSchema, { relational: { type: plugin }, embedder }, '')
    expect(config.relational).toHaveProperty('type', plugin)
    expect(config.embedder).toBe(embedder)
  })

  it('refuses an object that is no embedder', async () => {
    await expect(checkOptions(configSchema, { embedder: { id: 'x' } }, '')).rejects.toThrow(
      'embedder: needs an embedder',
    )
  })
})

// biome-ignore-start lint/suspicious/noTemplateCurlyInString: references are written so
describe('references to the environment', () => {
  it('replaces them in every text, and leaves objects with behaviour alone', () => {
    const plugin = emptyPlugin()
    const config = { vector: { type: plugin, config: { url: 'http://${HOST}:${PORT:-8000}', list: ['${HOST}'] } } }
    expect(expandEnvironment(config, { HOST: 'h' })).toEqual({
      vector: { type: plugin, config: { url: 'http://h:8000', list: ['h'] } },
    })
  })

  it('names the path and the variable that is not set', () => {
    expect(() => expandEnvironment({ graph: { config: { password: '${NEO_PW}' } } }, {})).toThrow(
      'graph.config.password: the environment variable NEO_PW is not set',
    )
  })
})

// biome-ignore-end lint/suspicious/noTemplateCurlyInString: references are written so

describe('config files', () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'veritas-config-'))
  })
  afterAll(() => rm(folder, { recursive: true }))

  it.each([
    ['ts', 'const size: number = 7\nexport default { performance: { poolSize: size } }'],
    ['mjs', 'export default { performance: { poolSize: 7 } }'],
    ['json', '{ "performance": { "poolSize": 7 } }'],
  ])('reads veritas.config.%s', async (extension, text) => {
    const own = await mkdtemp(path.join(folder, 'one-'))
    await writeFile(path.join(own, `veritas.config.${extension}`), text)
    const { config, file } = await loadConfig({ folder: own })
    expect(config).toEqual({ performance: { poolSize: 7 } })
    expect(file).toContain(`veritas.config.${extension}`)
  })

  it('is empty where there is no file', async () => {
    const own = await mkdtemp(path.join(folder, 'none-'))
    expect(await loadConfig({ folder: own })).toEqual({ config: {} })
  })

  it('fails where the named file is missing', async () => {
    await expect(loadConfig({ folder, file: 'missing.json' })).rejects.toMatchObject({ code: 'CONFIGURATION' })
  })
})
