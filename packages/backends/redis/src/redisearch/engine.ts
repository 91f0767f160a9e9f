import {
  bestFirst,
  type FilterNode,
  type Metric,
  type VectorCapabilities,
  type VectorMatch,
  type VectorRecord,
  VeritasError,
} from '@veritas-db/core/contract'
import { BATCH_BYTES, MAX_RANGES } from '../check.js'
import type { Known } from '../collections.js'
import type { RedisConfig } from '../config.js'
import type { Session } from '../connection.js'
import { type Algorithm, commonCapabilities, type Engine, type Question, type TextQuestion } from '../engine.js'
import { isNoEngine, isNoIndex } from '../errors.js'
import type { Compiled } from '../filter.js'
import { indexOf, type Place, recordPrefix } from '../keys.js'
import {
  type Entry,
  FIELDS,
  fieldsOf,
  type Include,
  type Patch,
  toEntry,
  toFound,
  toPatch,
  vectorBytes,
} from '../records.js'
import { hashScripts } from '../scripts.js'
import { rangeField, statementsOf } from '../statements.js'
import { compileQuery, TAG_FIELD } from './query.js'
import { type Hit, type SearchRequest, search } from './search.js'
import { indexedText, wordQuery } from './words.js'

/** Records that one transaction writes: while it runs (some 40 ms) the server does nothing else; after each it may wait for the disk. */
const RECORDS_A_TRANSACTION = 1000
/** Records that are found and deleted in one round. */
const DELETED_A_ROUND = 1000

/** A condition that every record meets: no tag is as short. */
const EVERY = '-@g:{t}'
/** What a query calls the distance. */
const DISTANCE = 'distance'

const DISTANCES: Readonly<Record<Metric, 'COSINE' | 'IP' | 'L2'>> = { cosine: 'COSINE', dot: 'IP', euclidean: 'L2' }

/** RediSearch: indexes of hashes, which Redis keeps up to date within each write. */
export class RediSearch implements Engine {
  readonly algorithm: Algorithm
  readonly capabilities: VectorCapabilities
  readonly scripts: Engine['scripts'] = hashScripts
  readonly mostRanges: number = MAX_RANGES
  readonly #hnsw: RedisConfig['hnsw']
  readonly #timeoutMs: number

  constructor(algorithm: 'flat' | 'hnsw', hnsw: RedisConfig['hnsw'], timeoutMs: number) {
    this.algorithm = algorithm
    this.#hnsw = hnsw
    this.#timeoutMs = timeoutMs
    this.capabilities = Object.freeze<VectorCapabilities>({
      limits: { batchRecords: RECORDS_A_TRANSACTION, batchBytes: BATCH_BYTES },
      ...commonCapabilities,
      metrics: ['cosine', 'dot', 'euclidean'],
      exact: algorithm === 'flat' ? 'always' : 'optional',
      fullText: true,
    })
  }

  encode(record: VectorRecord): Entry {
    const entry = toEntry(record)
    const { text } = record
    if (text !== undefined) {
      const indexed = indexedText(text)
      if (indexed !== '') entry.fields.push(FIELDS.text, indexed)
      if (indexed !== text || text === '') entry.fields.push(FIELDS.rawText, text)
    }
    return withStatements(entry, record.metadata)
  }

  encodePatch(patch: Patch): Entry {
    return withStatements(toPatch(patch), patch.metadata)
  }

  parameters(): readonly string[] {
    return []
  }

  /**
   * Sees to it that the index has the fields of numbers and dates, before a record with them is written. No record can have had
   * one before, so none has to be looked through; several writers may do so at once.
   */
  async prepare(session: Session, known: Known, ranges: Iterable<string>): Promise<void> {
    const missing = new Set<string>()
    for (const field of ranges) if (!known.ranges.has(field)) missing.add(field)
    await Promise.all(
      [...missing].map(async (field) => {
        try {
          await session.send(['FT.ALTER', indexOf(known), 'SKIPINITIALSCAN', 'SCHEMA', 'ADD', field, 'NUMERIC'])
        } catch (error) {
          if (!(error instanceof Error) || !/duplicate field/i.test(error.message)) throw explained(error)
        }
        known.ranges.add(field)
      }),
    )
  }

  async create(session: Session, known: Known): Promise<void> {
    const { dimensions, metric, fields = {} } = known.definition
    for (const [path, type] of Object.entries(fields))
      if (type === 'number' || type === 'date') known.ranges.add(rangeField(type, path))
    await session.send([
      ...['FT.CREATE', indexOf(known), 'ON', 'HASH', 'PREFIX', '1', recordPrefix(known)],
      // Words are found wherever they stand, and each as it is: no list of words that do not count, no stems.
      ...['NOOFFSETS', 'NOHL', 'STOPWORDS', '0', 'SKIPINITIALSCAN', 'SCHEMA'],
      ...[TAG_FIELD, 'TAG', 'SEPARATOR', ',', 'CASESENSITIVE', FIELDS.text, 'TEXT', 'NOSTEM'],
      ...[FIELDS.vector, 'VECTOR', ...this.#vectorIndex(dimensions, metric)],
      ...[...known.ranges].flatMap((field) => [field, 'NUMERIC']),
    ])
  }

  #vectorIndex(dimensions: number, metric: Metric): string[] {
    const parameters = ['TYPE', 'FLOAT32', 'DIM', String(dimensions), 'DISTANCE_METRIC', DISTANCES[metric]]
    if (this.algorithm === 'hnsw') {
      const { m, efConstruction, efRuntime } = this.#hnsw
      parameters.push('M', String(m), 'EF_CONSTRUCTION', String(efConstruction), 'EF_RUNTIME', String(efRuntime))
    }
    return [this.algorithm === 'hnsw' ? 'HNSW' : 'FLAT', String(parameters.length), ...parameters]
  }

