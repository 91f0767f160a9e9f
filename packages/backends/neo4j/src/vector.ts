import {
  type CallOptions,
  type CollectionDefinition,
  type CollectionInfo,
  checkCollection,
  checkLimit,
  checkScope,
  checkUpsertMode,
  checkVectorPatch,
  checkVectorQuery,
  type DeleteResult,
  type FilterNode,
  issuesOf,
  type Key,
  type Metadata,
  type Outcome,
  type Page,
  type Position,
  pageOf,
  type ReadOptions,
  type RecordHead,
  type RecordIssue,
  readCursor,
  refuseMistakes,
  type ScanOptions,
  type ScopedOptions,
  STALE,
  type TextQuery,
  textAt,
  type UpsertMode,
  uniqueBatch,
  type VectorCapabilities,
  type VectorMatch,
  type VectorQuery,
  type VectorRecord,
  type VectorRole,
  type Version,
  type WriteResult,
} from '@veritas-db/core/contract'
import { inBatches } from './batches.js'
import { checkDirection, checkVectorRecord } from './check.js'
import type { Collection, Collections } from './collections.js'
import type { Access, Row } from './connection.js'
import { integer, lock, quote, type Statement, toNumber } from './cypher.js'
import { common, type Environment, filterOn, textQuery } from './environment.js'
import { backendName, type Guard, guardFor, isMissingIndex, refuse } from './errors.js'
import { idOf, prefixOf, returned, toHead, toMatch, toRecord } from './vector/records.js'
import { nearest } from './vector/search.js'
import { patchRecords, upsertRecords } from './vector/write.js'

const capabilities: VectorCapabilities = {
  ...common,
  metrics: ['cosine', 'euclidean'],
  maxDimensions: 4096,
  maxTopK: 10_000,
  exact: 'optional',
  fullText: true,
  patch: true,
  deleteByFilter: true,
}

/** Passages as nodes with the collection's label, a vector index and a full-text index over them. */
export class Neo4jVectors implements VectorRole {
  readonly capabilities: VectorCapabilities = capabilities
  readonly #environment: Environment
  readonly #access: Access
  readonly #guard: Guard
  readonly #collections: Collections

  constructor(environment: Environment, access: Access, collections: Collections) {
    this.#environment = environment
    this.#access = access
    // A unit of work is one call, under way from its beginning to its end.
    this.#guard = guardFor('vector', (work) => (access.inUnit ? work() : environment.connection.call(work)))
    this.#collections = collections
  }

  readonly check = (records: readonly VectorRecord[], definition?: CollectionDefinition): readonly RecordIssue[] =>
    issuesOf(records, (record) => checkVectorRecord(record, definition))

