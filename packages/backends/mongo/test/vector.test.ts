import {
  type Backend,
  documentKey,
  type ErrorCode,
  type Key,
  type VectorRecord,
  VeritasError,
  validateConfig,
  version,
} from '@veritas-db/core/contract'
import { MongoClient } from 'mongodb'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { toVeritasError } from '../src/errors.js'
import mongo, { type MongoConfigInput, type MongoRole } from '../src/index.js'
import { prepareRecord } from '../src/vector/records.js'
import { asNotReady } from '../src/vector/search-index.js'
import { canSearch, notRun, openTarget, type SearchTarget } from './search.js'
import { dropDatabase, open, testConfig, url } from './server.js'

const scope = { collection: 'passages' }
const key = (id: string): Key => documentKey(scope, id)
const record = (id: string, more: Partial<VectorRecord> = {}): VectorRecord => ({
  key: key(id),
  documentId: id,
  version: version(1),
  ordinal: 0,
  vector: Float32Array.of(1, 2, 3, 4),
  metadata: {},
  ...more,
})
const definition = { dimensions: 4, metric: 'cosine' } as const
const near = Float32Array.of(1, 2, 3, 4.5)

const failure = async (call: () => Promise<unknown>, code: ErrorCode): Promise<VeritasError> => {
  const error = await call().then(
    (value) => expect.fail(`must fail with ${code}, answered ${JSON.stringify(value)}`),
    (reason: unknown) => reason,
  )
  if (!VeritasError.is(error, code)) throw error
  return error
}
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

it('is a role of the plugin, for those who ask for it', () => {
  expect(mongo.roles).toEqual(['relational', 'graph', 'vector'])
})

it.each([{ numCandidates: 0 }, { numCandidates: 10_001 }, { visibilityDelayMs: -1 }, { indexReadyTimeoutMs: 0 }])(
  'refuses the options %j',
  async (options) => {
    await failure(() => validateConfig(mongo.config, options, 'mongo'), 'CONFIGURATION')
  },
)

it('tells a search that was turned away from one that is wrong', () => {
  const overload = Object.assign(new Error('too many searches'), { name: 'MongoServerError', code: 489 })
  expect(toVeritasError(overload, { target: 'h:1' })).toMatchObject({ code: 'RATE_LIMITED', retryable: true })
  const building = Object.assign(new Error('cannot query vector index x while in state INITIAL_SYNC'), { code: 8 })
  expect(asNotReady(building, 'x')).toMatchObject({ code: 'UNAVAILABLE', retryable: true })
  expect(asNotReady(overload, 'x')).toBe(overload)
})

describe('what is refused before it is written', () => {
  const issue = (more: Partial<VectorRecord>, metric: 'cosine' | 'euclidean' = 'cosine'): string => {
    try {
      prepareRecord(record('a', more), { dimensions: more.vector?.length ?? 4, metric })
      return ''
    } catch (error) {
      return VeritasError.is(error, 'VALIDATION') ? `${error.path}` : String(error)
    }
  }
  it('is what MongoDB cannot compare or hold', () => {
    expect(issue({})).toBe('')
    expect(issue({ vector: new Float32Array(4) })).toBe('vector')
    expect(issue({ vector: new Float32Array(4) }, 'euclidean')).toBe('')
    expect(issue({ vector: new Float32Array(4).fill(1e-20) })).toBe('vector')
    expect(issue({ vector: new Float32Array(4).fill(1e25) }, 'euclidean')).toBe('vector')
    expect(issue({ vector: new Float32Array(8193).fill(1) })).toBe('vector')
    expect(issue({ text: 'x'.repeat(17_000_000) })).toBe('text')
    expect(issue({ metadata: { long: 'x'.repeat(17_000_000) } })).toBe('metadata')
    // As large in words as in values: each number has a word for each of its digits.
    expect(issue({ metadata: { numbers: Array.from({ length: 400_000 }, (_, i) => i) } })).toBe('metadata')
  })
})

describe.skipIf(!url)(url ? 'a server without $vectorSearch' : 'not run: VERITAS_MONGO_URL is not set', () => {
  it('is refused on connect, with what it says and what to do, and serves those who ask for no vectors', async (context) => {
    const backend = await open(testConfig(), ['vector', 'relational'])
    const refused = await backend.connect().catch((reason: unknown) => reason)
    if (refused === undefined) {
      await backend.close()
      return context.skip('the server of VERITAS_MONGO_URL has it')
    }
    const error = await failure(() => backend.connect(), 'CONFIGURATION')
    expect(error.message).toMatch(/Atlas.*mongot.*another backend/)
    expect(error.retryable).toBe(false)
    await backend.close()
    const others = await open(testConfig())
    await others.connect()
    expect(others.roles.vector).toBeUndefined()
    await others.close()
  })
})

