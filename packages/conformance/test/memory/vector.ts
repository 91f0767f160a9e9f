import {
  APPLIED,
  assertPushable,
  type CollectionDefinition,
  type CollectionInfo,
  checkString,
  checkVector,
  checkVectorQuery,
  type DeleteResult,
  type FilterNode,
  FULL_FILTER,
  invalid,
  isMatchAll,
  type Key,
  type Metric,
  type Page,
  type RecordHead,
  type RecordIssue,
  type ScanOptions,
  type Scope,
  STALE,
  type UpsertMode,
  unsupported,
  type VectorCapabilities,
  type VectorMatch,
  type VectorQuery,
  type VectorRecord,
  type VectorRole,
  VeritasError,
  type WriteResult,
} from '@veritas-db/core/contract'
import {
  type Collection,
  checkFields,
  identityIssues,
  issue,
  notFound,
  present,
  refuse,
  type Session,
  scopeId,
  textScore,
  wins,
} from './engine.js'
import { pageOf } from './scan.js'

export const VECTOR: VectorCapabilities = {
  limits: { batchRecords: 100, batchBytes: 1_000_000 },
  filter: FULL_FILTER,
  upsertModes: ['replace', 'ifNewer', 'ifAbsent'],
  conditionalUpsert: 'atomic',
  readAfterWrite: 'immediate',
  scan: { order: 'key', resume: 'cursor', snapshot: false },
  metrics: ['cosine', 'dot', 'euclidean'],
  maxDimensions: 4096,
  maxTopK: 10_000,
  exact: 'always',
  fullText: true,
  patch: true,
  deleteByFilter: true,
}

type Options<M extends keyof VectorRole> = VectorRole[M] extends (options: infer O) => unknown ? O : never

export class MemoryVector implements VectorRole {
  readonly capabilities: VectorCapabilities
  readonly #session: Session
  readonly #inside: boolean

  constructor(session: Session, capabilities: VectorCapabilities, inside = false) {
    this.#session = session
    this.capabilities = capabilities
    this.#inside = inside
  }

  check(records: readonly VectorRecord[], definition?: CollectionDefinition): readonly RecordIssue[] {
    return records.flatMap((r, i) =>
      present([
        issue(i, 'vector', () => checkVector(r.vector, definition?.dimensions)),
        issue(i, 'text', () => checkString(r.text ?? '', 'text')),
        ...identityIssues(i, r, r.metadata, 'metadata'),
      ]),
    )
  }