  ensureCollection(options: ScopedOptions & CollectionDefinition): Promise<void> {
    return this.#guard('ensureCollection', options, async () => {
      const { scope, dimensions, metric, fields, signal } = options
      checkScope(scope)
      checkCollection(options, capabilities, backendName)
      await this.#collections.ensure(scope, { dimensions, metric, ...(fields && { fields }) }, signal)
    })
  }

  dropCollection(options: ScopedOptions): Promise<void> {
    return this.#guard('dropCollection', options, async () => {
      checkScope(options.scope)
      if (this.#access.inUnit) throw refuse('vector', 'dropCollection in a unit of work', 'drop it outside.')
      await this.#collections.drop(options.scope, options.signal)
    })
  }

  listCollections(options: CallOptions = {}): Promise<readonly CollectionInfo[]> {
    return this.#guard('listCollections', options, () => this.#collections.list(this.#access, options.signal))
  }

  upsert(
    options: ScopedOptions & { readonly records: readonly VectorRecord[]; readonly mode?: UpsertMode },
  ): Promise<WriteResult> {
    return this.#guard('upsert', options, async () => {
      const { scope, records, mode = 'replace', signal } = options
      checkUpsertMode(mode, capabilities, backendName, 'vector')
      const unique = uniqueBatch(records, idOf, mode)
      const write = (collection: Collection): Promise<Outcome[]> => {
        refuseMistakes(records, (record) => checkVectorRecord(record, collection))
        return upsertRecords(this.#environment, this.#access, collection, unique.records, mode, signal)
      }
      const collection = await this.#collections.get(this.#access, scope, signal)
      const outcomes = await write(collection)
      if (!outcomes.includes(STALE)) return { outcomes: unique.outcomes(outcomes) }
      // Nothing may have been written because the collection is another one by now.
      const now = await this.#collections.get(this.#access, scope, signal, true)
      return { outcomes: unique.outcomes(now.generation === collection.generation ? outcomes : await write(now)) }
    })
  }

  get(
    options: ReadOptions & { readonly keys: readonly Key[]; readonly include?: VectorQuery['include'] },
  ): Promise<readonly Omit<VectorMatch, 'score'>[]> {
    return this.#guard('get', options, async () => {
      const { scope, keys, include = { metadata: true, text: true }, signal } = options
      const { label } = await this.#collections.get(this.#access, scope, signal)
      if (keys.length === 0) return []
      const rows = await this.#access.run(
        {
          text: `UNWIND $prefixes AS prefix
            MATCH (n:${quote(label)}) WHERE n._id STARTS WITH prefix
            RETURN ${returned(include)}`,
          parameters: { prefixes: [...new Set(keys)].map(prefixOf) },
        },
        signal,
      )
      await this.#verify(options, rows.length)
      return rows.map((row) => toMatch(row, include))
    })
  }

  query(options: VectorQuery): Promise<readonly VectorMatch[]> {
    return this.#guard('query', options, async () => {
      const { scope, vector, topK, signal, filter, include = {}, exact = false } = options
      const collection = await this.#collections.get(this.#access, scope, signal)
      const ask = (asked: Collection): Promise<VectorMatch[]> => {
        checkVectorQuery(options, asked, capabilities, backendName)
        if (asked.metric === 'cosine') checkDirection(vector)
        return nearest(this.#environment, this.#access, asked, { vector, topK, filter, include, exact }, signal)
      }
      // Nothing is found, or no index is there, where the collection is another one by now.
      const found = await ask(collection).catch((error: unknown) => {
        if (isMissingIndex(error)) return undefined
        throw error
      })
      if (found !== undefined && found.length > 0) return found
      const now = await this.#collections.get(this.#access, scope, signal, true)
      return found !== undefined && now.generation === collection.generation ? found : ask(now)
    })
  }

  delete(
    options: ScopedOptions & ({ readonly keys: readonly Key[] } | { readonly filter: FilterNode }),
  ): Promise<DeleteResult> {
    return this.#guard('delete', options, async () => {
      const { label } = await this.#collections.get(this.#access, options.scope, options.signal)
      if ('filter' in options) {
        const filter = filterOn(this.#environment, options.filter)
        const text = `MATCH (n:${quote(label)}) WHERE ${filter.text} DETACH DELETE n RETURN count(*) AS deleted`
        return this.#deleteInBatches(options, [filter], () => ({ text, parameters: filter.parameters }))
      }
      const keys = [...new Set(options.keys)].sort()
      return this.#deleteInBatches(options, keys, (batch) => ({
        text: `UNWIND $prefixes AS prefix
          MATCH (n:${quote(label)}) WHERE n._id STARTS WITH prefix
          DETACH DELETE n RETURN count(*) AS deleted`,
        parameters: { prefixes: batch.map(prefixOf) },
      }))
    })
  }

  deleteByDocument(
    options: ScopedOptions & { readonly documents: readonly { readonly key: Key; readonly versionBelow: Version }[] },
  ): Promise<DeleteResult> {
    return this.#guard('deleteByDocument', options, async () => {
      const { label } = await this.#collections.get(this.#access, options.scope, options.signal)
      const sorted = options.documents.toSorted((a, b) => (a.key < b.key ? -1 : 1))
      return this.#deleteInBatches(options, sorted, (batch) => ({
        // The lock comes before the comparison, so that a newer version written meanwhile stays.
        text: `UNWIND $documents AS document
          MATCH (n:${quote(label)}) WHERE n._id STARTS WITH document.prefix AND n._version < document.below
          ${lock('n')}
          WITH DISTINCT n, document WHERE n._version < document.below
          DETACH DELETE n RETURN count(*) AS deleted`,
        parameters: {
          documents: batch.map(({ key, versionBelow }) => ({ prefix: prefixOf(key), below: versionBelow })),
        },
      }))
    })
  }

  count(options: ReadOptions & { readonly filter?: FilterNode }): Promise<number> {
    return this.#guard('count', options, async () => {
      const { label } = await this.#collections.get(this.#access, options.scope, options.signal)
      const filter = filterOn(this.#environment, options.filter)
      const text = `MATCH (n:${quote(label)}) WHERE ${filter.text} RETURN count(n) AS count`
      const [row] = await this.#access.run({ text, parameters: filter.parameters }, options.signal)
      const count = toNumber(row?.get('count'))
      await this.#verify(options, count)
      return count
    })
  }

  scan(options: ScanOptions & { readonly fields: 'keys' }): Promise<Page<RecordHead>>
  scan(options: ScanOptions & { readonly fields?: 'all' }): Promise<Page<VectorRecord>>
  scan(options: ScanOptions & { readonly fields?: 'keys' | 'all' }): Promise<Page<RecordHead> | Page<VectorRecord>> {
    return this.#guard('scan', options, async (): Promise<Page<RecordHead> | Page<VectorRecord>> => {
      const { label } = await this.#collections.get(this.#access, options.scope, options.signal)
      const { limit = 1000, fields = 'all' } = options
      checkLimit(limit, 'limit')
      const position = readCursor(options.cursor, 1)
      const filter = filterOn(this.#environment, options.filter)
      const include = fields === 'keys' ? {} : { metadata: true, text: true, vector: true }
      const rows = await this.#access.run(
        {
          text: `MATCH (n:${quote(label)}) WHERE n._id > $cursor AND ${filter.text}
            WITH n ORDER BY n._id LIMIT $limit RETURN ${returned(include)}`,
          parameters: { ...filter.parameters, cursor: position ? textAt(position, 0) : '', limit: integer(limit + 1) },
        },
        options.signal,
      )
      await this.#verify(options, rows.length)
      const place = (row: Row): Position => [row.get('id') as string]
      return fields === 'all' ? pageOf(rows, limit, place, toRecord) : pageOf(rows, limit, place, toHead)
    })
  }

  searchText(options: TextQuery): Promise<readonly VectorMatch[]> {
    return this.#guard('searchText', options, async () => {
      const { label } = await this.#collections.get(this.#access, options.scope, options.signal)
      checkLimit(options.limit, 'limit')
      const words = textQuery(options.query)
      if (words === undefined || options.limit === 0) return []
      const filter = filterOn(this.#environment, options.filter)
      const include = { text: true }
      const rows = await this.#access.run(
        {
          text: `${this.#environment.dialect.queryFullText} WITH n, score WHERE ${filter.text}
            WITH n, score ORDER BY score DESC, n._id LIMIT $limit RETURN score, ${returned(include)}`,
          parameters: { ...filter.parameters, words, index: `${label}_text`, limit: integer(options.limit) },
        },
        options.signal,
      )
      await this.#verify(options, rows.length)
      return rows.map((row) => ({ ...toMatch(row, include), score: row.get('score') as number }))
    })
  }

  patch(
    options: ScopedOptions & {
      readonly records: readonly {
        readonly key: Key
        readonly ordinal: number
        readonly version: Version
        readonly metadata: Metadata
      }[]
    },
  ): Promise<WriteResult> {
    return this.#guard('patch', options, async () => {
      const { scope, records, signal } = options
      const collection = await this.#collections.get(this.#access, scope, signal)
      refuseMistakes(records, checkVectorPatch)
      const unique = uniqueBatch(records, idOf, 'ifNewer')
      const outcomes = await patchRecords(this.#environment, this.#access, collection, unique.records, signal)
      if (outcomes.includes(STALE)) await this.#collections.get(this.#access, scope, signal, true)
      return { outcomes: unique.outcomes(outcomes) }
    })
  }

  /** Deletes, a transaction a batch. */
  async #deleteInBatches<T>(
    options: ScopedOptions,
    items: readonly T[],
    statement: (batch: readonly T[]) => Statement,
  ): Promise<DeleteResult> {
    let deleted = 0
    await inBatches(
      items,
      this.#environment.sizes.deletes,
      () => 100,
      options.signal,
      async (batch) => {
        const [row] = await this.#access.run(statement(batch), options.signal)
        deleted += toNumber(row?.get('deleted'))
      },
    )
    await this.#verify(options, deleted)
    return { deleted }
  }

  /** Where nothing was found the collection itself may be gone: then NOT_FOUND. */
  async #verify({ scope, signal }: ScopedOptions, found: number): Promise<void> {
    if (found === 0) await this.#collections.get(this.#access, scope, signal, true)
  }
}
