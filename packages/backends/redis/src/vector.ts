import {
  APPLIED,
  assertPushable,
  type CallOptions,
  type CollectionDefinition,
  type CollectionInfo,
  checkDimensions,
  checkLimit,
  checkVector,
  type DeleteResult,
  type FilterNode,
  foreignCursor,
  issuesOf,
  type Key,
  type Metric,
  type Outcome,
  type Page,
  prepareRecords,
  type RecordHead,
  type RecordIssue,
  type ScanOptions,
  type ScopedOptions,
  STALE,
  splitBatches,
  throwIfAborted,
  uniqueBatch,
  type VectorCapabilities,
  type VectorMatch,
  type VectorRecord,
  type VectorRole,
  type WriteResult,
} from '@veritas-db/core/contract'
import { checkLength, entryOf, MAX_DIMENSIONS, patchOf } from './check.js'
import { Collections, distances, type Known } from './collections.js'
import type { RedisConfig } from './config.js'
import type { Argument, Connection, Reply, Session } from './connection.js'
import { type Entry, FIELDS, fieldsOf, type Include, toFound, type Values, vectorBytes } from './encode.js'
import { backendName, refuse } from './errors.js'
import { type Compiled, compileFilter, filterCapabilities } from './filter.js'
import { countScript, pageScript, patchScript, readScript, removeScript, type Script, upsertScript } from './scripts.js'
import { type Hit, type SearchRequest, search } from './search.js'
import { wordQuery } from './words.js'

/** Records that one script writes: while it runs, the server does nothing else. */
const RECORDS_A_SCRIPT = 100
const BYTES_A_SCRIPT = 4 * 1024 * 1024
/** Scripts under way at once, so that the server need not wait for the next. */
const SCRIPTS_AT_ONCE = 4
/** Keys or ids in one request. */
const KEYS_A_REQUEST = 1000
/** Ids that a filtered scan looks at in one request. */
const IDS_A_LOOK = 2000
const MAX_TOP_K = 10_000

type Found = Omit<VectorMatch, 'score'>
const ALL: Include = { metadata: true, text: true, vector: true }
/** A condition that every record meets: no tag is as short. */
const EVERY = '-@g:{t}'

/** Redis with RediSearch as a vector store. */
export class RedisVector implements VectorRole {
  readonly capabilities: VectorCapabilities
  readonly #connection: Connection
  readonly #collections: Collections

  constructor(connection: Connection, config: RedisConfig) {
    this.#connection = connection
    this.#collections = new Collections(config)
    this.capabilities = Object.freeze<VectorCapabilities>({
      limits: { batchRecords: RECORDS_A_SCRIPT, batchBytes: BYTES_A_SCRIPT },
      filter: filterCapabilities,
      upsertModes: ['replace', 'ifNewer', 'ifAbsent'],
      conditionalUpsert: 'atomic',
      readAfterWrite: 'immediate',
      scan: { order: 'key', resume: 'cursor', snapshot: false },
      metrics: ['cosine', 'dot', 'euclidean'],
      maxDimensions: MAX_DIMENSIONS,
      maxTopK: MAX_TOP_K,
      exact: config.index === 'flat' ? 'always' : 'optional',
      fullText: true,
      patch: true,
      deleteByFilter: true,
    })
  }

  check(records: readonly VectorRecord[], definition?: CollectionDefinition): readonly RecordIssue[] {
    return issuesOf(records, (record) => entryOf(record, definition))
  }

  async ensureCollection(options: ScopedOptions & CollectionDefinition): Promise<void> {
    const { scope, signal: _, ...definition } = options
    await this.#call('ensureCollection', options, true, async (session) => {
      if (!Object.hasOwn(distances, definition.metric)) throw refuse(`the metric ${String(definition.metric)}`)
      checkDimensions(definition.dimensions, MAX_DIMENSIONS)
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
    return this.#on('upsert', options, true, async (known, session) => {
      if (!this.capabilities.upsertModes.includes(mode)) throw refuse(`upsert with mode ${String(mode)}`)
      const entries = prepareRecords(records, (record) => entryOf(record, known.definition))
      const unique = uniqueBatch(entries, ({ id }) => id, mode)
      return { outcomes: unique.outcomes(await this.#write(session, known, upsertScript, [mode], unique.records)) }
    })
  }

