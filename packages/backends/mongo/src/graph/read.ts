import { type FilterNode, isMatchAll } from '@veritas-db/core/contract'
import type { Collection, Document, Filter } from 'mongodb'
import type { Access } from '../access.js'
import { allOf, compileFilter, fieldAt, type Query } from '../filter.js'
import { inOneAnswer } from '../lists.js'
import { nodeFields, type StoredNode } from './model.js'

/** The condition that a filter of properties and further ones make together. */
export const conditionOf = (filter: FilterNode | undefined, ...more: readonly Query[]): Filter<StoredNode> => {
  const compiled =
    filter && !isMatchAll(filter) ? [compileFilter(filter, (path) => ({ name: fieldAt('p', path) }))] : []
  return allOf([...compiled, ...more]) as Filter<StoredNode>
}

/** Leaves placeholders out unless they are asked for. */
export const realOnly = (placeholders: boolean | undefined): Query[] => (placeholders ? [] : [{ h: false }])

/** Nodes that meet a condition, in order of key, without their edges. */
export const readNodes = (
  access: Access,
  signal: AbortSignal | undefined,
  nodes: Collection<StoredNode>,
  condition: Filter<StoredNode>,
  limit: number,
  projection: Document = nodeFields,
): Promise<StoredNode[]> =>
  access.read(signal, (settings) =>
    nodes.find(condition, { ...settings, ...inOneAnswer(limit), projection, sort: { _id: 1 }, limit }).toArray(),
  )
