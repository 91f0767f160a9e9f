// What the service does to its clients: it shows writes late, limits, fails and refuses.
import { AsyncLocalStorage } from 'node:async_hooks'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { Pinecone } from '../../../../packages/backends/pinecone/node_modules/@pinecone-database/pinecone/dist/index.js'
import { type PineconeEmulator, startPineconeEmulator } from './index.ts'

let emulator: PineconeEmulator
// The client hides response headers; a fetch of one's own sees them.
const seen = new AsyncLocalStorage<Map<string, string>>()
const spyingFetch: typeof fetch = async (...args) => {
  const response = await fetch(...args)
  response.headers.forEach((value, name) => {
    seen.getStore()?.set(name, value)
  })
  return response
}
const headersOf = async (work: () => Promise<unknown>): Promise<Map<string, string>> => {
  const headers = new Map<string, string>()
  await seen.run(headers, work)
  return headers
}

let pc: Pinecone
const spec = { serverless: { cloud: 'aws', region: 'us-east-1' } } as const

beforeAll(async () => {
  emulator = await startPineconeEmulator({ eventualDelayMs: 0, apiKey: 'key' })
  pc = new Pinecone({ apiKey: 'key', controllerHostUrl: emulator.url, maxRetries: 0, fetchApi: spyingFetch })
})
afterAll(() => emulator.close())
afterEach(() => {
  expect(emulator.violations.filter((v) => v.kind === 'answer')).toEqual([])
  emulator.configure({ eventualDelayMs: 0, rateLimit: null, faults: [] })
  emulator.reset()
})

const create = async (name: string, dimension = 2, metric: 'cosine' | 'dotproduct' | 'euclidean' = 'cosine') => {
  const model = await pc.createIndex({ name, dimension, metric, spec, waitUntilReady: true })
  const host = model?.host ?? ''
  return (namespace = 'ns') => pc.index({ host, namespace })
}