  async ensureCollection({ scope, signal, ...definition }: Options<'ensureCollection'>): Promise<void> {
    return this.#run({ scope, ...(signal && { signal }) }, () => {
      const { metrics, maxDimensions } = this.capabilities
      if (!metrics.includes(definition.metric)) throw this.#unsupported(`the metric ${definition.metric}`)
      if (
        !Number.isInteger(definition.dimensions) ||
        definition.dimensions < 1 ||
        definition.dimensions > maxDimensions
      )
        throw invalid('dimensions', `needs a whole number from 1 to ${maxDimensions}`)
      checkFields(definition.fields)
      const there = this.#collections.get(scopeId(scope))
      if (!there) {
        this.#collections.set(scopeId(scope), { scope, definition, records: new Map() })
        return
      }
      const { dimensions, metric, fields } = there.definition
      if (dimensions !== definition.dimensions || metric !== definition.metric)
        throw new VeritasError({
          code: 'CONFLICT',
          message: `The collection has ${dimensions} dimensions and ${metric}.`,
        })
      there.definition = { ...definition, fields: { ...fields, ...definition.fields } }
    })
  }

  async dropCollection(options: Options<'dropCollection'>): Promise<void> {
    return this.#run(options, () => {
      this.#collections.delete(scopeId(options.scope))
    })
  }

  async listCollections(options: { signal?: AbortSignal } = {}): Promise<readonly CollectionInfo[]> {
    return this.#run(options, () =>
      [...this.#collections.values()].map(({ scope, definition }) => ({ scope, ...definition })),
    )
  }

  async upsert(options: Options<'upsert'>): Promise<WriteResult> {
    return this.#run(options, () => {
      const { records, definition } = this.#at(options.scope)
      const mode = this.#mode(options.mode)
      refuse(this.check(options.records, definition))
      const outcomes = options.records.map((record) => {
        const id = this.#id(record)
        if (!wins(records.get(id), record.version, mode)) return STALE
        records.set(id, structuredClone(record))
        return APPLIED
      })
      return { outcomes }
    })
  }

  async get(options: Options<'get'>): Promise<readonly Omit<VectorMatch, 'score'>[]> {
    return this.#run(options, () => {
      const keys = new Set(options.keys)
      const include = options.include ?? { metadata: true, text: true }
      return [...this.#at(options.scope).records.values()].filter((r) => keys.has(r.key)).map((r) => shown(r, include))
    })
  }

  async query(options: VectorQuery): Promise<readonly VectorMatch[]> {
    return this.#run(options, () => {
      const { records, definition } = this.#at(options.scope)
      checkVectorQuery(options, definition, this.capabilities, 'memory')
      const accept = this.#filter(options.filter)
      return [...records.values()]
        .filter(accept)
        .map((r) => ({ ...shown(r, options.include ?? {}), score: score(definition.metric, r.vector, options.vector) }))
        .sort((a, b) => b.score - a.score || (this.#sortId(a) < this.#sortId(b) ? -1 : 1))
        .slice(0, options.topK)
    })
  }

  async delete(options: Options<'delete'>): Promise<DeleteResult> {
    return this.#run(options, () => {
      const { records } = this.#at(options.scope)
      if ('filter' in options && !this.capabilities.deleteByFilter) throw this.#unsupported('delete by filter')
      const keys = 'keys' in options ? new Set(options.keys) : undefined
      const accept = 'filter' in options ? this.#filter(options.filter) : (r: VectorRecord) => keys?.has(r.key) === true
      return remove(records, accept)
    })
  }

  async deleteByDocument(options: Options<'deleteByDocument'>): Promise<DeleteResult> {
    return this.#run(options, () => {
      const below = new Map(options.documents.map((d) => [d.key, d.versionBelow]))
      return remove(this.#at(options.scope).records, (r) => r.version < (below.get(r.key) ?? ''))
    })
  }

  async count(options: Options<'count'>): Promise<number> {
    return this.#run(
      options,
      () => [...this.#at(options.scope).records.values()].filter(this.#filter(options.filter)).length,
    )
  }

  scan(options: ScanOptions & { readonly fields: 'keys' }): Promise<Page<RecordHead>>
  scan(options: ScanOptions & { readonly fields?: 'all' }): Promise<Page<VectorRecord>>
  async scan(options: ScanOptions & { readonly fields?: 'keys' | 'all' }): Promise<Page<RecordHead | VectorRecord>> {
    return this.#run(options, () => {
      const records = [...this.#at(options.scope).records.values()].filter(this.#filter(options.filter))
      const page = pageOf(this.#session.engine, this.capabilities.scan, records, (r) => this.#sortId(r), options)
      const head = ({ key, version, ordinal }: VectorRecord): RecordHead => ({ key, version, ordinal })
      return { ...page, records: page.records.map((r) => (options.fields === 'keys' ? head(r) : structuredClone(r))) }
    })
  }

  async searchText(options: Options<'searchText'>): Promise<readonly VectorMatch[]> {
    if (!this.capabilities.fullText) throw this.#unsupported('full text')
    return this.#run(options, () =>
      [...this.#at(options.scope).records.values()]
        .filter(this.#filter(options.filter))
        .map((r) => ({ ...shown(r, {}), score: textScore(r.text ?? '', options.query) }))
        .filter((match) => match.score > 0)
        .sort((a, b) => b.score - a.score)
        .slice(0, options.limit),
    )
  }

  async patch(options: Options<'patch'>): Promise<WriteResult> {
    if (!this.capabilities.patch) throw this.#unsupported('patch')
    return this.#run(options, () => {
      const { records } = this.#at(options.scope)
      const outcomes = options.records.map((patch) => {
        const id = this.#id(patch)
        const there = records.get(id)
        if (!there || !wins(there, patch.version, 'ifNewer')) return STALE
        records.set(id, { ...there, version: patch.version, metadata: structuredClone(patch.metadata) })
        return APPLIED
      })
      return { outcomes }
    })
  }

  get #collections(): Map<string, Collection> {
    return this.#session.engine.state.collections
  }
  #run<T>(options: { signal?: AbortSignal; scope?: Scope }, work: () => T): Promise<T> {
    return this.#session.run(options, this.#inside, work)
  }
  #at(scope: Scope): Collection {
    const there = this.#collections.get(scopeId(scope))
    if (!there) throw notFound(`collection ${scopeId(scope)}`)
    return there
  }
  #mode(mode: UpsertMode | undefined): UpsertMode {
    if (mode !== undefined && !this.capabilities.upsertModes.includes(mode)) throw this.#unsupported(`mode ${mode}`)
    return mode ?? 'replace'
  }
  /** Where nobody compares versions, the version is a part of the record's id. */
  #id(record: { key: Key; ordinal: number; version: string }): string {
    const { key, ordinal, version } = record
    return this.capabilities.conditionalUpsert === 'none' ? `${key} ${version} ${ordinal}` : `${key} ${ordinal}`
  }
  #sortId({ key, ordinal, version }: Pick<VectorRecord, 'key' | 'ordinal' | 'version'>): string {
    return `${key} ${String(ordinal).padStart(9, '0')} ${version}`
  }
  #filter(filter: FilterNode | undefined): (record: VectorRecord) => boolean {
    if (!filter || isMatchAll(filter)) return () => true
    assertPushable(filter, this.capabilities.filter, 'memory', 'vector')
    return (record) => this.#session.evaluate(filter, record.metadata)
  }
  #unsupported(what: string): VeritasError {
    return unsupported('memory', 'vector', what)
  }
}

function remove(records: Map<string, VectorRecord>, accept: (record: VectorRecord) => boolean): DeleteResult {
  let deleted = 0
  for (const [id, record] of records) if (accept(record) && records.delete(id)) deleted++
  return { deleted }
}

function shown(r: VectorRecord, include: NonNullable<VectorQuery['include']>): Omit<VectorMatch, 'score'> {
  return {
    key: r.key,
    documentId: r.documentId,
    version: r.version,
    ordinal: r.ordinal,
    ...(include.metadata && { metadata: structuredClone(r.metadata) }),
    ...(include.text && r.text !== undefined && { text: r.text }),
    ...(include.vector && { vector: r.vector.slice() }),
  }
}

function score(metric: Metric, a: Float32Array, b: Float32Array): number {
  let [dot, aa, bb, square] = [0, 0, 0, 0]
  a.forEach((x, i) => {
    const y = b[i] ?? 0
    dot += x * y
    aa += x * x
    bb += y * y
    square += (x - y) ** 2
  })
  if (metric === 'dot') return dot
  if (metric === 'euclidean') return 1 / (1 + Math.sqrt(square))
  return Math.max(-1, Math.min(1, dot / Math.sqrt(aa * bb || 1)))
}
