// Drives the emulator with the vendor's own driver, in front of the server of VERITAS_MONGO_URL.
import { randomBytes } from 'node:crypto'
import { Binary, type Collection, type Document, MongoClient } from 'mongodb'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type MongoSearchEmulator, startMongoSearchEmulator } from './index.ts'

const behind = process.env.VERITAS_MONGO_URL
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
const vectorField = { type: 'vector', path: 'e', numDimensions: 2, similarity: 'cosine' } as const
const fields = [vectorField, { type: 'filter', path: 'tags' }, { type: 'filter', path: 'in.n' }]
const index = { name: 'v', type: 'vectorSearch', definition: { fields } }

describe.skipIf(!behind)(behind ? 'the emulator of $vectorSearch' : 'not run: VERITAS_MONGO_URL is not set', () => {
  const database = `veritas_emulator_${randomBytes(4).toString('hex')}`
  let emulator: MongoSearchEmulator
  let client: MongoClient
  let documents: Collection
  let wrong = 0

  beforeAll(async () => {
    emulator = await startMongoSearchEmulator({ behind: behind ?? '', buildMs: 0, lagMs: 0 })
    client = await new MongoClient(emulator.url, { retryReads: false }).connect()
  })
  beforeEach(async () => {
    wrong = 0
    documents = client.db(database).collection(`c_${randomBytes(4).toString('hex')}`)
    await client.db(database).createCollection(documents.collectionName)
  })
  afterEach(() => {
    expect(emulator.violations).toHaveLength(wrong)
    emulator.configure({ buildMs: 0, lagMs: 0, squaredEuclidean: true })
    emulator.reset()
  })
  afterAll(async () => {
    await client.db(database).dropDatabase()
    await client.close()
    await emulator.close()
  })

  const search = (more: Document = {}, project?: Document): Promise<Document[]> => {
    const stage = { index: 'v', path: 'e', queryVector: [1, 0], limit: 10, numCandidates: 100, ...more }
    return documents.aggregate([{ $vectorSearch: stage }, ...(project ? [{ $project: project }] : [])]).toArray()
  }
  const ids = async (filter?: Document): Promise<unknown[]> =>
    (await search(filter && { filter })).map(({ _id }) => _id)
  const refused = async (work: Promise<unknown>, message: RegExp, code: number): Promise<void> => {
    await expect(work).rejects.toMatchObject({ code, message: expect.stringMatching(message) })
  }
  const fill = async (): Promise<void> => {
    await documents.insertMany([
      { _id: 'a', e: Binary.fromFloat32Array(Float32Array.of(1, 0)), tags: ['x', 'y'], in: { n: 1 } },
      { _id: 'b', e: [0, 1], tags: 'x', in: { n: 2 } },
      { _id: 'c', e: [-1, 0], in: { n: 3 } },
      // None of these is indexed.
      { _id: 'd', e: [1, 2, 3] },
      { _id: 'e', e: [0, 0] },
      { _id: 'f', e: 'text' },
    ] as Document[])
    await documents.createSearchIndex(index)
    await sleep(5)
  }

  it('passes on what it does not emulate', async () => {
    const { insertedIds } = await documents.insertMany([{ n: 1 }, { n: 2 }])
    expect(await documents.countDocuments({ _id: { $in: Object.values(insertedIds) } })).toBe(2)
    expect(await documents.aggregate([{ $match: { n: 2 } }, { $count: 'found' }]).toArray()).toEqual([{ found: 1 }])
    await documents.insertMany(Array.from({ length: 500 }, (_, n) => ({ n })))
    expect(await documents.find().batchSize(50).toArray()).toHaveLength(502)
    await expect(client.db(database).command({ nonsense: 1 })).rejects.toMatchObject({ code: 59 })
  })

  it('creates, lists, redefines and drops indexes', async () => {
    expect(await documents.listSearchIndexes().toArray()).toEqual([])
    expect(await documents.createSearchIndex(index)).toBe('v')
    const [listed] = await documents.listSearchIndexes('v').toArray()
    expect(listed).toMatchObject({
      name: 'v',
      type: 'vectorSearch',
      status: 'READY',
      queryable: true,
      latestDefinition: { fields },
    })
    // The same again is no error, another definition is.
    expect(await documents.createSearchIndex(index)).toBe('v')
    const other = { ...index, definition: { fields: [vectorField] } }
    await refused(documents.createSearchIndex(other), /different definition/, 68)
    await documents.updateSearchIndex('v', other.definition)
    await documents.dropSearchIndex('v')
    await refused(documents.dropSearchIndex('v'), /No index/, 27)
    expect(await documents.listSearchIndexes().toArray()).toEqual([])
  })

  it('refuses definitions that the documentation does not have', async () => {
    const define = (definition: Document): Promise<string> => documents.createSearchIndex({ ...index, definition })
    await refused(define({ fields: [{ ...vectorField, numDimensions: 8193 }] }), /numDimensions|anyOf|match/, 2)
    await refused(define({ fields: [{ ...vectorField, similarity: 'dot' }] }), /./, 2)
    await refused(define({ fields: [{ type: 'filter', path: 'a' }] }), /./, 2)
    await refused(define({ fields: [{ ...vectorField, extra: 1 }] }), /./, 2)
    wrong = 4
    await refused(client.db(database).collection('nowhere').createSearchIndex(index), /does not exist/, 26)
    await refused(
      documents.createSearchIndex({ name: 's', definition: { mappings: { dynamic: true } } }),
      /not emulated/,
      238,
    )
  })

  it('finds the nearest with their scores, as documents that are there', async () => {
    await fill()
    const found = await search({}, { tags: 1, score: { $meta: 'vectorSearchScore' } })
    expect(found).toEqual([
      { _id: 'a', tags: ['x', 'y'], score: 1 },
      { _id: 'b', tags: 'x', score: 0.5 },
      { _id: 'c', score: 0 },
    ])
    const binary = Binary.fromFloat32Array(Float32Array.of(0, 3))
    expect((await search({ queryVector: binary, limit: 1, exact: true })).map(({ _id }) => _id)).toEqual(['b'])
    expect(await search({ limit: 2, numCandidates: 2 })).toHaveLength(2)
    // A misspelt index, and one of another collection, find nothing.
    expect(await search({ index: 'w' })).toEqual([])
  })

  it('filters by what the index declares', async () => {
    await fill()
    expect(await ids({ tags: 'x' })).toEqual(['a', 'b'])
    expect(await ids({ tags: { $in: ['y', 'z'] } })).toEqual(['a'])
    expect(await ids({ tags: { $nin: ['y'] } })).toEqual(['b', 'c'])
    expect(await ids({ tags: { $ne: 'x' } })).toEqual(['c'])
    expect(await ids({ tags: { $exists: false } })).toEqual(['c'])
    expect(await ids({ 'in.n': { $gt: 1, $lte: 3 } })).toEqual(['b', 'c'])
    expect(await ids({ 'in.n': { $not: { $lt: 3 } } })).toEqual(['c'])
    expect(await ids({ 'in.n': { $gte: 'a' } })).toEqual([])
    expect(await ids({ $or: [{ 'in.n': 1 }, { $nor: [{ tags: 'x' }] }] })).toEqual(['a', 'c'])
    expect(await ids({})).toEqual(['a', 'b', 'c'])
  })

  it('refuses what the documentation refuses', async () => {
    await fill()
    await refused(search({ unknown: 1 }), /additional/, 8)
    await refused(search({ numCandidates: 10_001 }), /10000/, 8)
    await refused(search({ numCandidates: undefined }), /numCandidates/, 8)
    await refused(search({ limit: 1.5 }), /integer/, 8)
    await refused(search({ queryVector: [] }), /./, 8)
    await refused(search({}, { score: { $meta: 'textScore' } }), /./, 40_415)
    wrong = 6
    await refused(search({ limit: 10, numCandidates: 9 }), /numCandidates/, 8)
    await refused(search({ queryVector: [1, 2, 3] }), /2 dimensions but queried with 3/, 8)
    await refused(search({ queryVector: [0, 0] }), /zero vector/, 8)
    await refused(search({ path: 'tags' }), /not indexed as vector/, 8)
    await refused(search({ filter: { other: 1 } }), /'other' needs to be indexed/, 8)
    await refused(search({ filter: { tags: { $regex: 'x' } } }), /\$regex/, 8)
    await refused(search({ filter: { tags: { $in: [] } } }), /empty/, 8)
    await refused(search({ filter: { tags: { $in: ['x', 1] } } }), /same type/, 8)
    const session = client.startSession()
    session.startTransaction()
    const stage = { index: 'v', path: 'e', queryVector: [1, 0], limit: 1, exact: true }
    await refused(documents.aggregate([{ $vectorSearch: stage }], { session }).toArray(), /transaction/, 263)
    await session.abortTransaction()
    await session.endSession()
  })

  it('builds an index for a moment, and cannot be asked until then', async () => {
    emulator.configure({ buildMs: 200 })
    await documents.createSearchIndex(index)
    const statuses = new Set<unknown>()
    await refused(search(), /while in state/, 8)
    for (let status: Document | undefined; status?.queryable !== true; await sleep(5)) {
      ;[status] = await documents.listSearchIndexes().toArray()
      statuses.add(status?.status)
    }
    expect([...statuses]).toEqual(['PENDING', 'BUILDING', 'READY'])
    expect(await search()).toEqual([])
  })

  it('asks an old definition until the new one is built', async () => {
    await fill()
    emulator.configure({ buildMs: 150 })
    await documents.updateSearchIndex('v', { fields: [...fields, { type: 'filter', path: '_id' }] })
    await refused(search({ filter: { _id: 'b' } }), /'_id' needs to be indexed/, 8)
    expect(await ids({ tags: 'x' })).toEqual(['a', 'b'])
    await sleep(170)
    expect(await ids({ _id: 'b' })).toEqual(['b'])
    expect((await documents.listSearchIndexes().toArray())[0]).toMatchObject({ latestVersion: 1, queryable: true })
  })

  it('sees writes later, those of a transaction after its commit, and nothing of a dropped collection', async () => {
    await fill()
    expect(await ids()).toEqual(['a', 'b', 'c'])
    emulator.configure({ lagMs: 150 })
    await documents.updateOne({ _id: 'c' } as Document, { $set: { e: [1, 0.1] } })
    await documents.deleteOne({ _id: 'b' } as Document)
    // What the index does not know yet is found where it was; what has gone is not found.
    expect(await ids()).toEqual(['a', 'c'])
    expect((await search({}, { score: { $meta: 'vectorSearchScore' } })).at(-1)?.score).toBe(0)
    await sleep(170)
    expect((await search({}, { score: { $meta: 'vectorSearchScore' } })).at(-1)?.score).toBeGreaterThan(0.9)
    emulator.configure({ lagMs: 0 })
    const session = client.startSession()
    session.startTransaction()
    await documents.insertOne({ _id: 'g', e: [1, 0] } as Document, { session })
    expect(await ids()).toEqual(['a', 'c'])
    await session.commitTransaction()
    await session.endSession()
    expect(await ids()).toEqual(['a', 'g', 'c'])
    await documents.drop()
    expect(await documents.listSearchIndexes().toArray()).toEqual([])
  })

  it('squares the distance or not', async () => {
    await documents.insertMany([{ e: [3, 0] }, { e: [1, 0] }])
    await documents.createSearchIndex({
      ...index,
      definition: { fields: [{ ...vectorField, similarity: 'euclidean' }] },
    })
    const scores = async (): Promise<unknown[]> =>
      (await search({}, { score: { $meta: 'vectorSearchScore' } })).map(({ score }) => score)
    expect(await scores()).toEqual([1, Math.fround(1 / 5)])
    emulator.configure({ squaredEuclidean: false })
    expect(await scores()).toEqual([1, Math.fround(1 / 3)])
  })

  it('gives many hits in batches', async () => {
    await documents.insertMany(Array.from({ length: 350 }, (_, i) => ({ e: [1, i] })))
    await documents.createSearchIndex(index)
    expect(await search({ limit: 1000, numCandidates: 1000 })).toHaveLength(350)
    const stage = { index: 'v', path: 'e', queryVector: [1, 0], limit: 300, exact: true }
    const cursor = documents.aggregate([{ $vectorSearch: stage }], { batchSize: 20 })
    for (let i = 0; i < 50; i++) expect(await cursor.next()).not.toBeNull()
    await cursor.close()
  })
})
