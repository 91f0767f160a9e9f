import {
  type EdgeRecord,
  encodeMetadata,
  type Metadata,
  type NodeRecord,
  type Version,
} from '@veritas-db/core/contract'
import type { Column } from '../binary.js'
import { decodeJson, jsonBytes } from '../json.js'
import { toKey } from '../role.js'
import type { Row } from '../session.js'

/** About how many bytes a node takes. */
export const nodeBytes = ({ documentId, properties }: NodeRecord): number =>
  128 + documentId.length * 2 + jsonBytes(properties)

/** About how many bytes an edge takes. */
export const edgeBytes = ({ properties }: EdgeRecord): number => 128 + jsonBytes(properties)

export const nodeColumns = (nodes: readonly NodeRecord[]): readonly Column[] => {
  return [
    { name: 'key', type: 'uuid', values: nodes.map((node) => node.key) },
    { name: 'document_id', type: 'text', values: nodes.map((node) => node.documentId) },
    { name: 'version', type: 'text', values: nodes.map((node) => node.version) },
    { name: 'label', type: 'text', values: nodes.map((node) => node.label) },
    { name: 'placeholder', type: 'bool', values: nodes.map((node) => node.placeholder) },
    { name: 'properties', type: 'jsonb', values: nodes.map((node) => encodeMetadata(node.properties)) },
  ]
}

export const edgeColumns = (edges: readonly EdgeRecord[]): readonly Column[] => {
  return [
    { name: 'source', type: 'uuid', values: edges.map((edge) => edge.source) },
    { name: 'type', type: 'text', values: edges.map((edge) => edge.type) },
    { name: 'target', type: 'uuid', values: edges.map((edge) => edge.target) },
    { name: 'ordinal', type: 'int4', values: edges.map((edge) => edge.ordinal) },
    { name: 'version', type: 'text', values: edges.map((edge) => edge.version) },
    { name: 'properties', type: 'jsonb', values: edges.map((edge) => encodeMetadata(edge.properties)) },
  ]
}

/** What tells edges apart, in the order of the primary key. */
export const edgeIdentity = (edge: Pick<EdgeRecord, 'source' | 'type' | 'target' | 'ordinal'>): string =>
  `${edge.source} ${edge.type} ${edge.target} ${edge.ordinal}`

export const NODE_SELECT = 'n.key, n.document_id, n.version, n.label, n.placeholder, n.properties'
export const EDGE_SELECT = 'e.source, e.type, e.target, e.ordinal, e.version, e.properties'

export const toNode = (row: Row): NodeRecord => ({
  key: toKey(row.key),
  documentId: row.document_id as string,
  version: row.version as Version,
  label: row.label as string,
  placeholder: row.placeholder as boolean,
  properties: decodeJson(row.properties as string) as Metadata,
})

export const toEdge = (row: Row): EdgeRecord => ({
  source: toKey(row.source),
  target: toKey(row.target),
  type: row.type as string,
  ordinal: row.ordinal as number,
  version: row.version as Version,
  properties: decodeJson(row.properties as string) as Metadata,
})
