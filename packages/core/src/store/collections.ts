import type { CollectionConfig, ResolvedConfig } from '../config/types.js'
import type { Metric } from '../contract/capabilities.js'
import { invalid, VeritasError } from '../contract/errors.js'
import type { RowRecord } from '../contract/records.js'
import type { RelationalRole } from '../contract/roles/relational.js'
import { checkName, documentKey, type FieldType, type Key, type Metadata, type Scope } from '../contract/values.js'
import type { Embedder } from '../embedders/embedder.js'
import { RESERVED_PREFIX, SYSTEM_SCOPE, SYSTEM_TABLE } from './system.js'
import type { VersionSource } from './versions.js'

/** The embedder of collections whose documents bring their own embeddings. */
export const EXTERNAL_EMBEDDER = 'external'

/** A collection as the registry remembers it. */
export interface Collection {
  readonly scope: Required<Pick<Scope, 'collection' | 'incarnation'>> & Scope
  readonly dimensions: number
  readonly metric: Metric
  /** The embedder's id, or `external`. */
  readonly embedder: string
  readonly fields: Readonly<Record<string, FieldType>>
}

/** Which collections there are, kept in the authority, so that every process agrees. */
export class Collections {
  readonly #table: RelationalRole
  readonly #versions: VersionSource
  readonly #config: ResolvedConfig
  readonly #embedder: Embedder
  readonly #known: Map<string, Collection> = new Map()
  readonly #making: Map<string, Promise<Collection>> = new Map()

  constructor(table: RelationalRole, versions: VersionSource, config: ResolvedConfig, embedder: Embedder) {
    this.#table = table
    this.#versions = versions
    this.#config = config
    this.#embedder = embedder
  }

  /** The collection; undefined where there is none. */
  async find(name: string): Promise<Collection | undefined> {
    checkCollectionName(name)
    const known = this.#known.get(name)
    if (known) return known
    const row = await this.#read(name)
    return row && !row.values.deleted ? this.#remember(row) : undefined
  }

  /** The collection. @throws VeritasError NOT_FOUND */
  async get(name: string): Promise<Collection> {
    const found = await this.find(name)
    if (found) return found
    const others = (await this.list()).map((c) => c.scope.collection)
    const there = others.length > 0 ? `There are: ${others.slice(0, 10).join(', ')}.` : 'There are none yet.'
    throw new VeritasError({
      code: 'NOT_FOUND',
      message: `There is no collection "${name}". ${there} storeDocument() makes it.`,
    })
  }

