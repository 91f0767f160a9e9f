import {
  checkLimit,
  checkName,
  checkUpsertMode,
  type EdgeRecord,
  type GraphCapabilities,
  type GraphRole,
  type GraphSchema,
  invalid,
  issuesOf,
  type Key,
  type NodeRecord,
  type Position,
  pageOf,
  type RecordHead,
  readCursor,
  refuseMistakes,
  type ScanOptions,
  type ScopedOptions,
  textAt,
  throwIfAborted,
  type Version,
} from '@veritas-db/core/contract'
import type { Collection, Document, Filter } from 'mongodb'
import type { Access } from './access.js'
import type { Catalog, Space } from './catalog.js'
import { checkEdge, checkNode } from './checks.js'
import { backendName, missing, refuse } from './errors.js'
import { fieldAt } from './filter.js'
import { replaceEdges } from './graph/edge-sets.js'
import { deleteEdges, upsertEdges } from './graph/edges.js'
import { nodeFields, type StoredEdge, type StoredNode, toEdge, toHead, toNode, toWrite } from './graph/model.js'
import { findNeighbors } from './graph/neighbors.js'
import { conditionOf, readNodes, realOnly } from './graph/read.js'
import { removeEdgesTo } from './graph/targets.js'
import { findPath, readEdgesOf } from './graph/walk.js'
import { inOneAnswer, keysAtOnce, oneOf, splitEvery } from './lists.js'
import { keyAfter } from './pages.js'
import { rawLanguage, readCommand, runRaw } from './raw.js'
import { ensureTextIndex, textQuery } from './text.js'
import { documentCapabilities, type Stored, writeDocuments } from './write.js'

/** Each step of a walk may be a query of its own. */
const maxDepth = 32

const capabilitiesOf = (access: Access): GraphCapabilities => ({
  ...documentCapabilities,
  fullText: access.abilities.text,
  shortestPath: true,
  maxDepth,
  raw: rawLanguage,
})

interface Graph {
  readonly space: Space
  readonly nodes: Collection<StoredNode>
}

