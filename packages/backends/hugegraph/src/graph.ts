import {
  asKey,
  assertPushable,
  asVersion,
  type CallOptions,
  checkName,
  type DeleteResult,
  type EdgeRecord,
  type EdgeSet,
  type FilterNode,
  type GraphCapabilities,
  type GraphRole,
  type GraphSchema,
  invalid,
  isMatchAll,
  type Neighbor,
  type NodeRecord,
  type Outcome,
  type Page,
  type Path,
  type RecordHead,
  type ScanOptions,
  type ScopedOptions,
  splitBatches,
  throwIfAborted,
  type UpsertMode,
  uniqueBatch,
  type WriteResult,
} from '@veritas-db/core/contract'
import { keyBatches, setBatches } from './batches.js'
import type { HugeGraphConfig } from './config.js'
import type { Connection, Session } from './connection.js'
import { backendName, isUndefined, refuse } from './errors.js'
import { type FilterArgument, filterCapabilities, toArgument } from './filter.js'
import type { Names } from './names.js'
import {
  check,
  type EdgeRow,
  type NodeRow,
  refuseIssues,
  rowBytes,
  toEdge,
  toEdgeRow,
  toNode,
  toNodeRow,
  toOutcome,
} from './records.js'
import { Schema } from './schema.js'
import * as scripts from './scripts.js'

/** The server's own limit of a batch. */
const BATCH_RECORDS = 500
const BATCH_BYTES = 512 * 1024
const MAX_DEPTH = 50
const MODES: readonly UpsertMode[] = ['replace', 'ifNewer', 'ifAbsent']

type Arguments = Readonly<Record<string, unknown>>
type Options<M extends keyof GraphRole> = GraphRole[M] extends (options: infer O) => unknown ? O : never

/** HugeGraph as a graph store: writes, searches and walks are scripts that run on the server. */
export class HugeGraph implements GraphRole {
  readonly capabilities: GraphCapabilities = Object.freeze<GraphCapabilities>({
    limits: { batchRecords: BATCH_RECORDS, batchBytes: BATCH_BYTES },
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
  readonly check: GraphRole['check'] = check
  readonly #connection: Connection
  readonly #schema: Schema

  constructor(connection: Connection, config: HugeGraphConfig) {
    this.#connection = connection
    this.#schema = new Schema(config)
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
      refuseIssues(check(nodes, []), 'nodes')
      const unique = uniqueBatch(nodes, ({ key }) => key, mode)
      const rows = unique.records.map(toNodeRow)
      const answers = await this.#batches(session, scripts.UPSERT_NODES, names, rows, { mode })
      return { outcomes: unique.outcomes(answers.map((answer) => toOutcome(answer, 'a node'))) }
    })
  }

