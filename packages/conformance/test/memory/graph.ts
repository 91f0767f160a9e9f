import {
  APPLIED,
  assertPushable,
  checkMetadata,
  checkName,
  type DeleteResult,
  type EdgeRecord,
  type FilterNode,
  FULL_FILTER,
  type GraphCapabilities,
  type GraphRole,
  invalid,
  isMatchAll,
  type Key,
  type Neighbor,
  type NodeRecord,
  type Outcome,
  type Page,
  type Path,
  type RecordHead,
  type RecordIssue,
  type ScanOptions,
  type Scope,
  STALE,
  type UpsertMode,
  unsupported,
  type VeritasError,
  type WriteResult,
} from '@veritas-db/core/contract'
import {
  checkFields,
  type Graph,
  identityIssues,
  issue,
  notFound,
  present,
  refuse,
  type Session,
  scopeId,
  textScore,
  wins,
} from './engine.js'
import { pageOf } from './scan.js'

export const GRAPH: GraphCapabilities = {
  limits: { batchRecords: 100, batchBytes: 1_000_000 },
  filter: FULL_FILTER,
  upsertModes: ['replace', 'ifNewer', 'ifAbsent'],
  conditionalUpsert: 'atomic',
  readAfterWrite: 'immediate',
  scan: { order: 'key', resume: 'cursor', snapshot: false },
  fullText: true,
  shortestPath: true,
  maxDepth: 16,
  raw: 'cypher',
}

type Options<M extends keyof GraphRole> = GraphRole[M] extends (options: infer O) => unknown ? O : never
type Step = { readonly edge: EdgeRecord; readonly to: Key }

const idOf = (e: Pick<EdgeRecord, 'source' | 'target' | 'type' | 'ordinal'>): string =>
  `${e.source} ${e.type} ${e.target} ${e.ordinal}`

export class MemoryGraph implements GraphRole {
  readonly capabilities: GraphCapabilities
  readonly #session: Session
  readonly #inside: boolean

  constructor(session: Session, capabilities: GraphCapabilities, inside = false) {
    this.#session = session
    this.capabilities = capabilities
    this.#inside = inside
  }

  check(nodes: readonly NodeRecord[], edges: readonly EdgeRecord[]): readonly RecordIssue[] {
    return present([
      ...nodes.flatMap((node, i) => [
        ...identityIssues(i, node, node.properties, 'properties'),
        issue(i, 'label', () => checkName(node.label, 'label')),
      ]),
      ...edges.flatMap((edge, i) => [
        issue(nodes.length + i, 'type', () => checkName(edge.type, 'type')),
        issue(nodes.length + i, 'properties', () => checkMetadata(edge.properties, 'properties')),
      ]),
    ])
  }

