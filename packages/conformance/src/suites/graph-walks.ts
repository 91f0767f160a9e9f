import { canPush, type Direction, type EdgeRecord, type FilterNode, type Key } from '@veritas-db/core/contract'
import { applied, assert, preview, rejects } from '../assert.js'
import type { SuiteContext } from '../context.js'
import { breadthFirst, byDepthThenKey, edgeId, generatedGraph } from '../data/graphs.js'
import { random, v } from '../data/random.js'
import type { GraphPlace } from '../places/graph.js'
import { check, type Suite } from '../suite.js'

const NODES = 60
const DIRECTIONS: readonly Direction[] = ['out', 'in', 'both']

interface World {
  readonly place: GraphPlace
  readonly edges: readonly EdgeRecord[]
  /** Keys in the order of the ids n0, n1, … */
  readonly keys: readonly Key[]
}

/** The generated graph; every fifth node has `s: 'fifth'`. */
const world = (t: SuiteContext): Promise<World> =>
  t.once('world', async () => {
    const place = await t.newGraph()
    const { ids, links } = generatedGraph(NODES)
    const items = ids.map((id, i) => ({ id, version: v(1), data: { n: i, s: i % 5 === 0 ? 'fifth' : 'other' } }))
    applied(await place.write(items), NODES, 'the nodes')
    const edges = links.map((l) => place.edge(l.from, l.to, { type: l.type, ordinal: l.ordinal }))
    applied(await place.upsertEdges(edges), edges.length, 'the edges')
    return { place, edges, keys: ids.map((id) => place.key(id)) }
  })

/** A small graph written as `a>b b>c`, with `-` for KNOWS. */
async function drawn(t: SuiteContext, drawing: string): Promise<GraphPlace> {
  const place = await t.newGraph()
  const pairs = drawing.split(' ').map((text) => text.split(/[>-]/) as [string, string])
  const names = [...new Set(pairs.flat())]
  applied(await place.write(names.map((id) => ({ id, version: v(1), data: { s: id } }))), names.length, 'nodes')
  const edges = drawing.split(' ').map((text, i) => {
    const [from, to] = pairs[i] as [string, string]
    return place.edge(from, to, { type: text.includes('-') ? 'KNOWS' : 'REFERENCES' })
  })
  applied(await place.upsertEdges(edges), edges.length, 'edges')
  return place
}

interface Walk {
  readonly edgeTypes?: readonly string[]
  readonly direction?: Direction
  readonly depth?: { readonly min: number; readonly max: number }
  readonly filter?: FilterNode
  readonly placeholders?: boolean
  readonly limit?: number
}

async function walk(place: GraphPlace, starts: readonly string[], options: Walk = {}): Promise<string[]> {
  const keys = starts.map((id) => place.key(id))
  const found = await place.store.neighbors({ ...(await place.reading()), starts: keys, limit: 100, ...options })
  return found.map((n) => `${n.node.documentId}${n.depth}`)
}

