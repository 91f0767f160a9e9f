import {
  asKey,
  assertPushable,
  asVersion,
  type CallOptions,
  checkEdgeIdentity,
  checkEdgeSet,
  checkLimit,
  checkName,
  type DeleteResult,
  type EdgeRecord,
  type FilterNode,
  foreignCursor,
  type GraphCapabilities,
  type GraphRole,
  type GraphSchema,
  isMatchAll,
  issuesOf,
  type Neighbor,
  type NodeRecord,
  type Page,
  type Path,
  type RecordHead,
  readCursor,
  refuseMistakes,
  type ScanOptions,
  type ScopedOptions,
  splitBatches,
  textAt,
  type UpsertMode,
  type WriteResult,
  writeCursor,
} from '@veritas-db/core/contract'
import { keyBatches, LIMITS } from './batches.js'
import type { HugeGraphConfig } from './config.js'
import type { Connection } from './connection.js'
import { backendName, isUndefined, refuse } from './errors.js'
import { type FilterArgument, filterCapabilities, toArgument } from './filter.js'
import type { Names } from './names.js'
import { neighborsOf, nodesOf } from './read.js'
import { type EdgeRow, edgeId, edgePreparer, type NodeRow, nodePreparer, toEdge, toNode } from './records.js'
import { Schema } from './schema.js'
import * as scripts from './scripts.js'
import type { Session } from './session.js'
import { replaceEdges, upsertEdges, upsertNodes } from './write.js'

const MAX_DEPTH = 50
const MODES: readonly UpsertMode[] = ['replace', 'ifNewer', 'ifAbsent']

type Arguments = Readonly<Record<string, unknown>>
type Options<M extends keyof GraphRole> = GraphRole[M] extends (options: infer O) => unknown ? O : never

/** HugeGraph as a graph store: records by the REST interface, comparisons, searches and walks by scripts that run on the server. */
export class HugeGraph implements GraphRole {
  readonly capabilities: GraphCapabilities = Object.freeze<GraphCapabilities>({
    limits: LIMITS,
    filter: filterCapabilities,
    upsertModes: MODES,
    conditionalUpsert: 'guarded',
    readAfterWrite: 'immediate',
    scan: { order: 'native', resume: 'cursor', snapshot: false },
    fullText: false,
    shortestPath: true,
    maxDepth: MAX_DEPTH,
    raw: 'gremlin',
  })
  readonly check: GraphRole['check']
  readonly #connection: Connection
  readonly #schema: Schema

  constructor(connection: Connection, config: HugeGraphConfig) {
    this.#connection = connection
    this.#schema = new Schema(config)
    // The names are as long in every scope, within what the limit of a record leaves.
    const names = this.#schema.names({ collection: 'any' })
    const [node, edge] = [nodePreparer(names), edgePreparer(names)]
    this.check = (nodes, edges) => [...issuesOf(nodes, node), ...issuesOf(edges, edge, nodes.length)]
  }

