import {
  checkEdge,
  checkEdgeIdentity,
  checkEdgeSet,
  checkLimit,
  checkName,
  checkNode,
  type DeleteResult,
  type Direction,
  type EdgeRecord,
  type EdgeSet,
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
  type ReadOptions,
  type RecordHead,
  type RecordIssue,
  refuseMistakes,
  type ScanOptions,
  type Scope,
  type ScopedOptions,
  splitBatches,
  throwIfAborted,
  type UpsertMode,
  type Version,
  type WriteResult,
} from '@veritas-db/core/contract'
import type { Connection } from './connection.js'
import { type Guard, guardFor, refuse } from './errors.js'
import { encodeFilter } from './filter.js'
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

/** Documents and references as quads. */
export class CayleyGraph implements GraphRole {
  readonly capabilities: GraphCapabilities = capabilities
  readonly #connection: Connection
  readonly #prefix: string
  readonly #guard: Guard

  constructor(connection: Connection, prefix: string) {
    this.#connection = connection
    this.#prefix = prefix
    this.#guard = guardFor('graph', (work) => connection.call(work))
  }

  readonly check = (nodes: readonly NodeRecord[], edges: readonly EdgeRecord[]): readonly RecordIssue[] => [
    ...issuesOf(nodes, checkNode),
    ...issuesOf(edges, checkEdge, nodes.length),
  ]