describe.skipIf(!canSearch)(canSearch ? 'vectors' : notRun, () => {
  let target: SearchTarget
  let config: MongoConfigInput
  const opened: Backend[] = []
  const collections: (typeof scope)[] = []

  const openVectors = async (options: Partial<NonNullable<MongoConfigInput>> = {}): Promise<Backend<MongoRole>> => {
    const backend = await open({ ...config, ...options }, ['vector', 'graph', 'relational'])
    opened.push(backend)
    await backend.connect()
    return backend
  }
  const visible = (): Promise<void> => sleep((config?.visibilityDelayMs ?? 2000) + 10)

  beforeAll(async () => {
    target = await openTarget()
    config = { ...testConfig(), ...target.config }
  }, 60_000)
  afterEach(async () => {
    target.emulator?.configure({ buildMs: 30, lagMs: 20, squaredEuclidean: true })
    const [backend] = opened
    for (const one of collections.splice(0)) await backend?.roles.vector?.dropCollection({ scope: one })
    await Promise.all(opened.splice(0).map((one) => one.close()))
  })
  afterAll(async () => {
    expect(target.emulator?.violations ?? []).toEqual([])
    await dropDatabase(config?.database, config?.url)
    await target.emulator?.close()
  }, 60_000)

  const ensure = async (backend: Backend<MongoRole>, metric: 'cosine' | 'euclidean' = 'cosine') => {
    collections.push(scope)
    await backend.roles.vector.ensureCollection({ scope, dimensions: 4, metric })
    return backend.roles.vector
  }

  it('come back bit by bit', async () => {
    const vector = await ensure(await openVectors())
    const values = Float32Array.of(0.1, -1 / 3, 16_777_217, 1e-10)
    await vector.upsert({ scope, records: [record('a', { vector: values })] })
    const [found] = await vector.get({ scope, keys: [key('a')], include: { vector: true } })
    expect(found?.vector).toEqual(values)
  })

  it('are read by key at once, and found by a search once the index has followed', async (context) => {
    const vector = await ensure(await openVectors())
    target.emulator?.configure({ lagMs: 300 })
    if (!target.emulator) context.skip('how long an index takes is known of the emulator alone')
    await vector.upsert({ scope, records: [record('a')] })
    expect(await vector.get({ scope, keys: [key('a')] })).toHaveLength(1)
    expect(await vector.count({ scope })).toBe(1)
    expect(await vector.query({ scope, vector: near, topK: 3 })).toEqual([])
    await sleep(320)
    expect(await vector.query({ scope, vector: near, topK: 3 })).toHaveLength(1)
    // Deleted: the index still knows it, the collection does not.
    await vector.delete({ scope, keys: [key('a')] })
    expect(await vector.query({ scope, vector: near, topK: 3 })).toEqual([])
  })

  it('wait for an index that is being built, by several callers at once', async (context) => {
    if (!target.emulator) context.skip('needs the emulator')
    target.emulator?.configure({ buildMs: 400 })
    const backends = [await openVectors(), await openVectors(), await openVectors()]
    const start = performance.now()
    await Promise.all(backends.map((backend) => ensure(backend)))
    expect(performance.now() - start).toBeGreaterThan(300)
    expect(await backends[0]?.roles.vector.query({ scope, vector: near, topK: 1 })).toEqual([])
  })

  it('say when an index takes too long, and go on where it ended', async (context) => {
    if (!target.emulator) context.skip('needs the emulator')
    target.emulator?.configure({ buildMs: 600 })
    const backend = await openVectors({ indexReadyTimeoutMs: 100 })
    const error = await failure(() => ensure(backend), 'TIMEOUT')
    expect(error.message).toContain('indexReadyTimeoutMs')
    const { vector } = backend.roles
    // The collection is there, and its index cannot be asked.
    await vector.upsert({ scope, records: [record('a')] })
    expect((await failure(() => vector.query({ scope, vector: near, topK: 1 }), 'UNAVAILABLE')).retryable).toBe(true)
    await failure(() => vector.ensureCollection({ scope, ...definition, signal: AbortSignal.timeout(30) }), 'ABORTED')
    target.emulator?.settle()
    await vector.ensureCollection({ scope, ...definition })
    expect(await vector.query({ scope, vector: near, topK: 1 })).toHaveLength(1)
  })

  it('are not taken to be none where somebody has removed the index', async (context) => {
    if (!target.emulator) context.skip('a server removes an index in its own time')
    const backend = await openVectors()
    const vector = await ensure(backend)
    await vector.upsert({ scope, records: [record('a')] })
    const client = new MongoClient(config?.url ?? '')
    const [{ name = '' } = {}] = await client
      .db(config?.database)
      .listCollections({ name: /\.vectors$/ })
      .toArray()
    await client.db(config?.database).collection(name).dropSearchIndex('veritas_vectors')
    await client.close()
    const other = await openVectors()
    await failure(() => other.roles.vector.query({ scope, vector: near, topK: 1 }), 'UNAVAILABLE')
    await other.roles.vector.ensureCollection({ scope, ...definition })
    await visible()
    expect(await other.roles.vector.query({ scope, vector: near, topK: 1 })).toHaveLength(1)
  })

  it.each([true, false])(
    'have the same distance, whether the server squares it (%s) or not',
    async (squaredEuclidean) => {
      const vector = await ensure(await openVectors(), 'euclidean')
      target.emulator?.configure({ squaredEuclidean })
      const records = [0, 1, 2, 3].map((i) => record(`r${i}`, { vector: Float32Array.of(1 + i * 3, 2, 3, 4) }))
      await vector.upsert({ scope, records })
      await visible()
      const found = await vector.query({ scope, vector: Float32Array.of(1, 2, 3, 4), topK: 4 })
      expect(found.map((hit) => hit.score)).toEqual([1, 1 / 4, 1 / 7, 1 / 10])
      expect(found[0]?.vector).toBeUndefined()
    },
  )

  it('refuse the metric dot and say why', async () => {
    const { vector } = (await openVectors()).roles
    expect(vector.capabilities.metrics).toEqual(['cosine', 'euclidean'])
    const error = await failure(() => vector.ensureCollection({ scope, dimensions: 4, metric: 'dot' }), 'UNSUPPORTED')
    expect(error.message).toContain('cosine')
  })

  it('are found by the thousand', { timeout: 120_000 }, async () => {
    const vector = await ensure(await openVectors())
    const records = Array.from({ length: 1500 }, (_, i) =>
      record(`r${i}`, { vector: Float32Array.of(1, 2, i, 4), metadata: { i } }),
    )
    await vector.upsert({ scope, records })
    await visible()
    expect(await vector.query({ scope, vector: near, topK: 10_000 })).toHaveLength(1500)
    const filter = { op: 'gte', path: 'i', value: 1400 } as const
    const found = await vector.query({ scope, vector: near, topK: 10_000, filter, include: { metadata: true } })
    expect(found.map((hit) => Number(hit.metadata?.i)).sort((a, b) => a - b)).toEqual(
      records.slice(1400).map((_, i) => 1400 + i),
    )
    expect(await vector.count({ scope, filter })).toBe(100)
    expect((await vector.delete({ scope, filter })).deleted).toBe(100)
  })

  it('are written with rows in one unit of work, and not searched in it', async (context) => {
    const backend = await openVectors()
    const { unitOfWork } = backend
    if (!unitOfWork) return context.skip('the server has no transactions')
    const { relational } = backend.roles
    const vector = await ensure(backend)
    await relational.ensureTable({ scope, table: 'rows', columns: { n: { type: 'number' } } })
    const at = { scope, table: 'rows' }
    const row = { key: key('a'), documentId: 'a', version: version(1), values: { n: 1 } }
    const both = (id: string) =>
      unitOfWork({}, async (roles) => {
        await roles.relational.upsert({ ...at, records: [{ ...row, key: key(id) }] })
        await roles.vector.upsert({ scope, records: [record(id)], mode: 'ifNewer' })
        if (id === 'b') throw new Error('on purpose')
        await failure(() => roles.vector.query({ scope, vector: near, topK: 1 }), 'UNSUPPORTED')
        await failure(() => roles.vector.ensureCollection({ scope, ...definition }), 'UNSUPPORTED')
      })
    await both('a')
    await expect(both('b')).rejects.toThrow('on purpose')
    expect(await vector.get({ scope, keys: [key('a'), key('b')] })).toHaveLength(1)
    expect(await relational.get({ ...at, keys: [key('a'), key('b')] })).toHaveLength(1)
    await visible()
    expect(await vector.query({ scope, vector: near, topK: 5 })).toHaveLength(1)
    await relational.dropTable(at)
  })

  it('are not deleted by what is no key', async () => {
    const vector = await ensure(await openVectors())
    await vector.upsert({ scope, records: [record('a')] })
    const hostile = JSON.parse('{"$ne": ""}') as Key
    expect(
      (await vector.deleteByDocument({ scope, documents: [{ key: hostile, versionBelow: version(9) }] })).deleted,
    ).toBe(0)
    await failure(() => vector.delete({ scope, keys: [hostile] }), 'VALIDATION')
    await failure(() => vector.get({ scope, keys: [hostile] }), 'VALIDATION')
    expect(await vector.count({ scope })).toBe(1)
  })

  it('of many records in one call: older and newer ones are answered one by one', async () => {
    const vector = await ensure(await openVectors())
    const ids = Array.from({ length: 60 }, (_, i) => `many-${i}`)
    await vector.upsert({ scope, records: ids.slice(0, 20).map((id) => record(id, { version: version(9) })) })
    const records = ids.map((id) => record(id, { version: version(5) }))
    const { outcomes } = await vector.upsert({ scope, records, mode: 'ifNewer' })
    expect(outcomes.map((o) => o.status)).toEqual(ids.map((_, i) => (i < 20 ? 'stale' : 'applied')))
    const patches = ids.map((id) => ({ key: key(id), ordinal: 0, version: version(7), metadata: { patched: true } }))
    const patched = await vector.patch({ scope, records: patches })
    expect(patched.outcomes.map((o) => o.status)).toEqual(ids.map((_, i) => (i < 20 ? 'stale' : 'applied')))
  })
})
