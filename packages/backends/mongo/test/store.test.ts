import { type Backend, documentKey, type EdgeRecord, type Key, VeritasError, version } from '@veritas-db/core/contract'
import { MongoClient } from 'mongodb'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { MongoRole } from '../src/index.js'
import { dropDatabase, open, testConfig, url } from './server.js'

const scope = { collection: 'store' }
const key = (id: string): Key => documentKey(scope, id)
const row = (id: string, n: number) => ({
  key: key(id),
  documentId: id,
  version: version(n),
  values: { n },
})

describe.skipIf(!url)(url ? 'what MongoDB makes different' : 'not run: VERITAS_MONGO_URL is not set', () => {
  const config = testConfig()
  let backend: Backend<MongoRole>
  let other: Backend<MongoRole>
  beforeAll(async () => {
    backend = await open(config)
    other = await open(config)
    await Promise.all([backend.connect(), other.connect()])
    await backend.roles.relational.ensureTable({
      scope,
      table: 'rows',
      columns: { n: { type: 'number', index: true } },
    })
    await backend.roles.graph.ensureSchema({ scope, labels: ['Document'], edgeTypes: ['REFERENCES'] })
  }, 30_000)
  afterAll(async () => {
    await Promise.all([backend.close(), other.close()])
    await dropDatabase(config.database)
  }, 60_000)

  it('many records in one call: absent ones, older and newer ones, each answered by itself', async () => {
    const { relational } = backend.roles
    const at = { scope, table: 'rows' }
    const ids = Array.from({ length: 60 }, (_, i) => `many-${i}`)
    await relational.upsert({ ...at, records: ids.slice(0, 20).map((id) => row(id, 1)) })
    await relational.upsert({ ...at, records: ids.slice(20, 40).map((id) => row(id, 9)) })
    const { outcomes } = await relational.upsert({ ...at, records: ids.map((id) => row(id, 5)), mode: 'ifNewer' })
    expect(outcomes.map((o) => o.status)).toEqual(ids.map((_, i) => (i >= 20 && i < 40 ? 'stale' : 'applied')))
    const absent = await relational.upsert({
      ...at,
      records: [...ids, 'new'].map((id) => row(id, 7)),
      mode: 'ifAbsent',
    })
    expect(absent.outcomes.map((o) => o.status)).toEqual([...ids.map(() => 'stale'), 'applied'])
  })

  it('refuses a mode that is none, in all that is written with one', async () => {
    const { relational, graph } = backend.roles
    const mode = JSON.parse('"upsert"')
    const code = 'VALIDATION'
    await expect(relational.upsert({ scope, table: 'rows', records: [], mode })).rejects.toMatchObject({ code })
    await expect(graph.upsertNodes({ scope, nodes: [], mode })).rejects.toMatchObject({ code })
    await expect(graph.upsertEdges({ scope, edges: [], mode })).rejects.toMatchObject({ code })
  })

  it('writers that insert the same records at the same moment end with the newest', async () => {
    const { relational } = backend.roles
    for (const size of [3, 40]) {
      const ids = Array.from({ length: size }, (_, i) => `same-${size}-${i}`)
      const results = await Promise.all(
        [3, 1, 4, 2].map((n, i) =>
          (i % 2 ? relational : other.roles.relational).upsert({
            scope,
            table: 'rows',
            records: ids.map((id) => row(id, n)),
            mode: 'ifNewer',
          }),
        ),
      )
      for (const { outcomes } of results) expect(outcomes.every((o) => o.status !== 'failed')).toBe(true)
      const found = await relational.get({ scope, table: 'rows', keys: ids.map(key) })
      expect(found.map((r) => r.values.n)).toEqual(ids.map(() => 4))
    }
  }, 30_000)

  it('sees a column that another process has added', async () => {
    await backend.roles.relational.count({ scope, table: 'rows' })
    await other.roles.relational.ensureTable({ scope, table: 'rows', columns: { later: { type: 'string' } } })
    const record = { ...row('later', 1), values: { n: 1, later: 'x' } }
    const { outcomes } = await backend.roles.relational.upsert({ scope, table: 'rows', records: [record] })
    expect(outcomes).toEqual([{ status: 'applied' }])
  })

  it('refuses another type for a column that is there', async () => {
    const columns = { n: { type: 'string' } } as const
    await expect(backend.roles.relational.ensureTable({ scope, table: 'rows', columns })).rejects.toMatchObject({
      code: 'CONFLICT',
      path: 'columns.n',
    })
  })

  it('refuses cursors that no page gave, whatever is in them', async () => {
    const at = { scope, table: 'rows', limit: 5 }
    const forged = Buffer.from('{"value":{"$gt":""},"key":"0"}').toString('base64url')
    const order = { column: 'n', direction: 'ascending' } as const
    for (const cursor of ['x', forged, Buffer.from('{"key":{"$ne":1}}').toString('base64url')])
      for (const options of [
        { ...at, cursor },
        { ...at, cursor, order },
      ])
        await expect(backend.roles.relational.find(options)).rejects.toMatchObject({ code: 'VALIDATION' })
  })

  it('refuses a document beyond what MongoDB holds, before anything is written', async () => {
    const large = { ...row('large', 1), values: { n: 1, later: 'x'.repeat(17_000_000) } }
    expect(backend.roles.relational.check([large])).toMatchObject([{ index: 0, path: 'values' }])
    await expect(
      backend.roles.relational.upsert({ scope, table: 'rows', records: [row('beside', 1), large] }),
    ).rejects.toMatchObject({ code: 'VALIDATION' })
    expect(await backend.roles.relational.get({ scope, table: 'rows', keys: [key('beside')] })).toEqual([])
  })

  it('keeps the list of targets right, by which incoming edges are found', async () => {
    const { graph } = backend.roles
    const nodes = ['a', 'b', 'c'].map((id) => ({
      key: key(id),
      documentId: id,
      version: version(1),
      label: 'Document',
      placeholder: false,
      properties: {},
    }))
    await graph.upsertNodes({ scope, nodes })
    const edge = (from: string, to: string, ordinal = 0): EdgeRecord => ({
      source: key(from),
      target: key(to),
      type: 'REFERENCES',
      ordinal,
      version: version(1),
      properties: {},
    })
    await graph.upsertEdges({ scope, edges: [edge('a', 'b'), edge('a', 'b', 1), edge('a', 'c'), edge('b', 'c')] })
    expect((await graph.deleteEdges({ scope, edges: [edge('a', 'b')] })).deleted).toBe(1)
    const incoming = (id: string) => graph.getEdges({ scope, keys: [key(id)], direction: 'in' })
    expect(await incoming('b')).toHaveLength(1)
    expect((await graph.deleteEdges({ scope, edges: [edge('a', 'b', 1), edge('a', 'b', 1)] })).deleted).toBe(1)
    expect(await incoming('b')).toHaveLength(0)
    expect((await graph.deleteNodes({ scope, keys: [key('c')] })).deleted).toBe(1)
    expect(await graph.count({ scope, of: 'edges' })).toBe(0)
    const client = new MongoClient(url ?? '')
    const [name] = (
      await client
        .db(config.database)
        .listCollections({ name: /\.graph$/ })
        .toArray()
    ).map((c) => c.name)
    const stored = await client
      .db(config.database)
      .collection(name ?? '')
      .find({})
      .toArray()
    expect(stored.map((node) => node.a)).toEqual(stored.map(() => expect.toSatisfy((a) => !a || a.length === 0)))
    await client.close()
  })

  it('ends a transaction that lost against another with CONFLICT, to be tried again', async (context) => {
    if (!backend.unitOfWork) context.skip('the server has no transactions')
    const at = { scope, table: 'rows' }
    await backend.roles.relational.upsert({ ...at, records: [row('contended', 1)] })
    const lost = backend.roles.relational.transaction({}, async (role) => {
      await role.upsert({ ...at, records: [row('contended', 2)] })
      const inner = other.roles.relational.transaction({}, (second) =>
        second.upsert({ ...at, records: [row('contended', 3)] }),
      )
      const error = await inner.then(
        () => undefined,
        (reason: unknown) => reason,
      )
      expect(VeritasError.is(error, 'CONFLICT') && error.retryable).toBe(true)
    })
    await lost
    const [found] = await backend.roles.relational.get({ ...at, keys: [key('contended')] })
    expect(found?.version).toBe(version(2))
  })

  it('lets calls within a transaction wait for each other, and refuses them after its end', async (context) => {
    if (!backend.unitOfWork) context.skip('the server has no transactions')
    const at = { scope, table: 'rows' }
    const kept = await backend.roles.relational.transaction({}, async (role) => {
      await Promise.all(['p1', 'p2', 'p3'].map((id) => role.upsert({ ...at, records: [row(id, 1)], mode: 'ifNewer' })))
      return role
    })
    expect(await backend.roles.relational.get({ ...at, keys: ['p1', 'p2', 'p3'].map(key) })).toHaveLength(3)
    await expect(kept.count(at)).rejects.toMatchObject({ code: 'CONFLICT' })
    await expect(
      backend.roles.relational.transaction({}, (role) => role.ensureTable({ ...at, columns: {} })),
    ).rejects.toMatchObject({ code: 'UNSUPPORTED' })
  })
})
