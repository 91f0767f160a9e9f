// Drives the emulator with the vendor's own client, through everything the emulator covers.
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { Pinecone } from '../../../../packages/backends/pinecone/node_modules/@pinecone-database/pinecone/dist/index.js'
import { type PineconeEmulator, startPineconeEmulator } from './index.ts'

let emulator: PineconeEmulator
let pc: Pinecone
const spec = { serverless: { cloud: 'aws', region: 'us-east-1' } } as const

beforeAll(async () => {
  emulator = await startPineconeEmulator({ eventualDelayMs: 0, apiKey: 'key' })
  pc = new Pinecone({ apiKey: 'key', controllerHostUrl: emulator.url, maxRetries: 0 })
})
afterAll(() => emulator.close())
afterEach(() => {
  expect(emulator.violations.filter((v) => v.kind === 'answer')).toEqual([])
  emulator.configure({ neMatchesMissing: false, scoreNoise: 0 })
  emulator.reset()
})

const create = async (name: string, dimension = 2, metric: 'cosine' | 'dotproduct' | 'euclidean' = 'cosine') => {
  const model = await pc.createIndex({ name, dimension, metric, spec, waitUntilReady: true })
  const host = model?.host ?? ''
  return (namespace = 'ns') => pc.index({ host, namespace })
}

describe('control plane', () => {
  it('creates, lists, describes, configures and deletes', async () => {
    const index = await pc.createIndex({
      name: 'docs',
      dimension: 3,
      metric: 'dotproduct',
      spec,
      tags: { a: '1', b: '2' },
    })
    expect(index?.host).toBe(`${emulator.url}/_host/docs`)
    expect((await pc.listIndexes()).indexes?.map((i) => i.name)).toEqual(['docs'])
    const model = await pc.describeIndex('docs')
    expect(model.schema.fields._values).toMatchObject({ type: 'dense_vector', dimension: 3, metric: 'dotproduct' })
    expect(model.status).toEqual({ ready: true, state: 'Ready' })
    const changed = await pc.indexes.configure('docs', { deletionProtection: 'enabled', tags: { a: '' } })
    expect(changed).toMatchObject({ deletionProtection: 'enabled', tags: { b: '2' } })
    await expect(pc.deleteIndex('docs')).rejects.toMatchObject({ name: 'PineconeBadRequestError' })
    await pc.indexes.configure('docs', { deletionProtection: 'disabled' })
    await pc.deleteIndex('docs')
    await expect(pc.describeIndex('docs')).rejects.toMatchObject({ name: 'PineconeNotFoundError' })
  })

  it('refuses a second index of the same name, a bad name and a wrong key', async () => {
    await create('docs')
    await expect(create('docs')).rejects.toMatchObject({ name: 'PineconeConflictError' })
    await expect(create('Not_Valid')).rejects.toMatchObject({ name: 'PineconeBadRequestError' })
    const stranger = new Pinecone({ apiKey: 'other', controllerHostUrl: emulator.url, maxRetries: 0 })
    await expect(stranger.listIndexes()).rejects.toMatchObject({ name: 'PineconeAuthorizationError' })
    const noKey = await fetch(`${emulator.url}/indexes`, { headers: { 'X-Pinecone-Api-Version': '2026-07' } })
    expect(noKey.status).toBe(401)
    expect(await noKey.json()).toMatchObject({ status: 401, error: { code: 'UNAUTHENTICATED' } })
  })
})

