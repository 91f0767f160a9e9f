import type { GraphRole, Key, Neighbor } from '@veritas-db/core/contract'
import type { Collection, Document, Filter } from 'mongodb'
import type { Access } from '../access.js'
import type { Query } from '../filter.js'
import { inOneAnswer, keysAtOnce, splitEvery } from '../lists.js'
import { nodeFields, type StoredNode, toNode } from './model.js'
import { conditionOf, readNodes, realOnly } from './read.js'
import { byGraphLookup, type Reached, stepwise, type Way } from './walk.js'

type Nodes = Collection<StoredNode>
type Options = Parameters<GraphRole['neighbors']>[0]

/** What `neighbors` answers; its options have been checked. */
export const findNeighbors = async (access: Access, nodes: Nodes, options: Options): Promise<readonly Neighbor[]> => {
  const { edgeTypes, direction = 'out', filter, limit, signal, placeholders } = options
  const { min, max } = options.depth ?? { min: 1, max: 1 }
  const starts = [...new Set(options.starts)]
  const [start] = starts
  if (limit === 0 || start === undefined) return []
  const wanted = (...more: readonly Query[]): Filter<StoredNode> =>
    conditionOf(filter, ...realOnly(placeholders), ...more)
  if (max === 1 && starts.length === 1 && direction !== 'both') {
    const found = await adjacent(access, signal, nodes, start, { direction, edgeTypes }, wanted, limit)
    return found.map((node) => ({ node: toNode(node), depth: 1, start }))
  }
  const levels =
    max > 1 && edgeTypes === undefined && direction !== 'both'
      ? byGraphLookup(access, signal, nodes, starts, direction, max)
      : stepwise(access, signal, nodes, starts, { direction, edgeTypes }, max)
  const found: Neighbor[] = []
  let depth = 0
  for await (const level of levels) {
    depth++
    if (depth < min) continue
    for (const neighbor of await nodesOf(level)) found.push(neighbor)
    if (found.length >= limit) break
  }
  return found

  async function nodesOf(level: readonly Reached[]): Promise<readonly Neighbor[]> {
    const answer: Neighbor[] = []
    for (const some of splitEvery(level, keysAtOnce)) {
      const left = limit - found.length - answer.length
      if (left <= 0) break
      const startOf = new Map(some.map((reached) => [reached.key, reached.start]))
      const condition = wanted({ _id: { $in: [...startOf.keys()] } })
      for (const node of await readNodes(access, signal, nodes, condition, left))
        answer.push({ node: toNode(node), depth, start: startOf.get(node._id) as Key })
    }
    return answer
  }
}

/** The nodes one step from one start, in order of key: one query. */
const adjacent = async (
  access: Access,
  signal: AbortSignal | undefined,
  nodes: Nodes,
  start: Key,
  { direction, edgeTypes }: Way,
  wanted: (...more: readonly Query[]) => Filter<StoredNode>,
  limit: number,
): Promise<readonly StoredNode[]> => {
  const other = { _id: { $ne: start } }
  if (direction === 'in') {
    const typed = edgeTypes && { e: { $elemMatch: { t: { $eq: start }, y: { $in: edgeTypes } } } }
    return readNodes(access, signal, nodes, wanted(other, { a: { $eq: start }, ...typed }), limit)
  }
  const pipeline: Document[] = [
    { $match: { _id: { $eq: start } } },
    { $project: { a: edgeTypes ? targetsAlong(edgeTypes) : 1 } },
    {
      $lookup: {
        from: nodes.collectionName,
        localField: 'a',
        foreignField: '_id',
        pipeline: [{ $match: wanted(other) }, { $sort: { _id: 1 } }, { $limit: limit }, { $project: nodeFields }],
        as: 'n',
      },
    },
    // Kept next to the lookup: the server then needs no document that holds all it found.
    { $unwind: '$n' },
    { $project: { _id: 0, n: 1 } },
  ]
  const found = await access.read(signal, (settings) =>
    nodes.aggregate<{ n: StoredNode }>(pipeline, { ...settings, ...inOneAnswer(limit) }).toArray(),
  )
  return found.map(({ n }) => n)
}

/** The targets of a node's edges of some types. */
const targetsAlong = (edgeTypes: readonly string[]): Document => ({
  $map: {
    input: { $filter: { input: { $ifNull: ['$e', []] }, cond: { $in: ['$$this.y', { $literal: edgeTypes }] } } },
    in: '$$this.t',
  },
})