  drop(session: Session, place: Place): Promise<void> {
    return dropIndex(session, place)
  }

  async query(session: Session, known: Known, question: Question): Promise<VectorMatch[]> {
    const { vector, topK, filter, include, exact } = question
    const where = compiled(filter)
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
    const { metric } = known.definition
    return toMatches(hits, include, ({ values }) => similarity(metric, Number(String(values[DISTANCE]))))
  }

  async searchText(session: Session, known: Known, { query, limit, filter }: TextQuestion): Promise<VectorMatch[]> {
    const where = compiled(filter)
    const words = wordQuery(FIELDS.text, query)
    if (words === undefined || where === false) return []
    const { hits } = await this.#search(session, known, {
      // What the filter matches does not count as relevance.
      query: where === true ? words : `${words} (${where})=>{$weight: 0}`,
      fields: fieldsOf({}),
      limit,
      withScores: true,
      more: ['VERBATIM', 'SCORER', 'BM25STD'],
    })
    return toMatches(hits, {}, ({ score = 0 }) => score)
  }

  async count(session: Session, known: Known, filter: FilterNode): Promise<number> {
    const where = compileQuery(filter)
    if (where === false) return 0
    return (await this.#search(session, known, { query: where === true ? '*' : where, limit: 0 })).total
  }

  async matching(session: Session, known: Known, ids: readonly string[], filter: FilterNode): Promise<string[]> {
    const where = compileQuery(filter)
    if (typeof where === 'boolean' || ids.length === 0) return where ? [...ids] : []
    const { hits } = await this.#search(session, known, { query: where, limit: ids.length, ids })
    const found = new Set(hits.map(({ id }) => id))
    return ids.filter((id) => found.has(id))
  }

  async deleteMatching(
    session: Session,
    known: Known,
    filter: FilterNode,
    remove: (ids: readonly string[]) => Promise<number>,
  ): Promise<number> {
    const where = compileQuery(filter)
    if (where === false) return 0
    for (let deleted = 0; ; ) {
      const { hits } = await this.#search(session, known, {
        query: where === true ? '*' : where,
        limit: DELETED_A_ROUND,
      })
      const removed = await remove(hits.map(({ id }) => id))
      deleted += removed
      if (removed === 0) return deleted
    }
  }

  #search(session: Session, known: Known, request: SearchRequest): Promise<{ total: number; hits: Hit[] }> {
    return search(session, known, request, this.#timeoutMs)
  }
}

/** Removes an index. What is not there, and on a server without RediSearch there is none, is no error. */
export const dropIndex = async (session: Session, place: Place): Promise<void> => {
  try {
    await session.send(['FT.DROPINDEX', indexOf(place)])
  } catch (error) {
    if (!isNoIndex(error) && !isNoEngine(error)) throw error
  }
}

const withStatements = (entry: Entry, metadata: VectorRecord['metadata']): Entry => {
  const { tags, ranges } = statementsOf(metadata)
  if (tags.length > 0) entry.fields.push(TAG_FIELD, tags.join(','))
  for (const [field, value] of ranges) entry.fields.push(field, String(value))
  return entry
}

/** A filter as a query; true where it matches everything, false where nothing. */
const compiled = (filter: FilterNode | undefined): Compiled => (filter === undefined ? true : compileQuery(filter))

const toMatches = (hits: readonly Hit[], include: Include, score: (hit: Hit) => number): VectorMatch[] => {
  const matches: VectorMatch[] = []
  for (const hit of hits) {
    const found = toFound(hit.id, hit.values, include)
    if (found) matches.push({ ...found, score: score(hit) })
  }
  return matches.sort(bestFirst)
}

/** RediSearch's distance as a similarity: it gives 1 - cosine, 1 - inner product, and the square of the Euclidean distance. */
export const similarity = (metric: Metric, distance: number): number => {
  if (metric === 'dot') return 1 - distance
  if (metric === 'euclidean') return 1 / (1 + Math.sqrt(Math.max(0, distance)))
  return Math.max(-1, Math.min(1, 1 - distance))
}

const explained = (error: unknown): unknown =>
  error instanceof Error && /limited to \d+ fields/i.test(error.message)
    ? new VeritasError({
        code: 'VALIDATION',
        path: 'metadata',
        message: `A collection in Redis takes some ${MAX_RANGES} different fields with numbers or dates, and this one has that many already.`,
        cause: error,
      })
    : error
