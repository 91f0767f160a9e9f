import {
  assertPushable,
  type EdgeRecord,
  type FilterNode,
  invalid,
  isMatchAll,
  type Key,
  type Neighbor,
  type NodeRecord,
  type Page,
  type Path,
  pageOf,
  type RecordHead,
  readCursor,
  type Version,
  writeCursor,
} from '@veritas-db/core/contract'
import { chunks, KEYS_A_REQUEST } from '../batches.js'
import type { Call } from '../connection.js'
import { backendName } from '../errors.js'
import { type CompiledFilter, compileFilter, filterCapabilities } from '../filter.js'
import type { Session } from '../session.js'
import type { GraphSpace } from '../spaces.js'
import { type EdgeRow, edgeFields, NODE, type NodeDocument, toEdge, toNode } from './records.js'

/** The deepest walk. */
export const MAX_DEPTH = 32

/** A filter over a node's properties. @throws VeritasError UNSUPPORTED beyond what is declared */
export const nodeFilter = (filter: FilterNode | undefined): CompiledFilter => {
  if (filter && !isMatchAll(filter)) assertPushable(filter, filterCapabilities, backendName, 'graph')
  return compileFilter(filter, ['data'])
}

export const getNodes = async (
  session: Session,
  call: Call,
  graph: GraphSpace,
  keys: readonly Key[],
): Promise<NodeRecord[]> => {
  const found: NodeRecord[] = []
  for (const part of chunks([...new Set(keys)], KEYS_A_REQUEST)) {
    const aql = `FOR d IN @@nodes FILTER d._key IN @keys RETURN ${NODE}`
    const { rows } = await session.query<NodeDocument>(call, aql, { '@nodes': graph.nodes, keys: part })
    for (const row of rows) found.push(toNode(row))
  }
  return found
}

export interface FindNodes {
  readonly label?: string
  readonly filter: CompiledFilter
  readonly placeholders: boolean
  readonly limit: number
}

export const findNodes = async (
  session: Session,
  call: Call,
  graph: GraphSpace,
  { label, filter, placeholders, limit }: FindNodes,
): Promise<NodeRecord[]> => {
  const { rows } = await session.query<NodeDocument>(
    call,
    `FOR d IN @@nodes
       ${placeholders ? '' : 'FILTER d.placeholder == false'}
       ${label === undefined ? '' : 'FILTER d.label == @label'}
       FILTER ${filter.aql}
       SORT d._key LIMIT @limit RETURN ${NODE}`,
    { '@nodes': graph.nodes, limit, ...(label !== undefined && { label }), ...filter.binds },
  )
  return rows.map(toNode)
}

/** The edge collections of some types, or of all. Types that were never declared have no edges. */
const collectionsOf = (
  graph: GraphSpace,
  types: readonly string[] | undefined,
): readonly (readonly [string, string])[] =>
  [...graph.edges].filter(([type]) => types === undefined || types.includes(type))

export const getEdges = async (
  session: Session,
  call: Call,
  graph: GraphSpace,
  keys: readonly Key[],
  direction: 'out' | 'in' | 'both',
  edgeTypes: readonly string[] | undefined,
): Promise<EdgeRecord[]> => {
  const condition = {
    out: 'd._from IN @ids',
    in: 'd._to IN @ids',
    both: 'd._from IN @ids || d._to IN @ids',
  }[direction]
  const found = new Map<string, EdgeRecord>()
  const ids = [...new Set(keys)].map((key) => `${graph.nodes}/${key}`)
  for (const part of chunks(ids, KEYS_A_REQUEST))
    for (const [type, collection] of collectionsOf(graph, edgeTypes)) {
      const aql = `FOR d IN @@edges FILTER ${condition} RETURN ${edgeFields('d', '@type')}`
      const { rows } = await session.query<EdgeRow>(call, aql, { '@edges': collection, ids: part, type })
      for (const row of rows) found.set(`${type} ${row._key}`, toEdge(row))
    }
  return [...found.values()]
}

