import {
  type ColumnDefinition,
  type FieldType,
  type GraphSchema,
  physicalName,
  type Scope,
  type TableDefinition,
  VeritasError,
} from '@veritas-db/core/contract'
import type { Database } from 'arangojs'
import type { ArangoConfig } from './config.js'
import type { Call, Connection } from './connection.js'
import { errorNumber, missing } from './errors.js'
import { DATE } from './values.js'

/** The collections of one graph. */
export interface GraphSpace {
  readonly nodes: string
  /** A collection a type of edge: a walk over some types then touches no others. By name. */
  readonly edges: ReadonlyMap<string, string>
}

/** The collection of one table. */
export interface TableSpace {
  readonly rows: string
  readonly columns: Readonly<Record<string, ColumnDefinition>>
}

/** What the catalogue keeps of a graph or a table: a document a graph and a table. */
interface Entry {
  readonly _key: string
  readonly kind: 'graph' | 'table'
  readonly scope: Scope
  readonly table?: string
  readonly edgeTypes?: Readonly<Record<string, true>>
  readonly columns?: Readonly<Record<string, ColumnDefinition>>
}

/** How long what was read is taken to be so, in milliseconds: other processes may add to it. */
const REMEMBER_MS = 5000
const MAX_NAME = 48

const ensured = async (work: () => Promise<unknown>): Promise<void> => {
  try {
    await work()
  } catch (error) {
    // Another caller was faster.
    if (errorNumber(error) !== 1207) throw error
  }
}

const dropped = async (work: () => Promise<unknown>): Promise<void> => {
  try {
    await work()
  } catch (error) {
    if (errorNumber(error) !== 1203) throw error
  }
}

/** Which attribute an index for a field is over; undefined for names that index definitions would read as something else. */
const indexField = (root: string, path: string, type: FieldType): string | undefined => {
  const parts = path.split('.')
  if (type === 'json' || !parts.every((part) => /^[A-Za-z_][\w-]*$/.test(part))) return undefined
  const attribute = [root, ...parts].join('.')
  if (type === 'date') return `${attribute}.${DATE}`
  return type.endsWith('[]') ? `${attribute}[*]` : attribute
}

/** Where graphs and tables are: their collections, indexes, and the catalogue of them. */
export class Spaces {
  readonly #connection: Connection
  readonly #config: ArangoConfig
  readonly #known = new Map<string, { readonly entry: Entry; readonly until: number }>()
  #collections: { readonly names: readonly string[]; readonly until: number } | undefined

  constructor(connection: Connection) {
    this.#connection = connection
    this.#config = connection.config
  }