  async upsertEdges(options: Options<'upsertEdges'>): Promise<WriteResult> {
    const { edges, mode = 'replace' } = options
    return this.#write('upsertEdges', options, async (session, names) => {
      checkMode(mode)
      refuseIssues(check([], edges), 'edges')
      const unique = uniqueBatch(edges, edgeId, mode)
      const rows = unique.records.map(toEdgeRow)
      const answers = await this.#batches(session, scripts.UPSERT_EDGES, names, rows, { mode })
      const outcomes = answers.map((answer, i) =>
        toOutcome(answer, `the edge ${edgeId(unique.records[i] as EdgeRecord)}`),
      )
      return { outcomes: unique.outcomes(outcomes) }
    })
  }

  async replaceEdges(options: ScopedOptions & { readonly sets: readonly EdgeSet[] }): Promise<WriteResult> {
    const { sets } = options
    return this.#write('replaceEdges', options, async (session, names) => {
      const rows = sets.map(({ source, version, edges }, i) => {
        asKey(source, `sets[${i}].source`)
        asVersion(version, `sets[${i}].version`)
        refuseIssues(check([], edges), `sets[${i}].edges`)
        const stranger = edges.findIndex((edge) => edge.source !== source)
        if (stranger >= 0) throw invalid(`sets[${i}].edges[${stranger}].source`, `is not the set's source`)
        const unique = uniqueBatch(edges, edgeId, 'replace').records
        return [source, version, unique.map((edge) => toEdgeRow({ ...edge, version }))] as const
      })
      const outcomes: Outcome[] = []
      for (const some of setBatches(rows, this.capabilities.limits)) {
        throwIfAborted(session.signal)
        const answers = await session.run(scripts.REPLACE_EDGES, { ...names, sets: some })
        session.changed = true
        answers.forEach((answer, i) => {
          outcomes.push(toOutcome(answer, `the edges of ${some[i]?.[0]}`))
        })
      }
      return { outcomes }
    })
  }

  async getNodes(options: Options<'getNodes'>): Promise<readonly NodeRecord[]> {
    return this.#read('getNodes', options, [], async (session, names) => {
      const found: NodeRecord[] = []
      for (const keys of keyBatches(options.keys))
        for (const row of await session.run(scripts.GET_NODES, { ...names, keys })) found.push(toNode(row as NodeRow))
      return found
    })
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
      checkLimit(limit)
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
    const rows = options.edges.map(({ source, target, type, ordinal }) => [source, target, type, ordinal] as const)
    const batches = splitBatches(rows, { batchRecords: BATCH_RECORDS })
    return this.#delete('deleteEdges', options, scripts.DELETE_EDGES, batches, (some) => ({ rows: some }))
  }

  async neighbors(options: Options<'neighbors'>): Promise<readonly Neighbor[]> {
    const { edgeTypes, direction = 'out', depth = { min: 1, max: 1 }, filter, placeholders = false, limit } = options
    return this.#read('neighbors', options, [], async (session, names) => {
      checkLimit(limit)
      checkDepth(depth.max, 'depth.max')
      if (!Number.isInteger(depth.min) || depth.min < 1 || depth.min > depth.max)
        throw invalid('depth.min', `needs a whole number from 1 to ${depth.max}, got ${depth.min}`)
      const starts = [...new Set(options.starts)]
      if (starts.length === 0) return []
      const rows = await session.run(scripts.NEIGHBORS, {
        ...names,
        ...{ starts, direction, types: edgeTypes ?? null, min: depth.min, max: depth.max },
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
      if (maxDepth !== 0) checkDepth(maxDepth, 'maxDepth')
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
    const heads = options.fields === 'keys'
    return this.#scan<RecordHead | NodeRecord>('scanNodes', options, scripts.SCAN_NODES, { heads }, (row) =>
      heads
        ? { key: asKey((row as [string, string])[0]), version: asVersion((row as [string, string])[1]) }
        : toNode(row as NodeRow),
    )
  }

  async scanEdges(options: Options<'scanEdges'>): Promise<Page<EdgeRecord>> {
    return this.#scan('scanEdges', options, scripts.SCAN_EDGES, {}, (row) => toEdge(row as EdgeRow))
  }

  async raw(options: Options<'raw'>): Promise<readonly unknown[]> {
    return this.#call('raw', options, true, (session) => session.raw(options.query, options.parameters ?? {}))
  }

  async #scan<R>(
    operation: string,
    options: ScanOptions,
    script: string,
    more: Arguments,
    read: (row: unknown) => R,
  ): Promise<Page<R>> {
    const { cursor = '', limit = 1000, filter } = options
    return this.#read<Page<R>>(operation, options, { records: [], cursor: null }, async (session, names) => {
      checkLimit(limit)
      if (!/^[A-Za-z0-9+/=_-]*$/.test(cursor)) throw invalid('cursor', 'is none of a scan of this backend')
      const common = { label: null, filter: filterOf(filter), placeholders: true, page: cursor, limit }
      const [rows, next] = await session.run(script, { ...names, ...common, ...more })
      return { records: (rows as unknown[]).map(read), cursor: next === '' ? null : String(next) }
    })
  }

  /** Writes rows in batches. Answers what the script says of each. */
  async #batches(
    session: Session,
    script: string,
    names: Names,
    rows: readonly (NodeRow | EdgeRow)[],
    more: Arguments,
  ): Promise<unknown[]> {
    const answers: unknown[] = []
    for (const some of splitBatches(rows, this.capabilities.limits, rowBytes)) {
      throwIfAborted(session.signal)
      answers.push(...(await session.run(script, { ...names, ...more, rows: some })))
      session.changed = true
    }
    return answers
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
          throwIfAborted(session.signal)
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

const edgeId = ({
  source,
  target,
  type,
  ordinal,
}: Pick<EdgeRecord, 'source' | 'target' | 'type' | 'ordinal'>): string => `${source} ${type} ${target} ${ordinal}`

/** A filter as an argument; null where everything matches. */
const filterOf = (filter: FilterNode | undefined): FilterArgument | null => {
  if (filter === undefined || isMatchAll(filter)) return null
  assertPushable(filter, filterCapabilities, backendName, 'graph')
  return toArgument(filter)
}

const checkMode = (mode: UpsertMode): void => {
  if (!MODES.includes(mode)) throw refuse(`upsert with mode ${String(mode)}`)
}

const checkLimit = (limit: number): void => {
  if (!Number.isInteger(limit) || limit < 1) throw invalid('limit', `needs a whole number of at least 1, got ${limit}`)
}

const checkDepth = (depth: number, path: string): void => {
  if (!Number.isInteger(depth) || depth < 1 || depth > MAX_DEPTH)
    throw invalid(path, `needs a whole number from 1 to ${MAX_DEPTH}, got ${depth}`)
}