const DIRECTION = { out: 'OUTBOUND', in: 'INBOUND', both: 'ANY' } as const

/** The edge collections of a walk as AQL, with their bind parameters. */
const edgeSources = (collections: readonly (readonly [string, string])[]): CompiledFilter => ({
  aql: collections.map((_, i) => `@@edges${i}`).join(', '),
  binds: Object.fromEntries(collections.map(([, collection], i) => [`@edges${i}`, collection])),
})

export interface Walk {
  readonly starts: readonly Key[]
  readonly edgeTypes: readonly string[] | undefined
  readonly direction: 'out' | 'in' | 'both'
  readonly depth: { readonly min: number; readonly max: number }
  readonly filter: CompiledFilter
  readonly placeholders: boolean
  readonly limit: number
}

/** @throws VeritasError VALIDATION */
export const checkDepth = ({ min, max }: Walk['depth']): void => {
  if (!Number.isSafeInteger(min) || min < 1) throw invalid('depth.min', 'needs a whole number of at least 1')
  if (!Number.isSafeInteger(max) || max < min) throw invalid('depth.max', 'needs a whole number of at least depth.min')
  if (max > MAX_DEPTH) throw invalid('depth.max', `is at most ${MAX_DEPTH}, got ${max}`)
}

interface NeighborRow {
  readonly node: NodeDocument
  readonly depth: number
  readonly start: string
}

export const neighbors = async (
  session: Session,
  call: Call,
  graph: GraphSpace,
  { starts, edgeTypes, direction, depth, filter, placeholders, limit }: Walk,
): Promise<Neighbor[]> => {
  const collections = collectionsOf(graph, edgeTypes)
  if (collections.length === 0 || starts.length === 0) return []
  const sources = edgeSources(collections)
  const keys = [...new Set(starts)]
  // A walk meets each node once, at its smallest depth from its start. Of several starts the smallest depth and then the smallest
  // key count: both in one text, the depth always of four digits.
  const { rows } = await session.query<NeighborRow>(
    call,
    `WITH @@nodes
     FOR s IN @starts
       LET from = CONCAT(@prefix, s)
       FOR v, e, p IN 1..@max ${DIRECTION[direction]} from ${sources.aql}
         OPTIONS { order: "bfs", uniqueVertices: "global" }
         FILTER v != null
         COLLECT key = v._key AGGREGATE best = MIN(CONCAT(1000 + LENGTH(p.edges), s))
         FILTER key NOT IN @starts
         LET depth = TO_NUMBER(LEFT(best, 4)) - 1000
         FILTER depth >= @min
         FOR d IN @@nodes
           FILTER d._key == key
           ${placeholders ? '' : 'FILTER d.placeholder == false'}
           FILTER ${filter.aql}
           SORT depth, key LIMIT @limit
           RETURN { node: ${NODE}, depth, start: SUBSTRING(best, 4) }`,
    {
      '@nodes': graph.nodes,
      prefix: `${graph.nodes}/`,
      starts: keys,
      min: depth.min,
      max: depth.max,
      limit,
      ...sources.binds,
      ...filter.binds,
    },
  )
  return rows.map((row) => ({ node: toNode(row.node), depth: row.depth, start: row.start as Key }))
}

interface StepRow {
  readonly node: NodeDocument
  readonly edge: (EdgeRow & { readonly _id: string }) | null
}

