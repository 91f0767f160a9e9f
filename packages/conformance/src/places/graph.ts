import type {
  Backend,
  DeleteResult,
  EdgeRecord,
  EdgeSet,
  FilterNode,
  GraphCapabilities,
  GraphRole,
  GraphSchema,
  Key,
  Metadata,
  NodeRecord,
  Page,
  RecordIssue,
  RoleName,
  Scope,
  UpsertMode,
  WriteResult,
} from '@veritas-db/core/contract'
import { assert } from '../assert.js'
import { v } from '../data/random.js'
import { FIELDS, type Item, Place, type ScanArguments, type Scanned, type Stored } from './place.js'

export class GraphPlace extends Place {
  readonly role = 'graph'
  readonly store: GraphRole
  readonly schema: GraphSchema

  constructor(
    store: GraphRole,
    scope: Scope,
    wait: ((role: RoleName) => Promise<void>) | undefined,
    schema: Partial<GraphSchema>,
  ) {
    super(scope, wait)
    this.store = store
    this.schema = {
      labels: ['Document', 'Person'],
      edgeTypes: ['REFERENCES', 'KNOWS'],
      fields: FIELDS,
      textFields: ['s'],
      ...schema,
    }
  }

  get capabilities(): GraphCapabilities {
    return this.store.capabilities
  }

  ensure(): Promise<void> {
    return this.store.ensureSchema({ scope: this.scope, ...this.schema })
  }
  drop(): Promise<void> {
    return this.store.dropSchema({ scope: this.scope })
  }

  node(item: Item, more: Partial<NodeRecord> = {}): NodeRecord {
    return {
      key: this.key(item.id),
      documentId: item.id,
      version: item.version,
      label: 'Document',
      placeholder: false,
      properties: item.data,
      ...more,
    }
  }
  edge(source: string, target: string, more: Partial<EdgeRecord> = {}): EdgeRecord {
    return {
      source: this.key(source),
      target: this.key(target),
      type: 'REFERENCES',
      ordinal: 0,
      version: v(1),
      properties: {},
      ...more,
    }
  }

  async upsertNodes(
    nodes: readonly NodeRecord[],
    options: { mode?: UpsertMode; signal?: AbortSignal } = {},
  ): Promise<WriteResult> {
    return this.wrote(await this.store.upsertNodes({ scope: this.scope, nodes, ...options }))
  }
  async upsertEdges(
    edges: readonly EdgeRecord[],
    options: { mode?: UpsertMode; signal?: AbortSignal } = {},
  ): Promise<WriteResult> {
    return this.wrote(await this.store.upsertEdges({ scope: this.scope, edges, ...options }))
  }
  async replaceEdges(sets: readonly EdgeSet[]): Promise<WriteResult> {
    return this.wrote(await this.store.replaceEdges({ scope: this.scope, sets }))
  }
  async edgesOf(ids: readonly string[], direction: 'out' | 'in' | 'both' = 'out'): Promise<readonly EdgeRecord[]> {
    return this.store.getEdges({ ...(await this.reading()), keys: ids.map((id) => this.key(id)), direction })
  }
  async nodes(ids: readonly string[]): Promise<readonly NodeRecord[]> {
    return this.store.getNodes({ ...(await this.reading()), keys: ids.map((id) => this.key(id)) })
  }

  write(items: readonly Item[], options: { mode?: UpsertMode; signal?: AbortSignal } = {}): Promise<WriteResult> {
    return this.upsertNodes(
      items.map((item) => this.node(item)),
      options,
    )
  }
  async read(ids: readonly string[], signal?: AbortSignal): Promise<Stored[]> {
    const keys = ids.map((id) => this.key(id))
    const found = await this.store.getNodes({ ...(await this.reading(signal)), keys })
    return found.map((node) => ({ ...node, data: node.properties }))
  }
  async match(filter: FilterNode, signal?: AbortSignal): Promise<Key[]> {
    const found = await this.store.findNodes({ ...(await this.reading(signal)), filter, limit: 1000 })
    return found.map((node) => node.key)
  }
  async count(filter?: FilterNode, signal?: AbortSignal): Promise<number | null> {
    if (filter) return null
    return this.store.count({ ...(await this.reading(signal)), of: 'nodes' })
  }
  async scan({ keysOnly, signal, ...options }: ScanArguments): Promise<Page<Scanned>> {
    const reading = await this.reading(signal)
    if (keysOnly) return this.store.scanNodes({ ...reading, ...options, fields: 'keys' })
    const page = await this.store.scanNodes({ ...reading, ...options })
    return { cursor: page.cursor, records: page.records.map((r) => ({ ...r, data: r.properties })) }
  }
  async remove(ids: readonly string[], signal?: AbortSignal): Promise<DeleteResult> {
    const keys = ids.map((id) => this.key(id))
    return this.wrote(await this.store.deleteNodes({ scope: this.scope, keys, ...(signal && { signal }) }))
  }
  check(items: readonly Item[]): readonly RecordIssue[] {
    return this.store.check(
      items.map((item) => this.node(item)),
      [],
    )
  }
  path(field: string): string {
    return field
  }
  view(data: Metadata): Metadata {
    return data
  }
  through(backend: Pick<Backend, 'roles'>): GraphPlace {
    assert.ok(backend.roles.graph, 'the second connection has the graph role')
    return new GraphPlace(backend.roles.graph, this.scope, this.wait, this.schema)
  }
}
