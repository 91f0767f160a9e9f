import {
  assertPushable,
  type CallOptions,
  type CollectionDefinition,
  type CollectionInfo,
  checkCollection,
  checkLimit,
  checkUpsertMode,
  checkVectorQuery,
  type DeleteResult,
  type FilterNode,
  foreignCursor,
  issuesOf,
  type Key,
  type Page,
  prepareRecords,
  type RecordHead,
  type RecordIssue,
  type ScanOptions,
  type ScopedOptions,
  throwIfAborted,
  uniqueBatch,
  type VectorCapabilities,
  type VectorMatch,
  type VectorRecord,
  type VectorRole,
  type WriteResult,
} from '@veritas-db/core/contract'
import { checkLength, checkPatch, checkRecord } from './check.js'
import { Collections, type Known } from './collections.js'
import type { RedisConfig } from './config.js'
import type { Connection, Session } from './connection.js'
import type { Engine } from './engine.js'
import { backendName } from './errors.js'
import { EVERYTHING, type Found } from './records.js'
import { RediSearch } from './redisearch/engine.js'
import { Store } from './store.js'
import { VectorSets } from './vectorset/engine.js'

/** Ids that a filtered scan looks at in one request. */
const IDS_A_LOOK = 1000

/** Redis as a vector store: what the contract asks of every call is here, the rest is the store's and the engine's. */
export class RedisVector implements VectorRole {
  readonly #connection: Connection
  readonly #collections: Collections
  readonly #store: Store
  readonly #config: RedisConfig
  /** With `index: 'auto'` it is known when the server has been asked. */
  #engine: Engine
  #settled: boolean

  constructor(connection: Connection, config: RedisConfig) {
    this.#connection = connection
    this.#config = config
    this.#collections = new Collections(config.prefix)
    this.#store = new Store(this.#collections)
    this.#settled = config.index !== 'auto'
    this.#engine = this.#makeEngine(config.index === 'auto' ? 'flat' : config.index)
  }

