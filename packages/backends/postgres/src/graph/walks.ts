import type { Direction, EdgeRecord, GraphRole, Key, Neighbor, Path } from '@veritas-db/core/contract'
import { conditionOf, keysParameter, type RoleContext, toKey } from '../role.js'
import type { Session } from '../session.js'
import { Bindings } from '../sql.js'
import type { GraphTables } from './edges.js'
import { EDGE_SELECT, NODE_SELECT, toEdge, toNode } from './records.js'
import { type Graph, nodeField, wantFieldIndexes } from './schema.js'

type NeighborOptions = Parameters<GraphRole['neighbors']>[0]
type PathOptions = Parameters<GraphRole['shortestPath']>[0]

/**
 * One step from every node of the level `w`: the node reached as `key`, and `origin` of the node it was reached from.
 * OFFSET 0 keeps the planner from reading all edges where it knows nothing of their number yet.
 */
const steps = (edges: string, direction: Direction, types: string, origin: string): string => {
  const level = `unnest(w.keys, w.origins) AS f (key, origin)`
  const one = (from: string, to: string): string =>
    `SELECT s.key, ${origin} AS origin FROM ${level} CROSS JOIN LATERAL (SELECT e.${to} AS key FROM ${edges} e WHERE e.${from} = f.key ${types} OFFSET 0) AS s`
  const sides = [
    ...(direction === 'in' ? [] : [one('source', 'target')]),
    ...(direction === 'out' ? [] : [one('target', 'source')]),
  ]
  return sides.join(' UNION ALL ')
}

/**
 * The levels of a breadth-first walk, a row each: the nodes first reached there with their origins (of several the smallest),
 * and all nodes reached so far. Every edge is looked at once.
 */
const levels = (edges: string, direction: Direction, types: string, origin: string): string =>
  `SELECT array_agg(s.key ORDER BY s.key) AS keys, array_agg(s.origin ORDER BY s.key) AS origins FROM (
     SELECT DISTINCT ON (step.key) step.key, step.origin FROM (${steps(edges, direction, types, origin)}) AS step
     WHERE NOT EXISTS (SELECT FROM unnest(w.visited) AS v (key) WHERE v.key = step.key)
     ORDER BY step.key, step.origin
   ) AS s`

const typesCondition = (edgeTypes: readonly string[] | undefined, bindings: Bindings): string =>
  edgeTypes === undefined ? '' : `AND e.type = ANY(${bindings.bind([...edgeTypes])}::text[])`

/** Nodes within a range of steps. */
export const findNeighbors = async (
  context: RoleContext,
  session: Session,
  graph: Graph,
  tables: GraphTables,
  options: NeighborOptions,
): Promise<readonly Neighbor[]> => {
  const { starts, depth = { min: 1, max: 1 }, limit, filter } = options
  if (limit === 0 || starts.length === 0 || depth.max === 0 || depth.min > depth.max) return []
  await wantFieldIndexes(context, session, graph, filter)
  const bindings = new Bindings(starts.length === 1 ? starts[0] : keysParameter(starts))
  const sql = (depth.max === 1 ? adjacent : walked)(graph, tables, options, bindings)
  const { rows } = await session.query(sql, bindings.values, { prepare: filter === undefined })
  return rows.map((row) => ({
    node: toNode(row),
    depth: (row.depth as number | undefined) ?? 1,
    start: row.origin === undefined ? (starts[0] as Key) : toKey(row.origin),
  }))
}

/** What the nodes `n` must be to be told of. */
const wanted = (graph: Graph, { placeholders = false, filter }: NeighborOptions, bindings: Bindings): string =>
  `${placeholders ? 'true' : 'NOT n.placeholder'} AND ${conditionOf(filter, nodeField(graph), bindings)}`

/** The nodes `n` of the keys `k`, looked up key by key, however few there were when the statement was planned. */
const nodesOf = ({ nodes }: GraphTables): string =>
  `CROSS JOIN LATERAL (SELECT * FROM ${nodes} WHERE ${nodes}.key = k.key OFFSET 0) AS n`

/** Nodes one step away: the edges of the starts, and the nodes at their other ends. With one start, all are reached from it. */
const adjacent = (graph: Graph, tables: GraphTables, options: NeighborOptions, bindings: Bindings): string => {
  const { starts, direction = 'out', limit } = options
  const alone = starts.length === 1
  const types = typesCondition(options.edgeTypes, bindings)
  const side = (from: string, to: string): string => {
    const step = `SELECT e.${to} AS key FROM ${tables.edges} e WHERE e.${from} ${alone ? '= $1::uuid' : '= f.key'} ${types}`
    return alone
      ? step
      : `SELECT s.key, f.key AS origin FROM unnest($1::uuid[]) AS f (key) CROSS JOIN LATERAL (${step} OFFSET 0) AS s`
  }
  const steps = [
    ...(direction === 'in' ? [] : [side('source', 'target')]),
    ...(direction === 'out' ? [] : [side('target', 'source')]),
  ].join(' UNION ALL ')
  const found = alone
    ? `SELECT DISTINCT step.key FROM (${steps}) AS step WHERE step.key <> $1::uuid`
    : `SELECT DISTINCT ON (step.key) step.key, step.origin FROM (${steps}) AS step
       WHERE NOT EXISTS (SELECT FROM unnest($1::uuid[]) AS v (key) WHERE v.key = step.key) ORDER BY step.key, step.origin`
  return `SELECT ${NODE_SELECT}${alone ? '' : ', k.origin'} FROM (${found}) AS k ${nodesOf(tables)}
     WHERE ${wanted(graph, options, bindings)} ORDER BY n.key LIMIT ${limit}`
}