describe('records', () => {
  it('upserts, fetches and replaces the whole record', async () => {
    const ns = (await create('docs'))()
    await ns.upsert({ records: [{ id: 'a', values: [0.1, 0.2], metadata: { year: 2019, tags: ['x', 'y'] } }] })
    const fetched = await ns.fetch({ ids: ['a', 'missing'] })
    expect(fetched.records.a).toMatchObject({ values: [0.1, 0.2], metadata: { year: 2019, tags: ['x', 'y'] } })
    expect(Object.keys(fetched.records)).toEqual(['a'])
    await ns.upsert({ records: [{ id: 'a', values: [1, 0] }] })
    expect((await ns.fetch({ ids: ['a'] })).records.a?.metadata).toBeUndefined()
  })

  it('updates values, and merges metadata, by id and by filter', async () => {
    const ns = (await create('docs'))()
    await ns.upsert({
      records: [
        { id: 'a', values: [1, 0], metadata: { kind: 'x', n: 1 } },
        { id: 'b', values: [0, 1], metadata: { kind: 'x', n: 2 } },
      ],
    })
    await ns.update({ id: 'a', values: [0, 1], metadata: { n: 5 } })
    expect((await ns.fetch({ ids: ['a'] })).records.a).toMatchObject({ values: [0, 1], metadata: { kind: 'x', n: 5 } })
    await ns.update({ filter: { kind: 'x' }, metadata: { seen: true } })
    expect((await ns.fetch({ ids: ['b'] })).records.b?.metadata).toEqual({ kind: 'x', n: 2, seen: true })
    await ns.update({ id: 'nobody', metadata: { n: 1 } })
    expect(Object.keys((await ns.fetch({ ids: ['nobody'] })).records)).toEqual([])
  })

  it('deletes by id, by filter and all, and says 404 for a namespace nobody wrote to', async () => {
    const index = await create('docs')
    const ns = index()
    const records = ['a', 'b', 'c', 'd'].map((id, i) => ({ id, values: [1, i], metadata: { n: i } }))
    await ns.upsert({ records })
    await ns.deleteOne({ id: 'a' })
    await ns.deleteMany({ filter: { n: { $lt: 2 } } })
    expect((await ns.listPaginated()).vectors?.map((v) => v.id)).toEqual(['c', 'd'])
    await ns.deleteMany({ ids: ['c'] })
    await ns.deleteAll()
    expect((await ns.describeIndexStats()).totalRecordCount).toBe(0)
    await expect(index('never').deleteAll()).rejects.toMatchObject({ name: 'PineconeNotFoundError' })
  })

  it('lists by prefix, page by page, in byte order', async () => {
    const ns = (await create('docs'))()
    const ids = Array.from({ length: 250 }, (_, i) => `doc#${String(i).padStart(3, '0')}`)
    await ns.upsert({ records: [...ids, 'other'].map((id) => ({ id, values: [1, 1] })) })
    const found: string[] = []
    let token: string | undefined
    do {
      const page = await ns.listPaginated({ prefix: 'doc#', limit: 100, ...(token ? { paginationToken: token } : {}) })
      found.push(...(page.vectors ?? []).map((v) => v.id ?? ''))
      token = page.pagination?.next
    } while (token)
    expect(found).toEqual(ids)
  })

  it('fetches by metadata, page by page', async () => {
    const ns = (await create('docs'))()
    await ns.upsert({
      records: Array.from({ length: 5 }, (_, i) => ({ id: `r${i}`, values: [1, i], metadata: { even: i % 2 === 0 } })),
    })
    const first = await ns.fetchByMetadata({ filter: { even: true }, limit: 2 })
    expect(Object.keys(first.records)).toEqual(['r0', 'r2'])
    const second = await ns.fetchByMetadata({
      filter: { even: true },
      limit: 2,
      paginationToken: first.pagination?.next ?? '',
    })
    expect(Object.keys(second.records)).toEqual(['r4'])
    expect(second.pagination).toBeUndefined()
  })

  it('has namespaces: listed, described, created, deleted', async () => {
    const index = await create('docs')
    for (const name of ['b', 'a', '']) await index(name).upsert({ records: [{ id: '1', values: [1, 0] }] })
    const listed = await index().listNamespaces()
    expect(listed.namespaces?.map((n) => [n.name, n.recordCount])).toEqual([
      ['__default__', '1'],
      ['a', '1'],
      ['b', '1'],
    ])
    expect((await index().describeNamespace('a')).recordCount).toBe('1')
    await index().createNamespace({ name: 'c' })
    await expect(index().createNamespace({ name: 'c' })).rejects.toMatchObject({ name: 'PineconeConflictError' })
    await index().deleteNamespace('a')
    await expect(index().describeNamespace('a')).rejects.toMatchObject({ name: 'PineconeNotFoundError' })
    expect((await index().describeIndexStats()).namespaces).toEqual({
      __default__: { recordCount: 1 },
      b: { recordCount: 1 },
      c: { recordCount: 0 },
    })
  })
})

