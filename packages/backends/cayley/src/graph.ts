import {
  checkEdge,
  checkEdgeIdentity,
  checkEdgeSet,
  checkLimit,
  checkName,
  checkNode,
  type DeleteResult,
  type EdgeRecord,
  type FilterNode,
  FULL_FILTER,
  foreignCursor,
  type GraphCapabilities,
  type GraphRole,
  type GraphSchema,
  isMatchAll,
  issuesOf,
  type Key,
  type Neighbor,
  type NodeRecord,
  type Page,
  type Path,
  physicalName,
  type RecordHead,
  type RecordIssue,
  refuseMistakes,
  type ScanOptions,
  type Scope,
  type ScopedOptions,
  splitBatches,
  type WriteResult,
} from '@veritas-db/core/contract'
import type { Connection } from './connection.js'
import { refuse } from './errors.js'
import { encodeFilter, needlesOf } from './filter.js'
import { edgePlace, IN, PLACEHOLDER_IN } from './quads.js'
import { edgesIn, listOf, storedNode } from './records.js'
import {
  COUNT_EDGES,
  COUNT_NODES,
  EDGES_OF,
  FILTERED_WALK,
  NODE,
  NODES,
  SCAN_EDGES,
  SCAN_NODES,
  SHORTEST_PATH,
  WALK,
} from './scripts.js'
import type { Session } from './session.js'
import { BATCH, deleteEdges, deleteNodes, replaceEdges, type Target, upsertEdges, upsertNodes } from './write.js'

const MAX_DEPTH = 32
const KEY_DIGITS = 32
/** How many records one request looks at, so that it ends long before the server's limit of 30 s. */
const SCAN_BUDGET = 20_000

const capabilities: GraphCapabilities = {
  limits: BATCH,
  filter: FULL_FILTER,
  upsertModes: ['replace', 'ifNewer', 'ifAbsent'],
  // Versions are compared between a read and a write of this process: another one may come between.
  conditionalUpsert: 'guarded',
  readAfterWrite: 'immediate',
  scan: { order: 'key', resume: 'cursor', snapshot: false },
  fullText: false,
  shortestPath: true,
  maxDepth: MAX_DEPTH,
  raw: 'gizmo',
}

type Options<M extends keyof GraphRole> = GraphRole[M] extends (options: infer O) => unknown ? O : never

/** Documents and references as quads. */
export class CayleyGraph implements GraphRole {
  readonly capabilities: GraphCapabilities = capabilities
  readonly #connection: Connection
  readonly #prefix: string

  constructor(connection: Connection, prefix: string) {
    this.#connection = connection
    this.#prefix = prefix
  }

  readonly check = (nodes: readonly NodeRecord[], edges: readonly EdgeRecord[]): readonly RecordIssue[] => [
    ...issuesOf(nodes, checkNode),
    ...issuesOf(edges, checkEdge, nodes.length),
  ]