  /** There is nothing to make: quads need no schema. */
  ensureSchema(options: ScopedOptions & GraphSchema): Promise<void> {
    return this.#guard('ensureSchema', options, async () => {
      this.#scope(options.scope)
      for (const name of options.labels) checkName(name, 'labels')
      for (const name of options.edgeTypes) checkName(name, 'edgeTypes')
      // A closed connection cannot say that all is well.
      await this.#connection.query('g.emit(1)', {}, options.signal)
    })
  }

  dropSchema(options: ScopedOptions): Promise<void> {
    return this.#guard('dropSchema', options, () =>
      this.#writing(options, async (target) => {
        const { scope, signal } = target
        for (;;) {
          throwIfAborted(signal)
          const { items } = await this.#page(SCAN_NODES, { ...everything, scope, after: '', limit: 500 }, signal)
          if (items.length === 0) break
          await deleteNodes(
            target,
            items.map((text) => storedNode(text).record.key),
            undefined,
          )
        }
      }),
    )
  }

  upsertNodes(
    options: ScopedOptions & { readonly nodes: readonly NodeRecord[]; readonly mode?: UpsertMode },
  ): Promise<WriteResult> {
    return this.#guard('upsertNodes', options, async () => {
      refuseMistakes(options.nodes, checkNode)
      const { nodes, mode = 'replace' } = options
      return { outcomes: await this.#writing(options, (target) => upsertNodes(target, nodes, mode)) }
    })
  }

  upsertEdges(
    options: ScopedOptions & { readonly edges: readonly EdgeRecord[]; readonly mode?: UpsertMode },
  ): Promise<WriteResult> {
    return this.#guard('upsertEdges', options, async () => {
      refuseMistakes(options.edges, checkEdge)
      const { edges, mode = 'replace' } = options
      return { outcomes: await this.#writing(options, (target) => upsertEdges(target, edges, mode)) }
    })
  }

  replaceEdges(options: ScopedOptions & { readonly sets: readonly EdgeSet[] }): Promise<WriteResult> {
    return this.#guard('replaceEdges', options, async () => {
      refuseMistakes(options.sets, checkEdgeSet)
      return { outcomes: await this.#writing(options, (target) => replaceEdges(target, options.sets)) }
    })
  }

  getNodes(options: ReadOptions & { readonly keys: readonly Key[] }): Promise<readonly NodeRecord[]> {
    return this.#guard('getNodes', options, async () => {
      const scope = this.#scope(options.scope)
      const { signal } = options
      const [first, ...others] = new Set(options.keys)
      if (first === undefined) return []
      if (others.length === 0) {
        const texts = await this.#connection.query(NODE, { scope, key: first }, signal)
        return texts.map((text) => storedNode(text).record)
      }
      const found: NodeRecord[] = []
      for (const keys of splitBatches([first, ...others], { batchRecords: 2000 }))
        for (const text of await this.#connection.query(NODES, { scope, keys }, signal))
          found.push(storedNode(text).record)
      return found
    })
  }

  getEdges(
    options: ReadOptions & {
      readonly keys: readonly Key[]
      readonly direction: Direction
      readonly edgeTypes?: readonly string[]
    },
  ): Promise<readonly EdgeRecord[]> {
    return this.#guard('getEdges', options, async () => {
      const scope = this.#scope(options.scope)
      const { direction, signal } = options
      const types = typesOf(options.edgeTypes)
      if (options.keys.length === 0 || types?.length === 0) return []
      const keys = new Set(options.keys)
      const found = await this.#connection.query(EDGES_OF, { scope, keys: [...keys], direction, types }, signal)
      return found
        .flatMap(edgesIn)
        .filter(
          ({ type, source, target }) =>
            (types === null || types.includes(type)) &&
            ((direction !== 'in' && keys.has(source)) || (direction !== 'out' && keys.has(target))),
        )
    })
  }

  findNodes(
    options: ReadOptions & {
      readonly label?: string
      readonly filter?: FilterNode
      readonly text?: string
      readonly placeholders?: boolean
      readonly limit: number
    },
  ): Promise<readonly NodeRecord[]> {
    return this.#guard('findNodes', options, async () => {
      const scope = this.#scope(options.scope)
      if (options.text !== undefined) throw refuse('graph', 'full text', 'use the relational role, which has it.')
      if (options.label !== undefined) checkName(options.label, 'label')
      checkLimit(options.limit, 'limit')
      const found: NodeRecord[] = []
      let after: string | null = ''
      while (after !== null && found.length < options.limit) {
        throwIfAborted(options.signal)
        const { items, cursor } = await this.#page(
          SCAN_NODES,
          {
            scope,
            after,
            limit: options.limit - found.length,
            budget: SCAN_BUDGET,
            filter: filterOf(options.filter),
            label: options.label ?? null,
            placeholders: options.placeholders ?? false,
          },
          options.signal,
        )
        for (const text of items) found.push(storedNode(text).record)
        after = cursor
      }
      return found
    })
  }

  deleteNodes(
    options: ScopedOptions & { readonly keys: readonly Key[]; readonly versionBelow?: Version },
  ): Promise<DeleteResult> {
    return this.#guard('deleteNodes', options, async () => ({
      deleted: await this.#writing(options, (target) => deleteNodes(target, options.keys, options.versionBelow)),
    }))
  }

  deleteEdges(
    options: ScopedOptions & {
      readonly edges: readonly Pick<EdgeRecord, 'source' | 'target' | 'type' | 'ordinal'>[]
    },
  ): Promise<DeleteResult> {
    return this.#guard('deleteEdges', options, async () => {
      refuseMistakes(options.edges, checkEdgeIdentity)
      return { deleted: await this.#writing(options, (target) => deleteEdges(target, options.edges)) }
    })
  }

  neighbors(
    options: ReadOptions & {
      readonly starts: readonly Key[]
      readonly edgeTypes?: readonly string[]
      readonly direction?: Direction
      readonly depth?: { readonly min: number; readonly max: number }
      readonly filter?: FilterNode
      readonly placeholders?: boolean
      readonly limit: number
    },
  ): Promise<readonly Neighbor[]> {
    return this.#guard('neighbors', options, async () => {
      const scope = this.#scope(options.scope)
      const { starts, direction = 'out', depth = { min: 1, max: 1 }, limit, placeholders = false } = options
      const types = typesOf(options.edgeTypes)
      const filter = filterOf(options.filter)
      checkLimit(limit, 'limit')
      checkLimit(depth.min, 'depth.min')
      checkLimit(depth.max, 'depth.max', MAX_DEPTH)
      if (starts.length === 0 || limit === 0 || types?.length === 0) return []
      const found = await this.#connection.query(
        filter === null ? WALK : FILTERED_WALK,
        {
          scope,
          starts: [...new Set(starts)],
          types,
          direction,
          min: depth.min,
          max: depth.max,
          limit,
          filter,
          placeholders,
        },
        options.signal,
      )
      return found.map((item) => {
        const { depth: at, start, text } = item as { depth: number; start: Key; text: unknown }
        return { node: storedNode(text).record, depth: at, start }
      })
    })
  }

  shortestPath(
    options: ReadOptions & {
      readonly from: Key
      readonly to: Key
      readonly edgeTypes?: readonly string[]
      readonly direction?: Direction
      readonly maxDepth: number
    },
  ): Promise<Path | null> {
    return this.#guard('shortestPath', options, async () => {
      const scope = this.#scope(options.scope)
      const { from, to, direction = 'out', maxDepth, signal } = options
      const types = typesOf(options.edgeTypes)
      checkLimit(maxDepth, 'maxDepth', MAX_DEPTH)
      if (from === to) {
        const [text] = await this.#connection.query(NODES, { scope, keys: [from] }, signal)
        return text === undefined ? null : { nodes: [storedNode(text).record], edges: [] }
      }
      if (types?.length === 0) return null
      const parameters = { scope, from, to, types, direction, max: maxDepth }
      const [texts, ...lists] = await this.#connection.query(SHORTEST_PATH, parameters, signal)
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

  count(options: ReadOptions & { readonly of: 'nodes' | 'edges'; readonly placeholders?: boolean }): Promise<number> {
    return this.#guard('count', options, async () => {
      const scope = this.#scope(options.scope)
      const { of, placeholders, signal } = options
      if (of === 'edges') {
        const counted = await this.#connection.query(COUNT_EDGES, { scope }, signal)
        return counted.slice(0, -1).reduce<number>((sum, value) => sum + edgesIn(value).length, Number(counted.at(-1)))
      }
      const count = async (predicate: string): Promise<number> =>
        Number((await this.#connection.query(COUNT_NODES, { scope, predicate }, signal))[0])
      if (placeholders) return count(IN)
      const [all, without] = await Promise.all([count(IN), count(PLACEHOLDER_IN)])
      return all - without
    })
  }

  scanNodes(options: ScanOptions & { readonly fields: 'keys' }): Promise<Page<RecordHead>>
  scanNodes(options: ScanOptions & { readonly fields?: 'all' }): Promise<Page<NodeRecord>>
  scanNodes(options: ScanOptions & { readonly fields?: 'keys' | 'all' }): Promise<Page<RecordHead> | Page<NodeRecord>> {
    return this.#guard('scanNodes', options, async (): Promise<Page<RecordHead> | Page<NodeRecord>> => {
      const scope = this.#scope(options.scope)
      const { cursor: after = '', limit = 1000, fields = 'all' } = options
      checkLimit(limit, 'limit')
      if (!/^([0-9a-f]{32})?$/.test(after)) throw foreignCursor()
      const filter = filterOf(options.filter)
      const parameters = { ...everything, scope, after, limit, budget: SCAN_BUDGET, filter }
      const { items, cursor } = await this.#page(SCAN_NODES, parameters, options.signal)
      const records = items.map((text) => storedNode(text).record)
      return fields === 'all'
        ? { records, cursor }
        : { records: records.map(({ key, version }) => ({ key, version })), cursor }
    })
  }

  scanEdges(options: Omit<ScanOptions, 'filter'>): Promise<Page<EdgeRecord>> {
    return this.#guard('scanEdges', options, async () => {
      const scope = this.#scope(options.scope)
      const { cursor: after = '', limit = 1000 } = options
      checkLimit(limit, 'limit')
      if (!/^([0-9a-f]{32}(\/[A-Za-z0-9_-]+\/[0-9a-f]{32}\/[0-9]+)?)?$/.test(after)) throw foreignCursor()
      const from = after.slice(0, KEY_DIGITS)
      const found = await this.#connection.query(
        SCAN_EDGES,
        { scope, from, limit, budget: SCAN_BUDGET },
        options.signal,
      )
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
  raw(
    options: ReadOptions & { readonly query: string; readonly parameters?: Readonly<Record<string, unknown>> },
  ): Promise<readonly unknown[]> {
    return this.#guard('raw', options, async () => {
      const parameters = { scope: this.#scope(options.scope), ...options.parameters }
      return this.#connection.query(options.query, parameters, options.signal)
    })
  }

  /** What the names of a scope's nodes start with. */
  #scope(scope: Scope): string {
    return physicalName(this.#prefix, scope, 63)
  }

  #writing<T>(options: ScopedOptions, work: (target: Target) => Promise<T>): Promise<T> {
    const scope = this.#scope(options.scope)
    const { signal } = options
    return this.#connection.writing(scope, signal, () => work({ connection: this.#connection, scope, signal }))
  }

  /** The records that a scan emitted, and where it goes on. */
  async #page(
    script: string,
    parameters: object,
    signal: AbortSignal | undefined,
  ): Promise<{ readonly items: readonly unknown[]; readonly cursor: string | null }> {
    const found = await this.#connection.query(script, parameters, signal)
    const { cursor } = found.at(-1) as { cursor: string | null }
    return { items: found.slice(0, -1), cursor }
  }
}

/** A scan of all nodes, placeholders too. */
const everything = { filter: null, label: null, placeholders: true, budget: SCAN_BUDGET }

const filterOf = (filter: FilterNode | undefined): unknown =>
  filter === undefined || isMatchAll(filter) ? null : encodeFilter(filter)

const typesOf = (types: readonly string[] | undefined): readonly string[] | null => {
  for (const type of types ?? []) checkName(type, 'edgeTypes')
  return types ?? null
}