export const graphNeighbors: Suite = {
  name: 'graph.neighbors',
  role: 'graph',
  about: 'neighbors against a breadth-first search: depth, direction, types, cycles, loops, filter, limit, order',
  checks: [
    check('generated walks give what a breadth-first search gives', async (t) => {
      const { place, edges, keys } = await world(t)
      const next = random(5)
      const { maxDepth } = place.capabilities
      for (let i = 0; i < 45; i++) {
        const starts = Array.from({ length: 1 + (i % 3) }, () => keys[Math.floor(next() * keys.length)] as Key)
        const direction = DIRECTIONS[i % 3] as Direction
        const edgeTypes = i % 4 === 0 ? ['KNOWS'] : i % 4 === 1 ? ['REFERENCES'] : undefined
        const max = Math.min(1 + (i % 4), maxDepth)
        const min = i % 5 === 0 ? max : 1
        const limit = i % 7 === 0 ? 3 : 1000
        const reached = breadthFirst(edges, starts, direction, edgeTypes, max)
        const expected = [...reached]
          .map(([key, { depth, start }]) => ({ key, depth, start }))
          .filter((n) => n.depth >= min)
          .sort(byDepthThenKey)
          .slice(0, limit)
        const options = { starts, direction, depth: { min, max }, limit, ...(edgeTypes && { edgeTypes }) }
        const found = await place.store.neighbors({ ...(await place.reading()), ...options })
        const actual = found.map((n) => ({ key: n.node.key, depth: n.depth, start: n.start }))
        assert.deepEqual(actual, expected, `neighbors ${preview(options)}`)
      }
    }),
    check('without depth it is one step; without direction it is out', async (t) => {
      const place = await drawn(t, 'a>b b>c d>a')
      const found = await walk(place, ['a'])
      assert.deepEqual(found, ['b1'], 'one step, out')
    }),
    check('cycles, self loops and diamonds: each node once, at its smallest depth, and no start', async (t) => {
      const place = await drawn(t, 'a>a a>b b>c c>a b>d a>d d>e')
      const depth = { min: 1, max: Math.min(3, place.capabilities.maxDepth) }
      const near = await walk(place, ['a'], { depth: { min: 1, max: 1 } })
      assert.deepEqual(near.sort(), ['b1', 'd1'], 'the start is not its own neighbour')
      if (depth.max < 2) return
      const found = await walk(place, ['a'], { depth: { min: 1, max: 2 } })
      assert.deepEqual(found.sort(), ['b1', 'c2', 'd1', 'e2'], 'smallest depths')
      const two = await walk(place, ['a', 'b'], { depth })
      assert.ok(!two.some((text) => text.startsWith('a') || text.startsWith('b')), 'no start is among them')
      const far = await walk(place, ['a'], { depth: { min: 2, max: 2 } })
      assert.deepEqual(far.sort(), ['c2', 'e2'], 'd is a step away, so it is not two steps away')
    }),
    check('filter and placeholders choose what is returned, not what is walked through', async (t) => {
      const { place, edges, keys } = await world(t)
      const filter: FilterNode = { op: 'eq', path: 's', value: 'fifth' }
      const max = Math.min(3, place.capabilities.maxDepth)
      if (!canPush(filter, place.capabilities.filter)) {
        const options = { scope: place.scope, starts: keys.slice(0, 1), filter, limit: 5 }
        await rejects(() => place.store.neighbors(options), 'UNSUPPORTED', 'a filter beyond what is declared')
      } else {
        for (const start of keys.slice(0, 8)) {
          const reached = breadthFirst(edges, [start], 'both', undefined, max)
          const expected = [...reached]
            .filter(([key]) => keys.indexOf(key) % 5 === 0)
            .map(([key, { depth }]) => ({ key, depth }))
            .sort(byDepthThenKey)
            .slice(0, 4)
          const options = { starts: [start], direction: 'both', depth: { min: 1, max }, filter, limit: 4 } as const
          const found = await place.store.neighbors({ ...(await place.reading()), ...options })
          assert.deepEqual(
            found.map((n) => ({ key: n.node.key, depth: n.depth })),
            expected,
            `filtered, from ${start}`,
          )
        }
      }
      if (max < 2) return
      const small = await drawn(t, 'a>p b>p')
      const node = small.node({ id: 'p', version: v(2), data: {} }, { placeholder: true })
      applied(await small.upsertNodes([node]), 1, 'a placeholder in the middle')
      const through = { direction: 'both', depth: { min: 1, max: 2 } } as const
      assert.deepEqual(await walk(small, ['a'], through), ['b2'], 'placeholders are left out, and walked through')
      assert.deepEqual(await walk(small, ['a'], { ...through, placeholders: true }), ['p1', 'b2'], 'unless asked for')
    }),
    check('edge types restrict every step', async (t) => {
      const place = await drawn(t, 'a>b b-c a-d d>e')
      const depth = { min: 1, max: Math.min(2, place.capabilities.maxDepth) }
      const found = await walk(place, ['a'], { depth, edgeTypes: ['REFERENCES'] })
      assert.deepEqual(found, ['b1'], 'REFERENCES only')
      const both = await walk(place, ['a'], { depth: { min: 1, max: 1 }, edgeTypes: ['REFERENCES', 'KNOWS'] })
      assert.deepEqual(both.sort(), ['b1', 'd1'], 'both types')
    }),
    check('neighbours are whole nodes; unknown starts have none', async (t) => {
      const place = await drawn(t, 'a>b')
      const [found] = await place.store.neighbors({ ...(await place.reading()), starts: [place.key('a')], limit: 1 })
      const [node] = await place.nodes(['b'])
      assert.deepEqual(found?.node, node, 'the whole node')
      assert.equal(found?.start, place.key('a'), 'the start')
      assert.deepEqual(await walk(place, ['absent']), [], 'an unknown start')
      assert.deepEqual(await walk(place, []), [], 'no starts')
    }),
    check('a depth beyond maxDepth is refused, never cut short in silence', async (t) => {
      const { place, keys } = await world(t)
      const { maxDepth } = place.capabilities
      assert.ok(maxDepth >= 1, 'maxDepth is at least 1')
      if (maxDepth > 1000) return t.notApplicable(`maxDepth is ${maxDepth}`)
      const depth = { min: 1, max: maxDepth + 1 }
      const options = { scope: place.scope, starts: keys.slice(0, 1), limit: 1, depth }
      await rejects(() => place.store.neighbors(options), 'VALIDATION', 'neighbors')
      if (!place.capabilities.shortestPath) return
      const ends = { from: keys[0] as Key, to: keys[1] as Key, maxDepth: maxDepth + 1 }
      await rejects(() => place.store.shortestPath({ scope: place.scope, ...ends }), 'VALIDATION', 'shortestPath')
    }),
  ],
}

