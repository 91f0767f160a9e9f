import {
  type EdgeRecord,
  encodeMetadata,
  flattenMetadata,
  type Key,
  type Metadata,
  type NodeRecord,
  type Version,
} from '@veritas-db/core/contract'
import { iri, type Line, line, literal, typed } from './nquads.js'

/** The predicates that are ours. Those of users' edges have no colon, those of metadata start with `property:`. */
export const RECORD = '<veritas:record>'
/** From a node or an edge to the part of its scope that lists it. */
export const IN = '<veritas:in>'
/** From a placeholder to the part of its scope that lists it. */
export const PLACEHOLDER_IN = '<veritas:placeholder>'
export const LABEL = '<veritas:label>'
/** From a node to the version of its set of outgoing edges. */
export const EDGES = '<veritas:edges>'
export const SOURCE = '<veritas:source>'
export const TARGET = '<veritas:target>'

/** Longer texts are in the record alone. */
const MAX_PROPERTY_LENGTH = 1000

/** A node or edge as the server has it: the whole in one text, and the text's head, which orders several of one identity. */
export interface Stored<R> {
  readonly text: string
  readonly record: R
}

export const nodeName = (scope: string, key: Key): string => iri(`${scope}/${key}`)
export const edgeName = (
  scope: string,
  { source, type, target, ordinal }: Pick<EdgeRecord, 'source' | 'type' | 'target' | 'ordinal'>,
): string => iri(`${scope}/e/${source}/${type}/${target}/${String(ordinal).padStart(10, '0')}`)

/** Nodes and edges are listed in 16 parts, by the first digit of the (source's) key. */
export const nodePart = (scope: string, key: Key): string => iri(`${scope}/n/${key.slice(0, 1)}`)
export const edgePart = (scope: string, source: Key): string => iri(`${scope}/o/${source.slice(0, 1)}`)

/** Metadata as JSON whose dates the server's scripts and `decodeMetadata` know. The version comes first, where a script reads it without parsing. */
export const nodeText = (node: NodeRecord): string =>
  `{"v":${JSON.stringify(node.version)},"k":${JSON.stringify(node.key)},"i":${JSON.stringify(node.documentId)},"l":${JSON.stringify(node.label)},"p":${node.placeholder},"m":${encodeMetadata(node.properties)}}`

export const edgeText = (edge: EdgeRecord): string =>
  `{"v":${JSON.stringify(edge.version)},"s":${JSON.stringify(edge.source)},"y":${JSON.stringify(edge.type)},"t":${JSON.stringify(edge.target)},"o":${edge.ordinal},"m":${encodeMetadata(edge.properties)}}`

/** All quads of a node. Pure: from its text the quads come out the same again, which is how they are deleted exactly. */
export const nodeLines = (scope: string, { text, record }: Stored<NodeRecord>): Line[] => {
  const name = nodeName(scope, record.key)
  const label = iri(scope)
  const part = nodePart(scope, record.key)
  return [
    line(name, RECORD, literal(text), label),
    line(name, IN, part, label),
    line(name, LABEL, literal(record.label), label),
    ...(record.placeholder ? [line(name, PLACEHOLDER_IN, part, label)] : []),
    ...propertyLines(name, record.properties, label),
  ]
}

/** All quads of an edge; the one that joins the two nodes directly is labelled with the edge, since parallel edges would share it. */
export const edgeLines = (scope: string, { text, record }: Stored<EdgeRecord>): Line[] => {
  const name = edgeName(scope, record)
  const label = iri(scope)
  const [source, target] = [nodeName(scope, record.source), nodeName(scope, record.target)]
  return [
    line(name, RECORD, literal(text), label),
    line(name, IN, edgePart(scope, record.source), label),
    line(name, SOURCE, source, label),
    line(name, TARGET, target, label),
    line(source, iri(record.type), target, name),
  ]
}

export const edgesVersionLine = (scope: string, source: Key, version: Version): Line =>
  line(nodeName(scope, source), EDGES, literal(version), iri(scope))

/** Metadata values for queries of users; lists as one quad an item. */
const propertyLines = (name: string, metadata: Metadata, label: string): Line[] =>
  flattenMetadata(metadata).flatMap(({ path, value }) => {
    const predicate = iri(propertyName(path))
    const items = Array.isArray(value) ? (value as readonly (string | number)[]) : [value]
    const objects = items.map((item) => object(item as string | number | boolean | Date))
    return [...new Set(objects)].filter((o) => o !== undefined).map((o) => line(name, predicate, o, label))
  })

/** The predicate of a metadata path, such as `property:year`. */
export const propertyName = (path: string): string => `property:${encodeURIComponent(path).slice(0, 3000)}`

const object = (value: string | number | boolean | Date): string | undefined => {
  if (typeof value === 'string') return value.length <= MAX_PROPERTY_LENGTH ? literal(value) : undefined
  if (typeof value === 'boolean') return typed(String(value), 'boolean')
  if (typeof value === 'number') return typed(String(value + 0), Number.isInteger(value) ? 'integer' : 'double')
  return typed(value.toISOString(), 'dateTime')
}
