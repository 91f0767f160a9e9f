// Traversals and shortest paths: docs.arangodb.com/3.12/aql/graph-queries.
import type { Session } from '../store.ts'
import type { Direction } from './ast.ts'
import { ArangoFailure, parseError } from './errors.ts'
import { isArray, isObjectValue, type ObjectValue, own, toText, type Value } from './values.ts'

export interface EdgeSource {
  direction: Direction
  collection: string
}

export interface Step {
  vertex: Value
  edge: Value
  path: Value
}

interface Node {
  id: string
  edge: ObjectValue | null
  before: Node | undefined
  depth: number
}

const traversalOptions = new Set(
  'order bfs uniqueVertices uniqueEdges edgeCollections vertexCollections parallelism maxProjections indexHint'.split(
    ' ',
  ),
)
const pathOptions = new Set(['weightAttribute', 'defaultWeight', 'useCache'])

const checkOptions = (options: ObjectValue, known: Set<string>): void => {
  for (const name of Object.keys(options))
    if (!known.has(name)) throw parseError(`the emulator does not know the option ${name} here`)
}

export const startId = (value: Value): string | undefined => {
  const id = isObjectValue(value) ? (value._id ?? null) : value
  return typeof id === 'string' && /^[^/]+\/[^/]+$/.test(id) ? id : undefined
}

const neighbours = (session: Session, sources: EdgeSource[], id: string): { id: string; edge: ObjectValue }[] => {
  const found: { id: string; edge: ObjectValue }[] = []
  const once = new Map(sources.map((s) => [s.collection, s]))
  for (const { collection, direction } of once.values()) {
    const view = session.view(collection)
    if (view.collection.type !== 3) throw new ArangoFailure(1218, `'${collection}' is no edge collection`)
    if (direction !== 'INBOUND')
      for (const edge of view.edges('OUTBOUND', id)) found.push({ id: toText(edge._to ?? null), edge })
    if (direction !== 'OUTBOUND')
      for (const edge of view.edges('INBOUND', id)) {
        // A loop is one edge, in whichever direction it is met.
        if (direction === 'ANY' && edge._from === edge._to) continue
        found.push({ id: toText(edge._from ?? null), edge })
      }
  }
  return found
}

const names = (value: Value): Set<string> | undefined => {
  const all = (value !== null && isArray(value) ? value : value === null ? [] : [value]).map(toText)
  return all.length > 0 ? new Set(all) : undefined
}

const pathOf = (session: Session, node: Node): ObjectValue => {
  const vertices: Value[] = []
  const edges: Value[] = []
  for (let at: Node | undefined = node; at; at = at.before) {
    vertices.unshift(session.document(at.id) ?? null)
    if (at.edge) edges.unshift(at.edge)
  }
  return { edges, vertices, weights: vertices.map((_, i) => i) }
}

const onPath = (node: Node | undefined, test: (node: Node) => boolean): boolean => {
  for (let at = node; at; at = at.before) if (test(at)) return true
  return false
}

interface Plan {
  bfs: boolean
  uniqueVertices: Value
  uniqueEdges: Value
  vertexCollections: Set<string> | undefined
  edgeCollections: Set<string> | undefined
}

const planOf = (options: ObjectValue): Plan => {
  checkOptions(options, traversalOptions)
  const order = own(options, 'order') ?? 'dfs'
  const bfs = order === 'bfs' || options.bfs === true
  const uniqueVertices = own(options, 'uniqueVertices') ?? 'none'
  const uniqueEdges = own(options, 'uniqueEdges') ?? 'path'
  if (order === 'weighted') throw parseError('the emulator does not know weighted traversals')
  if (order !== 'bfs' && order !== 'dfs') throw new ArangoFailure(10, `order: ${toText(order)}`)
  if (!['none', 'path', 'global'].includes(toText(uniqueVertices))) throw new ArangoFailure(10, 'uniqueVertices')
  if (!['none', 'path'].includes(toText(uniqueEdges))) throw new ArangoFailure(10, 'uniqueEdges')
  if (uniqueVertices === 'global' && !bfs)
    throw new ArangoFailure(10, "uniqueVertices: 'global' is only supported with order bfs or weighted")
  return {
    bfs,
    uniqueVertices,
    uniqueEdges,
    vertexCollections: names(own(options, 'vertexCollections')),
    edgeCollections: names(own(options, 'edgeCollections')),
  }
}

