import {
  APPLIED,
  assertPushable,
  bestFirst,
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
  type WriteResult,
} from '@veritas-db/core/contract'
import type { Collection, Where } from 'chromadb'
import { entryOf, MAX_DIMENSIONS, MAX_REQUEST_BYTES } from './check.js'
import { Collections, type Known } from './collections.js'
import type { ChromaConfig } from './config.js'
import { type Connection, DEFAULT_BATCH, type Session } from './connection.js'
import { type Entry, KEY_FIELD, leavesRest, parseId } from './encode.js'
import { backendName, refuse } from './errors.js'
import { type Compiled, compileFilter, filterCapabilities } from './filter.js'
import { type Found, fieldsOf, found, getRows, IDS_A_REQUEST, type Include, type Row, similarity } from './rows.js'

/** Records that one delete by condition removes, so that it stays within the time of a call's batch. */
const DELETE_A_REQUEST = 5000
const MAX_TOP_K = 10_000
/** Records of one page of a scan, whatever is asked for: they come with vectors and texts, in one answer. */
const PAGE = 5000

/** What holds for every server; `batchRecords` is what each says of itself. */
const CAPABILITIES: VectorCapabilities = Object.freeze<VectorCapabilities>({
  limits: { batchRecords: DEFAULT_BATCH, batchBytes: MAX_REQUEST_BYTES },
  filter: filterCapabilities,
  upsertModes: ['replace'],
  conditionalUpsert: 'none',
  readAfterWrite: 'immediate',
  scan: { order: 'native', resume: 'offset', snapshot: false },
  metrics: ['cosine', 'dot', 'euclidean'],
  maxDimensions: MAX_DIMENSIONS,
  maxTopK: MAX_TOP_K,
  exact: 'never',
  fullText: false,
  patch: false,
  deleteByFilter: true,
})

/** Chroma as a vector store. */
export class ChromaVector implements VectorRole {
  readonly #connection: Connection
  readonly #collections: Collections

  constructor(connection: Connection, config: ChromaConfig) {
    this.#connection = connection
    this.#collections = new Collections(config)
  }

  get capabilities(): VectorCapabilities {
    return { ...CAPABILITIES, limits: { ...CAPABILITIES.limits, batchRecords: this.#connection.maxBatch } }
  }

  check(records: readonly VectorRecord[], definition?: CollectionDefinition): readonly RecordIssue[] {
    return issuesOf(records, (record) => entryOf(record, definition))
  }

  async ensureCollection(options: ScopedOptions & CollectionDefinition): Promise<void> {
    const { scope, signal: _, ...definition } = options
    await this.#call('ensureCollection', options, true, async (session) => {
      checkCollection(definition, CAPABILITIES, backendName)
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
    return this.#on('upsert', options, true, async (collection, session, { definition }) => {
      checkUpsertMode(mode, CAPABILITIES, backendName, 'vector')
      const entries = prepareRecords(records, (record) => entryOf(record, definition))
      const unique = uniqueBatch(entries, ({ id }) => id, mode)
      const outcomes: Outcome[] = []
      for (const batch of splitBatches(unique.records, this.capabilities.limits, ({ bytes }) => bytes)) {
        throwIfAborted(session.signal)
        await write(collection, session, batch)
        session.changed = true
        for (const _ of batch) outcomes.push(APPLIED)
      }
      return { outcomes: unique.outcomes(outcomes) }
    })
  }

