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
/** From a node to the part of its scope that lists it. */
export const IN = '<veritas:in>'
/** From a placeholder to the part of its scope that lists it. */
export const PLACEHOLDER_IN = '<veritas:placeholder>'
/** From a node to the text of its outgoing edges. */
export const EDGES = '<veritas:edges>'

/** Longer texts are in the record alone. */
const MAX_PROPERTY_LENGTH = 1000

/** What the server has as one text, and what the text says: all quads follow from it. */
export interface Stored<R> {
  readonly text: string
  readonly record: R
}

/** A node's outgoing edges, in order of type, target and ordinal. */
export interface EdgeList {
  readonly source: Key
  /** Of the set that was put in place of all before; the lowest of all where there was none. */
  readonly version: Version
  readonly edges: readonly EdgeRecord[]
}

/** An edge in a list's text: type, target, ordinal, version, and its metadata where it has any. */
export type EdgeItem = readonly [string, Key, number, Version, object?]

export const nodeName = (scope: string, key: Key): string => iri(`${scope}/${key}`)
export const keyOfName = (name: string): Key => name.slice(-33, -1) as Key

/** Nodes are listed in 16 parts, by the first digit of their key. */
export const nodePart = (scope: string, key: Key): string => iri(`${scope}/n/${key.slice(0, 1)}`)

/** Tells an edge from all others of its source; the order of texts is the order of edges. */
export const edgePlace = ({ type, target, ordinal }: Pick<EdgeRecord, 'type' | 'target' | 'ordinal'>): string =>
  `${type}/${target}/${String(ordinal).padStart(10, '0')}`

/** Metadata as JSON whose dates the server's scripts and `decodeMetadata` know. The version comes first, where a script reads it without parsing. */
export const nodeText = (node: NodeRecord): string =>
  `{"v":"${node.version}","k":"${node.key}","i":${JSON.stringify(node.documentId)},"l":"${node.label}","p":${node.placeholder},"m":${encodeMetadata(node.properties)}}`

export const edgesText = ({ version, edges }: EdgeList): string =>
  `{"v":"${version}","e":[${edges.map(edgeItem).join()}]}`

/** An edge within its list's text. */
export const edgeItem = ({ type, target, ordinal, version, properties }: EdgeRecord): string => {
  const metadata = encodeMetadata(properties)
  return `["${type}","${target}",${ordinal},"${version}"${metadata === '{}' ? '' : `,${metadata}`}]`
}

/** All quads of a node but its edges'. Pure: from its text the quads come out the same again, which is how they are deleted exactly. */
export const nodeLines = (scope: string, { text, record }: Stored<NodeRecord>): Line[] => {
  const name = nodeName(scope, record.key)
  const part = nodePart(scope, record.key)
  return [
    line(name, RECORD, literal(text)),
    line(name, IN, part),
    ...(record.placeholder ? [line(name, PLACEHOLDER_IN, part)] : []),
    ...propertyLines(name, record.properties),
  ]
}

/** All quads of a node's edges: their text, and for each type and target the quad that joins the two nodes, once for parallel edges. */
export const edgesLines = (scope: string, { text, record }: Stored<EdgeList>): Line[] => {
  const source = nodeName(scope, record.source)
  const joins = new Set(record.edges.map(({ type, target }) => line(source, iri(type), nodeName(scope, target))))
  return [line(source, EDGES, literal(text)), ...joins]
}

/** Metadata values for queries of users; lists as one quad an item. */
const propertyLines = (name: string, metadata: Metadata): Line[] =>
  flattenMetadata(metadata).flatMap(({ path, value }) => {
    const predicate = iri(propertyName(path))
    const items = Array.isArray(value) ? (value as readonly (string | number)[]) : [value]
    const objects = items.map((item) => object(item as string | number | boolean | Date))
    return [...new Set(objects)].filter((o) => o !== undefined).map((o) => line(name, predicate, o))
  })

/** The predicate of a metadata path, such as `property:year`. */
export const propertyName = (path: string): string => `property:${encodeURIComponent(path).slice(0, 3000)}`

const object = (value: string | number | boolean | Date): string | undefined => {
  if (typeof value === 'string') return value.length <= MAX_PROPERTY_LENGTH ? literal(value) : undefined
  if (typeof value === 'boolean') return typed(String(value), 'boolean')
  if (typeof value === 'number') return typed(String(value + 0), Number.isInteger(value) ? 'integer' : 'double')
  return typed(value.toISOString(), 'dateTime')
}
