import {
  decodeMetadata,
  type EdgeRecord,
  encodeMetadata,
  type Key,
  type NodeRecord,
  type RecordHead,
  type Version,
} from '@veritas-db/core/contract'
import { encodeFields } from '../fields.js'

/** The relations of a graph: nodes, edges, the version of each source's last set of edges, and texts. */
export interface Relations {
  /** `{k => v, d, l, h, m, j}`: key, version, document's id, label, placeholder, properties, properties for filters */
  readonly nodes: string
  /** `{s, y, t, o => v, m}`: source, type, target, ordinal, version, properties; index `r` {t, y, s, o} */
  readonly edges: string
  /** `{s => v}` */
  readonly sets: string
  /** `{k, c => t}` */
  readonly texts: string
}

export const relationsOf = (name: string): Relations => ({
  nodes: `${name}n`,
  edges: `${name}e`,
  sets: `${name}s`,
  texts: `${name}f`,
})

export const nodeColumns = 'k, v, d, l, h, m'
export const edgeColumns = 's, y, t, o, v, m'

export const toNode = ([k, v, d, l, h, m]: readonly unknown[]): NodeRecord => ({
  key: k as Key,
  documentId: d as string,
  version: v as Version,
  label: l as string,
  placeholder: h as boolean,
  properties: decodeMetadata(m as string),
})

export const toHead = ([k, v]: readonly unknown[]): RecordHead => ({ key: k as Key, version: v as Version })

export const storeNode = (node: NodeRecord): readonly unknown[] => [
  node.key,
  node.version,
  node.documentId,
  node.label,
  node.placeholder,
  encodeMetadata(node.properties),
  encodeFields(node.properties),
]

export const toEdge = ([s, y, t, o, v, m]: readonly unknown[]): EdgeRecord => ({
  source: s as Key,
  target: t as Key,
  type: y as string,
  ordinal: o as number,
  version: v as Version,
  properties: decodeMetadata(m as string),
})

export const storeEdge = (edge: EdgeRecord): readonly unknown[] => [
  edge.source,
  edge.type,
  edge.target,
  edge.ordinal,
  edge.version,
  encodeMetadata(edge.properties),
]

/** What tells edges apart. */
export const edgeName = ({
  source,
  type,
  target,
  ordinal,
}: Pick<EdgeRecord, 'source' | 'type' | 'target' | 'ordinal'>): string => `${source} ${type} ${target} ${ordinal}`
