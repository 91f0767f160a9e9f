import { type Direction, type Key, type NodeRecord, splitBatches } from '@veritas-db/core/contract'
import { isMissing } from './errors.js'
import { keyIn, type Names, vertexId } from './names.js'
import { nodeOfVertex, type Vertex } from './records.js'
import type { Session } from './session.js'

/** Ids in one request: its line stays well below the 8 KiB that servers and proxies take. */
const IDS_A_REQUEST = 100

const idParameter = (names: Names, key: Key): string => encodeURIComponent(JSON.stringify(vertexId(names, key)))

/** The node, if it is there. The server packs an answer of several, which takes longer. */
const nodeOf = async (session: Session, names: Names, key: Key): Promise<NodeRecord[]> => {
  try {
    const vertex = await session.send('GET', `/graph/vertices/${idParameter(names, key)}`)
    return [nodeOfVertex(vertex as Vertex, names)]
  } catch (error) {
    if (isMissing(error)) return []
    throw error
  }
}

/** The nodes with these keys that are there. Reads by id take half the time of a script. */
export const nodesOf = async (session: Session, names: Names, keys: readonly Key[]): Promise<NodeRecord[]> => {
  const [first] = keys
  if (first === undefined) return []
  if (keys.length === 1) return nodeOf(session, names, first)
  const found: NodeRecord[] = []
  for (const some of splitBatches(keys, { batchRecords: IDS_A_REQUEST })) {
    const ids = some.map((key) => `ids=${idParameter(names, key)}`).join('&')
    const { vertices } = (await session.send('GET', `/traversers/vertices?${ids}`)) as { vertices: readonly Vertex[] }
    for (const vertex of vertices) found.push(nodeOfVertex(vertex, names))
  }
  return found
}

/**
 * The nodes one step from a start, in order of key: its edges, then the nodes, in two requests that together take less time than one script.
 * Undefined where there are too many edges for that.
 */
export const neighborsOf = async (
  session: Session,
  names: Names,
  start: Key,
  direction: Direction,
  types: readonly string[] | undefined,
): Promise<NodeRecord[] | undefined> => {
  const which = `direction=${direction.toUpperCase()}&label=${names.edge}&limit=${IDS_A_REQUEST + 1}`
  const answer = await session.send('GET', `/graph/edges?vertex_id=${idParameter(names, start)}&${which}`)
  const { edges } = answer as { edges: readonly (Vertex & { readonly outV: string; readonly inV: string })[] }
  if (edges.length > IDS_A_REQUEST) return undefined
  const keys = new Set<string>()
  for (const { outV, inV, properties } of edges)
    if (!types || types.includes(String(properties[names.type]))) keys.add(keyIn(outV)).add(keyIn(inV))
  keys.delete(start)
  const nodes = await nodesOf(session, names, [...keys] as Key[])
  return nodes.sort((a, b) => (a.key < b.key ? -1 : 1))
}