  get #catalog(): string {
    return `${this.#config.prefix}_catalog`
  }

  #graphKey(scope: Scope): string {
    return `${physicalName(this.#config.prefix, scope, MAX_NAME)}_nodes`
  }

  #edges(scope: Scope, type: string): string {
    return `${physicalName(this.#config.prefix, scope, MAX_NAME)}_e_${type}`
  }

  #tableKey(scope: Scope, table: string): string {
    return `${physicalName(this.#config.prefix, scope, MAX_NAME)}_t_${table}`
  }

  /** The graph of a scope. @throws VeritasError NOT_FOUND */
  async graph(call: Call, scope: Scope, fresh = false): Promise<GraphSpace> {
    const entry = await this.#entry(call, this.#graphKey(scope), fresh)
    if (!entry) throw missing(`The graph of "${scope.collection}"`, 'ensureSchema')
    const types = Object.keys(entry.edgeTypes ?? {}).sort()
    return { nodes: entry._key, edges: new Map(types.map((type) => [type, this.#edges(scope, type)])) }
  }

  /** A table. @throws VeritasError NOT_FOUND */
  async table(call: Call, scope: Scope, table: string, fresh = false): Promise<TableSpace> {
    const entry = await this.#entry(call, this.#tableKey(scope, table), fresh)
    if (!entry) throw missing(`The table "${table}" of "${scope.collection}"`, 'ensureTable')
    return { rows: entry._key, columns: entry.columns ?? {} }
  }

  async #entry(call: Call, key: string, fresh = false): Promise<Entry | undefined> {
    const known = this.#known.get(key)
    if (!fresh && known && performance.now() < known.until) return known.entry
    this.#known.delete(key)
    try {
      const { rows } = await this.#connection.session.query<Entry>(
        call,
        'FOR c IN @@catalog FILTER c._key == @key RETURN c',
        { '@catalog': this.#catalog, key },
      )
      const [entry] = rows
      if (entry) this.#known.set(key, { entry, until: performance.now() + REMEMBER_MS })
      return entry
    } catch (error) {
      // Without a catalogue nothing was ever ensured.
      if (errorNumber(error) === 1203) return undefined
      throw error
    }
  }

  /** All collections of ours, for transactions that may need any of them. */
  async collections(call: Call): Promise<readonly string[]> {
    if (this.#collections && performance.now() < this.#collections.until) return this.#collections.names
    const list = await this.#connection.request(call, (client) => client.listCollections())
    const names = list.map((c) => c.name).filter((name) => name.startsWith(`${this.#config.prefix}_`))
    this.#collections = { names, until: performance.now() + REMEMBER_MS }
    return names
  }

  /** Forgets what was read of a space, since it proved wrong. */
  forget(): void {
    this.#known.clear()
    this.#collections = undefined
  }

  async ensureGraph(call: Call, scope: Scope, schema: GraphSchema): Promise<void> {
    const key = this.#graphKey(scope)
    const indexes = Object.entries(schema.fields ?? {}).flatMap(([path, type]) => indexField('data', path, type) ?? [])
    const there = await this.#entry(call, key)
    const types = Object.keys(there?.edgeTypes ?? {})
    // Indexes are not in the catalogue: asking for one that is there costs a request and changes nothing.
    if (there && schema.edgeTypes.every((type) => types.includes(type)) && this.#indexed(key, indexes)) return
    await this.#makeCollection(call, this.#catalog, false)
    await this.#makeCollection(call, key, false)
    await Promise.all(schema.edgeTypes.map((type) => this.#makeCollection(call, this.#edges(scope, type), true)))
    await this.#makeIndexes(call, key, [['placeholder', 'label'], ...indexes.map((field) => [field])])
    const edgeTypes = Object.fromEntries(schema.edgeTypes.map((type) => [type, true] as const))
    await this.#save(call, { _key: key, kind: 'graph', scope, edgeTypes })
  }

  async ensureTable(call: Call, scope: Scope, table: string, { columns }: TableDefinition): Promise<void> {
    const key = this.#tableKey(scope, table)
    const indexes = Object.entries(columns).flatMap(([name, { type, index, paths = {} }]) => [
      ...((index && indexField('values', name, type)) || []),
      ...Object.entries(paths).flatMap(([path, of]) => indexField('values', `${name}.${path}`, of) ?? []),
    ])
    const there = await this.#entry(call, key)
    if (there) {
      sameTypes(table, there.columns ?? {}, columns)
      const known = there.columns ?? {}
      if (Object.keys(columns).every((name) => Object.hasOwn(known, name)) && this.#indexed(key, indexes)) return
    }
    await this.#makeCollection(call, this.#catalog, false)
    await this.#makeCollection(call, key, false)
    await this.#makeIndexes(
      call,
      key,
      indexes.map((field) => [field]),
    )
    await this.#save(call, { _key: key, kind: 'table', scope, table, columns })
  }

  readonly #indexes = new Map<string, Set<string>>()

  #indexed(collection: string, fields: readonly string[]): boolean {
    const known = this.#indexes.get(collection)
    return fields.every((field) => known?.has(field))
  }

  async #makeCollection(call: Call, name: string, edges: boolean): Promise<void> {
    const make = (client: Database): Promise<unknown> =>
      edges ? client.createEdgeCollection(name) : client.createCollection(name)
    await ensured(() => this.#connection.request(call, make, true))
    this.#collections = undefined
  }

  async #makeIndexes(call: Call, collection: string, indexes: readonly (readonly string[])[]): Promise<void> {
    for (const fields of indexes) {
      const definition = { type: 'persistent' as const, fields: [...fields], inBackground: true }
      await this.#connection.request(call, (client) => client.collection(collection).ensureIndex(definition), true)
      const known = this.#indexes.get(collection) ?? new Set()
      for (const field of fields) known.add(field)
      this.#indexes.set(collection, known)
    }
  }

  /** Adds to what the catalogue has, in one step: several callers may add at once. */
  async #save(call: Call, entry: Entry): Promise<void> {
    await this.#connection.session.query(
      call,
      `UPSERT { _key: @entry._key } INSERT @entry
       UPDATE { columns: MERGE_RECURSIVE(OLD.columns || {}, @entry.columns || {}), edgeTypes: MERGE(OLD.edgeTypes || {}, @entry.edgeTypes || {}) }
       IN @@catalog OPTIONS { exclusive: true }`,
      { '@catalog': this.#catalog, entry },
      true,
    )
    this.#known.delete(entry._key)
  }

  async dropGraph(call: Call, scope: Scope): Promise<void> {
    const key = this.#graphKey(scope)
    await this.#remove(call, key)
    const list = await this.#connection.request(call, (client) => client.listCollections())
    const edges = list.map((c) => c.name).filter((name) => name.startsWith(this.#edges(scope, '')))
    for (const name of [...edges, key]) await this.#drop(call, name)
  }

  async dropTable(call: Call, scope: Scope, table: string): Promise<void> {
    const key = this.#tableKey(scope, table)
    await this.#remove(call, key)
    await this.#drop(call, key)
  }

  /** The catalogue's entry goes first: what is half gone is gone. */
  async #remove(call: Call, key: string): Promise<void> {
    this.#known.delete(key)
    await dropped(() =>
      this.#connection.session.query(
        call,
        'FOR c IN @@catalog FILTER c._key == @key REMOVE c IN @@catalog OPTIONS { exclusive: true }',
        { '@catalog': this.#catalog, key },
        true,
      ),
    )
  }

  async #drop(call: Call, name: string): Promise<void> {
    await dropped(() => this.#connection.request(call, (client) => client.collection(name).drop(), true))
    this.#indexes.delete(name)
    this.#known.delete(name)
    this.#collections = undefined
  }
}

const sameTypes = (table: string, there: TableDefinition['columns'], wanted: TableDefinition['columns']): void => {
  for (const [name, { type }] of Object.entries(wanted)) {
    const known = Object.hasOwn(there, name) ? there[name]?.type : undefined
    if (known !== undefined && known !== type)
      throw new VeritasError({
        code: 'CONFLICT',
        message: `The column "${name}" of the table "${table}" is there as ${known}, not ${type}.`,
      })
  }
}