export const shortestPath = async (
  session: Session,
  call: Call,
  graph: GraphSpace,
  options: {
    readonly from: Key
    readonly to: Key
    readonly edgeTypes: readonly string[] | undefined
    readonly direction: 'out' | 'in' | 'both'
    readonly maxDepth: number
  },
): Promise<Path | null> => {
  const { from, to, edgeTypes, direction, maxDepth } = options
  if (from === to) {
    const nodes = await getNodes(session, call, graph, [from])
    return nodes.length === 0 ? null : { nodes, edges: [] }
  }
  const collections = collectionsOf(graph, edgeTypes)
  if (collections.length === 0) return null
  const sources = edgeSources(collections)
  const { rows } = await session.query<StepRow>(
    call,
    `WITH @@nodes
     FOR d, e IN ${DIRECTION[direction]} SHORTEST_PATH @from TO @to ${sources.aql}
       RETURN { node: ${NODE}, edge: e }`,
    { '@nodes': graph.nodes, from: `${graph.nodes}/${from}`, to: `${graph.nodes}/${to}`, ...sources.binds },
  )
  const types = new Map(collections.map(([type, collection]) => [collection, type]))
  const edges = rows.flatMap(({ edge }) => {
    if (edge === null) return []
    return [toEdge({ ...edge, type: types.get(edge._id.slice(0, edge._id.indexOf('/'))) ?? '' })]
  })
  if (rows.length === 0 || edges.length > maxDepth) return null
  return { nodes: rows.map((row) => toNode(row.node)), edges }
}

export const countNodes = async (
  session: Session,
  call: Call,
  graph: GraphSpace,
  placeholders: boolean,
): Promise<number> => {
  if (placeholders) return session.count(call, graph.nodes)
  const aql = 'FOR d IN @@nodes FILTER d.placeholder == false COLLECT WITH COUNT INTO n RETURN n'
  const { rows } = await session.query<number>(call, aql, { '@nodes': graph.nodes })
  return rows[0] ?? 0
}

export const countEdges = async (session: Session, call: Call, graph: GraphSpace): Promise<number> => {
  const counts = await Promise.all([...graph.edges.values()].map((collection) => session.count(call, collection)))
  return counts.reduce((sum, n) => sum + n, 0)
}

interface ScanNodes {
  readonly cursor: string | undefined
  readonly limit: number
  readonly filter: CompiledFilter
  readonly keysOnly: boolean
}

export const scanNodes = async (
  session: Session,
  call: Call,
  graph: GraphSpace,
  { cursor, limit, filter, keysOnly }: ScanNodes,
): Promise<Page<NodeRecord | RecordHead>> => {
  const [after] = readCursor(cursor, 1) ?? ['']
  const { rows } = await session.query<NodeDocument>(
    call,
    `FOR d IN @@nodes FILTER d._key > @after FILTER ${filter.aql} SORT d._key LIMIT @limit
       RETURN ${keysOnly ? '{ _key: d._key, version: d.version }' : NODE}`,
    { '@nodes': graph.nodes, after, limit: limit + 1, ...filter.binds },
  )
  const toHead = (row: NodeDocument): RecordHead => ({ key: row._key as Key, version: row.version as Version })
  return pageOf<NodeDocument, NodeRecord | RecordHead>(rows, limit, (row) => [row._key], keysOnly ? toHead : toNode)
}

/** Edges type by type, and by key within a type. */
export const scanEdges = async (
  session: Session,
  call: Call,
  graph: GraphSpace,
  cursor: string | undefined,
  limit: number,
): Promise<Page<EdgeRecord>> => {
  const [fromType, fromKey] = readCursor(cursor, 2) ?? ['', '']
  const found: EdgeRow[] = []
  for (const [type, collection] of graph.edges) {
    if (type < String(fromType)) continue
    const after = type === fromType ? fromKey : ''
    const aql = `FOR d IN @@edges FILTER d._key > @after SORT d._key LIMIT @limit RETURN ${edgeFields('d', '@type')}`
    const binds = { '@edges': collection, after, type, limit: limit + 1 - found.length }
    found.push(...(await session.query<EdgeRow>(call, aql, binds)).rows)
    if (found.length > limit) break
  }
  const last = found[limit - 1]
  return {
    records: found.slice(0, limit).map(toEdge),
    cursor: found.length > limit && last ? writeCursor([last.type, last._key]) : null,
  }
}
