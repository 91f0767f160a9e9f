import {
  checkEdge,
  checkEdgeIdentity,
  checkEdgeSet,
  checkLimit,
  checkName,
  checkUpsertMode,
  type DeleteResult,
  type EdgeRecord,
  type EdgeSet,
  type FilterNode,
  type GraphCapabilities,
  type GraphRole,
  type GraphSchema,
  issuesOf,
  type Key,
  type Neighbor,
  type NodeRecord,
  type Page,
  type Path,
  type Position,
  pageOf,
  type ReadOptions,
  type RecordHead,
  type RecordIssue,
  readCursor,
  refuseMistakes,
  type ScanOptions,
  type Scope,
  type ScopedOptions,
  textAt,
  type UpsertMode,
  type Version,
  type WriteResult,
} from '@veritas-db/core/contract'
import { checkNode } from './check.js'
import type { Access } from './connection.js'
import { integer, quote, scopeLabel, toNumber } from './cypher.js'
import { common, type Environment, filterOn } from './environment.js'
import { backendName, type Guard, guardFor, refuse } from './errors.js'
import { deleteEdges, typePattern, upsertEdges } from './graph/edges.js'
import { findNodes } from './graph/find.js'
import { deleteNodes, upsertNodes } from './graph/nodes.js'
import {
  column,
  type EdgeIdentity,
  edgeMap,
  edgePlace,
  isDocument,
  nodeMap,
  ordinalOf,
  readEdgePlace,
  toEdge,
  toNode,
} from './graph/records.js'
import { replaceEdges } from './graph/replace.js'
import { MAX_DEPTH, shortestPath, walk } from './graph/walk.js'
import { fromAnswer, toParameter } from './raw.js'
import { dropLabel, ensureGraph } from './schema.js'

const capabilities: GraphCapabilities = {
  ...common,
  fullText: true,
  shortestPath: true,
  maxDepth: MAX_DEPTH,
  raw: 'cypher',
}

/** Documents as nodes with the scope's label, references as relationships between them. */
export class Neo4jGraph implements GraphRole {
  readonly capabilities: GraphCapabilities = capabilities
  readonly #environment: Environment
  readonly #access: Access
  readonly #guard: Guard
  /** Labels whose uniqueness constraint is known to be there. */
  readonly #ready: Set<string>

  constructor(environment: Environment, access: Access, ready: Set<string>) {
    this.#environment = environment
    this.#access = access
    // A unit of work is one call, under way from its beginning to its end.
    this.#guard = guardFor('graph', (work) => (access.inUnit ? work() : environment.connection.call(work)))
    this.#ready = ready
  }

