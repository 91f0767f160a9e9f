import { setImmediate } from 'node:timers/promises'
import type { CollectionConfig, ResolvedConfig } from './config/types.js'
import { type RoleName, throwIfAborted, VeritasError } from './contract/errors.js'
import type { Filter } from './contract/filter/ast.js'
import type { RoleTypes } from './contract/plugin.js'
import { documentKey, type Metadata } from './contract/values.js'
import { normaliseDocument } from './documents/normalise.js'
import { DOCUMENT_TABLE } from './documents/project.js'
import { readDocument } from './documents/read.js'
import type { StoredDocument, VeritasDocument } from './documents/types.js'
import { hashedEmbedder } from './embedders/hashed.js'
import { type DatabaseEvents, Events } from './events.js'
import { type HealthReport, overall, probe, within } from './health/probe.js'
import { type BackendVerification, verifyRole } from './health/verify-backends.js'
import { interceptRole, type RoleCall } from './interceptors/roles.js'
import { queryEmbeddings } from './search/query-embeddings.js'
import { documentFilter } from './search/row-filter.js'
import { Searcher } from './search/search.js'
import type { SearchOptions, SearchResult } from './search/types.js'
import { type ConnectedBackend, createBackends } from './store/backends.js'
import { type Collection, Collections } from './store/collections.js'
import { countCollections, countRows } from './store/counts.js'
import { handleOptions } from './store/handles.js'
import type { DeleteDocumentResult, StoreResult, StoreSummary } from './store/results.js'
import { refuseUnsafeMix } from './store/safe-mix.js'
import { SchemaKeeper } from './store/schema.js'
import { type StreamOptions, storeStream } from './store/stream.js'
import { SYSTEM_DEFINITION, SYSTEM_SCOPE, SYSTEM_TABLE } from './store/system.js'
import { VersionSource } from './store/versions.js'
import { DocumentWriter } from './store/write.js'

export interface CallSettings {
  readonly signal?: AbortSignal
}

export interface StoreSettings extends CallSettings {
  /** Leaves documents alone whose content is stored already. Default false. */
  readonly skipUnchanged?: boolean
}

/** A collection as `listCollections` shows it. */
export interface CollectionSummary {
  readonly name: string
  readonly dimensions: number
  readonly metric: string
  readonly embedder: string
}

/**
 * One document in a vector, a graph and a relational store at once, and one search over all of them.
 * Made by `openDatabase`.
 */
export class DatabaseManager implements AsyncDisposable {
  /** The roles themselves, behind the same interceptors. Collections that this manager made are read-only through them. */
  readonly vector: RoleTypes['vector'] | undefined
  readonly graph: RoleTypes['graph'] | undefined
  readonly relational: RoleTypes['relational'] | undefined

  readonly #config: ResolvedConfig
  readonly #backends: readonly ConnectedBackend[]
  readonly #events: Events
  readonly #roles: Partial<RoleTypes>
  readonly #authority: RoleTypes['relational']
  readonly #versions: VersionSource
  readonly #collections: Collections
  readonly #schema: SchemaKeeper
  readonly #writer: DocumentWriter
  readonly #searcher: Searcher
  #closed: Promise<void> | undefined

