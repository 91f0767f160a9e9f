import { ZERO_VERSION } from '@veritas-db/core/contract'
import { applied, assert, outcomes, rejects, sameData, sameSet } from '../assert.js'
import type { SuiteContext } from '../context.js'
import { edgeId, keysOf } from '../data/graphs.js'
import { v } from '../data/random.js'
import type { GraphPlace } from '../places/graph.js'
import { FIELDS, type Item } from '../places/place.js'
import { check, type Suite } from '../suite.js'

const main = (t: SuiteContext): Promise<GraphPlace> => t.once('main', () => t.newGraph())
const item = (id: string, n = 1, data: Item['data'] = { n }): Item => ({ id, version: v(n), data })

export const graphNodes: Suite = {
  name: 'graph.nodes',
  role: 'graph',
  about: 'schema, nodes, labels, placeholders, findNodes, counts and deletes',
  checks: [
    check('ten callers at once make one schema', async (t) => {
      const scope = t.run.scope()
      t.run.cleanup(() => t.graph.dropSchema({ scope }))
      const second = (await t.run.second())?.roles.graph
      const schema = { labels: ['Document'], edgeTypes: ['REFERENCES'], fields: FIELDS, textFields: ['s'] }
      await Promise.all(
        Array.from({ length: 10 }, (_, i) => (i % 2 && second ? second : t.graph).ensureSchema({ scope, ...schema })),
      )
      const place = await t.newGraph({}, scope)
      applied(await place.write([item('a')]), 1, 'a write')
      assert.equal(await place.count(), 1)
    }),
    check('the schema grows, and what is there stays', async (t) => {
      const place = await t.newGraph({ labels: ['Document'], edgeTypes: ['REFERENCES'], fields: {}, textFields: [] })
      applied(await place.write([item('a'), item('b')]), 2, 'nodes')
      applied(await place.upsertEdges([place.edge('a', 'b')]), 1, 'an edge')
      const grown = {
        labels: ['Document', 'Place'],
        edgeTypes: ['REFERENCES', 'NEAR'],
        fields: FIELDS,
        textFields: ['s'],
      }
      await place.store.ensureSchema({ scope: place.scope, ...grown })
      applied(await place.upsertNodes([place.node(item('c'), { label: 'Place' })]), 1, 'a node with the new label')
      applied(await place.upsertEdges([place.edge('c', 'a', { type: 'NEAR' })]), 1, 'an edge of the new type')
      assert.equal((await place.nodes(['a', 'b', 'c'])).length, 3, 'all nodes')
      assert.equal((await place.edgesOf(['a'], 'both')).length, 2, 'all edges')
    }),
    check('a dropped schema is gone with all in it; dropping it again is no error', async (t) => {
      const place = await t.newGraph()
      applied(await place.write([item('a'), item('b')]), 2, 'nodes')
      applied(await place.upsertEdges([place.edge('a', 'b')]), 1, 'an edge')
      await place.drop()
      await place.drop()
      await place.ensure()
      assert.equal(await place.count(), 0, 'no nodes')
      assert.equal(await place.store.count({ ...(await place.reading()), of: 'edges' }), 0, 'no edges')
    }),
    check('nodes come back whole; missing ones are left out', async (t) => {
      const place = await main(t)
      const node = place.node(item('whole', 3, { n: 3, s: 'x' }), { label: 'Person' })
      applied(await place.upsertNodes([node]), 1, 'a node')
      const found = await place.nodes(['whole', 'absent'])
      assert.equal(found.length, 1, 'missing ones are left out')
      const { properties, ...rest } = found[0] as (typeof found)[0]
      const { properties: wanted, ...wantedRest } = node
      assert.deepEqual({ ...rest }, wantedRest)
      sameData(properties, wanted, 'properties')
    }),
    check('a node may change its label', async (t) => {
      const place = await main(t)
      applied(await place.upsertNodes([place.node(item('label'))]), 1, 'a Document')
      applied(await place.upsertNodes([place.node(item('label', 2), { label: 'Person' })]), 1, 'now a Person')
      const found = await place.nodes(['label'])
      assert.deepEqual(
        found.map((n) => n.label),
        ['Person'],
        'it is one node with the new label',
      )
      const find = async (label: string): Promise<string[]> => {
        const nodes = await place.store.findNodes({ ...(await place.reading()), label, limit: 100 })
        return nodes.map((n) => n.documentId)
      }
      assert.ok(!(await find('Document')).includes('label'), 'it is not found by the old label')
      assert.ok((await find('Person')).includes('label'), 'it is found by the new label')
    }),
    check('writing a node again keeps its edges', async (t) => {
      const place = await main(t)
      applied(await place.write([item('keeps'), item('kept')]), 2, 'nodes')
      const edges = [place.edge('keeps', 'kept'), place.edge('kept', 'keeps')]
      applied(await place.upsertEdges(edges), 2, 'edges')
      applied(
        await place.upsertNodes([place.node(item('keeps', 2), { label: 'Person' })]),
        1,
        'again, with another label',
      )
      sameSet((await place.edgesOf(['keeps'], 'both')).map(edgeId), edges.map(edgeId), 'its edges')
    }),
    check('findNodes: by label and filter, in order of key, up to the limit, without placeholders', async (t) => {
      const place = await t.newGraph()
      const nodes = Array.from({ length: 20 }, (_, i) =>
        place.node(item(`f${i}`, 1, { n: i }), { label: i % 2 ? 'Person' : 'Document', placeholder: i >= 15 }),
      )
      applied(await place.upsertNodes(nodes), 20, 'nodes')
      const sorted = (accept: (i: number) => boolean): string[] => keysOf(nodes.filter((_, i) => accept(i))).sort()
      const find = async (options: { label?: string; placeholders?: boolean; limit?: number }): Promise<string[]> =>
        keysOf(await place.store.findNodes({ ...(await place.reading()), limit: 100, ...options }))
      assert.deepEqual(
        await find({}),
        sorted((i) => i < 15),
        'all but placeholders',
      )
      assert.deepEqual(
        await find({ placeholders: true }),
        sorted(() => true),
        'all',
      )
      assert.deepEqual(
        await find({ label: 'Person' }),
        sorted((i) => i < 15 && i % 2 === 1),
        'by label',
      )
      assert.deepEqual(await find({ limit: 4 }), sorted((i) => i < 15).slice(0, 4), 'up to the limit')
      if (place.capabilities.filter.gte) {
        const filter = { op: 'gte', path: 'n', value: 10 } as const
        const found = await place.store.findNodes({ ...(await place.reading()), label: 'Document', filter, limit: 100 })
        assert.deepEqual(
          keysOf(found),
          sorted((i) => i >= 10 && i < 15 && i % 2 === 0),
          'by label and filter',
        )
      }
    }),
    check('placeholders: never over a node, filled in by the node, counted only on request', async (t) => {
      const place = await t.newGraph()
      const placeholder = (id: string): ReturnType<GraphPlace['node']> =>
        place.node({ id, version: ZERO_VERSION, data: {} }, { placeholder: true })
      const { upsertModes } = place.capabilities
      applied(await place.write([item('there')]), 1, 'a node')
      if (upsertModes.includes('ifAbsent')) {
        const both = await place.upsertNodes([placeholder('there'), placeholder('missing')], { mode: 'ifAbsent' })
        outcomes(both, ['stale', 'applied'], 'ifAbsent')
      } else applied(await place.upsertNodes([placeholder('missing')]), 1, 'a placeholder')
      applied(await place.upsertEdges([place.edge('there', 'missing')]), 1, 'a reference to the placeholder')
      const found = await place.nodes(['there', 'missing'])
      const flags = Object.fromEntries(found.map((n) => [n.documentId, n.placeholder]))
      assert.deepEqual(flags, { there: false, missing: true }, 'getNodes gives placeholders too')
      const count = async (placeholders?: boolean): Promise<number> =>
        place.store.count({ ...(await place.reading()), of: 'nodes', ...(placeholders && { placeholders }) })
      assert.equal(await count(), 1, 'count without placeholders')
      assert.equal(await count(true), 2, 'count with placeholders')
      assert.equal((await place.scanAll()).length, 2, 'a scan gives placeholders too')
      const mode = upsertModes.includes('ifNewer') ? 'ifNewer' : 'replace'
      applied(await place.upsertNodes([place.node(item('missing'))], { mode }), 1, 'the node itself')
      const [filled] = await place.nodes(['missing'])
      assert.equal(filled?.placeholder, false, 'it is no placeholder any more')
      sameData(filled?.properties, { n: 1 }, 'it is the node itself')
      assert.equal((await place.edgesOf(['missing'], 'in')).length, 1, 'the reference to it stays')
      assert.equal(await count(), 2, 'both count')
      applied(
        await place.upsertNodes([place.node(item('missing', 2, {}), { placeholder: true })], { mode }),
        1,
        'a tombstone',
      )
      const [tombstone] = await place.nodes(['missing'])
      assert.deepEqual([tombstone?.placeholder, tombstone?.version], [true, v(2)], 'a placeholder with the version')
      sameData(tombstone?.properties, {}, 'nothing of the node stays')
      if (mode === 'ifNewer')
        outcomes(
          await place.upsertNodes([place.node(item('missing'))], { mode }),
          ['stale'],
          'a late write of the old node',
        )
    }),
    check('deleteNodes removes every edge that touches them, and says how many nodes', async (t) => {
      const place = await t.newGraph()
      applied(await place.write(['a', 'b', 'c', 'd'].map((id) => item(id))), 4, 'nodes')
      const edges = [
        place.edge('a', 'b'),
        place.edge('b', 'c'),
        place.edge('c', 'd'),
        place.edge('b', 'b'),
        place.edge('d', 'a'),
      ]
      applied(await place.upsertEdges(edges), 5, 'edges')
      const result = await place.remove(['b', 'absent'])
      if (result.deleted !== null) assert.equal(result.deleted, 1, 'one node')
      assert.deepEqual(await place.nodes(['b']), [], 'the node is gone')
      const left = await place.edgesOf(['a', 'c', 'd'], 'both')
      sameSet(
        left.map(edgeId),
        [edges[2], edges[4]].map((e) => edgeId(e as (typeof edges)[0])),
        'the edges that are left',
      )
      assert.equal(await place.store.count({ ...(await place.reading()), of: 'edges' }), 2, 'count of edges')
      applied(await place.write([item('b')]), 1, 'the node again')
      assert.deepEqual(await place.edgesOf(['b'], 'both'), [], 'it has no edges')
    }),
    check('deleteNodes with versionBelow leaves equal and newer versions', async (t) => {
      const place = await t.newGraph()
      applied(await place.write([item('old', 1), item('equal', 2), item('newer', 3)]), 3, 'nodes')
      applied(await place.upsertEdges([place.edge('equal', 'newer')]), 1, 'an edge')
      const keys = ['old', 'equal', 'newer'].map((id) => place.key(id))
      const result = place.wrote(await place.store.deleteNodes({ scope: place.scope, keys, versionBelow: v(2) }))
      if (result.deleted !== null) assert.equal(result.deleted, 1, 'one node')
      sameSet(
        (await place.nodes(['old', 'equal', 'newer'])).map((n) => n.documentId),
        ['equal', 'newer'],
        'left',
      )
      assert.equal((await place.edgesOf(['equal'])).length, 1, 'edges between those left stay')
    }),
    check('raw: where declared it works, else it is UNSUPPORTED', async (t) => {
      const place = await main(t)
      const language = place.capabilities.raw
      if (language === undefined) {
        await rejects(() => place.store.raw({ scope: place.scope, query: 'RETURN 1' }), 'UNSUPPORTED', 'raw')
        return
      }
      const sample = t.options.raw?.graph ?? SAMPLES[language]
      assert.ok(sample, `give options.raw.graph: a statement of the language ${language}`)
      const { expected, ...statement } = sample
      const answer = await place.store.raw({ scope: place.scope, ...statement })
      assert.ok(Array.isArray(answer), 'raw answers a list')
      if (expected) assert.deepEqual(answer, expected)
      else assert.ok(answer.length > 0, 'the answer is not empty')
      await rejects(() => place.store.raw({ scope: place.scope, query: ')( no such language' }), undefined, 'nonsense')
    }),
  ],
}

const SAMPLES: Readonly<
  Record<string, { readonly query: string; readonly expected?: readonly unknown[] } | undefined>
> = {
  sql: { query: 'SELECT 1 AS one' },
  cypher: { query: 'RETURN 1 AS one' },
  aql: { query: 'RETURN 1' },
}
