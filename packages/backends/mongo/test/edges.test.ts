import {
  type Backend,
  documentKey,
  type EdgeRecord,
  type Key,
  type NodeRecord,
  VeritasError,
  validateConfig,
  version,
} from '@veritas-db/core/contract'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Connection } from '../src/connection.js'
import type { StoredNode } from '../src/graph/model.js'
import { writeTo } from '../src/graph/targets.js'
import { type MongoRole, mongoConfig } from '../src/index.js'
import { dropDatabase, open, testConfig, url } from './server.js'

const scope = { collection: 'edges' }
const key = (id: string): Key => documentKey(scope, id)
const node = (id: string, n = 1): NodeRecord => ({
  key: key(id),
  documentId: id,
  version: version(n),
  label: 'Document',
  placeholder: false,
  properties: {},
})
const edge = (from: string, to: string, n = 1, more: Partial<EdgeRecord> = {}): EdgeRecord => ({
  source: key(from),
  target: key(to),
  type: 'REFERENCES',
  ordinal: 0,
  version: version(n),
  properties: { n },
  ...more,
})

describe.skipIf(!url)(url ? 'edges within their sources' : 'not run: VERITAS_MONGO_URL is not set', () => {
  const config = testConfig()
  let backend: Backend<MongoRole>
  const graph = () => backend.roles.graph
  const edgesOf = async (id: string): Promise<readonly EdgeRecord[]> =>
    (await graph().getEdges({ scope, keys: [key(id)], direction: 'out' })).toSorted((a, b) => a.ordinal - b.ordinal)

  beforeAll(async () => {
    backend = await open(config)
    await backend.connect()
    await graph().ensureSchema({ scope, labels: ['Document'], edgeTypes: ['REFERENCES'] })
  }, 60_000)
  afterAll(async () => {
    await backend.close()
    await dropDatabase(config.database)
  }, 60_000)

  it('many of one source in one call, each compared and answered by itself', async () => {
    await graph().upsertNodes({ scope, nodes: [node('m'), node('m-target')] })
    const at = (ordinal: number, n: number): EdgeRecord => edge('m', 'm-target', n, { ordinal })
    await graph().upsertEdges({ scope, edges: [at(0, 5), at(1, 1), at(2, 3)] })
    const newer = await graph().upsertEdges({
      scope,
      edges: [at(0, 4), at(1, 4), at(2, 3), at(3, 2), edge('m', 'nobody', 4), edge('nobody', 'm', 4)],
      mode: 'ifNewer',
    })
    const found = ['stale', 'applied', 'applied', 'applied', 'failed', 'failed']
    expect(newer.outcomes.map((o) => o.status)).toEqual(found)
    expect(newer.outcomes.slice(4)).toMatchObject([{ error: { code: 'NOT_FOUND' } }, { error: { code: 'NOT_FOUND' } }])
    const absent = await graph().upsertEdges({
      scope,
      edges: [at(3, 9), at(4, 9), edge('nobody', 'm')],
      mode: 'ifAbsent',
    })
    expect(absent.outcomes.map((o) => o.status)).toEqual(['stale', 'applied', 'failed'])
    expect((await edgesOf('m')).map((e) => [e.ordinal, e.properties.n])).toEqual([
      [0, 5],
      [1, 4],
      [2, 3],
      [3, 2],
      [4, 9],
    ])
  })

  it('takes nothing in an edge for an expression', async () => {
    await graph().upsertNodes({ scope, nodes: [node('x')] })
    const properties = { a: '$e', b: '$$ROOT', list: ['$_id'], in: { c: '$$REMOVE' } }
    for (const mode of ['replace', 'ifNewer'] as const) {
      await graph().upsertEdges({ scope, edges: [edge('x', 'x', 1, { properties })], mode })
      expect((await edgesOf('x'))[0]?.properties).toEqual(properties)
    }
  })

  it('takes no key, label or type for an operator or expression, whatever a caller without types passes', async () => {
    await graph().upsertNodes({ scope, nodes: [node('o'), node('o-target')] })
    await graph().upsertEdges({ scope, edges: [edge('o', 'o-target')] })
    const operator: Key = JSON.parse('{"$gt":""}')
    const findsNothing = async (work: Promise<readonly unknown[]>): Promise<void> => {
      const found = await work.catch((error: unknown) => {
        if (VeritasError.is(error, 'VALIDATION')) return []
        throw error
      })
      expect(found).toEqual([])
    }
    await findsNothing(graph().getNodes({ scope, keys: [operator] }))
    await findsNothing(graph().findNodes({ scope, label: operator, limit: 9 }))
    for (const direction of ['out', 'in', 'both'] as const)
      for (const start of [operator, '$_id' as Key]) {
        await findsNothing(graph().neighbors({ scope, starts: [start], direction, limit: 9 }))
        await findsNothing(graph().getEdges({ scope, keys: [start], direction }))
      }
    const types = { edgeTypes: ['$$edge.y', '$$this.y'], direction: 'out' } as const
    expect(await graph().getEdges({ scope, keys: [key('o')], ...types })).toEqual([])
    expect(await graph().neighbors({ scope, starts: [key('o')], ...types, limit: 9 })).toEqual([])
  })

  it('writers of one source at the same moment lose nothing of each other', async () => {
    await graph().upsertNodes({ scope, nodes: [node('w'), node('w-target')] })
    const writers = Array.from({ length: 8 }, (_, i) =>
      graph().upsertEdges({
        scope,
        edges: [edge('w', 'w-target', i + 1, { ordinal: 100 }), edge('w', 'w-target', i + 1, { ordinal: i })],
        mode: 'ifNewer',
      }),
    )
    await Promise.all(writers)
    const found = await edgesOf('w')
    expect(found.map((e) => e.ordinal)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 100])
    expect(found.at(-1)?.version).toBe(version(8))
  })

  it('leaves no edge to a node that is deleted while the edge is written', async () => {
    const connection = new Connection(await validateConfig(mongoConfig, config, 'mongo'), 2, 10_000, false)
    await connection.connect()
    await graph().upsertNodes({ scope, nodes: [node('source'), node('target'), node('stays')] })
    const [{ name } = { name: '' }] = await connection.db.listCollections({ name: /\.graph$/ }).toArray()
    const nodes = connection.db.collection<StoredNode>(name)
    await writeTo(connection, undefined, nodes, [key('target'), key('stays')], async (absent) => {
      expect([...absent]).toEqual([])
      expect((await graph().deleteNodes({ scope, keys: [key('target')] })).deleted).toBe(1)
      const stored = ['stays', 'target'].map((id) => ({ k: id, t: key(id), y: 'T', o: 0, v: version(1), p: {} }))
      await nodes.updateOne({ _id: key('source') }, { $set: { e: stored, a: [key('stays'), key('target')] } })
    })
    expect((await edgesOf('source')).map((e) => e.target)).toEqual([key('stays')])
    expect(await graph().getEdges({ scope, keys: [key('target')], direction: 'in' })).toEqual([])
    await connection.close()
  })

  it('fills a graph without looking, until something is there', async () => {
    const ids = Array.from({ length: 120 }, (_, i) => `fill-${i}`)
    const write = async (some: readonly string[], n: number, mode: 'ifNewer' | 'ifAbsent' | 'replace') =>
      (await graph().upsertNodes({ scope, nodes: some.map((id) => node(id, n)), mode })).outcomes.map((o) => o.status)
    const all = (status: string, count: number) => Array.from({ length: count }, () => status)
    expect(await write(ids.slice(0, 40), 5, 'ifNewer')).toEqual(all('applied', 40))
    // None of them was there, so the next are inserted at once; half of those are there.
    expect(await write(ids.slice(20, 60), 3, 'ifNewer')).toEqual([...all('stale', 20), ...all('applied', 20)])
    expect(await write(ids.slice(60, 100), 3, 'replace')).toEqual(all('applied', 40))
    expect(await write(ids.slice(80, 120), 4, 'ifAbsent')).toEqual([...all('stale', 20), ...all('applied', 20)])
    await write(
      Array.from({ length: 40 }, (_, i) => `other-${i}`),
      1,
      'replace',
    )
    expect(await write(ids.slice(0, 40), 1, 'replace')).toEqual(all('applied', 40))
    const found = await graph().getNodes({ scope, keys: ids.map(key) })
    const versions = new Map(found.map((n) => [n.documentId, n.version]))
    const wanted = ids.map((_, i) => version(i < 40 ? 1 : i < 100 ? 3 : 4))
    expect(ids.map((id) => versions.get(id))).toEqual(wanted)
  })

  it('deletes edges of one source together, and says how many were there', async () => {
    await graph().upsertNodes({ scope, nodes: [node('d'), node('d1'), node('d2')] })
    await graph().upsertEdges({ scope, edges: [edge('d', 'd1'), edge('d', 'd1', 1, { ordinal: 1 }), edge('d', 'd2')] })
    const gone = [edge('d', 'd1'), edge('d', 'd2'), edge('d', 'd2'), edge('d', 'nobody'), edge('nobody', 'd')]
    expect(await graph().deleteEdges({ scope, edges: gone })).toMatchObject({ deleted: 2 })
    expect((await edgesOf('d')).map((e) => e.ordinal)).toEqual([1])
    const incoming = await graph().getEdges({ scope, keys: [key('d1'), key('d2')], direction: 'in' })
    expect(incoming.map((e) => e.target)).toEqual([key('d1')])
  })
})