  private constructor(config: ResolvedConfig, backends: readonly ConnectedBackend[], events: Events) {
    this.#config = config
    this.#backends = backends
    this.#events = events
    const role = <R extends RoleName>(
      name: R,
      select: (roles: Partial<RoleTypes>) => RoleTypes[R] | undefined,
      before?: (call: RoleCall) => Promise<unknown>,
    ): RoleTypes[R] | undefined => {
      const connected = backends.find((b) => b.roles.includes(name))
      const found = connected && select(connected.backend.roles)
      return found && interceptRole(name, found, connected.name, connected.intercept, before)
    }
    const relational = role('relational', (r) => r.relational)
    if (relational === undefined)
      throw new VeritasError({
        code: 'CONFIGURATION',
        path: 'relational',
        message:
          'The relational role is not configured, and it holds the documents: add relational: { type: "sqlite" }, which needs no server, or another database.',
      })
    const vector = role('vector', (r) => r.vector)
    const graph = role('graph', (r) => r.graph)
    this.#roles = { relational, ...(vector && { vector }), ...(graph && { graph }) }
    this.#authority = relational
    const embedder = config.embedder ?? hashedEmbedder()
    this.#versions = new VersionSource(relational)
    this.#collections = new Collections(relational, this.#versions, config, embedder)
    this.#schema = new SchemaKeeper(this.#roles)
    const shared = { roles: this.#roles, collections: this.#collections, config, events }
    this.#writer = new DocumentWriter({
      ...shared,
      backends,
      authority: relational,
      versions: this.#versions,
      schema: this.#schema,
    })
    this.#searcher = new Searcher({
      ...shared,
      embedder,
      backendOf: (name) => backends.find((b) => b.roles.includes(name))?.name ?? 'none',
      observe: (version) => this.#versions.observe(version),
      embedQuery: queryEmbeddings(config),
    })
    const guard = async (call: RoleCall): Promise<unknown> => {
      this.#assertOpen()
      return handleOptions(call, this.#collections)
    }
    this.vector = role('vector', (r) => r.vector, guard)
    this.graph = role('graph', (r) => r.graph, guard)
    this.relational = role('relational', (r) => r.relational, guard)
  }

  /** Used by `openDatabase`. @throws VeritasError CONFIGURATION, or CONNECTION where the authority cannot be reached */
  static async open(config: ResolvedConfig, from: readonly string[]): Promise<DatabaseManager> {
    const events = new Events()
    const backends = await createBackends(config, from, events)
    const database = new DatabaseManager(config, backends, events)
    try {
      await database.#connect()
      // Only what is connected knows whether it has transactions.
      refuseUnsafeMix(config, backends)
    } catch (error) {
      await database.close()
      throw error
    }
    return database
  }

  /**
   * Stores a document in every configured store. The collection is made where it is not there.
   * @throws VeritasError VALIDATION for a document that some store would refuse: nothing is written then
   */
  async storeDocument<M extends object = Metadata>(
    document: VeritasDocument<M>,
    collection: string,
    settings: StoreSettings = {},
  ): Promise<StoreResult> {
    this.#assertOpen()
    throwIfAborted(settings.signal)
    const target = await this.#collections.ensure(collection, {}, document?.embedding?.length)
    const [answer] = await this.#writer.write(target, [normaliseDocument(document, target.scope)], settings)
    if (answer === undefined) throw new VeritasError({ code: 'INTERNAL', message: 'The write path gave no answer.' })
    if (VeritasError.is(answer)) throw answer
    this.#events.emit('store', { ...answer, collection })
    return answer
  }

  /**
   * Stores a stream of documents in batches, with back-pressure. A document that is refused is counted and reported, and the others go on.
   * @throws VeritasError ABORTED where the signal fires (batches under way are finished first), or what the source throws
   */
  async storeDocuments<M extends object = Metadata>(
    documents: AsyncIterable<VeritasDocument<M>> | Iterable<VeritasDocument<M>>,
    collection: string,
    options: StreamOptions & StoreSettings = {},
  ): Promise<StoreSummary> {
    this.#assertOpen()
    let target: Promise<Collection> | undefined
    const onResult = (result: StoreResult): void => {
      options.onResult?.(result)
      if (this.#events.has('store')) this.#events.emit('store', { ...result, collection })
    }
    const ensured = await this.#collections.find(collection)
    return storeStream<M>(
      documents,
      {
        batchSize: this.#config.performance.batchSize,
        normalise: (document) => normaliseDocument(document, ensured?.scope ?? this.#scopeOf(collection)),
        write: async (batch) => {
          const given = batch.find((d) => d.embedding)?.embedding?.length
          target ??= ensured ? Promise.resolve(ensured) : this.#collections.ensure(collection, {}, given)
          return this.#writer.write(await target, batch, options)
        },
      },
      { ...options, onResult },
    )
  }

  /** The document as it was stored; null where there is none. */
  async getDocument<M extends object = Metadata>(
    id: string,
    collection: string,
    settings: CallSettings = {},
  ): Promise<StoredDocument<M> | null> {
    this.#assertOpen()
    const found = await this.#collections.find(collection)
    const key = documentKey(found?.scope ?? this.#scopeOf(collection), id)
    if (!found) return null
    const [row] = await this.#authority.get({
      scope: found.scope,
      table: DOCUMENT_TABLE,
      keys: [key],
      fresh: true,
      ...settings,
    })
    if (!row || row.values.deleted === true) return null
    this.#versions.observe(row.version)
    return readDocument<M>(row)
  }

  /** All documents of a collection, page by page, in the authority's order; with a filter those that match. */
  async *listDocuments<M extends object = Metadata>(
    collection: string,
    options: CallSettings & { readonly filter?: Filter<M> } = {},
  ): AsyncGenerator<StoredDocument<M>> {
    this.#assertOpen()
    const { scope, fields } = await this.#collections.get(collection)
    const { pushed, matches } = documentFilter(options.filter, fields, this.#authority.capabilities.filter)
    let cursor: string | null | undefined
    do {
      throwIfAborted(options.signal)
      const page = await this.#authority.find({
        scope,
        table: DOCUMENT_TABLE,
        filter: pushed,
        limit: 200,
        ...(cursor && { cursor }),
        ...(options.signal && { signal: options.signal }),
      })
      for (const row of page.records) if (matches(row)) yield readDocument<M>(row)
      await setImmediate()
      cursor = page.cursor
    } while (cursor)
  }

  /** Deletes a document everywhere; what refers to it then refers to a placeholder. One that is not there is no error. */
  async deleteDocument(id: string, collection: string, settings: CallSettings = {}): Promise<DeleteDocumentResult> {
    this.#assertOpen()
    const target = await this.#collections.get(collection)
    const [answer] = await this.#writer.delete(target, [{ key: documentKey(target.scope, id), id }], settings.signal)
    if (answer === undefined) throw new VeritasError({ code: 'INTERNAL', message: 'The write path gave no answer.' })
    if (answer.existed) this.#events.emit('delete', { id, collection })
    return answer
  }

  /** Searches by meaning, words, metadata and relations; see `SearchOptions`. */
  async searchDocuments<M extends object = Metadata>(options: SearchOptions<M>): Promise<SearchResult<M>> {
    this.#assertOpen()
    return this.#searcher.search(options)
  }

  /** Makes a collection with settings of its own; one that is there must have the same. */
  async ensureCollection(name: string, settings: CollectionConfig = {}): Promise<void> {
    this.#assertOpen()
    await this.#writer.prepare(await this.#collections.ensure(name, settings))
  }

  async listCollections(settings: CallSettings = {}): Promise<readonly CollectionSummary[]> {
    this.#assertOpen()
    const found = await this.#collections.list(settings.signal)
    return found.map(({ scope, dimensions, metric, embedder }) => ({
      name: scope.collection,
      dimensions,
      metric,
      embedder,
    }))
  }

  /** Removes a collection with all documents in it. One that is not there is no error. */
  async dropCollection(name: string, settings: CallSettings = {}): Promise<void> {
    this.#assertOpen()
    const found = await this.#collections.find(name)
    if (!found) return
    // The registry first: from then on nobody finds it, and what a store keeps if it fails here belongs to a dead incarnation.
    await this.#collections.drop(found)
    this.#schema.forget(found)
    const options = { scope: found.scope, ...settings }
    await Promise.all([
      this.#roles.vector?.dropCollection(options),
      this.#roles.graph?.dropSchema(options),
      this.#authority.dropTable({ ...options, table: DOCUMENT_TABLE }),
    ])
  }

  /** Documents of a collection, by filter. */
  async countDocuments<M extends object = Metadata>(
    collection: string,
    options: CallSettings & { readonly filter?: Filter<M> } = {},
  ): Promise<number> {
    this.#assertOpen()
    const { scope, fields } = await this.#collections.get(collection)
    const { pushed, complete } = documentFilter(options.filter, fields, this.#authority.capabilities.filter)
    if (complete) return countRows(this.#authority, scope, pushed, options.signal)
    let count = 0
    for await (const _ of this.listDocuments(collection, options)) count++
    return count
  }

  /** Probes every backend at the same time, each within `performance.probeTimeoutMs`. */
  async healthCheck(): Promise<HealthReport> {
    this.#assertOpen()
    const limit = this.#config.performance.probeTimeoutMs
    const [backends, counts] = await Promise.all([
      Promise.all(this.#backends.map((b) => probe(b, limit))),
      this.#counts(limit),
    ])
    const authority = this.#backends.find((b) => b.roles.includes('relational'))?.name ?? ''
    return { overall: overall(backends, authority), backends, counts, timestamp: new Date() }
  }

  /** Writes, reads, finds and removes a record in every role, in a collection of its own. */
  async verifyBackends(): Promise<readonly BackendVerification[]> {
    this.#assertOpen()
    return Promise.all(
      this.#backends.flatMap((backend) => backend.roles.map((role) => this.#verify(role, backend.name))),
    )
  }

  /** Calls `listener` at each event. Returns the function that stops it. */
  on<E extends keyof DatabaseEvents>(event: E, listener: (detail: DatabaseEvents[E]) => void): () => void {
    return this.#events.on(event, listener)
  }

  /** Closes every backend. Calling it again does nothing. */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    const errors: unknown[] = []
    try {
      await this.#versions.close()
    } catch (cause) {
      // What was reserved stays reserved: versions go on a little higher next time, and nothing is lost.
      const error = VeritasError.from(cause, { role: 'relational' })
      this.#events.emit('legFailed', {
        role: 'relational',
        backend: error.backend ?? 'authority',
        operation: 'close',
        error,
      })
    }
    const closings = await Promise.allSettled(this.#backends.map((b) => b.backend.close()))
    for (const closing of closings) if (closing.status === 'rejected') errors.push(closing.reason)
    this.#events.emit('close', {})
    if (errors.length > 0) throw VeritasError.from(errors[0], {})
  }

  async #connect(): Promise<void> {
    await Promise.all(
      this.#backends.map(async (connected) => {
        try {
          await connected.intercept(
            { backend: connected.name, operation: 'connect', write: false, idempotent: true },
            async () => undefined,
          )
        } catch (cause) {
          const error = VeritasError.from(cause, { backend: connected.name })
          // A derived store that is down now joins when it is back; without the authority nothing works.
          if (connected.roles.includes('relational') || !error.retryable) throw error
          for (const role of connected.roles)
            this.#events.emit('legFailed', { role, backend: connected.name, operation: 'connect', error })
        }
      }),
    )
    await this.#authority.ensureTable({ scope: SYSTEM_SCOPE, table: SYSTEM_TABLE, ...SYSTEM_DEFINITION })
  }

  #verify(role: RoleName, backend: string): Promise<BackendVerification> {
    const { vector, graph } = this.#roles
    if (role === 'vector' && vector) return verifyRole('vector', vector, backend)
    if (role === 'graph' && graph) return verifyRole('graph', graph, backend)
    return verifyRole('relational', this.#authority, backend)
  }

  async #counts(limitMs: number): Promise<Readonly<Record<string, number>> | null> {
    try {
      return await within(limitMs, 'authority', (signal) =>
        countCollections(this.#authority, this.#collections, signal),
      )
    } catch (error) {
      if (VeritasError.is(error)) return null
      throw error
    }
  }

  #scopeOf(collection: string): { readonly collection: string; readonly tenant?: string } {
    return { collection, ...(this.#config.tenant !== undefined && { tenant: this.#config.tenant }) }
  }

  #assertOpen(): void {
    if (this.#closed)
      throw new VeritasError({
        code: 'UNAVAILABLE',
        retryable: false,
        message: 'The database is closed: open it again with openDatabase().',
      })
  }
}
