import {
  type EdgeRecord,
  foreignCursor,
  type Key,
  type NodeRecord,
  readCursor,
  textAt,
  type Version,
} from '@veritas-db/core/contract'
import type { Row } from '../connection.js'
import { integer, toNumber } from '../cypher.js'
import { metadataOf } from '../environment.js'
import { metadataProperties, type ToNativeDate } from '../properties.js'

/** A node's properties, all of them. */
export const nodeProperties = (node: NodeRecord, toDate: ToNativeDate): Record<string, unknown> =>
  Object.assign(metadataProperties(node.properties, toDate), {
    _key: node.key,
    _documentId: node.documentId,
    _version: node.version,
    _label: node.label,
    ...(node.placeholder && { _placeholder: true }),
  })

/** The condition that a node is no placeholder. */
export const isDocument = (alias: string): string => `${alias}._placeholder IS NULL`

/** What a node is read by, as the map of an expression. */
export const nodeMap = (alias: string): string =>
  `{ key: ${alias}._key, documentId: ${alias}._documentId, version: ${alias}._version, label: ${alias}._label, placeholder: ${alias}._placeholder IS NOT NULL, json: ${alias}._json }`

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

/** An edge's properties beside its version, which is its source's; most ordinals are 0, which is not written. */
export const edgeProperties = (edge: EdgeRecord, toDate: ToNativeDate): Record<string, unknown> => {
  const properties = metadataProperties(edge.properties, toDate)
  if (edge.ordinal !== 0) properties._ordinal = integer(edge.ordinal)
  return properties
}

/** The ordinal of an edge. */
export const ordinalOf = (alias: string): string => `coalesce(${alias}._ordinal, 0)`

/** What an edge is read by, as the map of an expression. */
export const edgeMap = (alias: string): string =>
  `{ source: startNode(${alias})._key, target: endNode(${alias})._key, type: type(${alias}), ordinal: ${ordinalOf(alias)}, version: ${alias}._version, json: ${alias}._json }`

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

/** What identifies an edge. */
export type EdgeIdentity = Pick<EdgeRecord, 'source' | 'target' | 'type' | 'ordinal'>

/** An edge's identity as a text. */
export const edgeIdentity = (edge: EdgeIdentity): string => `${edge.source} ${edge.type} ${edge.target} ${edge.ordinal}`

/** What edges are ordered by. */
export const edgePlace = ({ source, type, target, ordinal }: EdgeRecord): [string, string, string, number] => [
  source,
  type,
  target,
  ordinal,
]

/** Where a page of edges starts. @throws VeritasError VALIDATION */
export const readEdgePlace = (cursor: string | undefined): [string, string, string, number] => {
  const place = readCursor(cursor, 4)
  if (!place) return ['', '', '', -1]
  const ordinal = place[3]
  if (typeof ordinal !== 'number') throw foreignCursor()
  return [textAt(place, 0), textAt(place, 1), textAt(place, 2), ordinal]
}