describe('query', () => {
  const records = [
    { id: 'a', values: [1, 0], metadata: { genre: 'comedy', year: 2019 } },
    { id: 'b', values: [0.6, 0.8], metadata: { genre: 'drama', year: 2020 } },
    { id: 'c', values: [0, 2], metadata: { genre: 'drama' } },
  ]

  it.each([
    [
      'cosine',
      [
        ['a', 1],
        ['b', 0.6],
        ['c', 0],
      ],
    ],
    [
      'dotproduct',
      [
        ['a', 2],
        ['b', 1.2],
        ['c', 0],
      ],
    ],
    // docs.pinecone.io, similarity metrics: the score is the squared distance, lowest first.
    [
      'euclidean',
      [
        ['a', 1],
        ['b', 2.6],
        ['c', 8],
      ],
    ],
  ] as const)('scores %s', async (metric, expected) => {
    const ns = (await create('docs', 2, metric))()
    await ns.upsert({ records })
    const { matches } = await ns.query({ vector: [2, 0], topK: 10 })
    expect(matches.map((m) => m.id)).toEqual(expected.map(([id]) => id))
    expected.forEach(([, score], i) => {
      expect(matches[i]?.score).toBeCloseTo(score, 5)
    })
    expect(matches[0]).toMatchObject({ values: [] })
    expect(matches[0]?.metadata).toBeUndefined()
  })

  it('queries by id, with values and metadata, within a filter', async () => {
    const ns = (await create('docs'))()
    await ns.upsert({ records })
    const { matches } = await ns.query({
      id: 'c',
      topK: 1,
      filter: { genre: 'drama', year: { $gte: 2000 } },
      includeValues: true,
      includeMetadata: true,
    })
    expect(matches).toEqual([
      { id: 'b', score: expect.closeTo(0.8, 5), values: [0.6, 0.8], metadata: { genre: 'drama', year: 2020 } },
    ])
    expect((await ns.query({ id: 'unknown', topK: 1 })).matches).toEqual([])
    expect((await ns.query({ vector: [1, 0], topK: 1, namespace: 'empty' })).matches).toEqual([])
  })

  it('adds sparse values to a dotproduct', async () => {
    const ns = (await create('docs', 2, 'dotproduct'))()
    await ns.upsert({ records: [{ id: 'a', values: [1, 0], sparseValues: { indices: [7], values: [2] } }] })
    const { matches } = await ns.query({ vector: [1, 0], sparseVector: { indices: [7, 9], values: [3, 1] }, topK: 1 })
    expect(matches[0]?.score).toBe(7)
    const cosine = (await create('other'))()
    await cosine.upsert({ records: [{ id: 'a', values: [1, 0] }] })
    await expect(
      cosine.query({ vector: [1, 0], sparseVector: { indices: [1], values: [1] }, topK: 1 }),
    ).rejects.toThrow('sparse')
  })

  it('can be off by a little, as an approximate search is', async () => {
    emulator.configure({ scoreNoise: 0.01 })
    const ns = (await create('docs'))()
    await ns.upsert({ records: Array.from({ length: 20 }, (_, i) => ({ id: `r${i}`, values: [1, 0] })) })
    const { matches } = await ns.query({ vector: [1, 0], topK: 20 })
    expect(Math.max(...matches.map((m) => m.score ?? 0))).toBeGreaterThan(1)
  })
})

describe('filters', () => {
  const records = [
    { id: 'comedy', values: [1, 0], metadata: { genre: 'comedy', year: 2019, open: true } },
    { id: 'both', values: [1, 0], metadata: { genre: ['comedy', 'documentary'], year: 2020 } },
    { id: 'bare', values: [1, 0] },
  ]
  // docs.pinecone.io, "Filter by metadata": the operators' table and the example of the list of genres.
  it.each([
    [{ genre: 'comedy' }, ['both', 'comedy']],
    [{ genre: { $in: ['documentary', 'action'] } }, ['both']],
    [{ $and: [{ genre: 'comedy' }, { genre: 'documentary' }] }, ['both']],
    [{ $and: [{ genre: 'comedy' }, { genre: 'drama' }] }, []],
    [{ $or: [{ year: { $lt: 2020 } }, { genre: 'documentary' }] }, ['both', 'comedy']],
    [{ genre: { $ne: 'documentary' } }, ['comedy']],
    [{ genre: { $nin: ['documentary'] } }, ['comedy']],
    [{ year: { $gt: 2018, $lte: 2019 } }, ['comedy']],
    [{ open: { $eq: true } }, ['comedy']],
    [{ year: { $eq: '2019' } }, []],
    [{ genre: { $exists: false } }, ['bare']],
    [{ genre: { $exists: true } }, ['both', 'comedy']],
  ])('%j', async (filter, expected) => {
    const ns = (await create('docs'))()
    await ns.upsert({ records })
    const { matches } = await ns.query({ vector: [1, 0], topK: 10, filter })
    expect(matches.map((m) => m.id)).toEqual(expected)
  })

  it('matches a missing field with $ne where it is told to', async () => {
    emulator.configure({ neMatchesMissing: true })
    const ns = (await create('docs'))()
    await ns.upsert({ records })
    const { matches } = await ns.query({ vector: [1, 0], topK: 10, filter: { genre: { $ne: 'comedy' } } })
    expect(matches.map((m) => m.id)).toEqual(['bare'])
  })

  it.each([
    { genre: { $regex: 'x' } },
    { $not: { genre: 'x' } },
    { genre: ['comedy'] },
    { genre: { $in: 'comedy' } },
    { genre: { $in: ['a', 1] } },
    { year: { $gt: '2019' } },
    { genre: { $exists: 1 } },
    { genre: { $eq: null } },
    { $and: [] },
  ])('refuses %j', async (filter) => {
    const ns = (await create('docs'))()
    await ns.upsert({ records })
    await expect(ns.query({ vector: [1, 0], topK: 1, filter })).rejects.toMatchObject({
      name: 'PineconeBadRequestError',
    })
  })
})