export const graphPaths: Suite = {
  name: 'graph.paths',
  role: 'graph',
  about: 'shortest paths against a breadth-first search; UNSUPPORTED where they are not declared',
  checks: [
    check('where it is not declared it is UNSUPPORTED', async (t) => {
      if (t.graph.capabilities.shortestPath) return t.notApplicable('shortestPath is declared')
      const place = await drawn(t, 'a>b')
      const options = { scope: place.scope, from: place.key('a'), to: place.key('b'), maxDepth: 1 }
      await rejects(() => place.store.shortestPath(options), 'UNSUPPORTED', 'shortestPath')
    }),
    check('generated paths are as short as a breadth-first search finds them, and real', async (t) => {
      if (!t.graph.capabilities.shortestPath) return t.notApplicable('shortestPath is not declared')
      const { place, edges, keys } = await world(t)
      const known = new Map(edges.map((e) => [edgeId(e), e]))
      const next = random(11)
      for (let i = 0; i < 40; i++) {
        const from = keys[Math.floor(next() * keys.length)] as Key
        const to = keys[Math.floor(next() * keys.length)] as Key
        const direction = DIRECTIONS[i % 3] as Direction
        const edgeTypes = i % 4 === 0 ? ['REFERENCES'] : undefined
        const maxDepth = Math.min(i % 5 === 0 ? 2 : 6, place.capabilities.maxDepth)
        const reached = breadthFirst(edges, [from], direction, edgeTypes, maxDepth)
        const wanted = from === to ? 0 : reached.get(to)?.depth
        const options = { from, to, direction, maxDepth, ...(edgeTypes && { edgeTypes }) }
        const path = await place.store.shortestPath({ ...(await place.reading()), ...options })
        const what = `shortestPath ${preview(options)}`
        assert.equal(path?.edges.length, wanted, what)
        if (!path) continue
        assert.equal(path.nodes.length, path.edges.length + 1, `${what}: one node more than edges`)
        assert.equal(path.nodes[0]?.key, from, `${what}: starts there`)
        assert.equal(path.nodes.at(-1)?.key, to, `${what}: ends there`)
        path.edges.forEach((edge, j) => {
          const [a, b] = [path.nodes[j]?.key, path.nodes[j + 1]?.key]
          assert.ok(known.has(edgeId(edge)), `${what}: edge ${j} is an edge of the graph`)
          assert.ok(!edgeTypes || edgeTypes.includes(edge.type), `${what}: edge ${j} has the type`)
          const out = edge.source === a && edge.target === b
          const back = edge.target === a && edge.source === b
          const joins = direction === 'out' ? out : direction === 'in' ? back : out || back
          assert.ok(joins, `${what}: edge ${j} joins its nodes in the direction`)
        })
      }
    }),
    check('no path, a path too long, a path to itself', async (t) => {
      if (!t.graph.capabilities.shortestPath) return t.notApplicable('shortestPath is not declared')
      const place = await drawn(t, 'a>b b>c c>d x>y')
      const path = async (from: string, to: string, maxDepth: number): Promise<string | null> => {
        const options = { ...(await place.reading()), from: place.key(from), to: place.key(to), maxDepth }
        const found = await place.store.shortestPath(options)
        return found === null ? null : found.nodes.map((n) => n.documentId).join('')
      }
      const deep = place.capabilities.maxDepth >= 3
      if (deep) assert.equal(await path('a', 'd', 3), 'abcd', 'as long as allowed')
      assert.equal(await path('a', 'd', Math.min(2, place.capabilities.maxDepth)), null, 'too long')
      assert.equal(await path('d', 'a', 1), null, 'the wrong direction')
      assert.equal(await path('a', 'y', Math.min(5, place.capabilities.maxDepth)), null, 'not connected')
      assert.equal(await path('a', 'absent', 1), null, 'to a node that is not there')
      const self = { ...(await place.reading()), from: place.key('a'), to: place.key('a'), maxDepth: 1 }
      const itself = await place.store.shortestPath(self)
      assert.deepEqual(
        [itself?.nodes.map((n) => n.documentId), itself?.edges],
        [['a'], []],
        'to itself: that node alone',
      )
    }),
    check('a path takes the shortest way, not the first', async (t) => {
      if (!t.graph.capabilities.shortestPath) return t.notApplicable('shortestPath is not declared')
      const place = await drawn(t, 'a>b b>c c>z a-z')
      const options = { ...(await place.reading()), from: place.key('a'), to: place.key('z') }
      const path = await place.store.shortestPath({ ...options, maxDepth: Math.min(3, place.capabilities.maxDepth) })
      assert.equal(path?.edges.length, 1, 'the direct edge')
      if (place.capabilities.maxDepth < 3) return
      const typed = await place.store.shortestPath({ ...options, maxDepth: 3, edgeTypes: ['REFERENCES'] })
      assert.equal(typed?.edges.length, 3, 'around, where the direct edge has another type')
    }),
  ],
}