  async ensureSchema(options: ScopedOptions & GraphSchema): Promise<void> {
    await this.#call('ensureSchema', options, true, async (session, names) => {
      // Labels and types are values to us: there is nothing to make for one of them.
      for (const name of options.labels) checkName(name, 'labels')
      for (const name of options.edgeTypes) checkName(name, 'edgeTypes')
      await this.#schema.ensure(session, names)
    })
  }

  async dropSchema(options: ScopedOptions): Promise<void> {
    await this.#call('dropSchema', options, true, (session, names) => this.#schema.drop(session, names))
  }

  async upsertNodes(options: Options<'upsertNodes'>): Promise<WriteResult> {
    const { nodes, mode = 'replace' } = options
    return this.#write('upsertNodes', options, async (session, names) => {
      checkMode(mode)
      return { outcomes: await upsertNodes(session, names, nodes, mode) }
    })
  }

  async upsertEdges(options: Options<'upsertEdges'>): Promise<WriteResult> {
    const { edges, mode = 'replace' } = options
    return this.#write('upsertEdges', options, async (session, names) => {
      checkMode(mode)
      return { outcomes: await upsertEdges(session, names, edges, mode) }
    })
  }

  async replaceEdges(options: Options<'replaceEdges'>): Promise<WriteResult> {
    const { sets } = options
    return this.#write('replaceEdges', options, async (session, names) => {
      refuseMistakes(sets, (set) => checkEdgeSet(set, edgePreparer(names)))
      return { outcomes: await replaceEdges(session, names, sets) }
    })
  }

  async getNodes(options: Options<'getNodes'>): Promise<readonly NodeRecord[]> {
    return this.#read('getNodes', options, [], (session, names) => nodesOf(session, names, [...new Set(options.keys)]))
  }

  async getEdges(options: Options<'getEdges'>): Promise<readonly EdgeRecord[]> {
    const { direction, edgeTypes } = options
    return this.#read('getEdges', options, [], async (session, names) => {
      const found = new Map<string, EdgeRecord>()
      for (const keys of keyBatches(options.keys)) {
        const args = { ...names, keys, direction, types: edgeTypes ?? null }
        for (const row of await session.run(scripts.GET_EDGES, args)) {
          const edge = toEdge(row as EdgeRow)
          found.set(edgeId(edge), edge)
        }
      }
      return [...found.values()]
    })
  }

  async findNodes(options: Options<'findNodes'>): Promise<readonly (NodeRecord & { readonly score?: number })[]> {
    const { label, filter, text, placeholders = false, limit } = options
    return this.#read('findNodes', options, [], async (session, names) => {
      if (text !== undefined)
        throw refuse('full text search', 'HugeGraph finds words and does not rank: search another store.')
      checkLimit(limit, 'limit')
      if (limit === 0) return []
      const args = { ...names, label: label ?? null, filter: filterOf(filter), placeholders, limit }
      return (await session.run(scripts.FIND_NODES, args)).map((row) => toNode(row as NodeRow))
    })
  }

  async deleteNodes(options: Options<'deleteNodes'>): Promise<DeleteResult> {
    const { versionBelow } = options
    if (versionBelow !== undefined) asVersion(versionBelow, 'versionBelow')
    return this.#delete('deleteNodes', options, scripts.DELETE_NODES, keyBatches(options.keys), (keys) => ({
      keys,
      below: versionBelow ?? '',
    }))
  }

  async deleteEdges(options: Options<'deleteEdges'>): Promise<DeleteResult> {
    refuseMistakes(options.edges, checkEdgeIdentity)
    const rows = options.edges.map(({ source, target, type, ordinal }) => [source, target, type, ordinal] as const)
    const batches = splitBatches(rows, { batchRecords: LIMITS.batchRecords })
    return this.#delete('deleteEdges', options, scripts.DELETE_EDGES, batches, (some) => ({ rows: some }))
  }

  async neighbors(options: Options<'neighbors'>): Promise<readonly Neighbor[]> {
    const { edgeTypes, direction = 'out', depth = { min: 1, max: 1 }, filter, placeholders = false, limit } = options
    return this.#read('neighbors', options, [], async (session, names) => {
      checkLimit(limit, 'limit')
      checkLimit(depth.max, 'depth.max', MAX_DEPTH, 1)
      checkLimit(depth.min, 'depth.min', depth.max, 1)
      const [start, ...others] = new Set(options.starts)
      if (start === undefined || limit === 0) return []
      const everything = filter === undefined || isMatchAll(filter)
      if (others.length === 0 && depth.max === 1 && everything) {
        const near = await neighborsOf(session, names, start, direction, edgeTypes)
        const wanted = near?.filter((node) => placeholders || !node.placeholder).slice(0, limit)
        if (wanted) return wanted.map((node) => ({ node, depth: 1, start }))
      }
      const rows = await session.run(scripts.NEIGHBORS, {
        ...names,
        ...{ starts: [start, ...others], direction, types: edgeTypes ?? null, min: depth.min, max: depth.max },
        ...{ label: null, filter: filterOf(filter), placeholders, limit },
      })
      return (rows as readonly (readonly [number, string, NodeRow])[]).map(([steps, start, node]) => ({
        node: toNode(node),
        depth: steps,
        start: asKey(start),
      }))
    })
  }

  async shortestPath(options: Options<'shortestPath'>): Promise<Path | null> {
    const { from, to, edgeTypes, direction = 'out', maxDepth } = options
    return this.#read('shortestPath', options, null, async (session, names) => {
      checkLimit(maxDepth, 'maxDepth', MAX_DEPTH)
      const args = { ...names, from, to, direction, types: edgeTypes ?? null, max: maxDepth }
      const [nodes, edges] = (await session.run(scripts.SHORTEST_PATH, args)) as [NodeRow[]?, EdgeRow[]?]
      return nodes && edges ? { nodes: nodes.map(toNode), edges: edges.map(toEdge) } : null
    })
  }

  async count(options: Options<'count'>): Promise<number> {
    const { of, placeholders = false } = options
    return this.#read('count', options, 0, async (session, names) =>
      Number((await session.run(scripts.COUNT, { ...names, of, placeholders }))[0] ?? 0),
    )
  }

  scanNodes(options: ScanOptions & { readonly fields: 'keys' }): Promise<Page<RecordHead>>
  scanNodes(options: ScanOptions & { readonly fields?: 'all' }): Promise<Page<NodeRecord>>
  async scanNodes(options: ScanOptions & { readonly fields?: 'keys' | 'all' }): Promise<Page<RecordHead | NodeRecord>> {
    const { limit = 1000, filter, fields } = options
    const heads = fields === 'keys'
    return this.#read<Page<RecordHead | NodeRecord>>('scanNodes', options, NOTHING, async (session, names) => {
      checkLimit(limit, 'limit', undefined, 1)
      const page = pageIn(options.cursor, 1)
      const wanted = { label: null, filter: filterOf(filter), placeholders: true }
      const [rows, next] = await session.run(scripts.SCAN_NODES, { ...names, ...wanted, page, limit, heads })
      const toRecord = (row: unknown): RecordHead | NodeRecord =>
        heads
          ? { key: asKey((row as [string, string])[0]), version: asVersion((row as [string, string])[1]) }
          : toNode(row as NodeRow)
      return { records: (rows as unknown[]).map(toRecord), cursor: next === '' ? null : writeCursor([String(next)]) }
    })
  }

  async scanEdges(options: Options<'scanEdges'>): Promise<Page<EdgeRecord>> {
    const { limit = 1000 } = options
    return this.#read<Page<EdgeRecord>>('scanEdges', options, NOTHING, async (session, names) => {
      checkLimit(limit, 'limit', undefined, 1)
      const page = pageIn(options.cursor, 2)
      const after = options.cursor === undefined ? '' : textAt(readCursor(options.cursor, 2), 1)
      const [rows, next, last] = await session.run(scripts.SCAN_EDGES, { ...names, page, after, limit })
      return {
        records: (rows as EdgeRow[]).map(toEdge),
        cursor: typeof next === 'string' ? writeCursor([next, String(last)]) : null,
      }
    })
  }

  async raw(options: Options<'raw'>): Promise<readonly unknown[]> {
    return this.#call('raw', options, true, (session) => session.raw(options.query, options.parameters ?? {}))
  }

  async #delete<T>(
    operation: string,
    options: ScopedOptions,
    script: string,
    batches: Iterable<readonly T[]>,
    args: (some: readonly T[]) => Arguments,
  ): Promise<DeleteResult> {
    let deleted = 0
    await this.#call(operation, options, true, async (session, names) => {
      try {
        for (const some of batches) {
          deleted += Number((await session.run(script, { ...names, ...args(some) }))[0] ?? 0)
          session.changed = true
        }
      } catch (error) {
        if (!isUndefined(error)) throw error
      }
    })
    return { deleted }
  }

  /** A call that writes: the scope's schema is made where it is not there, or no longer. */
  #write<T>(
    operation: string,
    options: ScopedOptions,
    work: (session: Session, names: Names) => Promise<T>,
  ): Promise<T> {
    return this.#call(operation, options, true, async (session, names) => {
      await this.#schema.ready(session, names)
      try {
        return await work(session, names)
      } catch (error) {
        if (!isUndefined(error)) throw error
        this.#schema.forget(names)
        await this.#schema.ensure(session, names)
        return work(session, names)
      }
    })
  }

  /** A call that reads: where the scope has no schema, there is nothing. */
  #read<T>(
    operation: string,
    options: ScopedOptions,
    nothing: T,
    work: (session: Session, names: Names) => Promise<T>,
  ): Promise<T> {
    return this.#call(operation, options, false, async (session, names) => {
      try {
        return await work(session, names)
      } catch (error) {
        if (isUndefined(error)) return nothing
        throw error
      }
    })
  }

  #call<T>(
    operation: string,
    options: ScopedOptions & CallOptions,
    write: boolean,
    work: (session: Session, names: Names) => Promise<T>,
  ): Promise<T> {
    const { signal } = options
    return this.#connection.run({ operation, write, role: 'graph', ...(signal && { signal }) }, (session) =>
      work(session, this.#schema.names(options.scope)),
    )
  }
}

const NOTHING = { records: [], cursor: null }

/** The server's own page in a cursor, empty for the first. @throws VeritasError VALIDATION */
const pageIn = (cursor: string | undefined, length: number): string => {
  if (cursor === undefined) return ''
  const page = textAt(readCursor(cursor, length), 0)
  if (!/^[A-Za-z0-9+/=_-]*$/.test(page)) throw foreignCursor()
  return page
}

/** A filter as an argument; null where everything matches. */
const filterOf = (filter: FilterNode | undefined): FilterArgument | null => {
  if (filter === undefined || isMatchAll(filter)) return null
  assertPushable(filter, filterCapabilities, backendName, 'graph')
  return toArgument(filter)
}

const checkMode = (mode: UpsertMode): void => {
  if (!MODES.includes(mode)) throw refuse(`upsert with mode ${String(mode)}`)
}