  #makeEngine(algorithm: Engine['algorithm']): Engine {
    const { hnsw } = this.#config
    if (algorithm === 'vectorset') return new VectorSets(hnsw, this.#store)
    return new RediSearch(algorithm, hnsw, this.#connection.queryTimeoutMs)
  }

  /** Chooses what finds records by what the server has, where that is left to us. */
  async settle(session: Session): Promise<void> {
    if (this.#settled) return
    const [searches, sets] = await session.knows(['FT.SEARCH', 'VSIM'])
    if (sets && !searches) this.#engine = this.#makeEngine('vectorset')
    this.#settled = true
  }

  get capabilities(): VectorCapabilities {
    return this.#engine.capabilities
  }

  check(records: readonly VectorRecord[], definition?: CollectionDefinition): readonly RecordIssue[] {
    return issuesOf(records, (record) => checkRecord(record, definition, this.#engine.mostRanges))
  }

  async ensureCollection(options: ScopedOptions & CollectionDefinition): Promise<void> {
    const { scope, signal: _, ...definition } = options
    await this.#call('ensureCollection', options, true, async (session) => {
      checkCollection(definition, this.capabilities, backendName)
      await this.#collections.ensure(session, this.#engine, scope, definition)
    })
  }

  async dropCollection(options: ScopedOptions): Promise<void> {
    await this.#call('dropCollection', options, true, (session) => this.#collections.drop(session, options.scope))
  }

  async listCollections(options: CallOptions = {}): Promise<readonly CollectionInfo[]> {
    return this.#call('listCollections', options, false, (session) => this.#collections.list(session))
  }

  async upsert(options: Parameters<VectorRole['upsert']>[0]): Promise<WriteResult> {
    const { records, mode = 'replace' } = options
    return this.#on('upsert', options, true, async (known, session) => {
      checkUpsertMode(mode, this.capabilities, backendName, 'vector')
      const engine = this.#engine
      // Checked and encoded before anything is waited for: nobody can change a record in between.
      const ready = prepareRecords(records, (record) => ({
        ...checkRecord(record, known.definition, engine.mostRanges),
        entry: engine.encode(record),
      }))
      const unique = uniqueBatch(ready, ({ id }) => id, mode)
      const writing = { mode, records: unique.records }
      return { outcomes: unique.outcomes(await this.#store.write(session, known, engine, writing)) }
    })
  }

  async patch(options: Parameters<VectorRole['patch']>[0]): Promise<WriteResult> {
    return this.#on('patch', options, true, async (known, session) => {
      const engine = this.#engine
      const ready = prepareRecords(options.records, (patch) => ({
        ...checkPatch(patch, engine.mostRanges),
        entry: engine.encodePatch(patch),
      }))
      const unique = uniqueBatch(ready, ({ id }) => id, 'ifNewer')
      const writing = { mode: 'patch', records: unique.records } as const
      return { outcomes: unique.outcomes(await this.#store.write(session, known, engine, writing)) }
    })
  }

  async get(options: Parameters<VectorRole['get']>[0]): Promise<readonly Found[]> {
    const { keys, include = { metadata: true, text: true } } = options
    return this.#on('get', options, false, async (known, session) =>
      this.#orMissing(session, known, await this.#store.get(session, known, [...new Set(keys)], include)),
    )
  }

  async query(options: Parameters<VectorRole['query']>[0]): Promise<readonly VectorMatch[]> {
    const { vector, topK, filter, include = {}, exact = false } = options
    return this.#on('query', options, false, async (known, session) => {
      checkVectorQuery({ vector, topK, exact }, known.definition, this.capabilities, backendName)
      if (known.definition.metric === 'cosine') checkLength(vector)
      this.#assertPushable(filter)
      const question = { vector, topK, filter, include, exact }
      return this.#orMissing(session, known, await this.#engine.query(session, known, question))
    })
  }

  async searchText(options: Parameters<VectorRole['searchText']>[0]): Promise<readonly VectorMatch[]> {
    const { query, limit, filter } = options
    return this.#on('searchText', options, false, async (known, session) => {
      checkLimit(limit, 'limit', undefined, 1)
      this.#assertPushable(filter)
      const question = { query, limit, filter }
      return this.#orMissing(session, known, await this.#engine.searchText(session, known, question))
    })
  }

  async delete(options: Parameters<VectorRole['delete']>[0]): Promise<DeleteResult> {
    return this.#on('delete', options, true, async (known, session) => {
      const remove = (which: readonly string[]): Promise<number> =>
        this.#store.remove(
          session,
          known,
          this.#engine,
          which.map((one) => [one, '']),
        )
      if (!('filter' in options)) return { deleted: await remove([...new Set(options.keys)]) }
      this.#assertPushable(options.filter)
      return { deleted: await this.#engine.deleteMatching(session, known, options.filter, remove) }
    })
  }

  async deleteByDocument(options: Parameters<VectorRole['deleteByDocument']>[0]): Promise<DeleteResult> {
    return this.#on('deleteByDocument', options, true, async (known, session) => {
      const below = new Map<Key, string>()
      for (const { key, versionBelow } of options.documents)
        if (versionBelow > (below.get(key) ?? '')) below.set(key, versionBelow)
      return { deleted: await this.#store.remove(session, known, this.#engine, [...below]) }
    })
  }

  async count(options: Parameters<VectorRole['count']>[0]): Promise<number> {
    const { filter } = options
    return this.#on('count', options, false, async (known, session) => {
      this.#assertPushable(filter)
      const all = await this.#store.count(session, known)
      return filter === undefined || all === 0 ? all : this.#engine.count(session, known, filter)
    })
  }

  scan(options: ScanOptions & { readonly fields: 'keys' }): Promise<Page<RecordHead>>
  scan(options: ScanOptions & { readonly fields?: 'all' }): Promise<Page<VectorRecord>>
  async scan(options: ScanOptions & { readonly fields?: 'keys' | 'all' }): Promise<Page<RecordHead | VectorRecord>> {
    const { cursor, limit = 1000, fields = 'all', filter } = options
    return this.#on('scan', options, false, async (known, session): Promise<Page<RecordHead | VectorRecord>> => {
      if (cursor !== undefined && !/^[0-9a-f]{32}:[0-9a-v]\d+$/.test(cursor)) throw foreignCursor()
      checkLimit(limit, 'limit', undefined, 1)
      this.#assertPushable(filter)
      // One more than asked for tells whether there is another page.
      const ids = await this.#page(session, known, cursor, limit + 1, filter)
      const next = ids.length > limit ? (ids[limit - 1] ?? null) : null
      const include = fields === 'all' ? EVERYTHING : {}
      const found = await this.#store.byIds(session, known, ids.slice(0, limit), include)
      const records = [...found.values()].map((record) =>
        fields === 'keys'
          ? { key: record.key, version: record.version, ordinal: record.ordinal }
          : { ...record, vector: record.vector ?? new Float32Array(), metadata: record.metadata ?? {} },
      )
      return { records, cursor: next }
    })
  }

  /** Ids in order after a cursor; with a filter, those of portions of the ids that match. */
  async #page(
    session: Session,
    known: Known,
    cursor: string | undefined,
    limit: number,
    filter: FilterNode | undefined,
  ): Promise<string[]> {
    if (filter === undefined) return this.#store.page(session, known, cursor, limit)
    const matching: string[] = []
    for (let after = cursor; ; ) {
      throwIfAborted(session.signal)
      const ids = await this.#store.page(session, known, after, IDS_A_LOOK)
      matching.push(...(await this.#engine.matching(session, known, ids, filter)))
      if (matching.length >= limit || ids.length < IDS_A_LOOK) return matching.slice(0, limit)
      after = ids.at(-1)
    }
  }

  /** What was found. Nothing may also mean that the collection is no longer there, which is then an error. */
  async #orMissing<T>(session: Session, known: Known, found: readonly T[]): Promise<readonly T[]> {
    if (found.length === 0) await this.#store.count(session, known)
    return found
  }

  #assertPushable(filter: FilterNode | undefined): void {
    if (filter !== undefined) assertPushable(filter, this.capabilities.filter, backendName, 'vector')
  }

  #call<T>(
    operation: string,
    options: CallOptions,
    write: boolean,
    work: (session: Session) => Promise<T>,
  ): Promise<T> {
    const { signal } = options
    return this.#connection.run({ operation, write, role: 'vector', ...(signal && { signal }) }, work)
  }

  #on<T>(
    operation: string,
    options: ScopedOptions,
    write: boolean,
    work: (known: Known, session: Session) => Promise<T>,
  ): Promise<T> {
    return this.#call(operation, options, write, (session) =>
      this.#collections.use(session, this.#engine, options.scope, (known) => work(known, session)),
    )
  }
}