  /** There is nothing to make: quads need no schema. */
  ensureSchema(options: ScopedOptions & GraphSchema): Promise<void> {
    return this.#read('ensureSchema', options, async (session) => {
      for (const name of options.labels) checkName(name, 'labels')
      for (const name of options.edgeTypes) checkName(name, 'edgeTypes')
      // A closed connection cannot say that all is well.
      await session.query('g.emit(1)', {})
    })
  }

  dropSchema(options: ScopedOptions): Promise<void> {
    return this.#write('dropSchema', options, async (target) => {
      const { session, scope } = target
      for (;;) {
        const { items } = await pageOf(session, SCAN_NODES, { ...everything, scope, after: '', limit: 500 })
        if (items.length === 0) break
        await deleteNodes(
          target,
          items.map((text) => storedNode(text).record.key),
          undefined,
        )
      }
    })
  }

  upsertNodes(options: Options<'upsertNodes'>): Promise<WriteResult> {
    return this.#write('upsertNodes', options, async (target) => {
      refuseMistakes(options.nodes, checkNode)
      const { nodes, mode = 'replace' } = options
      return { outcomes: await upsertNodes(target, nodes, mode) }
    })
  }

  upsertEdges(options: Options<'upsertEdges'>): Promise<WriteResult> {
    return this.#write('upsertEdges', options, async (target) => {
      refuseMistakes(options.edges, checkEdge)
      const { edges, mode = 'replace' } = options
      return { outcomes: await upsertEdges(target, edges, mode) }
    })
  }

  replaceEdges(options: Options<'replaceEdges'>): Promise<WriteResult> {
    return this.#write('replaceEdges', options, async (target) => {
      refuseMistakes(options.sets, checkEdgeSet)
      return { outcomes: await replaceEdges(target, options.sets) }
    })
  }

  getNodes(options: Options<'getNodes'>): Promise<readonly NodeRecord[]> {
    return this.#read('getNodes', options, async (session, scope) => {
      const [first, ...others] = new Set(options.keys)
      if (first === undefined) return []
      if (others.length === 0) {
        const texts = await session.query(NODE, { scope, key: first })
        return texts.map((text) => storedNode(text).record)
      }
      const found: NodeRecord[] = []
      for (const keys of splitBatches([first, ...others], { batchRecords: 2000 }))
        for (const text of await session.query(NODES, { scope, keys })) found.push(storedNode(text).record)
      return found
    })
  }

  getEdges(options: Options<'getEdges'>): Promise<readonly EdgeRecord[]> {
    return this.#read('getEdges', options, async (session, scope) => {
      const { direction } = options
      const types = typesOf(options.edgeTypes)
      if (options.keys.length === 0 || types?.length === 0) return []
      const keys = new Set(options.keys)
      const found = await session.query(EDGES_OF, { scope, keys: [...keys], direction, types })
      return found
        .flatMap(edgesIn)
        .filter(
          ({ type, source, target }) =>
            (types === null || types.includes(type)) &&
            ((direction !== 'in' && keys.has(source)) || (direction !== 'out' && keys.has(target))),
        )
    })
  }

  findNodes(options: Options<'findNodes'>): Promise<readonly NodeRecord[]> {
    return this.#read('findNodes', options, async (session, scope) => {
      if (options.text !== undefined) throw refuse('graph', 'full text', 'use the relational role, which has it.')
      if (options.label !== undefined) checkName(options.label, 'label')
      checkLimit(options.limit, 'limit')
      const found: NodeRecord[] = []
      let after: string | null = ''
      while (after !== null && found.length < options.limit) {
        const { items, cursor } = await pageOf(session, SCAN_NODES, {
          scope,
          after,
          limit: options.limit - found.length,
          budget: SCAN_BUDGET,
          ...filterOf(options.filter),
          label: options.label ?? null,
          placeholders: options.placeholders ?? false,
        })
        for (const text of items) found.push(storedNode(text).record)
        after = cursor
      }
      return found
    })
  }

  deleteNodes(options: Options<'deleteNodes'>): Promise<DeleteResult> {
    return this.#write('deleteNodes', options, async (target) => ({
      deleted: await deleteNodes(target, options.keys, options.versionBelow),
    }))
  }

  deleteEdges(options: Options<'deleteEdges'>): Promise<DeleteResult> {
    return this.#write('deleteEdges', options, async (target) => {
      refuseMistakes(options.edges, checkEdgeIdentity)
      return { deleted: await deleteEdges(target, options.edges) }
    })
  }

  neighbors(options: Options<'neighbors'>): Promise<readonly Neighbor[]> {
    return this.#read('neighbors', options, async (session, scope) => {
      const { starts, direction = 'out', depth = { min: 1, max: 1 }, limit, placeholders = false } = options
      const types = typesOf(options.edgeTypes)
      const condition = filterOf(options.filter)
      checkLimit(limit, 'limit')
      checkLimit(depth.min, 'depth.min')
      checkLimit(depth.max, 'depth.max', MAX_DEPTH)
      if (starts.length === 0 || limit === 0 || types?.length === 0) return []
      const found = await session.query(condition.filter === null ? WALK : FILTERED_WALK, {
        scope,
        starts: [...new Set(starts)],
        types,
        direction,
        min: depth.min,
        max: depth.max,
        limit,
        ...condition,
        placeholders,
      })
      return found.map((item) => {
        const { depth: at, start, text } = item as { depth: number; start: Key; text: unknown }
        return { node: storedNode(text).record, depth: at, start }
      })
    })
  }

  shortestPath(options: Options<'shortestPath'>): Promise<Path | null> {
    return this.#read('shortestPath', options, async (session, scope) => {
      const { from, to, direction = 'out', maxDepth } = options
      const types = typesOf(options.edgeTypes)
      checkLimit(maxDepth, 'maxDepth', MAX_DEPTH)
      if (from === to) {
        const [text] = await session.query(NODES, { scope, keys: [from] })
        return text === undefined ? null : { nodes: [storedNode(text).record], edges: [] }
      }
      if (types?.length === 0) return null
      const parameters = { scope, from, to, types, direction, max: maxDepth }
      const [texts, ...lists] = await session.query(SHORTEST_PATH, parameters)
      if (texts === undefined) return null
      const nodes = listOf(texts).map((text) => storedNode(text).record)
      const joins = (edge: EdgeRecord, source: Key | undefined, target: Key | undefined): boolean =>
        edge.source === source && edge.target === target && (types === null || types.includes(edge.type))
      const edges = lists.flatMap(edgesIn)
      const between = nodes.slice(1).map(({ key }, i): EdgeRecord | undefined => {
        const before = nodes[i]?.key
        return edges.find(
          (edge) =>
            (direction !== 'in' && joins(edge, before, key)) || (direction !== 'out' && joins(edge, key, before)),
        )
      })
      const path = between.filter((edge) => edge !== undefined)
      // An edge that another process deleted meanwhile: the path is none any more.
      return path.length === between.length ? { nodes, edges: path } : null
    })
  }

  count(options: Options<'count'>): Promise<number> {
    return this.#read('count', options, async (session, scope) => {
      const { of, placeholders } = options
      if (of === 'edges') {
        const counted = await session.query(COUNT_EDGES, { scope })
        return counted.slice(0, -1).reduce<number>((sum, value) => sum + edgesIn(value).length, Number(counted.at(-1)))
      }
      const count = async (predicate: string): Promise<number> =>
        Number((await session.query(COUNT_NODES, { scope, predicate }))[0])
      if (placeholders) return count(IN)
      const [all, without] = await Promise.all([count(IN), count(PLACEHOLDER_IN)])
      return all - without
    })
  }

  scanNodes(options: ScanOptions & { readonly fields: 'keys' }): Promise<Page<RecordHead>>
  scanNodes(options: ScanOptions & { readonly fields?: 'all' }): Promise<Page<NodeRecord>>
  scanNodes(options: ScanOptions & { readonly fields?: 'keys' | 'all' }): Promise<Page<RecordHead> | Page<NodeRecord>> {
    return this.#read('scanNodes', options, async (session, scope): Promise<Page<RecordHead> | Page<NodeRecord>> => {
      const { cursor: after = '', limit = 1000, fields = 'all' } = options
      checkLimit(limit, 'limit')
      if (!/^([0-9a-f]{32})?$/.test(after)) throw foreignCursor()
      const parameters = { ...everything, ...filterOf(options.filter), scope, after, limit }
      const { items, cursor } = await pageOf(session, SCAN_NODES, parameters)
      const records = items.map((text) => storedNode(text).record)
      return fields === 'all'
        ? { records, cursor }
        : { records: records.map(({ key, version }) => ({ key, version })), cursor }
    })
  }

  scanEdges(options: Options<'scanEdges'>): Promise<Page<EdgeRecord>> {
    return this.#read('scanEdges', options, async (session, scope) => {
      const { cursor: after = '', limit = 1000 } = options
      checkLimit(limit, 'limit')
      if (!/^([0-9a-f]{32}(\/[A-Za-z0-9_-]+\/[0-9a-f]{32}\/[0-9]+)?)?$/.test(after)) throw foreignCursor()
      const from = after.slice(0, KEY_DIGITS)
      const found = await session.query(SCAN_EDGES, { scope, from, limit, budget: SCAN_BUDGET })
      const place = (edge: EdgeRecord): string => `${edge.source}/${edgePlace(edge)}`
      const edges = found
        .slice(0, -1)
        .flatMap(edgesIn)
        .filter((edge) => place(edge) > after)
      const records = edges.slice(0, limit)
      const { next } = found.at(-1) as { next: Key | null }
      const last = records.at(-1)
      // Beyond a page that was cut, its last edge; else the next node, before all of its edges.
      const cursor = edges.length > limit && last ? place(last) : next
      return { records, cursor }
    })
  }

  /**
   * Gizmo: JavaScript that emits what it answers. The parameters are the variable `parameters`, and `parameters.scope` is what
   * the names of the scope's nodes start with: `g.V('<' + parameters.scope + '/' + key + '>').Out('<REFERENCES>').All()`.
   */
  raw(options: Options<'raw'>): Promise<readonly unknown[]> {
    return this.#read('raw', options, async (session, scope) => {
      const parameters = { scope, ...options.parameters }
      return session.query(options.query, parameters)
    })
  }

  /** What the names of a scope's nodes start with. */
  #scope(scope: Scope): string {
    return physicalName(this.#prefix, scope, 63)
  }

  #read<T>(
    operation: string,
    options: ScopedOptions,
    work: (session: Session, scope: string) => Promise<T>,
  ): Promise<T> {
    return this.#run(operation, options, false, work)
  }

  /** A call that reads, compares and writes: one after the other within a scope. */
  #write<T>(operation: string, options: ScopedOptions, work: (target: Target) => Promise<T>): Promise<T> {
    return this.#run(operation, options, true, (session, scope) =>
      this.#connection.inTurn(scope, session.signal, () => work({ session, scope })),
    )
  }

  #run<T>(
    operation: string,
    { scope, signal }: ScopedOptions,
    write: boolean,
    work: (session: Session, scope: string) => Promise<T>,
  ): Promise<T> {
    const call = { operation, write, role: 'graph' as const, ...(signal && { signal }) }
    return this.#connection.run(call, async (session) => work(session, this.#scope(scope)))
  }
}

/** The records that a scan emitted, and where it goes on. */
const pageOf = async (
  session: Session,
  script: string,
  parameters: object,
): Promise<{ readonly items: readonly unknown[]; readonly cursor: string | null }> => {
  const found = await session.query(script, parameters)
  const { cursor } = found.at(-1) as { cursor: string | null }
  return { items: found.slice(0, -1), cursor }
}

/** A scan of all nodes, placeholders too. */
const everything = { filter: null, needles: [], label: null, placeholders: true, budget: SCAN_BUDGET }

/** A filter as parameters of a script. */
const filterOf = (filter: FilterNode | undefined): { readonly filter: unknown; readonly needles: readonly string[] } =>
  filter === undefined || isMatchAll(filter)
    ? { filter: null, needles: [] }
    : { filter: encodeFilter(filter), needles: needlesOf(filter) }

const typesOf = (types: readonly string[] | undefined): readonly string[] | null => {
  for (const type of types ?? []) checkName(type, 'edgeTypes')
  return types ?? null
}
