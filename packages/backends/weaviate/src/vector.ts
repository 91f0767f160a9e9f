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
  type Outcome,
  type Page,
  prepareRecords,
  type RecordHead,
  type RecordIssue,
  type ScanOptions,
  type ScopedOptions,
  shortNumbers,
  splitBatches,
  throwIfAborted,
  uniqueBatch,
  type VectorCapabilities,
  type VectorMatch,
  type VectorRecord,
  type VectorRole,
  VeritasError,
  type WriteResult,
} from '@veritas-db/core/contract'
import type { Collection, FilterValue } from 'weaviate-client'
import { type BatchAnswer, outcomesOf, ranked, similarity, wanted } from './answers.js'
import { entryOf, MAX_DIMENSIONS, MAX_REQUEST_BYTES } from './check.js'
import { Collections, type Known } from './collections.js'
import type { WeaviateConfig } from './config.js'
import type { Connection, Session } from './connection.js'
import { type Entry, headOf, type Include, recordOf, type StoredObject } from './encode.js'
import { backendName, refuse } from './errors.js'
import { type Compiled, compileFilter, filterCapabilities, join, on, rangesOf } from './filter.js'

/** Records a request. More make the server no faster. */
const BATCH_RECORDS = 500
/** Keys in one condition of a read or delete. */
const KEYS_A_REQUEST = 500
/** Documents whose older versions one delete removes: each is a condition of its own. */
const DOCUMENTS_A_REQUEST = 200
/** Where a scan starts: below every id. */
const LOWEST_ID = '00000000-0000-0000-0000-000000000000'

type Found = Omit<VectorMatch, 'score'>

/** Weaviate as a vector store with full text. */
export class WeaviateVector implements VectorRole {
  readonly capabilities: VectorCapabilities
  readonly #connection: Connection
  readonly #collections: Collections
  readonly #config: WeaviateConfig

  constructor(connection: Connection, config: WeaviateConfig) {
    this.#connection = connection
    this.#collections = new Collections(config)
    this.#config = config
    const { maxResults, visibilityDelayMs } = config
    this.capabilities = {
      limits: { batchRecords: BATCH_RECORDS, batchBytes: MAX_REQUEST_BYTES },
      filter: filterCapabilities,
      upsertModes: ['replace'],
      conditionalUpsert: 'none',
      ...(visibilityDelayMs > 0
        ? { readAfterWrite: 'eventual' as const, visibilityDelayMs }
        : { readAfterWrite: 'immediate' as const }),
      scan: { order: 'native', resume: 'cursor', snapshot: false },
      metrics: ['cosine', 'dot', 'euclidean'],
      maxDimensions: MAX_DIMENSIONS,
      maxTopK: maxResults,
      exact: 'never',
      fullText: true,
      patch: false,
      deleteByFilter: true,
    }
  }

  check(records: readonly VectorRecord[], definition?: CollectionDefinition): readonly RecordIssue[] {
    return issuesOf(records, (record) => entryOf(record, definition))
  }

