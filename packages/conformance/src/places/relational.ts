import type {
  Backend,
  ColumnDefinition,
  DeleteResult,
  FilterNode,
  Key,
  Metadata,
  MetadataValue,
  Page,
  RecordIssue,
  RelationalCapabilities,
  RelationalRole,
  RoleName,
  RowRecord,
  Scope,
  TableDefinition,
  UpsertMode,
  WriteResult,
} from '@veritas-db/core/contract'
import { assert } from '../assert.js'
import { FIELDS, type Item, Place, type ScanArguments, type Scanned, type Stored } from './place.js'

const COLUMNS: Readonly<Record<string, ColumnDefinition>> = {
  ...Object.fromEntries(Object.entries(FIELDS).map(([name, type]) => [name, { type, index: true }])),
  data: { type: 'json', index: true, paths: { x: 'number' } },
}

/** A table with a column for each standard field and a `json` column `data` for all else. */
export class RelationalPlace extends Place {
  readonly role = 'relational'
  readonly store: RelationalRole
  readonly table: string
  readonly definition: TableDefinition

  constructor(
    store: RelationalRole,
    scope: Scope,
    wait: ((role: RoleName) => Promise<void>) | undefined,
    { table, ...definition }: Partial<TableDefinition> & { readonly table?: string },
  ) {
    super(scope, wait)
    this.store = store
    this.table = table ?? 'documents'
    this.definition = { columns: COLUMNS, fullText: ['s'], ...definition }
  }

  get capabilities(): RelationalCapabilities {
    return this.store.capabilities
  }

  ensure(): Promise<void> {
    return this.store.ensureTable({ scope: this.scope, table: this.table, ...this.definition })
  }
  drop(): Promise<void> {
    return this.store.dropTable({ scope: this.scope, table: this.table })
  }

  row(item: Item, more: Partial<RowRecord> = {}): RowRecord {
    return {
      key: this.key(item.id),
      documentId: item.id,
      version: item.version,
      values: this.view(item.data),
      ...more,
    }
  }

  async upsert(
    records: readonly RowRecord[],
    options: { mode?: UpsertMode; signal?: AbortSignal } = {},
  ): Promise<WriteResult> {
    return this.wrote(await this.store.upsert({ scope: this.scope, table: this.table, records, ...options }))
  }
  write(items: readonly Item[], options: { mode?: UpsertMode; signal?: AbortSignal } = {}): Promise<WriteResult> {
    return this.upsert(
      items.map((item) => this.row(item)),
      options,
    )
  }
  /** The options that every read of the table carries. */
  async from(signal?: AbortSignal): Promise<{ scope: Scope; table: string; after?: string; signal?: AbortSignal }> {
    return { ...(await this.reading(signal)), table: this.table }
  }
  async read(ids: readonly string[], signal?: AbortSignal): Promise<Stored[]> {
    const keys = ids.map((id) => this.key(id))
    const found = await this.store.get({ ...(await this.from(signal)), keys })
    return found.map((row) => ({ ...row, data: unview(row.values) }))
  }
  async match(filter: FilterNode, signal?: AbortSignal): Promise<Key[]> {
    const found = await this.store.find({ ...(await this.from(signal)), filter, limit: 1000 })
    return found.records.map((row) => row.key)
  }
  async count(filter?: FilterNode, signal?: AbortSignal): Promise<number> {
    return this.store.count({ ...(await this.from(signal)), ...(filter && { filter }) })
  }
  async scan({ keysOnly, signal, ...options }: ScanArguments): Promise<Page<Scanned>> {
    const from = await this.from(signal)
    if (keysOnly) return this.store.scan({ ...from, ...options, fields: 'keys' })
    const page = await this.store.scan({ ...from, ...options })
    return { cursor: page.cursor, records: page.records.map((r) => ({ ...r, data: unview(r.values) })) }
  }
  async remove(ids: readonly string[], signal?: AbortSignal): Promise<DeleteResult> {
    const keys = ids.map((id) => this.key(id))
    const options = { scope: this.scope, table: this.table, keys, ...(signal && { signal }) }
    return this.wrote(await this.store.delete(options))
  }
  check(items: readonly Item[]): readonly RecordIssue[] {
    return this.store.check(
      items.map((item) => this.row(item)),
      this.definition,
    )
  }
  path(field: string): string {
    return Object.hasOwn(FIELDS, field) ? field : `data.${field}`
  }
  view(data: Metadata): Metadata {
    const values: Record<string, MetadataValue | undefined> = {}
    const rest: Record<string, MetadataValue | undefined> = {}
    for (const [field, value] of Object.entries(data)) (Object.hasOwn(FIELDS, field) ? values : rest)[field] = value
    return { ...values, data: rest }
  }
  /** A column that is null and one that is left out are the same; within `data` they are not. */
  override expected(data: Metadata): Metadata {
    return Object.fromEntries(
      Object.entries(data).filter(([field, value]) => value !== null || !Object.hasOwn(FIELDS, field)),
    )
  }
  through(backend: Pick<Backend, 'roles'>): RelationalPlace {
    assert.ok(backend.roles.relational, 'the second connection has the relational role')
    return this.within(backend.roles.relational)
  }
  /** The same table through another role object, such as a transaction's. */
  within(store: RelationalRole): RelationalPlace {
    return new RelationalPlace(store, this.scope, this.wait, { ...this.definition, table: this.table })
  }
}

function unview({ data, ...columns }: Metadata): Metadata {
  const present = Object.entries(columns).filter(([, value]) => value !== null && value !== undefined)
  return { ...Object.fromEntries(present), ...(data as Metadata | null | undefined) }
}
