import type { EdgeRecord, Key, Metadata, NodeRecord, Version } from '@veritas-db/core/contract'
import { fromStored, toStored } from '../values.js'

/** A node as it is stored, but for the version of its edges. */
export interface NodeDocument {
  readonly _key: string
  readonly documentId: string
  readonly version: string
  readonly label: string
  readonly placeholder: boolean
  readonly data: unknown
}

/** An edge as it is stored; its type is the collection's. */
export interface EdgeDocument {
  readonly _key: string
  readonly _from: string
  readonly _to: string
  readonly version: string
  readonly ordinal: number
  readonly data: unknown
}

/** An edge as queries here return it. */
export interface EdgeRow extends EdgeDocument {
  readonly type: string
}

export const toNodeDocument = (node: NodeRecord): NodeDocument => ({
  _key: node.key,
  documentId: node.documentId,
  version: node.version,
  label: node.label,
  placeholder: node.placeholder,
  data: toStored(node.properties),
})

export const toNode = (stored: NodeDocument): NodeRecord => ({
  key: stored._key as Key,
  documentId: stored.documentId,
  version: stored.version as Version,
  label: stored.label,
  placeholder: stored.placeholder,
  properties: fromStored(stored.data) as Metadata,
})

/** The key of an edge within its type. */
export const edgeKey = (edge: Pick<EdgeRecord, 'source' | 'target' | 'ordinal'>): string =>
  `${edge.source}:${edge.target}:${edge.ordinal}`

export const toEdgeDocument = (nodes: string, edge: EdgeRecord, version: Version = edge.version): EdgeDocument => ({
  _key: edgeKey(edge),
  _from: `${nodes}/${edge.source}`,
  _to: `${nodes}/${edge.target}`,
  version,
  ordinal: edge.ordinal,
  data: toStored(edge.properties),
})

const keyOf = (id: string): Key => id.slice(id.indexOf('/') + 1) as Key

export const toEdge = (stored: EdgeRow): EdgeRecord => ({
  source: keyOf(stored._from),
  target: keyOf(stored._to),
  type: stored.type,
  ordinal: stored.ordinal,
  version: stored.version as Version,
  properties: fromStored(stored.data) as Metadata,
})

/** What a query returns of the node variable `d`. */
export const NODE: string =
  '{ _key: d._key, documentId: d.documentId, version: d.version, label: d.label, placeholder: d.placeholder, data: d.data }'

/** What a query returns of an edge variable, of a type in a bind parameter. */
export const edgeFields = (variable: string, type: string): string =>
  `{ _key: ${variable}._key, _from: ${variable}._from, _to: ${variable}._to, version: ${variable}.version, ordinal: ${variable}.ordinal, data: ${variable}.data, type: ${type} }`
