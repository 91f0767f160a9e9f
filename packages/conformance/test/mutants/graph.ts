import {
  APPLIED,
  type EdgeRecord,
  type Key,
  type Neighbor,
  type NodeRecord,
  type Outcome,
  type Path,
  VeritasError,
  ZERO_VERSION,
} from '@veritas-db/core/contract'
import type { Declared } from '../memory/index.js'
import { type AnyOptions, type Call, type Mutant, without } from './mutant.js'

const at = (suite: string, name: string, methods: NonNullable<Mutant['methods']>, declared?: Declared): Mutant => ({
  name: `graph: ${name}`,
  suite: `graph.${suite}`,
  role: 'graph',
  methods,
  ...(declared && { declared }),
})
const edgesOf = async (of: (m: string) => Call, o: AnyOptions, keys: readonly Key[]): Promise<readonly EdgeRecord[]> =>
  (await of('getEdges')({ scope: o.scope, keys, direction: 'both' })) as readonly EdgeRecord[]
const neighbors = async (call: Promise<unknown>): Promise<readonly Neighbor[]> => (await call) as readonly Neighbor[]

/** Edges that a broken delete left behind. */
let dangling: readonly EdgeRecord[] = []
let making = false

export const graphMutants: readonly Mutant[] = [
  at('nodes', 'a placeholder overwrites a node', {
    upsertNodes: (o, call) => call(o.nodes?.some((n) => n.version === ZERO_VERSION) ? without(o, 'mode') : o),
  }),
  at('nodes', 'a node does not fill in its placeholder', {
    upsertNodes: async (o, call, of) => {
      const there = (await of('getNodes')({
        scope: o.scope,
        keys: (o.nodes ?? []).map((n) => n.key),
      })) as readonly NodeRecord[]
      const held = new Set(there.filter((n) => n.placeholder).map((n) => n.key))
      return call({ ...o, nodes: (o.nodes ?? []).map((n) => (held.has(n.key) ? { ...n, placeholder: true } : n)) })
    },
  }),
  at('nodes', 'placeholders count', { count: (o, call) => call({ ...o, placeholders: true }) }),
  at('nodes', 'placeholders are found', { findNodes: (o, call) => call({ ...o, placeholders: true }) }),
  at('nodes', 'getNodes leaves out placeholders', {
    getNodes: async (o, call) => ((await call(o)) as readonly NodeRecord[]).filter((n) => !n.placeholder),
  }),
  at('nodes', 'a delete leaves the edges', {
    deleteNodes: async (o, call, of) => {
      dangling = (await edgesOf(of, o, o.keys ?? [])).filter((e) => o.keys?.includes(e.target))
      return call(o)
    },
    getEdges: async (o, call) => {
      const edges = (await call(o)) as readonly EdgeRecord[]
      return [...edges, ...dangling.filter((e) => o.keys?.includes(e.source))]
    },
  }),
  at('nodes', 'two callers at once collide', {
    ensureSchema: async (o, call) => {
      if (making) throw new VeritasError({ code: 'CONFLICT', message: 'an equivalent index exists already' })
      making = true
      await new Promise((resolve) => setTimeout(resolve, 1))
      making = false
      return call(o)
    },
  }),
  at('nodes', 'making the schema again empties it', {
    ensureSchema: async (o, call, of) => {
      await of('dropSchema')(o)
      return call(o)
    },
  }),
  at('nodes', 'the version is lost', {
    getNodes: async (o, call) =>
      ((await call(o)) as readonly NodeRecord[]).map((n) => ({ ...n, version: ZERO_VERSION })),
  }),
  at('nodes', 'a delete ignores versionBelow', { deleteNodes: (o, call) => call(without(o, 'versionBelow')) }),
  at('nodes', 'a delete says a wrong number', {
    deleteNodes: async (o, call) => {
      await call(o)
      return { deleted: o.keys?.length ?? 0 }
    },
  }),
  at('nodes', 'writing a node again loses its edges', {
    upsertNodes: async (o, call, of) => {
      await of('deleteNodes')({ scope: o.scope, keys: (o.nodes ?? []).map((n) => n.key) })
      return call(o)
    },
  }),
  at('nodes', 'the label stays the first one', {
    upsertNodes: async (o, call, of) => {
      const there = (await of('getNodes')({
        scope: o.scope,
        keys: (o.nodes ?? []).map((n) => n.key),
      })) as readonly NodeRecord[]
      const label = (key: Key): string | undefined => there.find((n) => n.key === key)?.label
      return call({ ...o, nodes: (o.nodes ?? []).map((n) => ({ ...n, label: label(n.key) ?? n.label })) })
    },
  }),
  at('nodes', 'findNodes ignores the label', { findNodes: (o, call) => call(without(o, 'label')) }),
  at('nodes', 'findNodes in no order', {
    findNodes: async (o, call) => ((await call(o)) as readonly NodeRecord[]).slice().reverse(),
  }),
  at('nodes', 'findNodes ignores the limit', { findNodes: (o, call) => call({ ...o, limit: 1000 }) }),
  at('nodes', 'dropping keeps the edges', {
    dropSchema: async (o, call) => {
      await call(o)
      throw new VeritasError({ code: 'NOT_FOUND', message: 'nothing to drop' })
    },
  }),
  at('nodes', 'raw that is declared is UNSUPPORTED', {
    raw: async () => {
      throw new VeritasError({ code: 'UNSUPPORTED', message: 'no' })
    },
  }),
  at('nodes', 'raw answers nonsense with nothing', { raw: (o, call) => call(o).catch(() => []) }),

  at('edges', 'merges the properties', {
    upsertEdges: async (o, call, of) => {
      const there = await edgesOf(
        of,
        o,
        (o.edges ?? []).map((e) => e.source),
      )
      const old = (e: EdgeRecord): EdgeRecord['properties'] =>
        there.find(
          (x) => x.source === e.source && x.target === e.target && x.type === e.type && x.ordinal === e.ordinal,
        )?.properties ?? {}
      return call({ ...o, edges: (o.edges ?? []).map((e) => ({ ...e, properties: { ...old(e), ...e.properties } })) })
    },
  }),
  at('edges', 'parallel edges become one', {
    upsertEdges: (o, call) => call({ ...o, edges: (o.edges ?? []).map((e) => ({ ...e, ordinal: 0 })) }),
  }),
  at('edges', 'the first of several duplicates stays', {
    upsertEdges: (o, call) => {
      const id = (e: EdgeRecord): string => `${e.source} ${e.type} ${e.target} ${e.ordinal}`
      const all = o.edges ?? []
      return call({ ...o, edges: all.map((e) => all.find((x) => id(x) === id(e)) ?? e) })
    },
  }),
  at('edges', 'a self loop comes twice', {
    getEdges: async (o, call) => {
      const edges = (await call(o)) as readonly EdgeRecord[]
      return o.direction === 'both' ? [...edges, ...edges.filter((e) => e.source === e.target)] : edges
    },
  }),
  at('edges', 'getEdges ignores the direction', { getEdges: (o, call) => call({ ...o, direction: 'both' }) }),
  at('edges', 'getEdges ignores the types', { getEdges: (o, call) => call(without(o, 'edgeTypes')) }),
  at('edges', 'a missing target is made', {
    upsertEdges: async (o, call, of) => {
      const nodes = (o.edges ?? []).map((e) => ({
        key: e.target,
        documentId: '?',
        version: ZERO_VERSION,
        label: 'Document',
        placeholder: true,
        properties: {},
      }))
      await of('upsertNodes')({ scope: o.scope, nodes, mode: 'ifAbsent' })
      return call(o)
    },
  }),
  at('edges', 'one missing target fails the whole batch', {
    upsertEdges: async (o, call) => {
      const result = (await call(o)) as { outcomes: readonly Outcome[] }
      for (const outcome of result.outcomes) if (outcome.status === 'failed') throw outcome.error
      return result
    },
  }),
  at('edges', 'a missing target is answered as applied', {
    upsertEdges: async (o, call) => {
      await call(o)
      return { outcomes: (o.edges ?? []).map(() => APPLIED) }
    },
  }),
  at('edges', 'replaceEdges adds', {
    replaceEdges: async (o, _call, of) => {
      const edges = (o.sets ?? []).flatMap((s) => s.edges)
      await of('upsertEdges')({ scope: o.scope, edges })
      return { outcomes: (o.sets ?? []).map(() => APPLIED) }
    },
  }),
  at('edges', 'replaceEdges ignores empty sets', {
    replaceEdges: async (o, call) => {
      const { outcomes } = (await call({ ...o, sets: (o.sets ?? []).filter((s) => s.edges.length > 0) })) as {
        outcomes: readonly Outcome[]
      }
      const answers = outcomes.values()
      return { outcomes: (o.sets ?? []).map((s) => (s.edges.length > 0 ? answers.next().value : APPLIED)) }
    },
  }),
  at('edges', 'replaceEdges removes incoming edges too', {
    replaceEdges: async (o, call, of) => {
      const sources = (o.sets ?? []).map((s) => s.source)
      const edges = (await edgesOf(of, o, sources)).filter((e) => sources.includes(e.target))
      await of('deleteEdges')({ scope: o.scope, edges })
      return call(o)
    },
  }),
  at('edges', 'replaceEdges ignores the version', {
    replaceEdges: async (o, call) => {
      const sets = (o.sets ?? []).map((s) => ({ ...s, version: 'f'.repeat(24) as typeof s.version }))
      return call({ ...o, sets })
    },
  }),
  at('edges', 'replaceEdges takes an equal version for stale', {
    replaceEdges: async (o, call, of) => {
      const there = (await of('getEdges')({
        scope: o.scope,
        keys: (o.sets ?? []).map((s) => s.source),
        direction: 'out',
      })) as readonly EdgeRecord[]
      const equal = (o.sets ?? []).some((s) => there.some((e) => e.source === s.source && e.version === s.version))
      return equal ? { outcomes: [{ status: 'stale' }] } : call(o)
    },
  }),
  at('edges', 'replaceEdges keeps no version where no edge is left', {
    replaceEdges: async (o, call, of) => {
      const sets = o.sets ?? []
      const there = (await of('getEdges')({
        scope: o.scope,
        keys: sets.map((s) => s.source),
        direction: 'out',
      })) as readonly EdgeRecord[]
      const bare = sets.filter((s) => !there.some((e) => e.source === s.source) && s.edges.length > 0)
      if (bare.length === 0) return call(o)
      await of('upsertEdges')({ scope: o.scope, edges: bare.flatMap((s) => s.edges) })
      return call(o).then(() => ({ outcomes: sets.map(() => APPLIED) }))
    },
  }),
  at('edges', 'replaceEdges with a missing target writes the rest', {
    replaceEdges: async (o, call, of) => {
      const sets = []
      for (const set of o.sets ?? []) {
        const keys = set.edges.map((e) => e.target)
        const there = new Set(
          ((await of('getNodes')({ scope: o.scope, keys })) as readonly NodeRecord[]).map((n) => n.key),
        )
        sets.push({ ...set, edges: set.edges.filter((e) => there.has(e.target)) })
      }
      return call({ ...o, sets })
    },
  }),
  at('edges', 'deleteEdges ignores type and ordinal', {
    deleteEdges: async (o, call, of) => {
      const all = await edgesOf(
        of,
        o,
        (o.edges ?? []).map((e) => e.source),
      )
      const edges = all.filter((e) => (o.edges ?? []).some((x) => x.source === e.source && x.target === e.target))
      return call({ ...o, edges })
    },
  }),
  at('edges', 'edges are not counted', { count: (o, call) => (o.of === 'edges' ? 0 : call(o)) }),
  at('edges', 'a scan of edges loses one a page', {
    scanEdges: async (o, call) => {
      const page = (await call(o)) as { records: readonly EdgeRecord[]; cursor: string | null }
      return page.cursor === null ? page : { ...page, records: page.records.slice(1) }
    },
  }),

  at('neighbors', 'starts are among them', {
    neighbors: async (o, call, of) => {
      const starts = (await of('getNodes')({ scope: o.scope, keys: o.starts ?? [] })) as readonly NodeRecord[]
      return [...starts.map((node) => ({ node, depth: 0, start: node.key })), ...(await neighbors(call(o)))]
    },
  }),
  at('neighbors', 'depth counts from 0', {
    neighbors: async (o, call) => (await neighbors(call(o))).map((n) => ({ ...n, depth: n.depth - 1 })),
  }),
  at('neighbors', 'one step too far', {
    neighbors: (o, call) => call({ ...o, depth: { min: o.depth?.min ?? 1, max: (o.depth?.max ?? 1) + 1 } }),
  }),
  at('neighbors', 'the smallest depth is ignored', {
    neighbors: (o, call) => call({ ...o, depth: { min: 1, max: o.depth?.max ?? 1 } }),
  }),
  at('neighbors', 'the direction is ignored', { neighbors: (o, call) => call({ ...o, direction: 'both' }) }),
  at('neighbors', 'in is out', {
    neighbors: (o, call) => call({ ...o, direction: o.direction === 'in' ? 'out' : (o.direction ?? 'out') }),
  }),
  at('neighbors', 'edge types are ignored', { neighbors: (o, call) => call(without(o, 'edgeTypes')) }),
  at('neighbors', 'the filter prunes the walk', {
    neighbors: async (o, call) => {
      const far = o.depth?.max ?? 1
      if (!o.filter || far < 2) return call(o)
      const near = await neighbors(call({ ...o, depth: { min: 1, max: 1 } }))
      const further = await neighbors(
        call({ ...o, starts: near.map((n) => n.node.key), depth: { min: 1, max: far - 1 } }),
      )
      return [...near, ...further.map((n) => ({ ...n, depth: n.depth + 1 }))].slice(0, o.limit)
    },
  }),
  at('neighbors', 'the limit comes before the filter', {
    neighbors: async (o, call) => {
      if (!o.filter) return call(o)
      const right = new Set((await neighbors(call({ ...o, limit: 1000 }))).map((n) => n.node.key))
      return (await neighbors(call(without(o, 'filter')))).filter((n) => right.has(n.node.key))
    },
  }),
  at('neighbors', 'the limit is ignored', { neighbors: (o, call) => call({ ...o, limit: 1000 }) }),
  at('neighbors', 'in order of key alone', {
    neighbors: async (o, call) => (await neighbors(call(o))).slice().sort((a, b) => (a.node.key < b.node.key ? -1 : 1)),
  }),
  at('neighbors', 'the first start is named, not the right one', {
    neighbors: async (o, call) => (await neighbors(call(o))).map((n) => ({ ...n, start: o.starts?.[0] })),
  }),
  at('neighbors', 'placeholders are found', { neighbors: (o, call) => call({ ...o, placeholders: true }) }),
  at('neighbors', 'a depth beyond what is declared is cut short', {
    neighbors: (o, call) => call({ ...o, depth: { min: o.depth?.min ?? 1, max: Math.min(o.depth?.max ?? 1, 16) } }),
  }),

  at('paths', 'a path that is not the shortest', {
    shortestPath: async (o, call) => {
      const path = (await call(o)) as Path | null
      if (path?.edges.length !== 1) return path
      const around = (await call({ ...o, edgeTypes: ['REFERENCES'] })) as Path | null
      return around && around.edges.length > 1 ? around : path
    },
  }),
  at('paths', 'maxDepth is ignored', { shortestPath: (o, call) => call({ ...o, maxDepth: 16 }) }),
  at('paths', 'the direction is ignored', { shortestPath: (o, call) => call({ ...o, direction: 'both' }) }),
  at('paths', 'edge types are ignored', { shortestPath: (o, call) => call(without(o, 'edgeTypes')) }),
  at('paths', 'no path to itself', { shortestPath: (o, call) => (o.from === o.to ? null : call(o)) }),
  at('paths', 'edges without their nodes', {
    shortestPath: async (o, call) => {
      const path = (await call(o)) as Path | null
      return path && { ...path, nodes: path.nodes.slice(1) }
    },
  }),
  at('paths', 'from the end to the start', {
    shortestPath: async (o, call) => {
      const path = (await call(o)) as Path | null
      return path && { nodes: path.nodes.toReversed(), edges: path.edges.toReversed() }
    },
  }),
  at(
    'paths',
    'what is not declared answers null',
    { shortestPath: async () => null },
    { graph: { shortestPath: false } },
  ),
]
