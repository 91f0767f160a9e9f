import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Pinecone } from '@pinecone-database/pinecone'
import { runProgram, tlsFront, unusedPort } from '@veritas-db/conformance/network'
import {
  type Backend,
  documentKey,
  type ErrorCode,
  MATCH_ALL,
  type VectorRecord,
  VeritasError,
  validateConfig,
  version,
} from '@veritas-db/core/contract'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type PineconeEmulator, startPineconeEmulator } from '../../../../tools/servers/emulators/pinecone/index.ts'
import { type PineconeConfigInput, pinecone, pineconeFetch } from '../src/index.js'

const apiKey = 'pcsk_the_secret_of_this_test'
const scope = { collection: 'docs' }
const definition = { dimensions: 4, metric: 'cosine' } as const
let emulator: PineconeEmulator
const opened: Backend[] = []

const make = async (
  config: NonNullable<PineconeConfigInput> = {},
  queryTimeoutMs = 10_000,
): Promise<Backend<'vector'>> => {
  const own = config.client === undefined ? { apiKey, url: emulator.url } : {}
  const checked = await validateConfig(pinecone.config, { ...own, visibilityDelayMs: 100, ...config }, 'pinecone')
  const backend = pinecone.create(checked, { roles: ['vector'], poolSize: 4, queryTimeoutMs })
  opened.push(backend)
  return backend
}

const open = async (config?: NonNullable<PineconeConfigInput>, queryTimeoutMs?: number): Promise<Backend<'vector'>> => {
  const backend = await make(config, queryTimeoutMs)
  await backend.connect()
  return backend
}

const record = (id: string, more: Partial<VectorRecord> = {}): VectorRecord => ({
  key: documentKey(scope, id),
  documentId: id,
  version: version(1),
  ordinal: 0,
  vector: Float32Array.of(1, 2, 3, 4),
  metadata: {},
  ...more,
})

const failure = async (call: () => Promise<unknown>, code: ErrorCode): Promise<VeritasError> => {
  const error = await call().then(
    (value) => expect.fail(`must fail with ${code}, answered ${JSON.stringify(value)}`),
    (reason: unknown) => reason,
  )
  if (!VeritasError.is(error, code)) throw error
  expect(`${error.message} ${JSON.stringify(error)}`).not.toContain(apiKey)
  return error
}

beforeAll(async () => {
  emulator = await startPineconeEmulator({ apiKey, eventualDelayMs: 0 })
})
afterEach(async () => {
  expect(emulator.violations).toEqual([])
  emulator.reset()
  emulator.configure({ eventualDelayMs: 0, indexReadyDelayMs: 0, latencyMs: 0, scoreNoise: 0 })
  await Promise.all(opened.splice(0).map((backend) => backend.close()))
})
afterAll(() => emulator.close())

