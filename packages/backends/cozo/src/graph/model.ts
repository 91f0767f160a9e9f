import {
  checkName,
  decodeMetadata,
  type EdgeRecord,
  encodeMetadata,
  type GraphSchema,
  type Key,
  type NodeRecord,
  type RecordHead,
  type Version,
} from '@veritas-db/core/contract'
import type { Definition, Layout, Space } from '../catalog.js'
import { decodeFields } from '../metadata.js'
import type { Source } from '../select.js'
import { assignSlots, createIndexes, dropIndexes, readySlots, slotColumns } from '../slots.js'
import { createTextIndex } from '../text.js'

/** The relations of a graph: nodes, edges, the version of each source's last set of edges, and texts. */
export interface Relations {
  /** Writes of one process to any of them wait for each other: an edge is not written while a node that it joins is deleted. */
  readonly base: string
  /** `{k => v, d, l, h, m, slots}`: key, version, document's id, label, placeholder, properties */
  readonly nodes: string
  /** `{s, y, t, o => v, m}`: source, type, target, ordinal, version, properties; index `r` {t, y, s, o} */
  readonly edges: string
  /** `{s => v}` */
  readonly sets: string
  /** `{k, c => t}` */
  readonly texts: string
}

export const relationsOf = (base: string): Relations => ({
  base,
  nodes: `${base}n`,
  edges: `${base}e`,
  sets: `${base}s`,
  texts: `${base}f`,
})

const keys: readonly string[] = ['k']

export const graphLayout: Layout = {
  kind: 'graph',
  make: (base, { slots }) => {
    const { nodes, edges, sets, texts } = relationsOf(base)
    return [
      `:create ${nodes} {k: String => v: String, d: String, l: String, h: Bool, m: String${slotColumns(slots)}}`,
      ...createIndexes(nodes, slots, keys),
      `:create ${edges} {s: String, y: String, t: String, o: Int => v: String, m: String}`,
      `::index create ${edges}:r {t, y, s, o}`,
      `:create ${sets} {s: String => v: String}`,
      `:create ${texts} {k: String, c: Int => t: String}`,
      createTextIndex(texts),
    ]
  },
  drop: (base, { slots }) => {
    const { nodes, edges, sets, texts } = relationsOf(base)
    return [
      ...dropIndexes(nodes, slots),
      `::index drop ${edges}:r`,
      `::fts drop ${texts}:f`,
      ...[nodes, edges, sets, texts].map((relation) => `::remove ${relation}`),
    ]
  },
}

export const sourceOf = ({ base, definition }: Space): Source => ({
  relation: relationsOf(base).nodes,
  keys,
  slots: readySlots(definition.slots),
})

/** The definition with what is declared now. @throws VeritasError VALIDATION for names that are none */
export const mergeSchemas = (before: Definition | undefined, wanted: GraphSchema): Definition => {
  const { labels, edgeTypes, fields = {}, textFields = [] } = wanted
  for (const label of labels) checkName(label, 'labels')
  for (const type of edgeTypes) checkName(type, 'edgeTypes')
  const text = textFields.length > 0 ? textFields : (before?.text ?? [])
  const due = before !== undefined && JSON.stringify(text) !== JSON.stringify(before.text ?? [])
  return {
    ...before,
    text,
    ...(due && { textDue: true }),
    slots: assignSlots(before?.slots, fields),
  }
}

export const nodeColumns: readonly string[] = ['v', 'd', 'l', 'h', 'm']
/** What `toNode` reads. */
export const nodeHead = 'k, v, d, l, h, m'
export const edgeColumns = 's, y, t, o, v, m'

export const toNode = ([k, v, d, l, h, m]: readonly unknown[]): NodeRecord => ({
  key: k as Key,
  documentId: d as string,
  version: v as Version,
  label: l as string,
  placeholder: h as boolean,
  properties: decodeFields(m as string),
})

export const toHead = ([k, v]: readonly unknown[]): RecordHead => ({ key: k as Key, version: v as Version })

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
