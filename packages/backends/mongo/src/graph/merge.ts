import type { UpsertMode, Version } from '@veritas-db/core/contract'
import type { Document } from 'mongodb'
import type { StoredEdge } from './model.js'

type Expression = Document

const stored: Expression = { $ifNull: ['$e', []] }
const not = (condition: Expression): Expression => ({ $not: [condition] })
/** Whether the edge at hand has one of the names: a list, or an expression that gives one. */
const isNamed = (names: Expression | string): Expression => ({ $in: ['$$this.k', names] })

/** An update that puts the result of an expression in place of a node's edges, and keeps the list of their targets right. */
const setEdges = (edges: Expression): Document[] => [
  { $set: { e: edges } },
  { $set: { a: { $setUnion: [each('$e', 't'), []] } } },
]

/** One field of each object in a list. */
const each = (list: string, field: string): Expression => ({ $map: { input: list, in: `$$this.${field}` } })

/**
 * An update of one node's document that writes edges into it, in one atomic step of the server: it finds out which of those that
 * are there stay, and puts the others in their place. Nothing in the edges is taken for an expression.
 * @param edges of different names; with `ifNewer` all of the version
 */
export const mergeEdges = (edges: readonly StoredEdge[], mode: UpsertMode, version: Version): Document[] => {
  const names = { $literal: edges.map(({ k }) => k) }
  const added = { $literal: edges }
  const others = { $filter: { input: stored, cond: not(isNamed(names)) } }
  if (mode === 'replace') return setEdges(sorted([others, added]))
  const wins = mode === 'ifAbsent' ? isNamed(names) : { $and: [isNamed(names), { $gt: ['$$this.v', version] }] }
  const merged = sorted([
    others,
    '$$winners',
    { $filter: { input: added, cond: not(isNamed(each('$$winners', 'k'))) } },
  ])
  return setEdges({ $let: { vars: { winners: { $filter: { input: stored, cond: wins } } }, in: merged } })
}

/** An update of one node's document that removes its edges of these names. */
export const withoutEdges = (names: readonly string[]): Document[] =>
  setEdges({ $filter: { input: stored, cond: not(isNamed({ $literal: names })) } })

/** A node's edges are stored in order of their names, which is that of scans. */
const sorted = (lists: readonly (Expression | string)[]): Expression => ({
  $sortArray: { input: { $concatArrays: lists }, sortBy: { k: 1 } },
})
