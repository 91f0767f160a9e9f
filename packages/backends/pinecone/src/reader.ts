import { foreignCursor, inParallel, type Metric, shortNumbers, VeritasError } from '@veritas-db/core/contract'
import type { Space } from './catalog.js'
import type { Call, Connection } from './connection.js'
import type { NativeFilter } from './filter.js'
import { parseToken } from './freshness.js'
import { KEY_FIELD } from './records.js'
import { until } from './wait.js'

/** A record as Pinecone gives it out. */
export interface Stored {
  readonly id: string
  readonly values?: readonly number[]
  readonly metadata?: Readonly<Record<string, unknown>>
}

/** One page of a scan; without the records' content where only keys were wanted. */
export interface StoredPage {
  readonly records: readonly Stored[]
  readonly cursor: string | null
}

interface Query {
  readonly vector: Float32Array
  readonly topK: number
  readonly filter: NativeFilter | undefined
  readonly values: boolean
  readonly after: string | undefined
}

/** The most ids of one page of a list. */
const LIST_PAGE = 100
/** Ids travel in the URL of a fetch, about 65 bytes each: this many fit into the 8 KB that any proxy takes. */
const FETCH_IDS = 100
/** Records of one page of a scan, whatever is asked for: a page is in memory as a whole. */
const MAX_PAGE = 10_000
/** The most matches of one query. */
const MAX_MATCHES = 10_000
const ANY: NativeFilter = { [KEY_FIELD]: { $exists: true } }

/** All reads of records, and waiting for writes to be seen. */
export class Reader {
  readonly #connection: Connection
  /** By namespace, the newest write that a query is known to have seen. */
  readonly #seen = new Map<string, number>()

  constructor(connection: Connection) {
    this.#connection = connection
  }

  /** Forgets what is known of a namespace that was dropped. */
  forget(namespace: string): void {
    this.#seen.delete(namespace)
  }

  /** The sequence number that a read of this namespace must have seen; undefined where it need not wait. */
  #wanted(space: Space, after: string | undefined): number | undefined {
    if (after === undefined) return undefined
    const { namespace, lsn } = parseToken(after)
    return namespace === space.namespace && (this.#seen.get(namespace) ?? 0) < lsn ? lsn : undefined
  }

  /** Waits until reads see a write. Queries alone tell how far they see, so a small one is asked until it does. */
  async awaitWrite(call: Call, space: Space, after: string | undefined): Promise<void> {
    const lsn = this.#wanted(space, after)
    if (lsn === undefined) return
    const vector = new Array<number>(space.dimensions).fill(0)
    vector[0] = 1
    await this.#fresh(call, space, lsn, { vector, topK: 1 })
  }

  /** Asks a query until its answer has seen the write. */
  async #fresh(call: Call, space: Space, lsn: number | undefined, body: NativeQuery): Promise<readonly ScoredRecord[]> {
    const { timeoutMs } = this.#connection
    const options = { timeoutMs, signal: call.signal, what: 'Waiting for a write to be seen' }
    const start = performance.now()
    return until(async () => {
      const request = { ...body, namespace: space.namespace }
      const { value, exchange } = await this.#connection.onIndex(call, space.host, (index) => index.query(request))
      const { indexedLsn } = exchange
      if (indexedLsn !== undefined && indexedLsn > (this.#seen.get(space.namespace) ?? 0))
        this.#seen.set(space.namespace, indexedLsn)
      if (lsn === undefined || (indexedLsn ?? 0) >= lsn) return value.matches
      // A client of the user's own shows no headers: then only time tells.
      const { client, visibilityDelayMs } = this.#connection.config
      if (client && indexedLsn === undefined && performance.now() - start >= visibilityDelayMs) return value.matches
      return undefined
    }, options)
  }

  async query(call: Call, space: Space, query: Query): Promise<(Stored & { readonly score: number })[]> {
    const lsn = this.#wanted(space, query.after)
    const { topK, filter, values } = query
    const body = { vector: shortNumbers(query.vector), topK, ...(filter && { filter }) }
    const similar = similarity(space.metric)
    try {
      const matches = await this.#fresh(call, space, lsn, { ...body, includeMetadata: true, includeValues: values })
      return matches.map((match) => ({ ...match, score: similar(match.score) }))
    } catch (error) {
      // An answer has 4 MB at most. Ids alone always fit; the records are then fetched by them.
      if (topK === 1 || !VeritasError.is(error, 'VALIDATION')) throw error
      const matches = await this.#fresh(call, space, lsn, body)
      const records = await this.fetch(
        call,
        space,
        matches.map((match) => match.id),
      )
      return matches.flatMap(({ id, score }) => {
        const record = records.get(id)
        return record ? [{ ...record, score: similar(score) }] : []
      })
    }
  }

  /** Records by their ids; missing ones are left out. */
  async fetch(call: Call, space: Space, ids: readonly string[]): Promise<ReadonlyMap<string, Stored>> {
    const { namespace, host } = space
    const parts = Array.from({ length: Math.ceil(ids.length / FETCH_IDS) }, (_, i) =>
      ids.slice(i * FETCH_IDS, (i + 1) * FETCH_IDS),
    )
    const found = await inParallel(parts, this.#connection.width, (part) =>
      this.#connection.onIndex(call, host, (index) => index.fetch({ ids: part, namespace })),
    )
    return new Map(found.flatMap(({ value }) => Object.entries(value.records)))
  }

  /** All records that a filter matches. */
  async fetchAll(call: Call, space: Space, filter: NativeFilter): Promise<Stored[]> {
    const records: Stored[] = []
    let token: string | undefined
    do {
      const page = await this.#fetchPage(call, space, filter, pageSize(space), token)
      records.push(...page.records)
      token = page.next
    } while (token !== undefined)
    return records
  }

  async #fetchPage(
    call: Call,
    space: Space,
    filter: NativeFilter,
    limit: number,
    token: string | undefined,
  ): Promise<{ readonly records: readonly Stored[]; readonly next: string | undefined }> {
    const { namespace, host } = space
    const request = { filter, limit, namespace, ...(token !== undefined && { paginationToken: token }) }
    const { value } = await this.#connection.onIndex(call, host, (index) => index.fetchByMetadata(request))
    return { records: Object.values(value.records), next: value.pagination?.next || undefined }
  }