  async patch(options: Parameters<VectorRole['patch']>[0]): Promise<WriteResult> {
    return this.#on('patch', options, true, async (known, session) => {
      const entries = prepareRecords(options.records, patchOf)
      const unique = uniqueBatch(entries, ({ id }) => id, 'ifNewer')
      return { outcomes: unique.outcomes(await this.#write(session, known, patchScript, [], unique.records)) }
    })
  }

  async get(options: Parameters<VectorRole['get']>[0]): Promise<readonly Found[]> {
    const { keys, include = { metadata: true, text: true } } = options
    return this.#on('get', options, false, async (known, session) => {
      const found: Found[] = []
      for (const some of splitBatches([...new Set(keys)], { batchRecords: KEYS_A_REQUEST }))
        found.push(...(await this.#read(session, known, some, include)))
      return found
    })
  }

  async query(options: Parameters<VectorRole['query']>[0]): Promise<readonly VectorMatch[]> {
    const { vector, topK, filter, include = {}, exact = false } = options
    return this.#on('query', options, false, async (known, session) => {
      const { dimensions, metric } = known.definition
      checkVector(vector, dimensions, 'vector')
      if (metric === 'cosine') checkLength(vector)
      checkLimit(topK, 'topK', MAX_TOP_K, 1)
      const where = this.#compile(filter)
      if (where === false) return []
      // With conditions an HNSW index can be told to compare all that meet them.
      const compareAll = known.algorithm === 'hnsw' && (exact || this.capabilities.exact === 'always')
      const first = where !== true ? where : compareAll ? EVERY : '*'
      const knn = `[KNN $k @${FIELDS.vector} $v${compareAll ? ' HYBRID_POLICY ADHOC_BF' : ''} AS ${DISTANCE}]`
      const { hits } = await this.#search(session, known, {
        query: `${first === '*' ? '*' : `(${first})`}=>${knn}`,
        parameters: ['k', String(topK), 'v', vectorBytes(vector)],
        fields: [DISTANCE, ...fieldsOf(include)],
        limit: topK,
        more: ['SORTBY', DISTANCE],
        bytes: include.vector ?? false,
      })
      return toMatches(hits, include, ({ values }) => similarity(metric, Number(String(values.get(DISTANCE)))))
    })
  }

  async searchText(options: Parameters<VectorRole['searchText']>[0]): Promise<readonly VectorMatch[]> {
    const { query, limit, filter } = options
    return this.#on('searchText', options, false, async (known, session) => {
      checkLimit(limit, 'limit', undefined, 1)
      const where = this.#compile(filter)
      const words = wordQuery(FIELDS.text, query)
      if (words === undefined || where === false) {
        await this.#collections.run(session, known, countScript, [])
        return []
      }
      const { hits } = await this.#search(session, known, {
        // What the filter matches does not count as relevance.
        query: where === true ? words : `${words} (${where})=>{$weight: 0}`,
        fields: fieldsOf({}),
        limit,
        withScores: true,
        more: ['VERBATIM', 'SCORER', 'BM25STD'],
      })
      return toMatches(hits, {}, ({ score = 0 }) => score)
    })
  }

  async delete(options: Parameters<VectorRole['delete']>[0]): Promise<DeleteResult> {
    return this.#on('delete', options, true, async (known, session) => {
      if (!('filter' in options)) {
        const pairs = [...new Set(options.keys)].map((key) => [key, ''] as const)
        return { deleted: await this.#remove(session, known, pairs) }
      }
      const where = this.#compile(options.filter)
      if (where === false) return { deleted: 0 }
      const query = where === true ? '*' : where
      for (let deleted = 0; ; ) {
        const { hits } = await this.#search(session, known, { query, limit: KEYS_A_REQUEST })
        const removed = await this.#remove(
          session,
          known,
          hits.map(({ id }) => [id, ''] as const),
        )
        deleted += removed
        if (removed === 0) return { deleted }
      }
    })
  }

  async deleteByDocument(options: Parameters<VectorRole['deleteByDocument']>[0]): Promise<DeleteResult> {
    return this.#on('deleteByDocument', options, true, async (known, session) => {
      const below = new Map<Key, string>()
      for (const { key, versionBelow } of options.documents)
        if (versionBelow > (below.get(key) ?? '')) below.set(key, versionBelow)
      return { deleted: await this.#remove(session, known, [...below]) }
    })
  }

  async count(options: Parameters<VectorRole['count']>[0]): Promise<number> {
    return this.#on('count', options, false, async (known, session) => {
      const where = this.#compile(options.filter)
      if (typeof where === 'string') return (await this.#search(session, known, { query: where, limit: 0 })).total
      const count = Number(await this.#collections.run(session, known, countScript, []))
      return where ? count : 0
    })
  }

  scan(options: ScanOptions & { readonly fields: 'keys' }): Promise<Page<RecordHead>>
  scan(options: ScanOptions & { readonly fields?: 'all' }): Promise<Page<VectorRecord>>
  async scan(options: ScanOptions & { readonly fields?: 'keys' | 'all' }): Promise<Page<RecordHead | VectorRecord>> {
    const { cursor, limit = 1000, fields = 'all' } = options
    return this.#on('scan', options, false, async (known, session): Promise<Page<RecordHead | VectorRecord>> => {
      if (cursor !== undefined && !/^[0-9a-f]{32}:[0-9a-v]\d+$/.test(cursor)) throw foreignCursor()
      checkLimit(limit, 'limit', undefined, 1)
      const where = this.#compile(options.filter)
      // One more than asked for tells whether there is another page.
      const ids = await this.#page(session, known, cursor, limit + 1, where)
      const next = ids.length > limit ? (ids[limit - 1] ?? null) : null
      const records: (RecordHead | VectorRecord)[] = []
      for (const some of splitBatches(ids.slice(0, limit), { batchRecords: KEYS_A_REQUEST }))
        for (const found of await this.#read(session, known, some, fields === 'all' ? ALL : {}))
          records.push(
            fields === 'keys'
              ? { key: found.key, version: found.version, ordinal: found.ordinal }
              : { ...found, vector: found.vector ?? new Float32Array(), metadata: found.metadata ?? {} },
          )
      return { records, cursor: next }
    })
  }

  /** Ids in order after a cursor; with a filter, those of portions of the ids that the index says match. */
  async #page(
    session: Session,
    known: Known,
    cursor: string | undefined,
    limit: number,
    where: Compiled,
  ): Promise<string[]> {
    const matching: string[] = []
    for (let after = cursor; ; ) {
      throwIfAborted(session.signal)
      const size = where === true ? limit : where === false ? 0 : IDS_A_LOOK
      const from = after === undefined ? '-' : `(${after}`
      const ids = (await this.#collections.run(session, known, pageScript, [from, String(size)])) as string[]
      if (typeof where !== 'string') return ids
      if (ids.length > 0) {
        const { hits } = await this.#search(session, known, { query: where, limit: ids.length, ids })
        const found = new Set(hits.map(({ id }) => id))
        matching.push(...ids.filter((id) => found.has(id)))
      }
      if (matching.length >= limit || ids.length < size) return matching.slice(0, limit)
      after = ids.at(-1)
    }
  }

  /** Records by ids, or by keys of documents. */
  async #read(session: Session, known: Known, which: readonly string[], include: Include): Promise<Found[]> {
    throwIfAborted(session.signal)
    const fields = fieldsOf(include)
    const args = [String(fields.length), ...fields, ...which]
    const rows = await this.#collections.run(session, known, readScript, args, include.vector ?? false)
    return (rows as readonly (readonly Reply[])[]).flatMap(([id, ...row]) => {
      const values: Values = new Map(fields.map((field, i) => [field, row[i] ?? null]))
      const found = toFound(String(id), values, include)
      return found ? [found] : []
    })
  }

  /** Writes records by scripts, of which several are under way at once. */
  async #write(
    session: Session,
    known: Known,
    script: Script,
    head: readonly Argument[],
    entries: readonly Entry[],
  ): Promise<Outcome[]> {
    await this.#collections.addRanges(
      session,
      known,
      entries.flatMap(({ ranges }) => ranges),
    )
    const answers: Promise<Outcome[]>[] = []
    const underWay = new Set<Promise<unknown>>()
    try {
      for (const batch of splitBatches(entries, this.capabilities.limits, ({ bytes }) => bytes)) {
        while (underWay.size >= SCRIPTS_AT_ONCE) await Promise.race(underWay)
        throwIfAborted(session.signal)
        const args = batch.flatMap(({ id, version, fields }) => [id, version, String(fields.length), ...fields])
        const answer = this.#collections.run(session, known, script, [...head, ...args]).then((reply) => {
          session.changed = true
          return (reply as readonly number[]).map((written) => (written === 1 ? APPLIED : STALE))
        })
        answers.push(answer)
        const ended: Promise<unknown> = answer.then(
          () => underWay.delete(ended),
          () => underWay.delete(ended),
        )
        underWay.add(ended)
      }
      // A call without records still says whether the collection is there.
      if (answers.length === 0) await this.#collections.run(session, known, countScript, [])
      return (await Promise.all(answers)).flat()
    } finally {
      // Whatever ends the call, what is under way is waited for, and looked at.
      await Promise.allSettled(answers)
    }
  }

  /** Deletes documents by key or records by id, each below a version, or all (''). */
  async #remove(session: Session, known: Known, pairs: readonly (readonly [string, string])[]): Promise<number> {
    let removed = 0
    for (const some of splitBatches(pairs, { batchRecords: KEYS_A_REQUEST })) {
      throwIfAborted(session.signal)
      removed += Number(await this.#collections.run(session, known, removeScript, some.flat()))
      session.changed = true
    }
    if (pairs.length === 0) await this.#collections.run(session, known, countScript, [])
    return removed
  }

  #search(session: Session, known: Known, request: SearchRequest): Promise<{ total: number; hits: Hit[] }> {
    throwIfAborted(session.signal)
    return search(session, known, request, this.#connection.queryTimeoutMs)
  }

  /** A filter as a query; true where it matches everything, false where nothing. */
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
    work: (known: Known, session: Session) => Promise<T>,
  ): Promise<T> {
    return this.#call(operation, options, write, (session) =>
      this.#collections.use(session, options.scope, (known) => work(known, session)),
    )
  }
}

/** What a query calls the distance. */
const DISTANCE = 'distance'

const toMatches = (hits: readonly Hit[], include: Include, score: (hit: Hit) => number): VectorMatch[] =>
  hits
    .flatMap((hit): VectorMatch[] => {
      const found = toFound(hit.id, hit.values, include)
      return found ? [{ ...found, score: score(hit) }] : []
    })
    .sort((a, b) => b.score - a.score || (a.key < b.key ? -1 : a.key > b.key ? 1 : a.ordinal - b.ordinal))

/** RediSearch's distance as a similarity: it gives 1 - cosine, 1 - inner product, and the square of the Euclidean distance. */
export const similarity = (metric: Metric, distance: number): number => {
  if (metric === 'dot') return 1 - distance
  if (metric === 'euclidean') return 1 / (1 + Math.sqrt(Math.max(0, distance)))
  return Math.max(-1, Math.min(1, 1 - distance))
}
