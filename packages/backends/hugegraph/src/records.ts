import {
  asKey,
  asVersion,
  checkEdge,
  checkNode,
  decodeMetadata,
  type EdgeRecord,
  encodeMetadata,
  invalid,
  type Metadata,
  type NodeRecord,
  type Version,
} from '@veritas-db/core/contract'
import { keyIn, type Names, vertexId } from './names.js'

/** Key, document, version, label, placeholder, properties: a node as scripts answer it. */
export type NodeRow = readonly [string, string, string, string, boolean, string]
/** Source, target, type, ordinal, version, properties: an edge as scripts take and answer it. */
export type EdgeRow = readonly [string, string, string, number, string, string]

/** The most that the properties of one record may take, in bytes of their JSON: they are one property of a vertex or an edge. */
const MAX_RECORD_BYTES = 16 * 1024 * 1024

/** A record that was checked, as the JSON text in which it is sent. */
export interface Prepared<R> {
  readonly record: R
  readonly version: Version
  readonly text: string
}

/** @throws VeritasError VALIDATION for a node that this backend refuses */
export const checkedNode = (node: NodeRecord): NodeRecord => {
  checkNode(node)
  checkSize(node.properties)
  return node
}

/** @throws VeritasError VALIDATION for an edge that this backend refuses */
export const checkedEdge = (edge: EdgeRecord): EdgeRecord => {
  checkEdge(edge)
  checkSize(edge.properties)
  return edge
}

const checkSize = (properties: Metadata): void => {
  const bytes = Buffer.byteLength(encodeMetadata(properties))
  if (bytes > MAX_RECORD_BYTES) throw invalid('properties', `take ${bytes} bytes, and may take ${MAX_RECORD_BYTES}`)
}

/** A node as the vertex that the REST interface takes. */
export const prepareNode =
  (names: Names) =>
  (record: NodeRecord): Prepared<NodeRecord> => {
    const { key, documentId, version, label, placeholder, properties } = checkedNode(record)
    const { doc, ver, kind, ph, data } = names
    const values = { [doc]: documentId, [ver]: version, [kind]: label, [ph]: placeholder }
    const vertex = {
      label: names.node,
      id: vertexId(names, key),
      properties: { ...values, [data]: encodeMetadata(properties) },
    }
    return { record, version, text: JSON.stringify(vertex) }
  }

/** An edge as the REST interface takes it. */
export const prepareEdge =
  (names: Names) =>
  (record: EdgeRecord): Prepared<EdgeRecord> => {
    const { source, target, type, ordinal, version, properties } = checkedEdge(record)
    const { node, ver, data } = names
    const values = { [names.type]: type, [names.ord]: ordinal, [ver]: version, [data]: encodeMetadata(properties) }
    const ends = { outV: vertexId(names, source), inV: vertexId(names, target), outVLabel: node, inVLabel: node }
    return { record, version, text: JSON.stringify({ label: names.edge, ...ends, properties: values }) }
  }

/** A vertex as the REST interface gives it. */
export interface Vertex {
  readonly id: string
  readonly properties: Readonly<Record<string, unknown>>
}

export const nodeOfVertex = ({ id, properties }: Vertex, { doc, ver, kind, ph, data }: Names): NodeRecord =>
  toNode([
    keyIn(id),
    ...([String(properties[doc]), String(properties[ver]), String(properties[kind])] as const),
    properties[ph] === true,
    String(properties[data]),
  ])

export const toEdgeRow = ({ source, target, type, ordinal, version, properties }: EdgeRecord): EdgeRow => [
  ...([source, target, type, ordinal, version] as const),
  encodeMetadata(properties),
]

export const toNode = ([key, documentId, version, label, placeholder, properties]: NodeRow): NodeRecord => ({
  key: asKey(key),
  documentId,
  version: asVersion(version),
  label,
  placeholder,
  properties: decodeMetadata(properties),
})

export const toEdge = ([source, target, type, ordinal, version, properties]: EdgeRow): EdgeRecord => ({
  source: asKey(source),
  target: asKey(target),
  type,
  ordinal,
  version: asVersion(version),
  properties: decodeMetadata(properties),
})

/** What tells an edge from all others of its scope. */
export const edgeId = ({
  source,
  target,
  type,
  ordinal,
}: Pick<EdgeRecord, 'source' | 'target' | 'type' | 'ordinal'>): string => `${source} ${type} ${target} ${ordinal}`
