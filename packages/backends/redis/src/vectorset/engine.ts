import {
  bestFirst,
  evaluateFilter,
  type FilterNode,
  type VectorCapabilities,
  type VectorMatch,
  type VectorRecord,
} from '@veritas-db/core/contract'
import { BATCH_BYTES } from '../check.js'
import type { Known } from '../collections.js'
import type { RedisConfig } from '../config.js'
import type { Reply, Session } from '../connection.js'
import { type Algorithm, commonCapabilities, type Engine, type Question } from '../engine.js'
import { refuse } from '../errors.js'
import { type Place, vectorSetOf } from '../keys.js'
import { type Entry, FIELDS, type Found, type Include, type Patch, toEntry, toPatch, vectorBytes } from '../records.js'
import { vectorSetScripts } from '../scripts.js'
import { statementsOf } from '../statements.js'
import type { Store } from '../store.js'
import { compileExpression, TAG_ATTRIBUTE } from './expression.js'

/** Records that one transaction writes: adding a vector takes the server a third of a millisecond and more, in which it does nothing else. */
const RECORDS_A_TRANSACTION = 32
/** Records whose metadata are looked at in one request. */
const RECORDS_A_LOOK = 1000
/** Candidates beyond which comparing all costs no more, and `EF` ends. */
const MOST_CANDIDATES = 1_000_000

/** Redis's own vector sets: one a collection, whose elements are the ids of records. */
export class VectorSets implements Engine {
  readonly algorithm: Algorithm = 'vectorset'
  readonly scripts: Engine['scripts'] = vectorSetScripts
  readonly mostRanges: number = Number.POSITIVE_INFINITY
  readonly capabilities: VectorCapabilities = Object.freeze<VectorCapabilities>({
    limits: { batchRecords: RECORDS_A_TRANSACTION, batchBytes: BATCH_BYTES },
    ...commonCapabilities,
    metrics: ['cosine'],
    exact: 'optional',
    fullText: false,
  })
  readonly #hnsw: RedisConfig['hnsw']
  readonly #store: Store

  constructor(hnsw: RedisConfig['hnsw'], store: Store) {
    this.#hnsw = hnsw
    this.#store = store
  }

  encode(record: VectorRecord): Entry {
    const entry = toEntry(record)
    if (record.text !== undefined) entry.fields.push(FIELDS.text, record.text)
    return withAttributes(entry, record.metadata)
  }

  encodePatch(patch: Patch): Entry {
    return withAttributes(toPatch(patch), patch.metadata)
  }

  async prepare(): Promise<void> {
    // A vector set takes any attributes.
  }

  /** The edges of a node are those that the collection was made with: a set refuses others. */
  parameters({ edges = this.#hnsw.m }: Known): readonly string[] {
    return [String(edges), String(this.#hnsw.efConstruction)]
  }

  /** The set comes with its first element; but where the server has no sets, that is to be known now. */
  async create(session: Session, known: Known): Promise<void> {
    await session.send(['VCARD', vectorSetOf(known)])
    known.edges = this.#hnsw.m
  }

  async drop(session: Session, place: Place): Promise<void> {
    await session.send(['UNLINK', vectorSetOf(place)])
  }

  async query(session: Session, known: Known, question: Question): Promise<VectorMatch[]> {
    const { topK, filter, include } = question
    const { where, exact } = filter ? compileExpression(filter) : { where: true, exact: true }
    if (where === false) return []
    const condition = where === true ? [] : ['FILTER', where]
    if (exact || !filter) {
      // The server gives up after some hundred candidates for each match, unless told otherwise.
      const effort = condition.length > 0 ? ['FILTER-EF', String(MOST_CANDIDATES)] : []
      const how = question.exact ? ['TRUTH'] : ['EF', String(Math.max(this.#hnsw.efRuntime, topK)), ...effort]
      return this.#found(
        session,
        known,
        await this.#similar(session, known, question, topK, [...condition, ...how]),
        include,
      )
    }
    // The expression is wider than the filter: ever more of what it gives is looked at, until enough of them match.
    for (let wider = topK * 4; ; wider *= 4) {
      const scores = await this.#similar(session, known, question, wider, [...condition, 'TRUTH'])
      const matching = new Set(await this.matching(session, known, [...scores.keys()], filter))
      const best = [...scores].filter(([id]) => matching.has(id)).slice(0, topK)
      if (best.length === topK || scores.size < wider) return this.#found(session, known, new Map(best), include)
    }
  }

  /** Ids and scores, best first. */
  async #similar(
    session: Session,
    known: Known,
    { vector }: Question,
    count: number,
    more: readonly string[],
  ): Promise<Map<string, number>> {
    const reply = await session.send([
      ...['VSIM', vectorSetOf(known), 'FP32', vectorBytes(vector), 'WITHSCORES', 'COUNT', String(count)],
      ...more,
    ])
    const scores = new Map<string, number>()
    const list = reply as readonly Reply[]
    for (let i = 0; i + 1 < list.length; i += 2) scores.set(String(list[i]), similarity(Number(list[i + 1])))
    return scores
  }

  /** The records of these ids that are still there. */
  async #found(
    session: Session,
    known: Known,
    scores: ReadonlyMap<string, number>,
    include: Include,
  ): Promise<VectorMatch[]> {
    const matches: VectorMatch[] = []
    const found = await this.#store.byIds(session, known, [...scores.keys()], include)
    for (const [id, record] of found) matches.push({ ...record, score: scores.get(id) ?? 0 })
    return matches.sort(bestFirst)
  }

  async searchText(): Promise<VectorMatch[]> {
    throw refuse('searchText', 'RediSearch has full text, vector sets have none.')
  }

  async count(session: Session, known: Known, filter: FilterNode): Promise<number> {
    let count = 0
    for await (const ids of this.#eachMatching(session, known, filter)) count += ids.length
    return count
  }

  async matching(session: Session, known: Known, ids: readonly string[], filter: FilterNode): Promise<string[]> {
    const found = await this.#store.byIds(session, known, ids, { metadata: true })
    return ids.filter((id) => {
      const record: Found | undefined = found.get(id)
      return record !== undefined && evaluateFilter(filter, record.metadata ?? {})
    })
  }

  async deleteMatching(
    session: Session,
    known: Known,
    filter: FilterNode,
    remove: (ids: readonly string[]) => Promise<number>,
  ): Promise<number> {
    let deleted = 0
    for await (const ids of this.#eachMatching(session, known, filter)) deleted += await remove(ids)
    return deleted
  }

  /** All that matches: a vector set can be searched by a vector, not listed by a condition, so all metadata are looked at. */
  async *#eachMatching(session: Session, known: Known, filter: FilterNode): AsyncGenerator<readonly string[]> {
    for (let after: string | undefined; ; ) {
      const ids = await this.#store.page(session, known, after, RECORDS_A_LOOK)
      yield await this.matching(session, known, ids, filter)
      if (ids.length < RECORDS_A_LOOK) return
      after = ids.at(-1)
    }
  }
}

const withAttributes = (entry: Entry, metadata: VectorRecord['metadata']): Entry => {
  const { tags, ranges } = statementsOf(metadata)
  entry.attributes = JSON.stringify({ [TAG_ATTRIBUTE]: tags, ...Object.fromEntries(ranges) })
  return entry
}

/** A score of `VSIM`, which is in [0, 1], as the cosine. */
const similarity = (score: number): number => Math.max(-1, Math.min(1, 2 * score - 1))
