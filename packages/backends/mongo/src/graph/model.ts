import type { EdgeRecord, Key, Metadata, NodeRecord, RecordHead, Version } from '@veritas-db/core/contract'
import type { Document } from 'mongodb'
import { bsonSize, decodeValues, encodeValues } from '../values.js'
import type { Stored, Write } from '../write.js'

/** An edge within its source's document: `k` its identity there, `y` its type, `t` its target, `o` its ordinal. */
export interface StoredEdge extends Document {
  readonly k: string
  readonly t: string
  readonly y: string
  readonly o: number
  readonly v: Version
  readonly p: Metadata
}

/**
 * A node with its outgoing edges: one document, so that an edge set is replaced in one atomic step.
 * `d` the document's id, `l` the label, `h` placeholder, `p` properties; `e` edges in order of `k`, `a` their targets,
 * `ev` the version of the last set that replaced them.
 */
export interface StoredNode extends Stored {
  readonly d: string
  readonly l: string
  readonly h: boolean
  readonly p: Metadata
  readonly e?: StoredEdge[]
  readonly a?: string[]
  readonly ev?: Version
}

/** What is read of a node without its edges. */
export const nodeFields: Readonly<Record<string, 1>> = { d: 1, v: 1, l: 1, h: 1, p: 1 }

export const toNode = ({ _id, d, v, l, h, p }: StoredNode): NodeRecord => ({
  key: _id as Key,
  documentId: d,
  version: v,
  label: l,
  placeholder: h,
  properties: decodeValues(p),
})

export const toHead = ({ _id, v }: Pick<StoredNode, '_id' | 'v'>): RecordHead => ({ key: _id as Key, version: v })

export const toWrite = (node: NodeRecord): Write => ({
  id: node.key,
  version: node.version,
  set: {
    d: node.documentId,
    v: node.version,
    l: node.label,
    h: node.placeholder,
    p: encodeValues(node.properties),
  },
  size: 300 + node.documentId.length * 3 + bsonSize(node.properties),
})

/** What tells an edge from the others of its source: the order of these texts is the order of scans. */
export const edgeName = ({ type, target, ordinal }: Pick<EdgeRecord, 'type' | 'target' | 'ordinal'>): string =>
  `${type} ${target} ${ordinal}`

export const toStoredEdge = (edge: EdgeRecord): StoredEdge => ({
  k: edgeName(edge),
  t: edge.target,
  y: edge.type,
  o: edge.ordinal,
  v: edge.version,
  p: encodeValues(edge.properties),
})

export const toEdge = (source: string, { t, y, o, v, p }: StoredEdge): EdgeRecord => ({
  source: source as Key,
  target: t as Key,
  type: y,
  ordinal: o,
  version: v,
  properties: decodeValues(p),
})

/** The bytes of an edge as BSON, at most, its target's second mention included. */
export const edgeSize = (edge: EdgeRecord): number => 350 + bsonSize(edge.properties)