describe('connecting', () => {
  it('a wrong key is AUTHENTICATION', async () => {
    const backend = await make({ apiKey: 'wrong-key' })
    const error = await failure(() => backend.connect(), 'AUTHENTICATION')
    expect(error.message).not.toContain('wrong-key')
    expect(error.retryable).toBe(false)
  })

  it('a wrong address fails fast and is named', async () => {
    const address = `127.0.0.1:${await unusedPort()}`
    const backend = await make({ url: `http://${address}` })
    const start = performance.now()
    const error = await failure(() => backend.connect(), 'CONNECTION')
    expect(error.message).toContain(address)
    expect(error.outcome).toBe('not-applied')
    expect(performance.now() - start).toBeLessThan(3000)
  })

  it('a service that does not answer ends in TIMEOUT, and a later attempt may succeed', async () => {
    emulator.configure({ latencyMs: 400 })
    const backend = await make({ timeoutMs: 50 })
    const error = await failure(() => backend.connect(), 'TIMEOUT')
    expect(error.message).toContain(`:${emulator.port}`)
    emulator.configure({ latencyMs: 0 })
    await backend.connect()
    await expect(backend.probe()).resolves.toEqual({ product: 'Pinecone', version: 'unknown' })
  })

  it('one who stops connecting stops nobody else', async () => {
    emulator.configure({ latencyMs: 50 })
    const backend = await make()
    const leaving = new AbortController()
    const both = [backend.connect({ signal: leaving.signal }), backend.connect()] as const
    leaving.abort()
    await failure(() => both[0], 'ABORTED')
    await both[1]
    await backend.probe()
  })

  it('engineId tells projects apart and holds no key', async () => {
    const [a, b, c] = [await make(), await make(), await make({ apiKey: 'another' })]
    expect(a.engineId).toBe(b.engineId)
    expect(a.engineId).not.toBe(c.engineId)
    expect(a.engineId).not.toContain(apiKey)
  })

  it('options that do not fit are refused', async () => {
    const wrong = [
      {},
      { apiKey: 'x', index: 'a', host: 'b', metric: 'dot' },
      { apiKey: 'x', host: 'b' },
      { apiKey: 'x', prefix: 'A_' },
    ]
    for (const config of wrong)
      await failure(() => validateConfig(pinecone.config, config, 'pinecone'), 'CONFIGURATION')
  })

  it('a process that used it ends by itself', async () => {
    const program = `
      import { pinecone } from ${JSON.stringify(new URL('../dist/index.js', import.meta.url).href)}
      import { validateConfig } from '@veritas-db/core/contract'
      const config = await validateConfig(pinecone.config, { apiKey: '${apiKey}', url: '${emulator.url}' }, 'pinecone')
      const backend = pinecone.create(config, { roles: ['vector'], poolSize: 2, queryTimeoutMs: 60000 })
      await backend.connect()
      await backend.roles.vector.ensureCollection({ scope: { collection: 'a' }, dimensions: 4, metric: 'dot' })
      await backend.close()
      console.log('closed')`
    expect(await runProgram(program, { cwd: new URL('..', import.meta.url) })).toEqual({ code: 0, output: 'closed\n' })
  }, 20_000)
})

describe('an injected client', () => {
  const client = (fetchApi?: typeof fetch): Pinecone =>
    new Pinecone({ apiKey, controllerHostUrl: emulator.url, maxRetries: 0, ...(fetchApi && { fetchApi }) })

  it('is used and not closed', async () => {
    const own = client(pineconeFetch())
    const backend = await open({ client: own })
    const { vector } = backend.roles
    await vector.ensureCollection({ scope, ...definition })
    const { token } = await vector.upsert({ scope, records: [record('a')] })
    expect(token).toBeDefined()
    expect(await vector.count({ scope, ...(token !== undefined && { after: token }) })).toBe(1)
    expect(backend.engineId).toBe((await make()).engineId)
    await backend.close()
    expect((await own.indexes.list()).indexes).toHaveLength(1)
  })

  it('without our fetch it gives no tokens, and a foreign token is waited for by time', async () => {
    const { vector } = (await open({ client: client() })).roles
    await vector.ensureCollection({ scope, ...definition })
    emulator.configure({ eventualDelayMs: 60 })
    const { token } = await vector.upsert({ scope, records: [record('a')] })
    expect(token).toBeUndefined()
    const after = 'lsn:2:veritas.0.docs'
    expect(await vector.get({ scope, keys: [record('a').key], after })).toHaveLength(1)
  })

  it('its errors are told by their names', async () => {
    const backend = await make({
      client: new Pinecone({ apiKey: 'wrong', controllerHostUrl: emulator.url, maxRetries: 0 }),
    })
    await failure(() => backend.connect(), 'AUTHENTICATION')
  })
})