  // Bound to this object however it is called: it is handed on as a function.
  readonly check = (nodes: readonly NodeRecord[], edges: readonly EdgeRecord[]): readonly RecordIssue[] => [
    ...issuesOf(nodes, (node) => checkNode(node, this.#environment.isReserved)),
    ...issuesOf(edges, checkEdge, nodes.length),
  ]

  ensureSchema(options: ScopedOptions & GraphSchema): Promise<void> {
    return this.#guard('ensureSchema', options, async () => {
      const label = this.#label(options.scope)
      for (const name of options.labels) checkName(name, 'labels')
      for (const name of options.edgeTypes) checkName(name, 'edgeTypes')
      await ensureGraph(this.#environment, label, options, options.signal)
      this.#ready.add(label)
    })
  }

  dropSchema(options: ScopedOptions): Promise<void> {
    return this.#guard('dropSchema', options, async () => {
      const label = this.#label(options.scope)
      if (this.#access.inUnit) throw refuse('graph', 'dropSchema in a unit of work', 'drop it outside.')
      this.#ready.delete(label)
      await dropLabel(this.#environment, label, options.signal)
    })
  }

  upsertNodes(
    options: ScopedOptions & { readonly nodes: readonly NodeRecord[]; readonly mode?: UpsertMode },
  ): Promise<WriteResult> {
    return this.#guard('upsertNodes', options, async () => {
      const label = await this.#prepared(options)
      refuseMistakes(options.nodes, (node) => checkNode(node, this.#environment.isReserved))
      const { nodes, mode = 'replace', signal } = options
      checkUpsertMode(mode, capabilities, backendName, 'graph')
      return { outcomes: await upsertNodes(this.#environment, this.#access, label, nodes, mode, signal) }
    })
  }

  upsertEdges(
    options: ScopedOptions & { readonly edges: readonly EdgeRecord[]; readonly mode?: UpsertMode },
  ): Promise<WriteResult> {
    return this.#guard('upsertEdges', options, async () => {
      const label = await this.#prepared(options)
      refuseMistakes(options.edges, checkEdge)
      const { edges, mode = 'replace', signal } = options
      checkUpsertMode(mode, capabilities, backendName, 'graph')
      return { outcomes: await upsertEdges(this.#environment, this.#access, label, edges, mode, signal) }
    })
  }

  replaceEdges(options: ScopedOptions & { readonly sets: readonly EdgeSet[] }): Promise<WriteResult> {
    return this.#guard('replaceEdges', options, async () => {
      const label = await this.#prepared(options)
      refuseMistakes(options.sets, checkEdgeSet)
      return {
        outcomes: await replaceEdges(this.#environment, this.#access, label, options.sets, options.signal),
      }
    })
  }

  getNodes(options: ReadOptions & { readonly keys: readonly Key[] }): Promise<readonly NodeRecord[]> {
    return this.#guard('getNodes', options, async () => {
      const label = this.#label(options.scope)
      if (options.keys.length === 0) return []
      const rows = await this.#access.run(
        {
          text: `UNWIND $keys AS key MATCH (n:${quote(label)} {_key: key}) RETURN ${nodeMap('n')} AS node`,
          parameters: { keys: [...new Set(options.keys)] },
        },
        options.signal,
      )
      return column(rows, 'node').map(toNode)
    })
  }

  getEdges(
    options: ReadOptions & {
      readonly keys: readonly Key[]
      readonly direction: 'out' | 'in' | 'both'
      readonly edgeTypes?: readonly string[]
    },
  ): Promise<readonly EdgeRecord[]> {
    return this.#guard('getEdges', options, async () => {
      const label = this.#label(options.scope)
      checkTypes(options.edgeTypes)
      if (options.keys.length === 0 || options.edgeTypes?.length === 0) return []
      const [left, right] = [options.direction === 'in' ? '<-' : '-', options.direction === 'out' ? '->' : '-']
      const rows = await this.#access.run(
        {
          text: `UNWIND $keys AS key
            MATCH (:${quote(label)} {_key: key})${left}[r${typePattern(options.edgeTypes)}]${right}(:${quote(label)})
            WITH DISTINCT r
            RETURN ${edgeMap('r')} AS edge`,
          parameters: { keys: [...new Set(options.keys)] },
        },
        options.signal,
      )
      return column(rows, 'edge').map(toEdge)
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
  ): Promise<readonly (NodeRecord & { readonly score?: number })[]> {
    return this.#guard('findNodes', options, async () => {
      const label = this.#label(options.scope)
      if (options.label !== undefined) checkName(options.label, 'label')
      checkLimit(options.limit, 'limit')
      return options.limit === 0 ? [] : findNodes(this.#environment, this.#access, label, options)
    })
  }

  deleteNodes(
    options: ScopedOptions & { readonly keys: readonly Key[]; readonly versionBelow?: Version },
  ): Promise<DeleteResult> {
    return this.#guard('deleteNodes', options, async () => {
      const label = this.#label(options.scope)
      return {
        deleted: await deleteNodes(
          this.#environment,
          this.#access,
          label,
          options.keys,
          options.versionBelow,
          options.signal,
        ),
      }
    })
  }

  deleteEdges(
    options: ScopedOptions & {
      readonly edges: readonly EdgeIdentity[]
    },
  ): Promise<DeleteResult> {
    return this.#guard('deleteEdges', options, async () => {
      const label = this.#label(options.scope)
      refuseMistakes(options.edges, checkEdgeIdentity)
      return { deleted: await deleteEdges(this.#environment, this.#access, label, options.edges, options.signal) }
    })
  }

  neighbors(
    options: ReadOptions & {
      readonly starts: readonly Key[]
      readonly edgeTypes?: readonly string[]
      readonly direction?: 'out' | 'in' | 'both'
      readonly depth?: { readonly min: number; readonly max: number }
      readonly filter?: FilterNode
      readonly placeholders?: boolean
      readonly limit: number
    },
  ): Promise<readonly Neighbor[]> {
    return this.#guard('neighbors', options, async () => {
      const label = this.#label(options.scope)
      const { starts, edgeTypes, direction = 'out', depth = { min: 1, max: 1 }, filter, placeholders = false } = options
      checkTypes(edgeTypes)
      checkLimit(options.limit, 'limit')
      checkLimit(depth.max, 'depth.max', MAX_DEPTH)
      checkLimit(depth.min, 'depth.min')
      const nothing = starts.length === 0 || options.limit === 0 || edgeTypes?.length === 0 || depth.min > depth.max
      if (nothing) return []
      return walk(
        this.#environment,
        this.#access,
        label,
        { starts, edgeTypes, direction, ...depth, filter, placeholders, limit: options.limit },
        options.signal,
      )
    })
  }

  shortestPath(
    options: ReadOptions & {
      readonly from: Key
      readonly to: Key
      readonly edgeTypes?: readonly string[]
      readonly direction?: 'out' | 'in' | 'both'
      readonly maxDepth: number
    },
  ): Promise<Path | null> {
    return this.#guard('shortestPath', options, async () => {
      const { scope, from, to, edgeTypes, direction = 'out', maxDepth, signal } = options
      const label = this.#label(scope)
      checkTypes(edgeTypes)
      checkLimit(maxDepth, 'maxDepth', MAX_DEPTH)
      if (from === to) {
        const nodes = await this.getNodes({ ...options, keys: [from] })
        return nodes.length > 0 ? { nodes, edges: [] } : null
      }
      if (maxDepth === 0 || edgeTypes?.length === 0) return null
      return shortestPath(this.#environment, this.#access, label, { from, to, edgeTypes, direction, maxDepth }, signal)
    })
  }

  count(options: ReadOptions & { readonly of: 'nodes' | 'edges'; readonly placeholders?: boolean }): Promise<number> {
    return this.#guard('count', options, async () => {
      const label = quote(this.#label(options.scope))
      const text =
        options.of === 'edges'
          ? `MATCH (:${label})-[r]->() RETURN count(r) AS count`
          : options.placeholders
            ? `MATCH (n:${label}) RETURN count(n) AS count`
            : `MATCH (n:${label}) WHERE ${isDocument('n')} RETURN count(n) AS count`
      const [row] = await this.#access.run({ text, parameters: {} }, options.signal)
      return toNumber(row?.get('count'))
    })
  }

  scanNodes(options: ScanOptions & { readonly fields: 'keys' }): Promise<Page<RecordHead>>
  scanNodes(options: ScanOptions & { readonly fields?: 'all' }): Promise<Page<NodeRecord>>
  scanNodes(options: ScanOptions & { readonly fields?: 'keys' | 'all' }): Promise<Page<RecordHead> | Page<NodeRecord>> {
    return this.#guard('scanNodes', options, async (): Promise<Page<RecordHead> | Page<NodeRecord>> => {
      const label = this.#label(options.scope)
      const { limit = 1000, fields = 'all' } = options
      checkLimit(limit, 'limit')
      const position = readCursor(options.cursor, 1)
      const filter = filterOn(this.#environment, options.filter)
      const what = fields === 'keys' ? '{ key: n._key, version: n._version }' : nodeMap('n')
      const rows = await this.#access.run(
        {
          text: `MATCH (n:${quote(label)}) WHERE n._key > $cursor AND ${filter.text}
            WITH n ORDER BY n._key LIMIT $limit RETURN ${what} AS node`,
          parameters: { ...filter.parameters, cursor: position ? textAt(position, 0) : '', limit: integer(limit + 1) },
        },
        options.signal,
      )
      const nodes = column(rows, 'node')
      const place = (node: unknown): Position => [(node as RecordHead).key]
      return fields === 'keys'
        ? pageOf(nodes, limit, place, (node) => node as RecordHead)
        : pageOf(nodes, limit, place, toNode)
    })
  }

  scanEdges(options: Omit<ScanOptions, 'filter'>): Promise<Page<EdgeRecord>> {
    return this.#guard('scanEdges', options, async () => {
      const label = quote(this.#label(options.scope))
      const { limit = 1000 } = options
      checkLimit(limit, 'limit')
      const [source, type, target, ordinal] = readEdgePlace(options.cursor)
      const rows = await this.#access.run(
        {
          text: `MATCH (a:${label}) WHERE a._key >= $source
            MATCH (a)-[r]->(b:${label})
            WITH r, a._key AS source, type(r) AS type, b._key AS target, ${ordinalOf('r')} AS ordinal
            WHERE source > $source OR type > $type OR (type = $type AND (target > $target OR (target = $target AND ordinal > $ordinal)))
            WITH r, source, type, target, ordinal ORDER BY source, type, target, ordinal LIMIT $limit
            RETURN ${edgeMap('r')} AS edge`,
          parameters: { source, type, target, ordinal: integer(ordinal), limit: integer(limit + 1) },
        },
        options.signal,
      )
      const edges = column(rows, 'edge').map(toEdge)
      return pageOf(edges, limit, edgePlace, (edge) => edge)
    })
  }

  /** Cypher. The parameter `scope` holds the label of the scope's nodes, for `MATCH (n:$($scope))`. */
  raw(
    options: ReadOptions & { readonly query: string; readonly parameters?: Readonly<Record<string, unknown>> },
  ): Promise<readonly unknown[]> {
    return this.#guard('raw', options, async () => {
      const label = this.#label(options.scope)
      const toDate = this.#environment.connection.toNativeDate
      const parameters = { scope: label, ...(toParameter(options.parameters ?? {}, toDate) as object) }
      const rows = await this.#access.run({ text: options.query, parameters }, options.signal)
      return rows.map((row) => fromAnswer(row.toObject()))
    })
  }

  #label(scope: Scope): string {
    return scopeLabel(this.#environment.prefix, 'graph', scope)
  }

  /** The scope's label, with the constraint that makes MERGE find and create a node in one step. */
  async #prepared({ scope, signal }: ScopedOptions): Promise<string> {
    const label = this.#label(scope)
    if (!this.#ready.has(label)) {
      const { connection, dialect } = this.#environment
      await connection.changeSchema(signal, [dialect.uniqueConstraint(`${label}_key`, label, '_key')])
      this.#ready.add(label)
    }
    return label
  }
}

const checkTypes = (types: readonly string[] | undefined): void => {
  for (const type of types ?? []) checkName(type, 'edgeTypes')
}
