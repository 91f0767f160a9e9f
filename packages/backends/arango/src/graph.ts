import {
  checkEdge,
  checkFieldName,
  checkLimit,
  checkName,
  checkNode,
  checkUpsertMode,
  type GraphCapabilities,
  type GraphRole,
  type GraphSchema,
  issuesOf,
  type ScanOptions,
} from '@veritas-db/core/contract'
import type { Access } from './access.js'
import { limits } from './batches.js'
import { backendName, refuse } from './errors.js'
import { filterCapabilities } from './filter.js'
import * as read from './graph/read.js'
import * as write from './graph/write.js'
import { runRaw } from './raw.js'

/** What the graph role can do. */
export const graphCapabilities: GraphCapabilities = {
  limits,
  filter: filterCapabilities,
  upsertModes: ['replace', 'ifNewer', 'ifAbsent'],
  conditionalUpsert: 'atomic',
  readAfterWrite: 'immediate',
  scan: { order: 'key', resume: 'cursor', snapshot: false },
  fullText: false,
  shortestPath: true,
  maxDepth: read.MAX_DEPTH,
  raw: 'aql',
}

const checkSchema = ({ labels, edgeTypes, fields = {}, textFields = [] }: GraphSchema): void => {
  for (const label of labels) checkName(label, 'labels')
  for (const type of edgeTypes) checkName(type, 'edgeTypes')
  for (const path of [...Object.keys(fields), ...textFields])
    for (const part of path.split('.')) checkFieldName(part, 'fields')
}

const checkText = (text: string | undefined): void => {
  if (text !== undefined) throw refuse('graph', 'full text', 'use a store that has it for such searches.')
}

/** The graph role: a collection of nodes, and one of edges for each type. */
export const createGraphRole = (access: Access): GraphRole => {
  const { session, spaces } = access

  const scanNodes: GraphRole['scanNodes'] = ((options: ScanOptions & { readonly fields?: 'keys' | 'all' }) =>
    access.call('graph', 'scanNodes', options, async (call) => {
      const { cursor, limit = 1000, fields } = options
      checkLimit(limit, 'limit', undefined, 1)
      const filter = read.nodeFilter(options.filter)
      const graph = await spaces.graph(call, options.scope)
      return read.scanNodes(session, call, graph, { cursor, limit, filter, keysOnly: fields === 'keys' })
    })) as GraphRole['scanNodes']

  return {
    capabilities: graphCapabilities,

    check: (nodes, edges) => [...issuesOf(nodes, checkNode), ...issuesOf(edges, checkEdge, nodes.length)],

    ensureSchema: (options) =>
      access.call('graph', 'ensureSchema', options, async (call) => {
        checkSchema(options)
        await spaces.ensureGraph(call, options.scope, options)
      }),

    dropSchema: (options) =>
      access.call('graph', 'dropSchema', options, (call) => spaces.dropGraph(call, options.scope)),

    upsertNodes: (options) =>
      access.call('graph', 'upsertNodes', options, async (call) => {
        const { scope, nodes, mode = 'replace' } = options
        checkUpsertMode(mode, graphCapabilities, backendName, 'graph')
        const graph = await spaces.graph(call, scope)
        return { outcomes: await write.upsertNodes(access, call, graph, nodes, mode) }
      }),

    upsertEdges: (options) =>
      access.call('graph', 'upsertEdges', options, async (call) => {
        const { scope, edges, mode = 'replace' } = options
        checkUpsertMode(mode, graphCapabilities, backendName, 'graph')
        return { outcomes: await write.upsertEdges(access, call, scope, edges, mode) }
      }),

    replaceEdges: (options) =>
      access.call('graph', 'replaceEdges', options, async (call) => ({
        outcomes: await write.replaceEdges(access, call, options.scope, options.sets),
      })),

    getNodes: (options) =>
      access.call('graph', 'getNodes', options, async (call) =>
        read.getNodes(session, call, await spaces.graph(call, options.scope), options.keys),
      ),

    getEdges: (options) =>
      access.call('graph', 'getEdges', options, async (call) => {
        const graph = await spaces.graph(call, options.scope)
        return read.getEdges(session, call, graph, options.keys, options.direction, options.edgeTypes)
      }),

    findNodes: (options) =>
      access.call('graph', 'findNodes', options, async (call) => {
        const { scope, label, text, placeholders = false, limit } = options
        checkText(text)
        checkLimit(limit, 'limit')
        const filter = read.nodeFilter(options.filter)
        const graph = await spaces.graph(call, scope)
        return read.findNodes(session, call, graph, {
          filter,
          placeholders,
          limit,
          ...(label !== undefined && { label }),
        })
      }),

    deleteNodes: (options) =>
      access.call('graph', 'deleteNodes', options, (call) =>
        write.deleteNodes(access, call, options.scope, options.keys, options.versionBelow),
      ),

    deleteEdges: (options) =>
      access.call('graph', 'deleteEdges', options, (call) =>
        write.deleteEdges(access, call, options.scope, options.edges),
      ),

    neighbors: (options) =>
      access.call('graph', 'neighbors', options, async (call) => {
        const { scope, starts, edgeTypes, direction = 'out', depth = { min: 1, max: 1 }, limit } = options
        read.checkDepth(depth)
        checkLimit(limit, 'limit')
        const filter = read.nodeFilter(options.filter)
        const graph = await spaces.graph(call, scope)
        const { placeholders = false } = options
        return read.neighbors(session, call, graph, {
          starts,
          edgeTypes,
          direction,
          depth,
          filter,
          placeholders,
          limit,
        })
      }),

    shortestPath: (options) =>
      access.call('graph', 'shortestPath', options, async (call) => {
        const { scope, from, to, edgeTypes, direction = 'out', maxDepth } = options
        checkLimit(maxDepth, 'maxDepth', read.MAX_DEPTH)
        const graph = await spaces.graph(call, scope)
        return read.shortestPath(session, call, graph, { from, to, edgeTypes, direction, maxDepth })
      }),

    count: (options) =>
      access.call('graph', 'count', options, async (call) => {
        const graph = await spaces.graph(call, options.scope)
        if (options.of === 'edges') return read.countEdges(session, call, graph)
        return read.countNodes(session, call, graph, options.placeholders === true)
      }),

    scanNodes,

    scanEdges: (options) =>
      access.call('graph', 'scanEdges', options, async (call) => {
        const { limit = 1000 } = options
        checkLimit(limit, 'limit', undefined, 1)
        const graph = await spaces.graph(call, options.scope)
        return read.scanEdges(session, call, graph, options.cursor, limit)
      }),

    raw: (options) =>
      access.call('graph', 'raw', options, (call) => {
        const named = async (name: string): Promise<string | undefined> => {
          const graph = await spaces.graph(call, options.scope)
          if (name === 'nodes') return graph.nodes
          return name.startsWith('edges_') ? graph.edges.get(name.slice('edges_'.length)) : undefined
        }
        return runRaw(session, call, options.query, options.parameters ?? {}, named)
      }),
  }
}
