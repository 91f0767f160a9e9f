import {
  compareText,
  type Direction,
  type EdgeRecord,
  type Key,
  type Path,
  throwIfAborted,
} from '@veritas-db/core/contract'
import type { Collection, Document } from 'mongodb'
import type { Access } from '../access.js'
import { documentsAtOnce, keysAtOnce, splitEvery } from '../lists.js'
import { nodeFields, type StoredEdge, type StoredNode, toEdge, toNode } from './model.js'

type Nodes = Collection<StoredNode>

/** What a walk may use. */
export interface Way {
  readonly direction: Direction
  readonly edgeTypes?: readonly string[] | undefined
}

/** The edges that touch any of the keys, each once, with the fields that are asked for. */
export const readEdgesOf = async (
  access: Access,
  signal: AbortSignal | undefined,
  nodes: Nodes,
  keys: readonly string[],
  { direction, edgeTypes }: Way,
  fields: readonly (keyof StoredEdge)[],
): Promise<{ readonly source: string; readonly edge: StoredEdge }[]> => {
  const found: { source: string; edge: StoredEdge }[] = []
  const seen = new Set<string>()
  for (const some of splitEvery([...new Set(keys)], keysAtOnce)) {
    throwIfAborted(signal)
    const leaving = { $in: ['$_id', { $literal: some }] }
    const entering = { $in: ['$$edge.t', { $literal: some }] }
    const touches = direction === 'out' ? [] : direction === 'in' ? [entering] : [{ $or: [leaving, entering] }]
    const types = edgeTypes ? [{ $in: ['$$edge.y', { $literal: edgeTypes }] }] : []
    const from = { _id: { $in: some } }
    const to = { a: { $in: some } }
    const pipeline: Document[] = [
      { $match: direction === 'out' ? from : direction === 'in' ? to : { $or: [from, to] } },
      {
        $project: {
          e: {
            $filter: { input: { $ifNull: ['$e', []] }, as: 'edge', cond: { $and: [...touches, ...types, true] } },
          },
        },
      },
      { $project: Object.fromEntries(fields.map((field) => [`e.${field}`, 1])) },
    ]
    const documents = await access.read(signal, (settings) =>
      nodes
        .aggregate<{ _id: string; e?: StoredEdge[] }>(pipeline, { ...settings, batchSize: documentsAtOnce })
        .toArray(),
    )
    for (const { _id, e = [] } of documents)
      for (const edge of e) {
        // An edge between keys of two batches is found from both ends.
        const id = `${_id} ${edge.k}`
        if (keys.length > keysAtOnce) {
          if (seen.has(id)) continue
          seen.add(id)
        }
        found.push({ source: _id, edge })
      }
  }
  return found
}

/** A node that a walk reached, and the start it was reached from. */
export interface Reached {
  readonly key: string
  readonly start: string
}

const byKey = (a: Reached, b: Reached): number => (a.key < b.key ? -1 : 1)

/** The nodes at distance 1, 2, … from any start, each once, in order of key: one query a step. */
export async function* stepwise(
  access: Access,
  signal: AbortSignal | undefined,
  nodes: Nodes,
  starts: readonly Key[],
  way: Way,
  maxDepth: number,
): AsyncGenerator<readonly Reached[]> {
  const seen = new Set<string>(starts)
  // The start of each node of the last step: of several, the one with the smallest key.
  let frontier = new Map<string, string>(starts.map((key) => [key, key]))
  for (let depth = 1; depth <= maxDepth && frontier.size > 0; depth++) {
    const edges = await readEdgesOf(access, signal, nodes, [...frontier.keys()], way, ['k', 't'])
    const next = new Map<string, string>()
    const reach = (from: string, to: string): void => {
      const start = frontier.get(from)
      if (start === undefined || seen.has(to)) return
      const other = next.get(to)
      if (other === undefined || start < other) next.set(to, start)
    }
    for (const { source, edge } of edges) {
      if (way.direction !== 'in') reach(source, edge.t)
      if (way.direction !== 'out') reach(edge.t, source)
    }
    for (const key of next.keys()) seen.add(key)
    yield [...next].map(([key, start]) => ({ key, start })).sort(byKey)
    frontier = next
  }
}