/** The graph role, over the connection or one transaction. */
export const createGraphRole = (access: Access, catalog: Catalog): GraphRole => {
  const call = <T>(operation: string, options: ScopedOptions, work: () => Promise<T>): Promise<T> =>
    access.call('graph', operation, options, work)

  const graphOf = async ({ scope, signal }: ScopedOptions): Promise<Graph> => {
    const space = await catalog.find(access, catalog.graph(scope), signal)
    if (!space) throw missing(`The graph of "${scope.collection}"`, 'ensureSchema')
    return { space, nodes: access.db.collection<StoredNode>(space._id) }
  }

  const scanNodes = ((options: ScanOptions & { readonly fields?: 'keys' | 'all' }) =>
    call('scanNodes', options, async () => {
      const graph = await graphOf(options)
      const limit = options.limit ?? 1000
      checkLimit(limit, 'limit')
      const keysOnly = options.fields === 'keys'
      const after = options.cursor === undefined ? [] : [keyAfter(options.cursor)]
      const condition = conditionOf(options.filter, ...after)
      const found = await readNodes(
        access,
        options.signal,
        graph.nodes,
        condition,
        limit + 1,
        keysOnly ? { v: 1 } : nodeFields,
      )
      return pageOf<StoredNode, RecordHead | NodeRecord>(found, limit, ({ _id }) => [_id], keysOnly ? toHead : toNode)
    })) as GraphRole['scanNodes']

  return {
    get capabilities() {
      return capabilitiesOf(access)
    },

    check: (nodes, edges) => [...issuesOf(nodes, checkNode), ...issuesOf(edges, checkEdge, nodes.length)],

    ensureSchema: (options) =>
      call('ensureSchema', options, async () => {
        checkSchema(options)
        refuseInTransaction(access, 'ensureSchema')
        const { scope, signal, fields = {}, textFields = [] } = options
        const { tenant = null, collection, incarnation = 0 } = scope
        const name = catalog.graph(scope)
        const text = textFields.map((field) => fieldAt('p', field))
        await catalog.ensure(
          access,
          { _id: name, kind: 'graph', tenant, collection, incarnation, table: null, columns: {}, text },
          [{ key: { a: 1 } }, ...Object.keys(fields).map((field) => ({ key: { [fieldAt('p', field)]: 1 as const } }))],
          signal,
        )
        await ensureTextIndex(access, name, text, signal)
      }),

    dropSchema: (options) =>
      call('dropSchema', options, async () => {
        refuseInTransaction(access, 'dropSchema')
        await catalog.drop(access, catalog.graph(options.scope), options.signal)
      }),

    upsertNodes: (options) =>
      call('upsertNodes', options, async () => {
        const { signal, nodes, mode = 'replace' } = options
        checkUpsertMode(mode, documentCapabilities, backendName, 'graph')
        const { space } = await graphOf(options)
        refuseMistakes(nodes, checkNode)
        const collection = access.db.collection<Stored>(space._id)
        return { outcomes: await writeDocuments(access, signal, collection, nodes.map(toWrite), mode) }
      }),

    upsertEdges: (options) =>
      call('upsertEdges', options, async () => {
        const { signal, edges, mode = 'replace' } = options
        checkUpsertMode(mode, documentCapabilities, backendName, 'graph')
        const { nodes } = await graphOf(options)
        return { outcomes: await upsertEdges(access, signal, nodes, edges, mode) }
      }),

    replaceEdges: (options) =>
      call('replaceEdges', options, async () => {
        const { nodes } = await graphOf(options)
        return { outcomes: await replaceEdges(access, options.signal, nodes, options.sets) }
      }),

    getNodes: (options) =>
      call('getNodes', options, async () => {
        const { nodes } = await graphOf(options)
        const found: NodeRecord[] = []
        for (const keys of splitEvery([...new Set(options.keys)], keysAtOnce)) {
          throwIfAborted(options.signal)
          const some = await access.read(options.signal, (settings) =>
            nodes
              .find({ _id: oneOf(keys) } as Filter<StoredNode>, {
                ...settings,
                ...inOneAnswer(keys.length),
                projection: nodeFields,
              })
              .toArray(),
          )
          for (const node of some) found.push(toNode(node))
        }
        return found
      }),

    getEdges: (options) =>
      call('getEdges', options, async () => {
        const { nodes } = await graphOf(options)
        const fields: (keyof StoredEdge)[] = ['k', 't', 'y', 'o', 'v', 'p']
        const found = await readEdgesOf(access, options.signal, nodes, options.keys, options, fields)
        return found.map(({ source, edge }) => toEdge(source, edge))
      }),

    findNodes: (options) =>
      call('findNodes', options, async () => {
        const { label, filter, text, limit, signal } = options
        if (text !== undefined && !access.abilities.text)
          throw refuse('graph', 'full text on this server', 'it has no $text; MongoDB itself has.')
        const graph = await graphOf(options)
        checkLimit(limit, 'limit')
        if (limit === 0) return []
        const conditions = [...realOnly(options.placeholders), ...(label === undefined ? [] : [{ l: { $eq: label } }])]
        if (text !== undefined) return findText(graph, signal, text, conditionOf(filter, ...conditions), limit)
        const found = await readNodes(access, signal, graph.nodes, conditionOf(filter, ...conditions), limit)
        return found.map(toNode)
      }),

    deleteNodes: (options) =>
      call('deleteNodes', options, async () => {
        const { nodes } = await graphOf(options)
        let deleted = 0
        for (const keys of splitEvery([...new Set(options.keys)], keysAtOnce)) {
          throwIfAborted(options.signal)
          deleted += await deleteSome(nodes, keys, options.versionBelow, options.signal)
        }
        return { deleted }
      }),

    deleteEdges: (options) =>
      call('deleteEdges', options, async () => {
        const { nodes } = await graphOf(options)
        return { deleted: await deleteEdges(access, options.signal, nodes, options.edges) }
      }),

    neighbors: (options) =>
      call('neighbors', options, async () => {
        const { min, max } = options.depth ?? { min: 1, max: 1 }
        checkDepth(min, max)
        checkLimit(options.limit, 'limit')
        const { nodes } = await graphOf(options)
        return findNeighbors(access, nodes, options)
      }),

    shortestPath: (options) =>
      call('shortestPath', options, async () => {
        const { from, to, edgeTypes, direction = 'out', signal } = options
        checkDepth(0, options.maxDepth)
        const { nodes } = await graphOf(options)
        return findPath(access, signal, nodes, from, to, { direction, edgeTypes }, options.maxDepth)
      }),

    count: (options) =>
      call('count', options, async () => {
        const { nodes } = await graphOf(options)
        if (options.of === 'nodes')
          return access.read(options.signal, (settings) =>
            nodes.countDocuments(conditionOf(undefined, ...realOnly(options.placeholders)), settings),
          )
        const [counted] = await access.read(options.signal, (settings) =>
          nodes
            .aggregate<{ n: number }>(
              [{ $match: { 'a.0': { $exists: true } } }, { $group: { _id: null, n: { $sum: { $size: '$e' } } } }],
              settings,
            )
            .toArray(),
        )
        return counted?.n ?? 0
      }),

    scanNodes,

    scanEdges: (options) =>
      call('scanEdges', options, async () => {
        const { nodes } = await graphOf(options)
        const limit = options.limit ?? 1000
        checkLimit(limit, 'limit')
        const position = readCursor(options.cursor, 2)
        const source = position && textAt(position, 0)
        const name = position && textAt(position, 1)
        const pipeline: Document[] = [
          { $match: { 'a.0': { $exists: true }, ...(source !== undefined && { _id: { $gte: source } }) } },
          { $sort: { _id: 1 } },
          { $project: { e: 1 } },
          // A node's edges are stored in order of their names.
          { $unwind: '$e' },
          ...(source === undefined ? [] : [{ $match: { $or: [{ _id: { $gt: source } }, { 'e.k': { $gt: name } }] } }]),
          { $limit: limit + 1 },
        ]
        const found = await access.read(options.signal, (settings) =>
          nodes.aggregate<{ _id: string; e: StoredEdge }>(pipeline, { ...settings, batchSize: limit + 2 }).toArray(),
        )
        const at = ({ _id, e }: (typeof found)[0]): Position => [_id, e.k]
        return pageOf(found, limit, at, ({ _id, e }): EdgeRecord => toEdge(_id, e))
      }),

    raw: (options) =>
      call('raw', options, async () => {
        const command = readCommand(options.query, options.parameters ?? {}, () => catalog.graph(options.scope))
        return runRaw(access, options.signal, command)
      }),
  }

  async function findText(
    { space, nodes }: Graph,
    signal: AbortSignal | undefined,
    text: string,
    condition: Filter<StoredNode>,
    limit: number,
  ): Promise<(NodeRecord & { readonly score: number })[]> {
    const words = textQuery(text)
    if (words === undefined || space.text.length === 0) return []
    const found = await access.read(signal, (settings) =>
      nodes
        .find<StoredNode & { readonly score: number }>(
          { $and: [condition, { $text: { $search: words } }] },
          { ...settings, projection: { ...nodeFields, score: { $meta: 'textScore' } } },
        )
        .sort({ score: { $meta: 'textScore' }, _id: 1 })
        .limit(limit)
        .toArray(),
    )
    return found.map((node) => ({ ...toNode(node), score: node.score }))
  }

  /** Deletes nodes, and then the edges that led to them from others; their own go with them. */
  async function deleteSome(
    nodes: Collection<StoredNode>,
    keys: readonly Key[],
    below: Version | undefined,
    signal: AbortSignal | undefined,
  ): Promise<number> {
    const condition: Filter<StoredNode> = { _id: { $in: keys }, ...(below !== undefined && { v: { $lt: below } }) }
    let gone: readonly string[] = keys
    if (below !== undefined) {
      const older = await access.read(signal, (settings) =>
        nodes.find(condition, { ...settings, projection: { _id: 1 } }).toArray(),
      )
      gone = older.map(({ _id }) => _id)
    }
    const { deletedCount } = await access.write(signal, (settings) => nodes.deleteMany(condition, settings))
    if (below !== undefined && deletedCount < gone.length) {
      // One of them was written anew in between, and keeps its edges.
      const left = await access.read(signal, (settings) =>
        nodes.find({ _id: { $in: gone } }, { ...settings, projection: { _id: 1 } }).toArray(),
      )
      const still = new Set(left.map(({ _id }) => _id))
      gone = gone.filter((key) => !still.has(key))
    }
    await removeEdgesTo(access, signal, nodes, gone)
    return deletedCount
  }
}

const checkSchema = ({ labels, edgeTypes, fields = {}, textFields = [] }: GraphSchema): void => {
  for (const label of labels) checkName(label, 'labels')
  for (const type of edgeTypes) checkName(type, 'edgeTypes')
  for (const path of [...Object.keys(fields), ...textFields])
    if (path === '' || path.split('.').some((part) => part === '' || part.startsWith('$')))
      throw invalid('fields', `${JSON.stringify(path)} is no path of fields`)
}

const checkDepth = (min: number, max: number): void => {
  if (!Number.isSafeInteger(min) || !Number.isSafeInteger(max) || min < 0 || max < min)
    throw invalid('depth', 'needs whole numbers, the smaller one first')
  if (max > maxDepth) throw invalid('depth', `is at most ${maxDepth}`)
}

const refuseInTransaction = (access: Access, what: string): void => {
  if (access.transactional) throw refuse('graph', `${what} inside a transaction`, 'make tables and graphs before it.')
}