  async get(options: Parameters<VectorRole['get']>[0]): Promise<readonly Found[]> {
    const { keys, include = { metadata: true, text: true } } = options
    return this.#on('get', options, false, async (collection, session) => {
      const all: Found[][] = []
      for (const some of keyBatches(keys)) {
        throwIfAborted(session.signal)
        const rows = await getRows(collection, { where: withKeys(some), include: fieldsOf(include) })
        all.push(await found(collection, rows, include, (record) => record))
      }
      return all.flat()
    })
  }

  async query(options: Parameters<VectorRole['query']>[0]): Promise<readonly VectorMatch[]> {
    const { vector, topK, filter, include = {} } = options
    return this.#on('query', options, false, async (collection, _, { definition }) => {
      checkVectorQuery(options, definition, CAPABILITIES, backendName)
      const where = this.#compile(filter)
      if (where === false) return []
      const answer = await collection.query({
        queryEmbeddings: [shortNumbers(vector)],
        nResults: topK,
        include: [...fieldsOf(include), 'distances'],
        ...(where !== true && { where }),
      })
      const rows = (answer.ids[0] ?? []).map((id, i) => ({
        id,
        text: answer.documents[0]?.[i],
        metadata: answer.metadatas[0]?.[i],
        vector: answer.embeddings[0]?.[i],
        distance: answer.distances[0]?.[i],
      }))
      const score = ({ distance }: Row): number => similarity(definition.metric, distance ?? Number.NaN)
      return (await found(collection, rows, include, (record, row) => ({ ...record, score: score(row) }))).sort(
        bestFirst,
      )
    })
  }

  async delete(options: Parameters<VectorRole['delete']>[0]): Promise<DeleteResult> {
    return this.#on('delete', options, true, async (collection, session) => {
      if ('filter' in options) {
        const where = this.#compile(options.filter)
        if (where === false) return { deleted: 0 }
        // Chroma deletes nothing without a condition, and every record has a key.
        return {
          deleted: await deleteWhere(collection, session, where === true ? { [KEY_FIELD]: { $ne: '' } } : where),
        }
      }
      let deleted = 0
      for (const some of keyBatches(options.keys)) deleted += await deleteWhere(collection, session, withKeys(some))
      return { deleted }
    })
  }

  async deleteByDocument(options: Parameters<VectorRole['deleteByDocument']>[0]): Promise<DeleteResult> {
    return this.#on('deleteByDocument', options, true, async (collection, session) => {
      const below = new Map<Key, string>()
      for (const { key, versionBelow } of options.documents)
        if (versionBelow > (below.get(key) ?? '')) below.set(key, versionBelow)
      let deleted = 0
      for (const some of keyBatches([...below.keys()])) {
        throwIfAborted(session.signal)
        // The ids tell the versions: what is deleted is exactly what was read, whatever arrives in between.
        const { ids } = await collection.get({ where: withKeys(some), include: [] })
        const older = ids.filter((id) => {
          const { key, version } = parseId(id)
          return version < (below.get(key) ?? '')
        })
        for (const ids of splitBatches(older, { batchRecords: this.#connection.maxBatch })) {
          throwIfAborted(session.signal)
          deleted += (await collection.delete({ ids: [...ids] })).deleted ?? 0
          session.changed = true
        }
      }
      return { deleted }
    })
  }

  async count(options: Parameters<VectorRole['count']>[0]): Promise<number> {
    return this.#on('count', options, false, async (collection) => {
      const where = this.#compile(options.filter)
      if (where === true) return collection.count()
      // Chroma counts whole collections only. Ids alone are cheap: some 2.5 µs each.
      return (await collection.get({ ...(where ? { where } : { ids: [NO_ID] }), include: [] })).ids.length
    })
  }

  scan(options: ScanOptions & { readonly fields: 'keys' }): Promise<Page<RecordHead>>
  scan(options: ScanOptions & { readonly fields?: 'all' }): Promise<Page<VectorRecord>>
  async scan(options: ScanOptions & { readonly fields?: 'keys' | 'all' }): Promise<Page<RecordHead | VectorRecord>> {
    const { cursor = '0', limit: wanted = 1000, fields = 'all' } = options
    return this.#on('scan', options, false, async (collection): Promise<Page<RecordHead | VectorRecord>> => {
      if (!/^\d{1,15}$/.test(cursor)) throw foreignCursor()
      checkLimit(wanted, 'limit', undefined, 1)
      const limit = Math.min(wanted, PAGE)
      const where = this.#compile(options.filter)
      if (where === false) return { records: [], cursor: null }
      const offset = Number(cursor)
      const all: Include = fields === 'all' ? { metadata: true, text: true, vector: true } : {}
      // One more than asked for tells whether there is another page.
      const rows = await getRows(collection, {
        ...(where !== true && { where }),
        limit: limit + 1,
        offset,
        include: fieldsOf(all),
      })
      const next = rows.length > limit ? String(offset + limit) : null
      const page = rows.slice(0, limit)
      if (fields === 'keys') {
        const heads = page.map(({ id }) => {
          const { key, version, ordinal } = parseId(id)
          return { key, version, ordinal }
        })
        return { records: heads, cursor: next }
      }
      const records = await found(
        collection,
        page,
        all,
        ({ vector = new Float32Array(), metadata = {}, ...record }): VectorRecord => ({ ...record, vector, metadata }),
      )
      return { records, cursor: next }
    })
  }

  async searchText(): Promise<readonly VectorMatch[]> {
    throw refuse(
      'full text search',
      'Chroma finds exact parts of a text and does not rank: use its client for where_document.',
    )
  }

  async patch(): Promise<WriteResult> {
    throw refuse('patch', 'upsert the whole record: its id holds the version.')
  }

  /** A filter as a condition; true where it matches everything, false where nothing. */
  #compile(filter: FilterNode | undefined): Compiled {
    if (filter === undefined) return true
    assertPushable(filter, filterCapabilities, backendName, 'vector')
    return compileFilter(filter)
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

/** An id that no record has. */
const NO_ID = '-'

const keyBatches = (keys: readonly Key[]): Iterable<readonly Key[]> =>
  splitBatches([...new Set(keys)], { batchRecords: IDS_A_REQUEST })
const withKeys = (keys: readonly Key[]): Where => ({ [KEY_FIELD]: { $in: [...keys] } })

/** Writes whole records. Chroma merges a record's metadata into what is there, so what would leave a rest is deleted first. */
const write = async (collection: Collection, session: Session, entries: readonly Entry[]): Promise<void> => {
  const byId = new Map(entries.map((entry) => [entry.id, entry]))
  const there = await getRows(collection, { ids: [...byId.keys()], include: ['metadatas', 'documents'] })
  const rests = there.filter(({ id, metadata, text }) => leavesRest(byId.get(id) as Entry, metadata, text))
  if (rests.length > 0) await collection.delete({ ids: rests.map(({ id }) => id) })
  // The client takes texts for all records of a request, or for none.
  const withText = entries.filter((entry) => entry.text !== undefined)
  const without = entries.filter((entry) => entry.text === undefined)
  for (const group of [withText, without]) {
    if (group.length === 0) continue
    const documents = group.flatMap(({ text }) => (text === undefined ? [] : [text]))
    await collection.upsert({
      ids: group.map(({ id }) => id),
      embeddings: group.map(({ vector }) => session.vector(vector)),
      metadatas: group.map(({ metadata }) => metadata),
      ...(documents.length > 0 && { documents }),
    })
  }
}

const deleteWhere = async (collection: Collection, session: Session, where: Where): Promise<number> => {
  for (let all = 0; ; ) {
    throwIfAborted(session.signal)
    const { deleted = 0 } = await collection.delete({ where, limit: DELETE_A_REQUEST })
    session.changed = true
    all += deleted
    if (deleted < DELETE_A_REQUEST) return all
  }
}
