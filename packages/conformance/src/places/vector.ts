import type {
  Backend,
  CollectionDefinition,
  DeleteResult,
  FilterNode,
  Key,
  Metadata,
  Page,
  RecordIssue,
  RoleName,
  Scope,
  UpsertMode,
  VectorCapabilities,
  VectorRecord,
  VectorRole,
  WriteResult,
} from '@veritas-db/core/contract'
import { assert } from '../assert.js'
import { vectorFor } from '../data/random.js'
import { FIELDS, type Item, Place, type ScanArguments, type Scanned, type Stored } from './place.js'

export class VectorPlace extends Place {
  readonly role = 'vector'
  readonly store: VectorRole
  readonly definition: CollectionDefinition

  constructor(
    store: VectorRole,
    scope: Scope,
    wait: ((role: RoleName) => Promise<void>) | undefined,
    definition: Partial<CollectionDefinition>,
  ) {
    super(scope, wait)
    this.store = store
    const metrics = store.capabilities.metrics
    const metric = metrics.includes('cosine') ? 'cosine' : metrics[0]
    assert.ok(metric, 'capabilities.metrics names at least one metric')
    this.definition = { dimensions: 8, metric, fields: FIELDS, ...definition }
  }

  get capabilities(): VectorCapabilities {
    return this.store.capabilities
  }
  override get approximate(): boolean {
    return this.capabilities.exact === 'never'
  }

  ensure(): Promise<void> {
    return this.store.ensureCollection({ scope: this.scope, ...this.definition })
  }
  drop(): Promise<void> {
    return this.store.dropCollection({ scope: this.scope })
  }

  record(item: Item, more: Partial<VectorRecord> = {}): VectorRecord {
    return {
      key: this.key(item.id),
      documentId: item.id,
      version: item.version,
      ordinal: 0,
      vector: vectorFor(item.id, this.definition.dimensions),
      text: `text of ${item.version}`,
      metadata: item.data,
      ...more,
    }
  }

  async upsert(
    records: readonly VectorRecord[],
    options: { mode?: UpsertMode; signal?: AbortSignal } = {},
  ): Promise<WriteResult> {
    return this.wrote(await this.store.upsert({ scope: this.scope, records, ...options }))
  }
  write(items: readonly Item[], options: { mode?: UpsertMode; signal?: AbortSignal } = {}): Promise<WriteResult> {
    return this.upsert(
      items.map((item) => this.record(item)),
      options,
    )
  }

  async read(ids: readonly string[], signal?: AbortSignal): Promise<Stored[]> {
    const keys = ids.map((id) => this.key(id))
    const found = await this.store.get({ ...(await this.reading(signal)), keys })
    return found.map(({ metadata, ...rest }) => {
      assert.ok(metadata, 'get: returns metadata where `include` is left out')
      return { ...rest, data: metadata }
    })
  }

  async match(filter: FilterNode, signal?: AbortSignal): Promise<Key[]> {
    const topK = Math.min(this.capabilities.maxTopK, 1000)
    const found = await this.store.query({
      ...(await this.reading(signal)),
      vector: vectorFor('query', this.definition.dimensions),
      topK,
      filter,
      ...(this.capabilities.exact === 'optional' && { exact: true }),
    })
    return found.map((match) => match.key)
  }

  async count(filter?: FilterNode, signal?: AbortSignal): Promise<number> {
    return this.store.count({ ...(await this.reading(signal)), ...(filter && { filter }) })
  }

  async scan({ keysOnly, signal, ...options }: ScanArguments): Promise<Page<Scanned>> {
    const reading = await this.reading(signal)
    if (keysOnly) return this.store.scan({ ...reading, ...options, fields: 'keys' })
    const page = await this.store.scan({ ...reading, ...options })
    return { cursor: page.cursor, records: page.records.map((r) => ({ ...r, data: r.metadata })) }
  }

  async remove(ids: readonly string[], signal?: AbortSignal): Promise<DeleteResult> {
    const keys = ids.map((id) => this.key(id))
    return this.wrote(await this.store.delete({ scope: this.scope, keys, ...(signal && { signal }) }))
  }

  check(items: readonly Item[]): readonly RecordIssue[] {
    return this.store.check(
      items.map((item) => this.record(item)),
      this.definition,
    )
  }
  path(field: string): string {
    return field
  }
  view(data: Metadata): Metadata {
    return data
  }
  through(backend: Pick<Backend, 'roles'>): VectorPlace {
    assert.ok(backend.roles.vector, 'the second connection has the vector role')
    return new VectorPlace(backend.roles.vector, this.scope, this.wait, this.definition)
  }
}
