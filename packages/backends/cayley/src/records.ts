import {
  decodeMetadata,
  type EdgeRecord,
  type Key,
  type NodeRecord,
  type Version,
  ZERO_VERSION,
} from '@veritas-db/core/contract'
import { type EdgeItem, type EdgeList, edgePlace, type Stored } from './quads.js'

interface NodeData {
  readonly v: Version
  readonly k: Key
  readonly i: string
  readonly l: string
  readonly p: boolean
  readonly m: object
}

interface EdgesData {
  readonly v: Version
  readonly e: readonly EdgeItem[]
}

/** What a text says, dates and all. */
const dataOf = <D extends object>(text: string): D =>
  // Only what holds dates needs to be walked through.
  (text.includes('"$date"') ? decodeMetadata(text) : JSON.parse(text)) as D

export const storedNode = (value: unknown): Stored<NodeRecord> => {
  const text = String(value)
  const { v, k, i, l, p, m } = dataOf<NodeData>(text)
  const properties = m as NodeRecord['properties']
  return { text, record: { key: k, documentId: i, version: v, label: l, placeholder: p, properties } }
}

export const storedEdges = (source: Key, value: unknown): Stored<EdgeList> => {
  const text = String(value)
  const { v, e } = JSON.parse(text) as EdgesData
  const edges = e.map(([type, target, ordinal, version, metadata]): EdgeRecord => {
    const properties = metadata === undefined ? {} : decodeMetadata(JSON.stringify(metadata))
    return { source, target, type, ordinal, version, properties }
  })
  return { text, record: { source, version: v, edges } }
}

/** Of several records of one node, which writers of several processes may leave, the newest. */
export const newestOf = (stored: readonly Stored<NodeRecord>[]): Stored<NodeRecord> | undefined =>
  stored.reduce<Stored<NodeRecord> | undefined>((best, one) => {
    if (!best || one.record.version > best.record.version) return one
    return one.record.version === best.record.version && one.text > best.text ? one : best
  }, undefined)

/** The newest of some versions; the lowest of all where there are none. */
export const newestVersion = (versions: Iterable<Version>): Version => {
  let newest = ZERO_VERSION
  for (const version of versions) if (version > newest) newest = version
  return newest
}

/**
 * A source's edges by their places. Of several texts, which writers of several processes may leave, the newest set counts, and of each edge the newest; edges
 * of other texts that are older than that set went with it.
 */
export const edgesOf = (stored: readonly Stored<EdgeList>[]): { version: Version; edges: Map<string, EdgeRecord> } => {
  const version = newestVersion(stored.map(({ record }) => record.version))
  const edges = new Map<string, EdgeRecord>()
  for (const { record } of stored)
    for (const edge of record.edges) {
      if (record.version < version && edge.version < version) continue
      const before = edges.get(edgePlace(edge))
      if (!before || edge.version >= before.version) edges.set(edgePlace(edge), edge)
    }
  return { version, edges }
}

/** A list that a script emitted. */
export const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])

/** The texts of a source's edges, as scripts emit them. */
export interface EmittedEdges {
  readonly key: Key
  readonly texts: unknown
}

export const emittedEdges = (value: unknown): { readonly source: Key; readonly stored: Stored<EdgeList>[] } => {
  const { key, texts } = value as EmittedEdges
  return { source: key, stored: listOf(texts).map((text) => storedEdges(key, text)) }
}

/** The edges that a script emitted, in order of source, type, target and ordinal within each source. */
export const edgesIn = (value: unknown): EdgeRecord[] => {
  const { edges } = edgesOf(emittedEdges(value).stored)
  return [...edges].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, edge]) => edge)
}