/** The same by `$graphLookup`, which walks in the server: one query for all steps. It goes one way, and along every type. */
export async function* byGraphLookup(
  access: Access,
  signal: AbortSignal | undefined,
  nodes: Nodes,
  starts: readonly Key[],
  direction: 'out' | 'in',
  maxDepth: number,
): AsyncGenerator<readonly Reached[]> {
  const out = direction === 'out'
  const lookup = {
    from: nodes.collectionName,
    startWith: out ? '$a' : '$_id',
    connectFromField: out ? 'a' : '_id',
    connectToField: out ? '_id' : 'a',
    maxDepth: maxDepth - 1,
    depthField: 'g',
    as: 'r',
  }
  const pipeline: Document[] = [
    { $match: { _id: { $in: [...new Set(starts)] } } },
    { $project: { a: 1 } },
    { $graphLookup: lookup },
    // Kept next to the lookup: the server then needs no document that holds all it found.
    { $unwind: '$r' },
    { $project: { key: '$r._id', depth: '$r.g' } },
  ]
  const found = await access.read(signal, (settings) =>
    nodes
      .aggregate<{ _id: string; key: string; depth: number }>(pipeline, { ...settings, batchSize: documentsAtOnce })
      .toArray(),
  )
  const isStart = new Set<string>(starts)
  const best = new Map<string, { depth: number; start: string }>()
  for (const { _id: start, key, depth: steps } of found) {
    if (isStart.has(key)) continue
    const depth = Number(steps)
    const other = best.get(key)
    if (!other || depth < other.depth || (depth === other.depth && start < other.start)) best.set(key, { depth, start })
  }
  const levels: Reached[][] = Array.from({ length: maxDepth }, () => [])
  for (const [key, { depth, start }] of best) levels[depth]?.push({ key, start })
  for (const level of levels) yield level.sort(byKey)
}

/** A path with the fewest edges, by one query a step and one for what lies on it. */
export const findPath = async (
  access: Access,
  signal: AbortSignal | undefined,
  nodes: Nodes,
  from: Key,
  to: Key,
  way: Way,
  maxDepth: number,
): Promise<Path | null> => {
  /** How each node was reached: the edge, by its source and name, and the node before. */
  const before = new Map<string, { readonly node: string; readonly source: string; readonly name: string }>()
  const seen = new Set<string>([from])
  let frontier: string[] = [from]
  for (let depth = 1; from !== to && depth <= maxDepth && frontier.length > 0 && !before.has(to); depth++) {
    const within = new Set(frontier)
    const next: string[] = []
    const reach = (node: string, found: string, source: string, name: string): void => {
      if (!within.has(node) || seen.has(found)) return
      seen.add(found)
      before.set(found, { node, source, name })
      next.push(found)
    }
    const edges = await readEdgesOf(access, signal, nodes, frontier, way, ['k', 't'])
    edges.sort((a, b) => compareText(a.source, b.source) || compareText(a.edge.k, b.edge.k))
    for (const { source, edge } of edges) {
      if (way.direction !== 'in') reach(source, edge.t, source, edge.k)
      if (way.direction !== 'out') reach(edge.t, source, source, edge.k)
    }
    frontier = next
  }
  if (from !== to && !before.has(to)) return null
  const keys: string[] = [to]
  const steps: { readonly source: string; readonly name: string }[] = []
  for (let step = before.get(to); step; step = before.get(step.node)) {
    keys.unshift(step.node)
    steps.unshift(step)
  }
  return readPath(access, signal, nodes, keys, steps)
}

const readPath = async (
  access: Access,
  signal: AbortSignal | undefined,
  nodes: Nodes,
  keys: readonly string[],
  steps: readonly { readonly source: string; readonly name: string }[],
): Promise<Path | null> => {
  const names = steps.map(({ name }) => name)
  const e = {
    $filter: { input: { $ifNull: ['$e', []] }, as: 'edge', cond: { $in: ['$$edge.k', { $literal: names }] } },
  }
  const found = await access.read(signal, (settings) =>
    nodes
      .aggregate<StoredNode>([{ $match: { _id: { $in: keys } } }, { $project: { ...nodeFields, e } }], settings)
      .toArray(),
  )
  const there = new Map(found.map((node) => [node._id, node]))
  const onPath = keys.flatMap((key) => there.get(key) ?? [])
  const edges = steps.flatMap(({ source, name }): EdgeRecord[] => {
    const edge = there.get(source)?.e?.find(({ k }) => k === name)
    return edge ? [toEdge(source, edge)] : []
  })
  // A node or an edge that was deleted between the two reads: the path is no more.
  if (onPath.length < keys.length || edges.length < steps.length) return null
  return { nodes: onPath.map(toNode), edges }
}