  /**
   * The collection, made where it is not there. `given` is the length of the embedding of a document that brings one.
   * @throws VeritasError CONFIGURATION where the embedder is another than the one that the collection remembers
   */
  async ensure(name: string, settings: CollectionConfig = {}, given?: number): Promise<Collection> {
    const found =
      (await this.find(name)) ?? (await this.#make(name, { ...this.#config.collections[name], ...settings }, given))
    if (settings.dimensions !== undefined && settings.dimensions !== found.dimensions)
      throw new VeritasError({
        code: 'CONFLICT',
        message: `The collection "${name}" has ${found.dimensions} dimensions, not ${settings.dimensions}. Drop it first, or use another name.`,
      })
    if (settings.metric !== undefined && settings.metric !== found.metric)
      throw new VeritasError({
        code: 'CONFLICT',
        message: `The collection "${name}" has the metric ${found.metric}, not ${settings.metric}. Drop it first, or use another name.`,
      })
    return found
  }

  async list(signal?: AbortSignal): Promise<readonly Collection[]> {
    const found: Collection[] = []
    let cursor: string | null | undefined
    do {
      const page = await this.#table.find({
        scope: SYSTEM_SCOPE,
        table: SYSTEM_TABLE,
        filter: { op: 'eq', path: 'kind', value: 'collection' },
        limit: 500,
        fresh: true,
        ...(cursor && { cursor }),
        ...(signal && { signal }),
      })
      for (const row of page.records)
        if (!row.values.deleted && (row.values.tenant ?? undefined) === this.#config.tenant)
          found.push(this.#remember(row))
      cursor = page.cursor
    } while (cursor)
    return found
  }

  /** Marks the collection as dropped: a new one of the name is another incarnation, and late writes to the old one reach nothing. */
  async drop(collection: Collection): Promise<void> {
    this.forget(collection.scope.collection)
    const row = await this.#read(collection.scope.collection)
    if (row && row.values.incarnation === collection.scope.incarnation)
      await this.#write({ ...row.values, deleted: true }, row.documentId)
  }

  /** Reads it anew next time: another process may have dropped it. */
  forget(name: string): void {
    this.#known.delete(name)
  }

  /** The embedder, where it is the one that the collection was made with. @throws VeritasError CONFIGURATION */
  embedderOf(collection: Collection): Embedder {
    if (collection.embedder === this.#embedder.id) return this.#embedder
    const name = collection.scope.collection
    if (collection.embedder === EXTERNAL_EMBEDDER)
      throw new VeritasError({
        code: 'CONFIGURATION',
        path: 'embedder',
        message: `The collection "${name}" holds embeddings that came with its documents, so ${this.#embedder.id} cannot embed for it: give each document its embedding and each search its vector (${collection.dimensions} dimensions), or configure the embedder that made them before the collection is made.`,
      })
    throw new VeritasError({
      code: 'CONFIGURATION',
      path: 'embedder',
      message: `The collection "${name}" was made with the embedder ${collection.embedder} (${collection.dimensions} dimensions), the configured one is ${this.#embedder.id} (${this.#embedder.dimensions}). Vectors of two embedders cannot be compared: configure the first one, or store into a new collection.`,
    })
  }

  /** One making at a time a name: callers at the same moment get the same collection. */
  #make(name: string, settings: CollectionConfig, given: number | undefined): Promise<Collection> {
    const under = this.#making.get(name)
    if (under) return under
    const making = this.#create(name, settings, given).finally(() => this.#making.delete(name))
    this.#making.set(name, making)
    return making
  }

  async #create(name: string, settings: CollectionConfig, given: number | undefined): Promise<Collection> {
    // Vectors of the lexical default and vectors from elsewhere must never share a collection; a configured embedder is trusted to be the one that made them.
    const external = settings.embeddings === 'given' || (given !== undefined && this.#config.embedder === undefined)
    const dimensions = settings.dimensions ?? given ?? this.#embedder.dimensions
    const embedder = external || dimensions !== this.#embedder.dimensions ? EXTERNAL_EMBEDDER : this.#embedder.id
    const previous = await this.#read(name)
    // Somebody made it since it was looked for: a further incarnation would hide what they store.
    if (previous && !previous.values.deleted) return this.#remember(previous)
    const values: Metadata = {
      kind: 'collection',
      name,
      tenant: this.#config.tenant ?? null,
      dimensions,
      metric: settings.metric ?? 'cosine',
      embedder,
      incarnation: previous ? Number(previous.values.incarnation) + 1 : 0,
      fields: { ...settings.fields },
      deleted: false,
    }
    await this.#write(values, registryId(name, this.#config.tenant), previous ? 'ifNewer' : 'ifAbsent')
    // Another process may have made it at the same moment: what is stored counts.
    const row = await this.#read(name)
    if (!row || row.values.deleted)
      throw new VeritasError({
        code: 'CONFLICT',
        retryable: true,
        message: `The collection "${name}" was dropped while it was being made. Store again.`,
      })
    return this.#remember(row)
  }

  #key(name: string): Key {
    return documentKey(SYSTEM_SCOPE, registryId(name, this.#config.tenant))
  }

  async #read(name: string): Promise<RowRecord | undefined> {
    const rows = await this.#table.get({
      scope: SYSTEM_SCOPE,
      table: SYSTEM_TABLE,
      keys: [this.#key(name)],
      fresh: true,
    })
    return rows[0]
  }

  async #write(values: Metadata, documentId: string, mode: 'ifNewer' | 'ifAbsent' = 'ifNewer'): Promise<void> {
    const [version] = await this.#versions.next(1)
    if (version === undefined) return
    const supported = this.#table.capabilities.upsertModes.includes(mode) ? mode : 'replace'
    const record = { key: documentKey(SYSTEM_SCOPE, documentId), documentId, version, values }
    await this.#table.upsert({ scope: SYSTEM_SCOPE, table: SYSTEM_TABLE, records: [record], mode: supported })
  }

  #remember(row: RowRecord): Collection {
    const { name, tenant, dimensions, metric, embedder, incarnation, fields } = row.values
    const collection: Collection = {
      scope: {
        collection: String(name),
        incarnation: Number(incarnation),
        ...(typeof tenant === 'string' && { tenant }),
      },
      dimensions: Number(dimensions),
      metric: metric as Metric,
      embedder: String(embedder),
      fields: (fields ?? {}) as Record<string, FieldType>,
    }
    this.#versions.observe(row.version)
    this.#known.set(collection.scope.collection, collection)
    return collection
  }
}

function registryId(name: string, tenant: string | undefined): string {
  return `collection:${tenant ?? ''}:${name}`
}

/** @throws VeritasError VALIDATION */
export function checkCollectionName(name: unknown): asserts name is string {
  checkName(name, 'collection')
  if (name.startsWith(RESERVED_PREFIX))
    throw invalid('collection', `names that start with "${RESERVED_PREFIX}" are reserved`)
}
