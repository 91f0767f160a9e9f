import type { Direction, FilterNode, Key, Neighbor, Path } from '@veritas-db/core/contract'
import type { Access } from '../connection.js'
import { integer, quote } from '../cypher.js'
import { type Environment, filterOn } from '../environment.js'
import { typePattern } from './edges.js'
import { column, edgeMap, isDocument, nodeMap, toEdge, toNode } from './records.js'

/** The deepest walk and the longest path. */
export const MAX_DEPTH = 32

/** The two ends of a relationship's pattern. */
const arrows = (direction: Direction): { readonly left: string; readonly right: string } => ({
  left: direction === 'in' ? '<-' : '-',
  right: direction === 'out' ? '->' : '-',
})

export interface Walk {
  readonly starts: readonly Key[]
  readonly edgeTypes: readonly string[] | undefined
  readonly direction: Direction
  readonly min: number
  readonly max: number
  readonly filter: FilterNode | undefined
  readonly placeholders: boolean
  readonly limit: number
}

/**
 * A breadth-first walk, one query a step: each node is met once, where a pattern of variable length would go along every path.
 * It ends with the step that brings enough.
 */
export const walk = async (
  environment: Environment,
  access: Access,
  label: string,
  options: Walk,
  signal: AbortSignal | undefined,
): Promise<Neighbor[]> => {
  const { starts, direction, min, max, limit } = options
  const { left, right } = arrows(direction)
  const filter = filterOn(environment, options.filter, 'm')
  const accepted = `${options.placeholders ? 'true' : isDocument('m')} AND coalesce(${filter.text}, false)`
  const [only] = starts
  if (only !== undefined && starts.length === 1 && max === 1) {
    // What is asked most often, without the accounts of who came from where.
    const text = `MATCH (:${quote(label)} {_key: $start})${left}[${typePattern(options.edgeTypes)}]${right}(m:${quote(label)})
      WHERE m._key <> $start AND ${accepted}
      WITH DISTINCT m ORDER BY m._key LIMIT $limit RETURN ${nodeMap('m')} AS node`
    const parameters = { ...filter.parameters, start: only, limit: integer(limit) }
    const nodes = column(await access.run({ text, parameters }, signal), 'node')
    return nodes.map((node) => ({ node: toNode(node), depth: 1, start: only }))
  }
  const step = `UNWIND $frontier AS f
    MATCH (:${quote(label)} {_key: f.key})${left}[${typePattern(options.edgeTypes)}]${right}(m:${quote(label)})
    WHERE NOT m._key IN $seen
    WITH m, min(f.start) AS start`
  const found: Neighbor[] = []
  const seen = new Set<Key>(starts)
  let frontier = [...seen].map((key) => ({ key, start: key }))
  for (let depth = 1; depth <= max && frontier.length > 0 && found.length < limit; depth++) {
    const parameters = { ...filter.parameters, frontier, seen: [...seen], limit: integer(limit - found.length) }
    const last = depth === max
    const rows = await access.run(
      last
        ? {
            text: `${step} WHERE ${accepted} WITH m, start ORDER BY m._key LIMIT $limit RETURN start, ${nodeMap('m')} AS node`,
            parameters,
          }
        : {
            text: `${step} RETURN m._key AS key, start, CASE WHEN ${depth >= min ? accepted : 'false'} THEN ${nodeMap('m')} END AS node ORDER BY key`,
            parameters,
          },
      signal,
    )
    for (const row of rows) {
      const node = row.get('node')
      if (node !== null && found.length < limit)
        found.push({ node: toNode(node), depth, start: row.get('start') as Key })
    }
    if (last) break
    frontier = rows.map((row) => ({ key: row.get('key') as Key, start: row.get('start') as Key }))
    for (const { key } of frontier) seen.add(key)
  }
  return found
}

/** A path with the fewest edges between two different nodes. */
export const shortestPath = async (
  { dialect }: Environment,
  access: Access,
  label: string,
  options: {
    readonly from: Key
    readonly to: Key
    readonly edgeTypes: readonly string[] | undefined
    readonly direction: Direction
    readonly maxDepth: number
  },
  signal: AbortSignal | undefined,
): Promise<Path | null> => {
  const pattern = { ...arrows(options.direction), types: typePattern(options.edgeTypes) }
  const [row] = await access.run(
    {
      text: `MATCH (a:${quote(label)} {_key: $from})
        MATCH (b:${quote(label)} {_key: $to})
        ${dialect.shortestPath(pattern, options.maxDepth)}
        RETURN [x IN nodes(p) | ${nodeMap('x')}] AS nodes, [r IN relationships(p) | ${edgeMap('r')}] AS edges`,
      parameters: { from: options.from, to: options.to },
    },
    signal,
  )
  if (!row) return null
  return { nodes: (row.get('nodes') as unknown[]).map(toNode), edges: (row.get('edges') as unknown[]).map(toEdge) }
}