  async #listPage(
    call: Call,
    space: Space,
    limit: number,
    token: string | undefined,
  ): Promise<{ readonly records: readonly Stored[]; readonly next: string | undefined }> {
    const { namespace, host } = space
    const request = {
      limit: Math.min(limit, LIST_PAGE),
      namespace,
      ...(token !== undefined && { paginationToken: token }),
    }
    const { value } = await this.#connection.onIndex(call, host, (index) => index.listPaginated(request))
    const records = (value.vectors ?? []).flatMap(({ id }) => (id === undefined ? [] : [{ id }]))
    return { records, next: value.pagination?.next || undefined }
  }

  /**
   * One page of a scan. Without a filter, ids are listed and records fetched by them; a list is what Pinecone has for this. With a
   * filter, records are fetched by it. The cursor is the server's own, marked with the way it belongs to.
   */
  async scan(
    call: Call,
    space: Space,
    options: { filter: NativeFilter | undefined; limit: number; keysOnly: boolean; cursor?: string },
  ): Promise<StoredPage> {
    const { filter, keysOnly, cursor } = options
    const limit = Math.min(options.limit, MAX_PAGE)
    const mark = filter ? 'f' : 'l'
    if (cursor !== undefined && !cursor.startsWith(`${mark}:`)) throw foreignCursor()
    let token = cursor?.slice(2)
    const records: Stored[] = []
    do {
      const room = limit - records.length
      const page = filter
        ? await this.#fetchPage(call, space, filter, Math.min(room, pageSize(space)), token)
        : await this.#listPage(call, space, room, token)
      records.push(...page.records)
      token = page.next
    } while (token !== undefined && records.length < limit)
    const next = token === undefined ? null : `${mark}:${token}`
    if (filter || keysOnly) return { records, cursor: next }
    const ids = records.map((record) => record.id)
    const whole = await this.fetch(call, space, ids)
    return { records: ids.flatMap((id) => whole.get(id) ?? []), cursor: next }
  }

  /** How many records match. Searches with a filter find all matches, up to 10,000; beyond that they are paged through. */
  async count(call: Call, space: Space, filter: NativeFilter | undefined, after: string | undefined): Promise<number> {
    const lsn = this.#wanted(space, after)
    const vector = new Array<number>(space.dimensions).fill(0)
    vector[0] = 1
    const matches = await this.#fresh(call, space, lsn, { vector, topK: MAX_MATCHES, filter: filter ?? ANY })
    if (matches.length < MAX_MATCHES) return matches.length
    let count = 0
    let cursor: string | undefined
    do {
      const options = { filter, limit: 1000, keysOnly: true, ...(cursor !== undefined && { cursor }) }
      const page = await this.scan(call, space, options)
      count += page.records.length
      cursor = page.cursor ?? undefined
    } while (cursor !== undefined)
    return count
  }
}

interface NativeQuery {
  readonly vector: number[]
  readonly topK: number
  readonly filter?: NativeFilter
  readonly includeMetadata?: boolean
  readonly includeValues?: boolean
}

interface ScoredRecord extends Stored {
  readonly score?: number
}

/** Records of one page of a fetch, so that an answer stays at a few megabytes. */
const pageSize = ({ dimensions }: Space): number =>
  Math.max(10, Math.min(1000, Math.floor(4_000_000 / (dimensions * 12 + 4096))))

/** Pinecone's score as the contract's similarity. It tells squared distances for euclidean, and rounds a little beyond 1 for cosine. */
const similarity =
  (metric: Metric) =>
  (score = 0): number => {
    if (metric === 'cosine') return Math.max(-1, Math.min(1, score))
    return metric === 'euclidean' ? 1 / (1 + Math.sqrt(Math.max(0, score))) : score
  }
