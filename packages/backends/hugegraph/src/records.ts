import {
  asKey,
  asVersion,
  checkEdge,
  checkNode,
  decodeMetadata,
  type EdgeRecord,
  encodeMetadata,
  invalid,
  type NodeRecord,
  type Version,
} from '@veritas-db/core/contract'
import { keyIn, type Names, vertexId } from './names.js'

/** Key, document, version, label, placeholder, properties: a node as scripts answer it. */
export type NodeRow = readonly [string, string, string, string, boolean, string]
/** Source, target, type, ordinal, version, properties: an edge as scripts take and answer it. */
export type EdgeRow = readonly [string, string, string, number, string, string]

/** The most that one record may take in a request, in bytes: its properties are one property of a vertex or an edge. */
const MAX_RECORD_BYTES = 16 * 1024 * 1024

/** A record that was checked, as the JSON text in which it is sent. */
export interface Prepared<R> {
  readonly record: R
  readonly version: Version
  readonly text: string
  /** Of the text. */
  readonly bytes: number
}

/**
 * Checks nodes and makes of them what the REST interface takes as vertices. What is checked to be hexadecimal or a name needs no escapes, and is put into
 * the text as it is: most of a client's time for a write goes into this.
 * @throws VeritasError VALIDATION
 */
export const nodePreparer = (names: Names): ((node: NodeRecord) => Prepared<NodeRecord>) => {
  const { node, doc, ver, kind, ph, data } = names
  const head = `{"label":"${node}","id":"${vertexId(names, '')}`
  return (record) => {
    checkNode(record)
    const { key, documentId, version, label, placeholder, properties } = record
    const kept = `"${kind}":"${label}","${ph}":${placeholder},"${data}":${JSON.stringify(encodeMetadata(properties))}`
    return prepared(
      record,
      `${head}${key}","properties":{"${ver}":"${version}","${doc}":${JSON.stringify(documentId)},${kept}}}`,
    )
  }
}

/** The same for edges. @throws VeritasError VALIDATION */
export const edgePreparer = (names: Names): ((edge: EdgeRecord) => Prepared<EdgeRecord>) => {
  const { node, edge, ver, data } = names
  const id = vertexId(names, '')
  const head = `{"label":"${edge}","outVLabel":"${node}","inVLabel":"${node}","outV":"${id}`
  return (record) => {
    checkEdge(record)
    const { source, target, type, ordinal, version, properties } = record
    const kept = `"${ver}":"${version}","${data}":${JSON.stringify(encodeMetadata(properties))}`
    const sorted = `"${names.type}":"${type}","${names.ord}":${ordinal}`
    return prepared(record, `${head}${source}","inV":"${id}${target}","properties":{${sorted},${kept}}}`)
  }
}

const prepared = <R extends { readonly version: Version }>(record: R, text: string): Prepared<R> => {
  const bytes = Buffer.byteLength(text)
  if (bytes > MAX_RECORD_BYTES)
    throw invalid('properties', `the record takes ${bytes} bytes, and may take ${MAX_RECORD_BYTES}`)
  return { record, version: record.version, text, bytes }
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