/** Nodes of several steps. The walk ends with the level that fills the limit. */
const walked = (graph: Graph, tables: GraphTables, options: NeighborOptions, bindings: Bindings): string => {
  const { starts, direction = 'out', depth = { min: 1, max: 1 }, limit } = options
  const from = starts.length === 1 ? 'ARRAY[$1::uuid]' : '$1::uuid[]'
  const types = typesCondition(options.edgeTypes, bindings)
  const condition = wanted(graph, options, bindings)
  const least = Math.max(depth.min, 1)
  return `WITH RECURSIVE walk AS (
       SELECT 0 AS depth, ${from} AS keys, ${from} AS origins, ${from} AS visited, 0::int8 AS found
       UNION ALL
       SELECT w.depth + 1, next.keys, next.origins, w.visited || next.keys, w.found + CASE WHEN w.depth + 1 < ${least} THEN 0 ELSE
         (SELECT count(*) FROM unnest(next.keys) AS k (key) ${nodesOf(tables)} WHERE ${condition}) END
       FROM walk w CROSS JOIN LATERAL (${levels(tables.edges, direction, types, 'f.origin')}) AS next
       WHERE w.depth < ${depth.max} AND w.found < ${limit} AND next.keys IS NOT NULL
     )
     SELECT ${NODE_SELECT}, w.depth, k.origin FROM walk w CROSS JOIN LATERAL unnest(w.keys, w.origins) AS k (key, origin)
     ${nodesOf(tables)} WHERE w.depth >= ${least} AND ${condition} ORDER BY w.depth, n.key LIMIT ${limit}`
}

/** A path with the fewest edges: the walk goes on until it reaches the end, and back by where each node was reached from. */
export const findPath = async (session: Session, tables: GraphTables, options: PathOptions): Promise<Path | null> => {
  const { from, to, direction = 'out', maxDepth } = options
  const bindings = new Bindings(from, to)
  const types = typesCondition(options.edgeTypes, bindings)
  const sides = [
    ...(direction === 'in' ? [] : ['e.source = p.before AND e.target = p.key']),
    ...(direction === 'out' ? [] : ['e.source = p.key AND e.target = p.before']),
  ]
  const edge = EDGE_SELECT.split(', ').map((column) => `${column} AS ${column.replace('e.', 'e_')}`)
  const { rows } = await session.query(
    `WITH RECURSIVE walk AS (
       SELECT 0 AS depth, ARRAY[$1::uuid] AS keys, ARRAY[NULL::uuid] AS origins, ARRAY[$1::uuid] AS visited
       UNION ALL
       SELECT w.depth + 1, next.keys, next.origins, w.visited || next.keys
       FROM walk w CROSS JOIN LATERAL (${levels(tables.edges, direction, types, 'f.key')}) AS next
       WHERE w.depth < ${maxDepth} AND next.keys IS NOT NULL AND NOT $2::uuid = ANY(w.keys)
     ), back AS (
       SELECT w.depth, $2::uuid AS key FROM walk w WHERE $2::uuid = ANY(w.keys)
       UNION ALL
       SELECT b.depth - 1, o.origin FROM back b JOIN walk w ON w.depth = b.depth
       CROSS JOIN LATERAL unnest(w.keys, w.origins) AS o (key, origin) WHERE b.depth > 0 AND o.key = b.key
     ), path AS (
       SELECT depth, key, lag(key) OVER (ORDER BY depth) AS before FROM back
     )
     SELECT p.depth, ${NODE_SELECT}, chosen.* FROM path p JOIN ${tables.nodes} n ON n.key = p.key
     LEFT JOIN LATERAL (
       SELECT ${edge.join(', ')} FROM ${tables.edges} e WHERE (${sides.join(' OR ')}) ${types} ORDER BY e.type, e.ordinal LIMIT 1
     ) AS chosen ON true ORDER BY p.depth`,
    bindings.values,
    { prepare: true },
  )
  if (rows.length === 0) return null
  const edges = rows.slice(1).map((row): EdgeRecord => {
    const own = Object.entries(row).filter(([name]) => name.startsWith('e_'))
    return toEdge(Object.fromEntries(own.map(([name, value]) => [name.slice(2), value])))
  })
  return { nodes: rows.map(toNode), edges }
}
