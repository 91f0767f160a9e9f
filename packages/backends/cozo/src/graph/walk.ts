import { type Direction, type EdgeRecord, type Key, type Path, throwIfAborted } from '@veritas-db/core/contract'
import { splitEvery } from '../batches.js'
import type { Connection } from '../connection.js'
import { Bindings } from '../script.js'
import { edgeColumns, nodeHead, type Relations, toEdge, toNode } from './model.js'

/** What a walk may use. */
export interface Way {
  readonly direction: Direction
  readonly edgeTypes?: readonly string[] | undefined
}

const nodesAtOnce = 5000

/**
 * The atoms that lead from node `from` to node `to` along an edge: one where the way has a direction, else two. They bind the edge's
 * ordinal `o`, and its type `y` where that is not the only one.
 */
const stepsOf = (
  { edges }: Relations,
  { direction, edgeTypes }: Way,
  from: string,
  to: string,
  bindings: Bindings,
): string[] => {
  // One type is a part of the key that is looked for.
  const one = edgeTypes?.length === 1
  const type = one ? `y: ${bindings.add(edgeTypes[0])}` : 'y'
  const types = edgeTypes && !one ? `, is_in(y, ${bindings.add(edgeTypes)})` : ''
  // Against the direction by the index over targets.
  const out = `*${edges}{s: ${from}, t: ${to}, ${type}, o}${types}`
  const back = `*${edges}:r{t: ${from}, s: ${to}, ${type}, o}${types}`
  return direction === 'out' ? [out] : direction === 'in' ? [back] : [out, back]
}

/** The edges that touch any of the nodes, each once. */
export const readEdges = async (
  connection: Connection,
  relations: Relations,
  keys: readonly string[],
  way: Way,
  signal: AbortSignal | undefined,
): Promise<EdgeRecord[]> => {
  const found = new Map<string, EdgeRecord>()
  for (const some of splitEvery([...new Set(keys)], nodesAtOnce)) {
    throwIfAborted(signal)
    const bindings = new Bindings()
    const types = way.edgeTypes ? `, is_in(y, ${bindings.add(way.edgeTypes)})` : ''
    const keysOfSome = bindings.add(some)
    const head = `?[${edgeColumns}]`
    const rules: string[] = []
    if (way.direction !== 'in') rules.push(`${head} := s in ${keysOfSome}, *${relations.edges}{${edgeColumns}}${types}`)
    if (way.direction !== 'out')
      rules.push(
        `${head} := t in ${keysOfSome}, *${relations.edges}:r{t, y, s, o}${types}, *${relations.edges}{${edgeColumns}}`,
      )
    for (const row of await connection.read(rules.join('\n'), bindings.values, signal))
      found.set(row.slice(0, 4).join(' '), toEdge(row))
  }
  return [...found.values()]
}

/** Bodies of rules that bind `k` to the nodes that one step from `start` leads to: one where the way has a direction, else two. */
export const stepsFrom = (relations: Relations, start: Key, way: Way, bindings: Bindings): string[] => {
  const from = bindings.add(start)
  return stepsOf(relations, way, from, 'k', bindings).map((step) => `${step}, k != ${from}`)
}

/**
 * Rules that give `reached[n, depth, start]`: the nodes within `max` steps of any start, each at its smallest depth, with the smallest
 * of the starts that are so near. A rule a depth, for `min` in recursion compares numbers alone.
 */
export const walkRules = (
  relations: Relations,
  starts: readonly Key[],
  way: Way,
  depth: { readonly min: number; readonly max: number },
  bindings: Bindings,
): string => {
  const rules = [
    `level0[n, start] <- ${bindings.add([...new Set(starts)].map((key) => [key, key]))}`,
    'seen0[n] := level0[n, _]',
  ]
  for (let d = 1; d <= depth.max; d++) {
    for (const step of stepsOf(relations, way, 'm', 'n', bindings))
      rules.push(
        `level${d}[n, smallest_by(pair)] := level${d - 1}[m, start], ${step}, not seen${d - 1}[n], pair = [start, start]`,
      )
    rules.push(`seen${d}[n] := seen${d - 1}[n]`, `seen${d}[n] := level${d}[n, _]`)
    if (d >= depth.min) rules.push(`reached[n, depth, start] := level${d}[n, start], depth = ${d}`)
  }
  return rules.join('\n')
}

/** A path with the fewest edges, by one query a step and one for what lies on it. */
export const findPath = async (
  connection: Connection,
  relations: Relations,
  from: Key,
  to: Key,
  way: Way,
  maxDepth: number,
  signal: AbortSignal | undefined,
): Promise<Path | null> => {
  /** How each node was reached: the node before, and the edge. */
  const before = new Map<string, { readonly node: string; readonly edge: readonly unknown[] }>()
  const seen = new Set<string>([from])
  let frontier: string[] = [from]
  for (let depth = 1; from !== to && depth <= maxDepth && frontier.length > 0 && !before.has(to); depth++) {
    const next: string[] = []
    for (const some of splitEvery(frontier, nodesAtOnce)) {
      throwIfAborted(signal)
      const bindings = new Bindings()
      const at = `at[m] <- ${bindings.add(some.map((key) => [key]))}`
      const type = way.edgeTypes?.length === 1 ? `, y = ${bindings.add(way.edgeTypes[0])}` : ''
      const rules = stepsOf(relations, way, 'm', 'n', bindings).map(
        (step, i) => `?[m, n, y, o, back] := at[m], ${step}${type}, back = ${way.direction === 'in' || i === 1}`,
      )
      for (const [m, n, y, o, back] of await connection.read([at, ...rules].join('\n'), bindings.values, signal)) {
        const node = n as string
        if (seen.has(node)) continue
        seen.add(node)
        before.set(node, { node: m as string, edge: back ? [n, y, m, o] : [m, y, n, o] })
        next.push(node)
      }
    }
    frontier = next
  }
  if (from !== to && !before.has(to)) return null
  const keys: string[] = [to]
  const steps: (readonly unknown[])[] = []
  for (let step = before.get(to); step; step = before.get(step.node)) {
    keys.unshift(step.node)
    steps.unshift(step.edge)
  }
  return readPath(connection, relations, keys, steps, signal)
}

const readPath = async (
  connection: Connection,
  { nodes, edges }: Relations,
  keys: readonly string[],
  steps: readonly (readonly unknown[])[],
  signal: AbortSignal | undefined,
): Promise<Path | null> => {
  const [foundNodes, foundEdges] = await Promise.all([
    connection.read(`?[${nodeHead}] := k in $keys, *${nodes}{${nodeHead}}`, { keys }, signal),
    connection.read(
      `at[s, y, t, o] <- $steps ?[${edgeColumns}] := at[s, y, t, o], *${edges}{${edgeColumns}}`,
      { steps },
      signal,
    ),
  ])
  const nodeAt = new Map(foundNodes.map((row) => [row[0], toNode(row)]))
  const edgeAt = new Map(foundEdges.map((row) => [row.slice(0, 4).join(' '), toEdge(row)]))
  const onPath = keys.flatMap((key) => nodeAt.get(key) ?? [])
  const along = steps.flatMap((step) => edgeAt.get(step.join(' ')) ?? [])
  // A node or an edge that was deleted between the queries: the path is no more.
  if (onPath.length < keys.length || along.length < steps.length) return null
  return { nodes: onPath, edges: along }
}
