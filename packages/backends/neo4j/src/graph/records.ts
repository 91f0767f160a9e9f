import { type EdgeRecord, invalid, type Key, type NodeRecord, type Version } from '@veritas-db/core/contract'
import type { Row } from '../connection.js'
import { integer, toNumber } from '../cypher.js'
import { metadataOf } from '../environment.js'
import { metadataProperties, type ToNativeDate } from '../properties.js'

/** A node's properties, all of them. */
export const nodeProperties = (node: NodeRecord, toDate: ToNativeDate): Record<string, unknown> => ({
  ...metadataProperties(node.properties, toDate),
  _key: node.key,
  _documentId: node.documentId,
  _version: node.version,
  _label: node.label,
  _placeholder: node.placeholder,
})

/** What a node is read by, as the map of an expression. */
export const nodeMap = (alias: string): string =>
  `{ key: ${alias}._key, documentId: ${alias}._documentId, version: ${alias}._version, label: ${alias}._label, placeholder: ${alias}._placeholder, json: ${alias}._json }`

interface NodeMap {
  readonly key: Key
  readonly documentId: string
  readonly version: Version
  readonly label: string
  readonly placeholder: boolean
  readonly json: unknown
}

export const toNode = (value: unknown): NodeRecord => {
  const { json, ...rest } = value as NodeMap
  return { ...rest, properties: metadataOf(json) }
}

/** An edge's properties, all of them. Its version is its source's. */
export const edgeProperties = (edge: EdgeRecord, version: Version, toDate: ToNativeDate): Record<string, unknown> => ({
  ...metadataProperties(edge.properties, toDate),
  _ordinal: integer(edge.ordinal),
  _version: version,
})

/** What an edge is read by, as the map of an expression. */
export const edgeMap = (alias: string): string =>
  `{ source: startNode(${alias})._key, target: endNode(${alias})._key, type: type(${alias}), ordinal: ${alias}._ordinal, version: ${alias}._version, json: ${alias}._json }`

interface EdgeMap extends Omit<EdgeRecord, 'properties' | 'ordinal'> {
  readonly ordinal: unknown
  readonly json: unknown
}

export const toEdge = (value: unknown): EdgeRecord => {
  const { json, ordinal, ...rest } = value as EdgeMap
  return { ...rest, ordinal: toNumber(ordinal), properties: metadataOf(json) }
}

/** The first column of every row. */
export const column = (rows: readonly Row[], name: string): unknown[] => rows.map((row) => row.get(name))

/** An edge's identity as a text. */
export const edgeIdentity = (edge: Pick<EdgeRecord, 'source' | 'target' | 'type' | 'ordinal'>): string =>
  `${edge.source} ${edge.type} ${edge.target} ${edge.ordinal}`

/** Where a page of edges starts. @throws VeritasError VALIDATION */
export const readCursor = (cursor: string | undefined): [string, string, string, number] => {
  if (cursor === undefined) return ['', '', '', -1]
  try {
    const place: unknown = JSON.parse(cursor)
    const types = ['string', 'string', 'string', 'number']
    if (Array.isArray(place) && types.every((type, i) => typeof place[i] === type)) return place as never
  } catch {
    // Not one of ours: refused below.
  }
  throw invalid('cursor', 'is not one that an earlier page gave')
}