  async ensureSchema({ scope, signal, ...schema }: Options<'ensureSchema'>): Promise<void> {
    return this.#run({ scope, ...(signal && { signal }) }, () => {
      for (const label of schema.labels) checkName(label, 'labels')
      for (const type of schema.edgeTypes) checkName(type, 'edgeTypes')
      checkFields(schema.fields)
      const there = this.#graphs.get(scopeId(scope))
      const textFields = [...new Set([...(there?.schema.textFields ?? []), ...(schema.textFields ?? [])])]
      const merged = { ...schema, textFields }
      if (there) there.schema = merged
      else
        this.#graphs.set(scopeId(scope), {
          schema: merged,
          nodes: new Map(),
          edges: new Map(),
          edgeVersions: new Map(),
        })
    })
  }

  async dropSchema(options: Options<'dropSchema'>): Promise<void> {
    return this.#run(options, () => {
      this.#graphs.delete(scopeId(options.scope))
    })
  }

  async upsertNodes(options: Options<'upsertNodes'>): Promise<WriteResult> {
    return this.#run(options, () => {
      const { nodes } = this.#at(options.scope)
      const mode = this.#mode(options.mode)
      refuse(this.check(options.nodes, []))
      const outcomes = options.nodes.map((node) => {
        if (!wins(nodes.get(node.key), node.version, mode)) return STALE
        nodes.set(node.key, structuredClone(node))
        return APPLIED
      })
      return { outcomes }
    })
  }

  async upsertEdges(options: Options<'upsertEdges'>): Promise<WriteResult> {
    return this.#run(options, () => {
      const graph = this.#at(options.scope)
      const mode = this.#mode(options.mode)
      refuse(this.check([], options.edges))
      const outcomes = options.edges.map((edge): Outcome => {
        if (!graph.nodes.has(edge.source) || !graph.nodes.has(edge.target)) return missing(edge)
        if (!wins(graph.edges.get(idOf(edge)), edge.version, mode)) return STALE
        graph.edges.set(idOf(edge), structuredClone(edge))
        return APPLIED
      })
      return { outcomes }
    })
  }

  async replaceEdges(options: Options<'replaceEdges'>): Promise<WriteResult> {
    return this.#run(options, () => {
      const graph = this.#at(options.scope)
      refuse(
        this.check(
          [],
          options.sets.flatMap((set) => set.edges),
        ),
      )
      const outcomes = options.sets.map((set): Outcome => {
        if (!graph.nodes.has(set.source)) return missing(set)
        const lost = set.edges.find((edge) => !graph.nodes.has(edge.target))
        if (lost) return missing(lost)
        const before = graph.edgeVersions.get(set.source)
        if (before !== undefined && this.capabilities.conditionalUpsert !== 'none' && before > set.version) return STALE
        for (const [id, edge] of graph.edges) if (edge.source === set.source) graph.edges.delete(id)
        for (const edge of set.edges) graph.edges.set(idOf(edge), structuredClone(edge))
        graph.edgeVersions.set(set.source, set.version)
        return APPLIED
      })
      return { outcomes }
    })
  }

  async getNodes(options: Options<'getNodes'>): Promise<readonly NodeRecord[]> {
    return this.#run(options, () => {
      const { nodes } = this.#at(options.scope)
      return [...new Set(options.keys)].flatMap((key) => {
        const node = nodes.get(key)
        return node ? [structuredClone(node)] : []
      })
    })
  }

  async getEdges(options: Options<'getEdges'>): Promise<readonly EdgeRecord[]> {
    return this.#run(options, () => {
      const keys = new Set(options.keys)
      const { direction, edgeTypes } = options
      return [...this.#at(options.scope).edges.values()]
        .filter((e) => (direction !== 'in' && keys.has(e.source)) || (direction !== 'out' && keys.has(e.target)))
        .filter((e) => !edgeTypes || edgeTypes.includes(e.type))
        .map((e) => structuredClone(e))
    })
  }

  async findNodes(options: Options<'findNodes'>): Promise<readonly (NodeRecord & { readonly score?: number })[]> {
    const { text } = options
    if (text !== undefined && !this.capabilities.fullText) throw this.#unsupported('full text')
    return this.#run(options, () => {
      const { nodes, schema } = this.#at(options.scope)
      const found = [...nodes.values()]
        .filter(this.#filter(options.filter))
        .filter(
          (n) => (options.label === undefined || n.label === options.label) && (options.placeholders || !n.placeholder),
        )
        .sort((a, b) => (a.key < b.key ? -1 : 1))
        .map((n) => structuredClone(n))
      if (text === undefined) return found.slice(0, options.limit)
      const texts = (n: NodeRecord): string => (schema.textFields ?? []).map((f) => n.properties[f] ?? '').join(' ')
      return found
        .map((n) => ({ ...n, score: textScore(texts(n), text) }))
        .filter((n) => n.score > 0)
        .sort((a, b) => b.score - a.score)
        .slice(0, options.limit)
    })
  }

  async deleteNodes(options: Options<'deleteNodes'>): Promise<DeleteResult> {
    return this.#run(options, () => {
      const graph = this.#at(options.scope)
      let deleted = 0
      for (const key of options.keys) {
        const node = graph.nodes.get(key)
        if (!node || (options.versionBelow !== undefined && node.version >= options.versionBelow)) continue
        graph.nodes.delete(key)
        graph.edgeVersions.delete(key)
        deleted++
        for (const [id, edge] of graph.edges) if (edge.source === key || edge.target === key) graph.edges.delete(id)
      }
      return { deleted }
    })
  }

  async deleteEdges(options: Options<'deleteEdges'>): Promise<DeleteResult> {
    return this.#run(options, () => {
      const { edges } = this.#at(options.scope)
      return { deleted: options.edges.filter((edge) => edges.delete(idOf(edge))).length }
    })
  }

  async neighbors(options: Options<'neighbors'>): Promise<readonly Neighbor[]> {
    return this.#run(options, () => {
      const graph = this.#at(options.scope)
      const { min, max } = options.depth ?? { min: 1, max: 1 }
      this.#checkDepth(max)
      const accept = this.#filter(options.filter)
      const seen = new Map<Key, { depth: number; start: Key }>(
        options.starts.map((start) => [start, { depth: 0, start }]),
      )
      let frontier: readonly Key[] = options.starts.filter((key) => graph.nodes.has(key))
      for (let depth = 1; depth <= max && frontier.length > 0; depth++) {
        const reached = new Map<Key, Key>()
        for (const from of frontier) {
          const start = seen.get(from)?.start ?? from
          for (const { to } of steps(graph, from, options))
            if (!seen.has(to) && start < (reached.get(to) ?? 'g')) reached.set(to, start)
        }
        for (const [key, start] of reached) seen.set(key, { depth, start })
        frontier = [...reached.keys()]
      }
      return [...seen]
        .flatMap(([key, { depth, start }]) => {
          const node = graph.nodes.get(key)
          return node && depth >= Math.max(1, min) ? [{ node: structuredClone(node), depth, start }] : []
        })
        .filter(({ node }) => accept(node) && (options.placeholders || !node.placeholder))
        .sort((a, b) => a.depth - b.depth || (a.node.key < b.node.key ? -1 : 1))
        .slice(0, options.limit)
    })
  }

  async shortestPath(options: Options<'shortestPath'>): Promise<Path | null> {
    if (!this.capabilities.shortestPath) throw this.#unsupported('shortest paths')
    return this.#run(options, () => {
      const graph = this.#at(options.scope)
      this.#checkDepth(options.maxDepth)
      if (!graph.nodes.has(options.from) || !graph.nodes.has(options.to)) return null
      const came = new Map<Key, { from: Key; edge: EdgeRecord } | null>([[options.from, null]])
      let frontier: readonly Key[] = [options.from]
      for (let depth = 0; depth < options.maxDepth && !came.has(options.to); depth++) {
        const next: Key[] = []
        for (const from of frontier)
          for (const { edge, to } of steps(graph, from, options))
            if (!came.has(to)) {
              came.set(to, { from, edge })
              next.push(to)
            }
        frontier = next
      }
      if (!came.has(options.to)) return null
      const edges: EdgeRecord[] = []
      const keys: Key[] = [options.to]
      for (let step = came.get(options.to); step; step = came.get(step.from)) {
        edges.unshift(structuredClone(step.edge))
        keys.unshift(step.from)
      }
      return { edges, nodes: keys.map((key) => structuredClone(graph.nodes.get(key) as NodeRecord)) }
    })
  }

  async count(options: Options<'count'>): Promise<number> {
    return this.#run(options, () => {
      const { nodes, edges } = this.#at(options.scope)
      if (options.of === 'edges') return edges.size
      return [...nodes.values()].filter((n) => options.placeholders || !n.placeholder).length
    })
  }

  scanNodes(options: ScanOptions & { readonly fields: 'keys' }): Promise<Page<RecordHead>>
  scanNodes(options: ScanOptions & { readonly fields?: 'all' }): Promise<Page<NodeRecord>>
  async scanNodes(options: ScanOptions & { readonly fields?: 'keys' | 'all' }): Promise<Page<RecordHead | NodeRecord>> {
    return this.#run(options, () => {
      const nodes = [...this.#at(options.scope).nodes.values()].filter(this.#filter(options.filter))
      const page = pageOf(this.#session.engine, this.capabilities.scan, nodes, (n) => n.key, options)
      const head = ({ key, version }: NodeRecord): RecordHead => ({ key, version })
      return { ...page, records: page.records.map((n) => (options.fields === 'keys' ? head(n) : structuredClone(n))) }
    })
  }

  async scanEdges(options: Options<'scanEdges'>): Promise<Page<EdgeRecord>> {
    return this.#run(options, () => {
      const edges = [...this.#at(options.scope).edges.values()]
      const page = pageOf(this.#session.engine, this.capabilities.scan, edges, idOf, options)
      return { ...page, records: page.records.map((e) => structuredClone(e)) }
    })
  }

  async raw(options: Options<'raw'>): Promise<readonly unknown[]> {
    if (this.capabilities.raw === undefined) throw this.#unsupported('raw')
    return this.#run(options, () => {
      if (options.query !== 'RETURN 1 AS one') throw invalid('query', 'is none that this database understands')
      return [{ one: 1 }]
    })
  }

  get #graphs(): Map<string, Graph> {
    return this.#session.engine.state.graphs
  }
  #run<T>(options: { signal?: AbortSignal; scope?: Scope }, work: () => T): Promise<T> {
    return this.#session.run(options, this.#inside, work)
  }
  #at(scope: Scope): Graph {
    const there = this.#graphs.get(scopeId(scope))
    if (!there) throw notFound(`graph ${scopeId(scope)}`)
    return there
  }
  #mode(mode: UpsertMode = 'replace'): UpsertMode {
    if (!this.capabilities.upsertModes.includes(mode)) throw this.#unsupported(`mode ${mode}`)
    return mode
  }
  #checkDepth(depth: number): void {
    if (depth > this.capabilities.maxDepth) throw invalid('depth', `is at most ${this.capabilities.maxDepth}`)
  }
  #filter(filter: FilterNode | undefined): (node: NodeRecord) => boolean {
    if (!filter || isMatchAll(filter)) return () => true
    assertPushable(filter, this.capabilities.filter, 'memory', 'graph')
    return (node) => this.#session.evaluate(filter, node.properties)
  }
  #unsupported(what: string): VeritasError {
    return unsupported('memory', 'graph', what)
  }
}

function* steps(
  graph: Graph,
  from: Key,
  options: { edgeTypes?: readonly string[]; direction?: string },
): Generator<Step> {
  const direction = options.direction ?? 'out'
  for (const edge of graph.edges.values()) {
    if (options.edgeTypes && !options.edgeTypes.includes(edge.type)) continue
    if (direction !== 'in' && edge.source === from) yield { edge, to: edge.target }
    if (direction !== 'out' && edge.target === from) yield { edge, to: edge.source }
  }
}

const missing = (edge: { source: Key; target?: Key }): Outcome => ({
  status: 'failed',
  error: notFound(`node at an end of the edge ${edge.source} to ${edge.target ?? 'nothing'}`),
})