describe('a bad day', () => {
  it('429 is RATE_LIMITED with its delay', async () => {
    const { vector } = (await open()).roles
    await vector.ensureCollection({ scope, ...definition })
    emulator.configure({ rateLimit: { everyNth: 1, retryAfter: 3 } })
    const error = await failure(() => vector.upsert({ scope, records: [record('a')] }), 'RATE_LIMITED')
    expect(error).toMatchObject({ retryAfterMs: 3000, retryable: true, outcome: 'not-applied', operation: 'upsert' })
  })

  it('5xx is UNAVAILABLE, and the outcome of a write is unknown', async () => {
    const { vector } = (await open()).roles
    await vector.ensureCollection({ scope, ...definition })
    emulator.configure({ faults: [{ action: 503, times: 2 }] })
    const write = await failure(() => vector.upsert({ scope, records: [record('a')] }), 'UNAVAILABLE')
    expect(write.outcome).toBe('unknown')
    expect((await failure(() => vector.count({ scope }), 'UNAVAILABLE')).outcome).toBe('not-applied')
    await vector.upsert({ scope, records: [record('a')] })
  })

  it('a connection that breaks after the work is done is CONNECTION with an unknown outcome', async () => {
    const { vector } = (await open()).roles
    await vector.ensureCollection({ scope, ...definition })
    emulator.configure({ faults: [{ action: 'drop', times: 1, path: '/vectors/upsert' }] })
    const error = await failure(() => vector.upsert({ scope, records: [record('a')] }), 'CONNECTION')
    expect(error.outcome).toBe('unknown')
    expect(await vector.count({ scope })).toBe(1)
  })

  it('an index that takes its time is waited for, by several callers at once', async () => {
    emulator.configure({ indexReadyDelayMs: 200 })
    const backends = [await open(), await open(), await open()]
    await Promise.all(backends.map(({ roles }) => roles.vector.ensureCollection({ scope, ...definition })))
    expect(await backends[0]?.roles.vector.count({ scope })).toBe(0)
  })

  it('an index that takes too long is TIMEOUT', async () => {
    emulator.configure({ indexReadyDelayMs: 5000 })
    const { vector } = (await open({ indexReadyTimeoutMs: 100 })).roles
    const error = await failure(() => vector.ensureCollection({ scope, ...definition }), 'TIMEOUT')
    expect(error.message).toContain('veritas-4-cosine')
  })
})

describe('consistency', () => {
  it('a read with the token waits, one without does not', async () => {
    const { vector } = (await open()).roles
    await vector.ensureCollection({ scope, ...definition })
    emulator.configure({ eventualDelayMs: 250 })
    const { token } = await vector.upsert({ scope, records: [record('a')] })
    const query = { scope, vector: Float32Array.of(1, 1, 1, 1), topK: 3 }
    expect(await vector.query(query)).toEqual([])
    expect(await vector.query({ ...query, after: token as string })).toHaveLength(1)
  })

  it('a write that is never seen ends in TIMEOUT, and the wait can be aborted', async () => {
    const { vector } = (await open({ timeoutMs: 150 })).roles
    await vector.ensureCollection({ scope, ...definition })
    const after = 'lsn:999:veritas.0.docs'
    await failure(() => vector.count({ scope, after }), 'TIMEOUT')
    await failure(() => vector.get({ scope, keys: [], after, signal: AbortSignal.timeout(30) }), 'ABORTED')
    await failure(() => vector.count({ scope, after: 'nonsense' }), 'VALIDATION')
  })
})

describe('one index that is there already', () => {
  const create = async (): Promise<string> => {
    const client = new Pinecone({ apiKey, controllerHostUrl: emulator.url, maxRetries: 0 })
    const field = { type: 'dense_vector', dimension: 4, metric: 'dotproduct' } as const
    const deployment = { deploymentType: 'managed', cloud: 'aws', region: 'us-east-1' } as const
    return (await client.indexes.create({ name: 'shared', schema: { fields: { _values: field } }, deployment })).host
  }

  it('over TLS: with the authority of its certificate it is written to and read, without it is refused', async () => {
    const { port, pathname } = new URL(await create())
    const front = await tlsFront({ host: '127.0.0.1', port })
    const folder = await mkdtemp(path.join(tmpdir(), 'veritas-pinecone-'))
    try {
      const url = `https://127.0.0.1:${front.port}`
      const stranger = await make({ url })
      const error = await failure(() => stranger.connect(), 'CONNECTION')
      expect(error).toMatchObject({ outcome: 'not-applied', retryable: false })
      expect(error.message).toMatch(new RegExp(`127\\.0\\.0\\.1:${front.port}.*NODE_EXTRA_CA_CERTS.*fetch`))

      // Node reads the variable when it starts.
      await writeFile(path.join(folder, 'ca.pem'), front.ca)
      const env = { NODE_EXTRA_CA_CERTS: path.join(folder, 'ca.pem') }
      const config = { apiKey, url, host: `${url}${pathname}`, metric: 'dot' }
      const { vector: _, ...rest } = record('a')
      const program = `
        import { pinecone } from ${JSON.stringify(new URL('../dist/index.js', import.meta.url).href)}
        import { validateConfig } from '@veritas-db/core/contract'
        const config = await validateConfig(pinecone.config, ${JSON.stringify(config)}, 'pinecone')
        const backend = pinecone.create(config, { roles: ['vector'], poolSize: 2, queryTimeoutMs: 5000 })
        await backend.connect()
        const { vector } = backend.roles
        const scope = { collection: 'tls' }
        await vector.ensureCollection({ scope, dimensions: 4, metric: 'dot' })
        const records = [{ ...${JSON.stringify(rest)}, vector: Float32Array.of(1, 2, 3, 4) }]
        const { token: after } = await vector.upsert({ scope, records })
        console.log((await vector.get({ scope, keys: [records[0].key], after }))[0].documentId)
        await backend.close()`
      const end = await runProgram(program, { cwd: new URL('..', import.meta.url), env })
      expect(end).toEqual({ code: 0, output: 'a\n' })
    } finally {
      await rm(folder, { recursive: true })
      await front.close()
    }
  }, 20_000)

  it.each(['name', 'host'])('by its %s', async (by) => {
    const host = await create()
    const { vector } = (await open(by === 'name' ? { index: 'shared' } : { host, metric: 'dot' })).roles
    expect(vector.capabilities.metrics).toEqual(['dot'])
    await vector.ensureCollection({ scope, dimensions: 4, metric: 'dot' })
    await failure(() => vector.ensureCollection({ scope: { collection: 'x' }, ...definition }), 'UNSUPPORTED')
    expect(await vector.listCollections()).toEqual([{ scope, dimensions: 4, metric: 'dot' }])
    await vector.upsert({ scope, records: [record('a')] })
    const [match] = await vector.query({ scope, vector: Float32Array.of(1, 1, 1, 1), topK: 1 })
    expect(match?.score).toBe(10)
  })

  it('one that is not there is NOT_FOUND', async () => {
    const backend = await make({ index: 'nowhere' })
    await failure(() => backend.connect(), 'NOT_FOUND')
  })
})