export const traverse = function* (
  session: Session,
  start: string,
  sources: EdgeSource[],
  [min, max]: [number, number],
  options: ObjectValue,
  prune: (step: Step) => boolean,
  wantsPath: boolean,
): Generator<Step> {
  const plan = planOf(options)
  const seen = new Set([start])
  const open: Node[] = [{ id: start, edge: null, before: undefined, depth: 0 }]
  const allowed = (node: Node, next: { id: string; edge: ObjectValue }): boolean => {
    if (plan.vertexCollections && !plan.vertexCollections.has(next.id.split('/')[0] ?? '')) return false
    if (plan.edgeCollections && !plan.edgeCollections.has(toText(next.edge._id ?? null).split('/')[0] ?? ''))
      return false
    if (plan.uniqueEdges === 'path' && onPath(node, (n) => n.edge?._id === next.edge._id)) return false
    if (plan.uniqueVertices === 'path' && onPath(node, (n) => n.id === next.id)) return false
    if (plan.uniqueVertices === 'global') {
      if (seen.has(next.id)) return false
      seen.add(next.id)
    }
    return true
  }
  while (open.length > 0) {
    const node = plan.bfs ? open.shift() : open.pop()
    if (!node) return
    const step: Step = {
      vertex: session.document(node.id) ?? null,
      edge: node.edge,
      path: wantsPath ? pathOf(session, node) : null,
    }
    const cut = node.depth >= max || prune(step)
    if (node.depth >= min) yield step
    if (cut) continue
    const next = neighbours(session, sources, node.id).filter((n) => allowed(node, n))
    if (!plan.bfs) next.reverse()
    for (const { id, edge } of next) open.push({ id, edge, before: node, depth: node.depth + 1 })
  }
}

export const shortestPath = (
  session: Session,
  start: string,
  target: string,
  sources: EdgeSource[],
  options: ObjectValue,
): { vertex: Value; edge: Value }[] => {
  checkOptions(options, pathOptions)
  if (!session.document(start) || !session.document(target)) return []
  const attribute = own(options, 'weightAttribute')
  const fallback = own(options, 'defaultWeight')
  const weight = (edge: ObjectValue): number => {
    if (attribute === null) return 1
    const value = own(edge, toText(attribute))
    const cost = typeof value === 'number' ? value : typeof fallback === 'number' ? fallback : 1
    if (cost < 0) throw new ArangoFailure(10, 'negative edge weight')
    return cost
  }
  const done = new Set<string>()
  const open = new Map<string, { node: Node; cost: number }>()
  open.set(start, { node: { id: start, edge: null, before: undefined, depth: 0 }, cost: 0 })
  while (open.size > 0) {
    let best: { node: Node; cost: number } | undefined
    for (const candidate of open.values()) if (!best || candidate.cost < best.cost) best = candidate
    if (!best) return []
    const { node, cost } = best
    open.delete(node.id)
    done.add(node.id)
    if (node.id === target) {
      const steps: { vertex: Value; edge: Value }[] = []
      for (let at: Node | undefined = node; at; at = at.before)
        steps.unshift({ vertex: session.document(at.id) ?? null, edge: at.edge })
      return steps
    }
    for (const { id, edge } of neighbours(session, sources, node.id)) {
      if (done.has(id)) continue
      const total = cost + weight(edge)
      const known = open.get(id)
      if (!known || total < known.cost)
        open.set(id, { node: { id, edge, before: node, depth: node.depth + 1 }, cost: total })
    }
  }
  return []
}