const raw = (path: string, body?: unknown, method = 'POST'): Promise<Response> =>
  fetch(`${emulator.url}${path}`, {
    method,
    headers: { 'Api-Key': 'key', 'X-Pinecone-Api-Version': '2026-07', 'Content-Type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })

describe('what the service does to its clients', () => {
  it('shows a write late, and says by its log sequence number when', async () => {
    emulator.configure({ eventualDelayMs: 80 })
    const ns = (await create('docs'))()
    const write = await headersOf(() => ns.upsert({ records: [{ id: 'a', values: [1, 0] }] }))
    const lsn = Number(write.get('x-pinecone-request-lsn'))
    expect(lsn).toBe(1)
    expect((await ns.fetch({ ids: ['a'] })).records).toEqual({})
    const early = await headersOf(() => ns.query({ vector: [1, 0], topK: 1 }))
    expect(early.has('x-pinecone-max-indexed-lsn')).toBe(false)
    let indexed = 0
    while (indexed < lsn) {
      await new Promise((resolve) => setTimeout(resolve, 10))
      indexed = Number(
        (await headersOf(() => ns.query({ vector: [1, 0], topK: 1 }))).get('x-pinecone-max-indexed-lsn') ?? 0,
      )
    }
    expect(Object.keys((await ns.fetch({ ids: ['a'] })).records)).toEqual(['a'])
  })

  it('settles on demand', async () => {
    emulator.configure({ eventualDelayMs: 60_000 })
    const ns = (await create('docs'))()
    await ns.upsert({ records: [{ id: 'a', values: [1, 0] }] })
    await raw('/_emulator/settle')
    expect((await ns.query({ vector: [1, 0], topK: 1 })).matches).toHaveLength(1)
  })

  it('limits the rate, with Retry-After, switched at run time', async () => {
    const ns = (await create('docs'))()
    await raw('/_emulator/config', { rateLimit: { everyNth: 2, retryAfter: 3 } })
    await ns.describeIndexStats()
    const headers = new Map<string, string>()
    await seen.run(headers, async () => {
      await expect(ns.describeIndexStats()).rejects.toMatchObject({ name: 'PineconeUnmappedHttpError' })
    })
    expect(headers.get('retry-after')).toBe('3')
    await ns.describeIndexStats()
    await raw('/_emulator/config', { rateLimit: { perSecond: 1, burst: 1 } })
    await ns.describeIndexStats()
    await expect(ns.describeIndexStats()).rejects.toThrow('429')
  })

  it('fails, and hangs up after the work is done', async () => {
    const ns = (await create('docs'))()
    emulator.configure({ faults: [{ action: 503, times: 1, path: '/vectors/upsert' }] })
    await expect(ns.upsert({ records: [{ id: 'a', values: [1, 0] }] })).rejects.toMatchObject({
      name: 'PineconeMaxRetriesExceededError',
    })
    emulator.configure({ faults: [{ action: 'drop', times: 1, path: '/vectors/upsert' }] })
    await expect(ns.upsert({ records: [{ id: 'a', values: [1, 0] }] })).rejects.toMatchObject({
      name: 'PineconeConnectionError',
    })
    expect(Object.keys((await ns.fetch({ ids: ['a'] })).records)).toEqual(['a'])
  })

  const refused = async (body: unknown, path = '/vectors/upsert'): Promise<string> => {
    await create('docs')
    const response = await raw(`/_host/docs${path}`, body)
    expect(response.status).toBe(400)
    const answer: unknown = await response.json()
    expect(answer).toMatchObject({ code: 3, details: [] })
    return JSON.stringify(answer)
  }
  const one = (rest: object) => ({ vectors: [{ id: 'a', values: [1, 0], ...rest }] })

  it('refuses what the limits forbid', async () => {
    expect(await refused(one({ metadata: { a: null } }))).toContain("got 'null' for field 'a'")
    emulator.reset()
    expect(await refused(one({ metadata: { a: { b: 1 } } }))).toContain('list of strings')
    emulator.reset()
    expect(await refused(one({ metadata: { a: [1] } }))).toContain('list of strings')
    emulator.reset()
    expect(await refused(one({ metadata: { a: 'x'.repeat(41 * 1024) } }))).toContain('exceeds the limit of 40960')
    emulator.reset()
    expect(await refused(one({ metadata: { $a: 1 } }))).toContain('must not start')
    emulator.reset()
    expect(await refused(one({ id: 'é' }))).toContain('ASCII')
    emulator.reset()
    expect(await refused(one({ id: 'x'.repeat(513) }))).toContain('512')
    emulator.reset()
    expect(await refused(one({ values: [1, 2, 3] }))).toContain('does not match the dimension of the index 2')
    emulator.reset()
    expect(await refused(one({ values: [0, 0] }))).toContain('non-zero')
    emulator.reset()
    const many = Array.from({ length: 1001 }, (_, i) => ({ id: `${i}`, values: [1, 0] }))
    expect(await refused({ vectors: many })).toContain('1000')
    emulator.reset()
    const heavy = Array.from({ length: 100 }, (_, i) => ({
      id: `${i}`,
      values: [1, 0],
      metadata: { t: 'x'.repeat(30_000) },
    }))
    expect(await refused({ vectors: heavy })).toContain('maximum supported size')
    emulator.reset()
    expect(await refused({ vector: [1, 0], topK: 10_001 }, '/query')).toContain('10000')
    emulator.reset()
    expect(await refused({ ids: ['a'], deleteAll: true }, '/vectors/delete')).toContain('exactly one')
    emulator.reset()
    expect(await refused({ filter: { a: 1 } }, '/describe_index_stats')).toContain('Serverless')
  })

  it('records what breaks the description', async () => {
    await create('docs')
    await raw('/_host/docs/query', { vector: [1, 0], topK: 1, surprise: true })
    await raw('/_host/docs/vectors/nothing', {})
    const { violations } = (await (await raw('/_emulator/violations', undefined, 'GET')).json()) as {
      violations: { message: string }[]
    }
    expect(violations).toHaveLength(2)
    expect(violations[0]?.message).toContain('surprise')
    expect((await fetch(`${emulator.url}/_emulator/health`)).status).toBe(200)
  })
})