  async ensureCollection(options: ScopedOptions & CollectionDefinition): Promise<void> {
    const { scope, signal: _, ...definition } = options
    await this.#call('ensureCollection', options, true, async (session) => {
      checkCollection(definition, this.capabilities, backendName)
      await this.#collections.ensure(session, scope, definition)
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
    return this.#on('upsert', options, true, async (_, session, known) => {
      checkUpsertMode(mode, this.capabilities, backendName, 'vector')
      const entries = prepareRecords(records, (record) => entryOf(record, known.definition))
      const unique = uniqueBatch(entries, ({ id }) => id, mode)
      await this.#collections.addRanges(
        session,
        known,
        unique.records.flatMap(({ ranges }) => ranges),
      )
      const outcomes: Outcome[] = []
      for (const batch of splitBatches(unique.records, this.capabilities.limits, ({ bytes }) => bytes)) {
        throwIfAborted(session.signal)
        outcomes.push(...(await this.#write(session, known, batch)))
        session.changed = true
      }
      return { outcomes: unique.outcomes(outcomes) }
    })
  }

  async get(options: Parameters<VectorRole['get']>[0]): Promise<readonly Found[]> {
    const { keys, include = { metadata: true, text: true } } = options
    return this.#on('get', options, false, async (collection, session) => {
      const found: Found[] = []
      for (const some of keyBatches(keys)) found.push(...(await this.#getSome(collection, session, some, include)))
      return found
    })
  }

  async query(options: Parameters<VectorRole['query']>[0]): Promise<readonly VectorMatch[]> {
    const { vector, topK, filter, include = {} } = options
    return this.#on('query', options, false, async (collection, session, known) => {
      const { metric } = known.definition
      checkVectorQuery(options, known.definition, this.capabilities, backendName)
      const filters = await this.#compile(session, known, filter)
      if (filters === false) return []
      const answer = await session.grpc((abortSignal) =>
        collection.query.nearVector(
          Array.from(vector),
          {
            limit: topK,
            returnMetadata: ['distance'],
            ...wanted(include),
            ...(filters !== true && { filters }),
          },
          { abortSignal },
        ),
      )
      return ranked(answer.objects, include, ({ metadata }) => similarity(metric, metadata?.distance ?? Number.NaN))
    })
  }

  async searchText(options: Parameters<VectorRole['searchText']>[0]): Promise<readonly VectorMatch[]> {
    const { query, limit, filter } = options
    return this.#on('searchText', options, false, async (collection, session, known) => {
      checkLimit(limit, 'limit', this.#config.maxResults, 1)
      const filters = await this.#compile(session, known, filter)
      // The server takes words apart at everything but letters and digits, and wants a word.
      if (filters === false || !/[\p{L}\p{N}]/u.test(query)) return []
      const answer = await session.grpc((abortSignal) =>
        collection.query.bm25(
          query,
          {
            limit,
            queryProperties: ['text'],
            returnMetadata: ['score'],
            ...wanted({}),
            ...(filters !== true && { filters }),
          },
          { abortSignal },
        ),
      )
      return ranked(answer.objects, {}, ({ metadata }) => metadata?.score ?? Number.NaN)
    })
  }

  async delete(options: Parameters<VectorRole['delete']>[0]): Promise<DeleteResult> {
    return this.#on('delete', options, true, async (collection, session, known) => {
      if ('filter' in options) {
        const filters = await this.#compile(session, known, options.filter)
        if (filters === false) return { deleted: 0 }
        // The server wants a condition, and every record has a key.
        return {
          deleted: await this.#remove(collection, session, filters === true ? on('key', 'NotEqual', '-') : filters),
        }
      }
      let deleted = 0
      for (const some of keyBatches(options.keys)) deleted += await this.#remove(collection, session, withKeys(some))
      return { deleted }
    })
  }

  async deleteByDocument(options: Parameters<VectorRole['deleteByDocument']>[0]): Promise<DeleteResult> {
    return this.#on('deleteByDocument', options, true, async (collection, session) => {
      let deleted = 0
      for (const some of splitBatches(options.documents, { batchRecords: DOCUMENTS_A_REQUEST })) {
        const older = join(
          'Or',
          some.map(({ key, versionBelow }) =>
            join('And', [on('key', 'Equal', key), on('version', 'LessThan', versionBelow)]),
          ),
        )
        if (typeof older !== 'boolean') deleted += await this.#remove(collection, session, older)
      }
      return { deleted }
    })
  }

  async count(options: Parameters<VectorRole['count']>[0]): Promise<number> {
    return this.#on('count', options, false, async (collection, session, known) => {
      const filters = await this.#compile(session, known, options.filter)
      if (filters === false) return 0
      const request = (): ReturnType<typeof collection.aggregate.overAll> =>
        collection.aggregate.overAll(filters === true ? {} : { filters })
      return (await session.grpc(request)).totalCount
    })
  }

  scan(options: ScanOptions & { readonly fields: 'keys' }): Promise<Page<RecordHead>>
  scan(options: ScanOptions & { readonly fields?: 'all' }): Promise<Page<VectorRecord>>
  async scan(options: ScanOptions & { readonly fields?: 'keys' | 'all' }): Promise<Page<RecordHead | VectorRecord>> {
    const { cursor = LOWEST_ID, limit = 1000, fields = 'all' } = options
    return this.#on(
      'scan',
      options,
      false,
      async (collection, session, known): Promise<Page<RecordHead | VectorRecord>> => {
        if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(cursor)) throw foreignCursor()
        checkLimit(limit, 'limit', undefined, 1)
        const filters = await this.#compile(session, known, options.filter)
        if (filters === false) return { records: [], cursor: null }
        const include: Include = fields === 'all' ? { metadata: true, text: true, vector: true } : {}
        // One more than asked for tells whether there is another page.
        const size = Math.min(limit, this.#config.maxResults - 1)
        const request = filters === true ? wanted(include) : { returnProperties: [] }
        const answer = await session.grpc((abortSignal) =>
          collection.query.fetchObjects({ limit: size + 1, after: cursor, ...request }, { abortSignal }),
        )
        let page: readonly StoredObject[] = answer.objects.slice(0, size)
        const next = answer.objects.length > size ? (page.at(-1)?.uuid ?? null) : null
        if (filters !== true) page = await this.#matching(collection, session, page, filters, include)
        if (fields === 'keys') return { records: page.map(headOf), cursor: next }
        const records = page.map((object): VectorRecord => {
          const { vector = new Float32Array(), metadata = {}, ...record } = recordOf(object, include)
          return { ...record, vector, metadata }
        })
        return { records, cursor: next }
      },
    )
  }

  async patch(): Promise<WriteResult> {
    throw refuse('patch', 'upsert the whole record: its id holds the version.')
  }

  /** Those of a page that a filter matches: the server has no filter where it goes on at an id. */
  async #matching(
    collection: Collection,
    session: Session,
    page: readonly StoredObject[],
    filter: FilterValue,
    include: Include,
  ): Promise<readonly StoredObject[]> {
    if (page.length === 0) return []
    throwIfAborted(session.signal)
    const ids = on(
      '_id',
      'ContainsAny',
      page.map(({ uuid }) => uuid),
    )
    const filters: FilterValue = { operator: 'And', filters: [ids, filter], value: null }
    const answer = await session.grpc((abortSignal) =>
      collection.query.fetchObjects({ limit: page.length, filters, ...wanted(include) }, { abortSignal }),
    )
    return answer.objects
  }

  async #getSome(
    collection: Collection,
    session: Session,
    keys: readonly Key[],
    include: Include,
  ): Promise<readonly Found[]> {
    throwIfAborted(session.signal)
    const { maxResults } = this.#config
    const { objects } = await session.grpc((abortSignal) =>
      collection.query.fetchObjects(
        { limit: maxResults, filters: withKeys(keys), ...wanted(include) },
        { abortSignal },
      ),
    )
    if (objects.length < maxResults) return objects.map((object) => recordOf(object, include))
    // Perhaps there are more than the server gives at once: fewer documents have fewer.
    if (keys.length === 1)
      throw new VeritasError({
        code: 'UNSUPPORTED',
        message: `A document has ${maxResults} records or more, and the server gives no more at once: raise its QUERY_MAXIMUM_RESULTS and maxResults.`,
      })
    const half = keys.length >> 1
    const first = await this.#getSome(collection, session, keys.slice(0, half), include)
    return [...first, ...(await this.#getSome(collection, session, keys.slice(half), include))]
  }

  /** REST, since a batch over gRPC takes half a second at least. */
  async #write(session: Session, { name }: Known, entries: readonly Entry[]): Promise<Outcome[]> {
    const { consistency } = this.#config
    const objects = entries.map(({ id, vector, properties }) => ({
      class: name,
      id,
      vectors: { default: shortNumbers(vector) },
      properties,
    }))
    const query = consistency ? `?consistency_level=${consistency}` : ''
    const answers = (await session.post(`/batch/objects${query}`, { objects })) as readonly BatchAnswer[]
    return outcomesOf(answers, entries.length)
  }

  async #remove(collection: Collection, session: Session, where: FilterValue): Promise<number> {
    for (let deleted = 0; ; ) {
      throwIfAborted(session.signal)
      const { successful, failed, matches } = await session.grpc(() => collection.data.deleteMany(where))
      session.changed ||= successful > 0
      deleted += successful
      if (failed > 0)
        throw new VeritasError({
          code: 'INTERNAL',
          message: `Weaviate could not delete ${failed} of ${matches} records.`,
        })
      // The server deletes no more than so many at once.
      if (successful === 0 || matches < this.#config.maxResults) return deleted
    }
  }

  /** A filter as a condition; true where it matches everything, false where nothing. */
  async #compile(session: Session, known: Known, filter: FilterNode | undefined): Promise<Compiled> {
    if (filter === undefined) return true
    assertPushable(filter, filterCapabilities, backendName, 'vector')
    await this.#collections.refresh(session, known, rangesOf(filter))
    return compileFilter(filter, (property) => known.properties.has(property))
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
    work: (collection: Collection, session: Session, known: Known) => Promise<T>,
  ): Promise<T> {
    return this.#call(operation, options, write, (session) =>
      this.#collections.use(session, options.scope, (collection, known) => work(collection, session, known)),
    )
  }
}

const keyBatches = (keys: readonly Key[]): Iterable<readonly Key[]> =>
  splitBatches([...new Set(keys)], { batchRecords: KEYS_A_REQUEST })
const withKeys = (keys: readonly Key[]): FilterValue =>
  keys.length === 1 ? on('key', 'Equal', keys[0]) : on('key', 'ContainsAny', [...keys])