describe('limits', () => {
  it('cosine stays within [-1, 1] where the service rounds beyond', async () => {
    const { vector } = (await open()).roles
    await vector.ensureCollection({ scope, ...definition })
    await vector.upsert({ scope, records: Array.from({ length: 30 }, (_, i) => record(`r${i}`)) })
    emulator.configure({ scoreNoise: 0.002 })
    const scores = (await vector.query({ scope, vector: Float32Array.of(1, 2, 3, 4), topK: 30 })).map((m) => m.score)
    expect(Math.max(...scores)).toBe(1)
  })

  it('an answer beyond 4 MB is asked for in parts', async () => {
    const { vector } = (await open()).roles
    await vector.ensureCollection({ scope, ...definition })
    const text = 'x'.repeat(30_000)
    const records = Array.from({ length: 200 }, (_, i) => record(`r${i}`, { text, metadata: { i } }))
    await vector.upsert({ scope, records })
    const query = { scope, vector: Float32Array.of(1, 1, 1, 1), topK: 200, include: { text: true, vector: true } }
    const found = await vector.query(query)
    expect(found).toHaveLength(200)
    expect(found.every((match) => match.text === text && match.vector?.length === 4)).toBe(true)
  })

  it('counts beyond 10,000, filtered or not', { timeout: 30_000 }, async () => {
    const { vector } = (await open()).roles
    await vector.ensureCollection({ scope, ...definition })
    const records = Array.from({ length: 10_050 }, (_, i) => record(`r${i}`, { metadata: { even: i % 2 === 0 } }))
    await vector.upsert({ scope, records })
    expect(await vector.count({ scope })).toBe(10_050)
    expect(await vector.count({ scope, filter: { op: 'eq', path: 'even', value: true } })).toBe(5025)
    expect(await vector.count({ scope, filter: { op: 'exists', path: 'even', value: true } })).toBe(10_050)
    await vector.delete({ scope, filter: MATCH_ALL })
    expect(await vector.count({ scope })).toBe(0)
  })

  it('a long read by keys and ids stays within the length of a URL', async () => {
    emulator.configure({ maxUrlBytes: 8 * 1024 })
    const { vector } = (await open()).roles
    await vector.ensureCollection({ scope, ...definition })
    const records = Array.from({ length: 600 }, (_, i) => record(`r${i}`, { ordinal: 1000 + i }))
    await vector.upsert({ scope, records })
    expect((await vector.scan({ scope, limit: 600 })).records).toHaveLength(600)
    emulator.configure({ maxUrlBytes: 60 * 1024 })
  })
})
