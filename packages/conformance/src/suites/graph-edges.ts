import type { EdgeRecord } from '@veritas-db/core/contract'
import { applied, assert, failedWith, outcomes, sameData, sameSet } from '../assert.js'
import type { SuiteContext } from '../context.js'
import { edgeId } from '../data/graphs.js'
import { v } from '../data/random.js'
import { EVERYTHING } from '../data/records.js'
import type { GraphPlace } from '../places/graph.js'
import { check, type Suite } from '../suite.js'

/** A graph of nodes named by one letter each. */
async function letters(t: SuiteContext, names = 'abcdef'): Promise<GraphPlace> {
  const place = await t.newGraph()
  applied(await place.write([...names].map((id) => ({ id, version: v(1), data: {} }))), names.length, 'nodes')
  return place
}
const main = (t: SuiteContext): Promise<GraphPlace> => t.once('main', () => letters(t, 'abcdefghijklmnop'))

const edgeCount = async (place: GraphPlace): Promise<number> =>
  place.store.count({ ...(await place.reading()), of: 'edges' })

export const graphEdges: Suite = {
  name: 'graph.edges',
  role: 'graph',
  about: 'edges with identity and properties, getEdges by direction and type, replaceEdges, deletes, scans',
  checks: [
    check('an edge comes back whole, and a write replaces it whole', async (t) => {
      const place = await main(t)
      const edge = place.edge('a', 'b', { properties: EVERYTHING, ordinal: 3 })
      applied(await place.upsertEdges([edge]), 1, 'an edge')
      const [found] = await place.edgesOf(['a'])
      assert.ok(found, 'it is there')
      assert.equal(edgeId(found), edgeId(edge), 'its identity')
      assert.equal(found.version, edge.version, 'its version')
      sameData(found.properties, EVERYTHING, 'its properties')
      applied(await place.upsertEdges([{ ...edge, version: v(2), properties: { n: 2 } }]), 1, 'the edge again')
      const after = await place.edgesOf(['a'])
      assert.equal(after.length, 1, 'one edge')
      sameData(after[0]?.properties, { n: 2 }, 'properties are replaced, not merged')
      assert.equal(after[0]?.version, v(2))
    }),
    check('source, type, target and ordinal tell edges apart', async (t) => {
      const place = await main(t)
      const edges = [
        place.edge('c', 'd'),
        place.edge('d', 'c'),
        place.edge('c', 'd', { ordinal: 1 }),
        place.edge('c', 'd', { type: 'KNOWS' }),
        place.edge('c', 'c'),
      ]
      applied(await place.upsertEdges(edges), 5, 'edges')
      sameSet((await place.edgesOf(['c', 'd'], 'both')).map(edgeId), edges.map(edgeId), 'all five, each once')
    }),
    check('getEdges by direction and type; a self loop comes once', async (t) => {
      const place = await letters(t)
      const edges = {
        out: place.edge('a', 'b'),
        known: place.edge('a', 'c', { type: 'KNOWS' }),
        in: place.edge('d', 'a'),
        loop: place.edge('a', 'a'),
        far: place.edge('b', 'c'),
      }
      applied(await place.upsertEdges(Object.values(edges)), 5, 'edges')
      const named = (...names: (keyof typeof edges)[]): string[] => names.map((name) => edgeId(edges[name]))
      sameSet((await place.edgesOf(['a'], 'out')).map(edgeId), named('out', 'known', 'loop'), 'out')
      sameSet((await place.edgesOf(['a'], 'in')).map(edgeId), named('in', 'loop'), 'in')
      sameSet((await place.edgesOf(['a'], 'both')).map(edgeId), named('out', 'known', 'in', 'loop'), 'both')
      sameSet(
        (await place.edgesOf(['a', 'b'], 'both')).map(edgeId),
        named('out', 'known', 'in', 'loop', 'far'),
        'of two nodes',
      )
      const options = { ...(await place.reading()), keys: [place.key('a')], direction: 'both' } as const
      const known = await place.store.getEdges({ ...options, edgeTypes: ['KNOWS'] })
      sameSet(known.map(edgeId), named('known'), 'by type')
      assert.deepEqual(await place.store.getEdges({ ...options, keys: [] }), [], 'of no nodes')
      assert.equal(await edgeCount(place), 5, 'count')
    }),
    check('an edge whose source or target is missing is failed with NOT_FOUND, the others are applied', async (t) => {
      const place = await letters(t)
      const result = await place.upsertEdges([
        place.edge('a', 'b'),
        place.edge('a', 'zz'),
        place.edge('zz', 'a'),
        place.edge('b', 'a'),
      ])
      assert.deepEqual(
        [result.outcomes[0]?.status, result.outcomes[3]?.status],
        ['applied', 'applied'],
        'the good ones',
      )
      failedWith(result.outcomes[1], 'NOT_FOUND', 'a missing target')
      failedWith(result.outcomes[2], 'NOT_FOUND', 'a missing source')
      assert.equal(await edgeCount(place), 2, 'only the good ones are there')
      assert.deepEqual(await place.nodes(['zz']), [], 'no node was made')
    }),
    check('upsert modes: ifNewer and ifAbsent where declared', async (t) => {
      const place = await letters(t)
      const { upsertModes } = place.capabilities
      const edge = (n: number): EdgeRecord => place.edge('a', 'b', { version: v(n), properties: { n } })
      applied(await place.upsertEdges([edge(2)]), 1, 'an edge')
      if (upsertModes.includes('ifNewer')) {
        outcomes(await place.upsertEdges([edge(1)], { mode: 'ifNewer' }), ['stale'], 'older')
        outcomes(await place.upsertEdges([edge(2)], { mode: 'ifNewer' }), ['applied'], 'equal')
        outcomes(await place.upsertEdges([edge(3)], { mode: 'ifNewer' }), ['applied'], 'newer')
      }
      const before = (await place.edgesOf(['a']))[0]?.properties.n
      if (upsertModes.includes('ifAbsent')) {
        outcomes(await place.upsertEdges([edge(9)], { mode: 'ifAbsent' }), ['stale'], 'ifAbsent')
        assert.equal((await place.edgesOf(['a']))[0]?.properties.n, before, 'what is there stays')
      }
    }),
    check('replaceEdges makes the set the only outgoing edges', async (t) => {
      const place = await letters(t)
      const incoming = place.edge('f', 'a')
      const first = [
        place.edge('a', 'b', { properties: { n: 1 } }),
        place.edge('a', 'c'),
        place.edge('a', 'd', { type: 'KNOWS' }),
      ]
      applied(await place.upsertEdges([incoming]), 1, 'an incoming edge')
      outcomes(
        await place.replaceEdges([{ source: place.key('a'), version: v(1), edges: first }]),
        ['applied'],
        'the first set',
      )
      sameSet((await place.edgesOf(['a'])).map(edgeId), first.map(edgeId), 'the first set')
      const second = [
        place.edge('a', 'b', { version: v(2), properties: { other: true } }),
        place.edge('a', 'e', { version: v(2) }),
      ]
      const others = [place.edge('b', 'c', { version: v(5) })]
      const sets = [
        { source: place.key('a'), version: v(2), edges: second },
        { source: place.key('b'), version: v(5), edges: others },
      ]
      outcomes(await place.replaceEdges(sets), ['applied', 'applied'], 'two sets')
      const after = await place.edgesOf(['a'])
      sameSet(after.map(edgeId), second.map(edgeId), 'the second set replaces the first')
      sameData(after.find((e) => e.target === place.key('b'))?.properties, { other: true }, 'properties are not merged')
      assert.ok(
        after.every((e) => e.version === v(2)),
        'all have the version of the set',
      )
      sameSet((await place.edgesOf(['b'])).map(edgeId), others.map(edgeId), 'the set of another source')
      assert.equal((await place.edgesOf(['a'], 'in')).length, 1, 'incoming edges stay')
      outcomes(
        await place.replaceEdges([{ source: place.key('a'), version: v(3), edges: [] }]),
        ['applied'],
        'an empty set',
      )
      assert.deepEqual(await place.edgesOf(['a']), [], 'an empty set removes all')
      assert.equal((await place.edgesOf(['a'], 'in')).length, 1, 'incoming edges stay')
      outcomes(await place.replaceEdges([]), [], 'no sets')
    }),
    check('replaceEdges: an older set is stale, an equal one applies again', async (t) => {
      const place = await letters(t)
      if (place.capabilities.conditionalUpsert === 'none') return t.notApplicable('the backend compares no versions')
      const set = (
        n: number,
        target: string,
      ): { source: EdgeRecord['source']; version: EdgeRecord['version']; edges: EdgeRecord[] } => ({
        source: place.key('a'),
        version: v(n),
        edges: [place.edge('a', target, { version: v(n) })],
      })
      const targets = async (): Promise<string[]> => (await place.edgesOf(['a'])).map((e) => e.target)
      applied(await place.replaceEdges([set(2, 'b')]), 1, 'the first')
      outcomes(await place.replaceEdges([set(1, 'c')]), ['stale'], 'an older one')
      assert.deepEqual(await targets(), [place.key('b')], 'the newer one stays')
      outcomes(await place.replaceEdges([set(2, 'd')]), ['applied'], 'an equal one')
      assert.deepEqual(await targets(), [place.key('d')], 'the equal one is there')
      outcomes(await place.replaceEdges([{ ...set(4, 'b'), edges: [] }]), ['applied'], 'a newer, empty one')
      outcomes(await place.replaceEdges([set(3, 'e')]), ['stale'], 'an older one, late, after the empty one')
      assert.deepEqual(await targets(), [], 'nothing came back')
    }),
    check('replaceEdges: a missing source or target is NOT_FOUND and changes nothing', async (t) => {
      const place = await letters(t)
      const before = [place.edge('a', 'b')]
      applied(await place.replaceEdges([{ source: place.key('a'), version: v(1), edges: before }]), 1, 'a set')
      const edges = [place.edge('a', 'c', { version: v(2) }), place.edge('a', 'zz', { version: v(2) })]
      const result = await place.replaceEdges([
        { source: place.key('a'), version: v(2), edges },
        { source: place.key('zz'), version: v(2), edges: [] },
        { source: place.key('c'), version: v(2), edges: [place.edge('c', 'd', { version: v(2) })] },
      ])
      failedWith(result.outcomes[0], 'NOT_FOUND', 'a missing target')
      failedWith(result.outcomes[1], 'NOT_FOUND', 'a missing source')
      assert.equal(result.outcomes[2]?.status, 'applied', 'the other set')
      sameSet((await place.edgesOf(['a'])).map(edgeId), before.map(edgeId), 'the edges stay as they were')
    }),
    check('deleteEdges deletes exactly those', async (t) => {
      const place = await letters(t)
      const edges = [
        place.edge('a', 'b'),
        place.edge('a', 'b', { ordinal: 1 }),
        place.edge('a', 'b', { type: 'KNOWS' }),
        place.edge('b', 'a'),
      ]
      applied(await place.upsertEdges(edges), 4, 'edges')
      const gone = [edges[1], { ...place.edge('a', 'c') }] as EdgeRecord[]
      const result = place.wrote(await place.store.deleteEdges({ scope: place.scope, edges: gone }))
      if (result.deleted !== null) assert.equal(result.deleted, 1, 'one was there')
      const left = [edges[0], edges[2], edges[3]] as EdgeRecord[]
      sameSet((await place.edgesOf(['a', 'b'], 'both')).map(edgeId), left.map(edgeId), 'the others stay')
      const nothing = place.wrote(await place.store.deleteEdges({ scope: place.scope, edges: [] }))
      assert.ok(!nothing.deleted && (await edgeCount(place)) === 3, 'an empty list deletes nothing')
    }),
    check('scanEdges gives every edge once, whole, in pages; a large batch of edges is split', async (t) => {
      const place = await letters(t)
      const size = Math.min(place.capabilities.limits.batchRecords * 2 + 1, 1000)
      const edges = Array.from({ length: size }, (_, i) =>
        place.edge('abcdef'[i % 6] as string, 'abcdef'[(i * 5 + 1) % 6] as string, { ordinal: i, properties: { i } }),
      )
      applied(await place.upsertEdges(edges), size, `${size} edges`)
      const scanned: EdgeRecord[] = []
      let cursor: string | null = null
      let pages = 0
      do {
        const from: { cursor?: string } = cursor === null ? {} : { cursor }
        const page = await place.store.scanEdges({ ...(await place.reading()), limit: 100, ...from })
        assert.ok(page.records.length <= 100, 'a page holds no more than its limit')
        scanned.push(...page.records)
        cursor = page.cursor
        assert.ok(++pages <= size, 'the scan ends')
      } while (cursor !== null)
      sameSet(scanned.map(edgeId), edges.map(edgeId), 'all edges')
      for (const edge of scanned) sameData(edge.properties, { i: edge.ordinal }, 'each with its properties')
    }),
    check('duplicates in a batch of edges end as if sent one after the other', async (t) => {
      const place = await letters(t)
      const edge = (n: number): EdgeRecord => place.edge('a', 'b', { version: v(n), properties: { n } })
      outcomes(await place.upsertEdges([edge(1), edge(2)]), ['applied', 'applied'], 'the same edge twice')
      assert.deepEqual(
        (await place.edgesOf(['a'])).map((e) => e.properties.n),
        [2],
        'the last one stays',
      )
    }),
  ],
}
