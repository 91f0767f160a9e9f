import type { ResolvedConfig } from '../config/types.js'
import { invalid, type RoleName, throwIfAborted, VeritasError } from '../contract/errors.js'
import { parseFilter } from '../contract/filter/parse.js'
import { isMatchAll } from '../contract/filter/pushdown.js'
import type { RoleTypes } from '../contract/plugin.js'
import {
  checkId,
  checkName,
  checkString,
  checkVector,
  isPlainObject,
  type Key,
  type Metadata,
  typeName,
  type Version,
} from '../contract/values.js'
import { embedding } from '../documents/normalise.js'
import { ATTRIBUTE_TYPES } from '../documents/types.js'
import type { Embedder } from '../embedders/embedder.js'
import type { Events } from '../events.js'
import { type Collection, type Collections, EXTERNAL_EMBEDDER } from '../store/collections.js'
import { enrich, unverifiedHits } from './enrich.js'
import { defaultWeights, fuse, type RankedList } from './fuse.js'
import { fullTextLeg, graphLeg, type LegAnswer, type LegRequest, metadataLeg, semanticLeg } from './legs.js'
import type { LegExplanation, SearchMode, SearchOptions, SearchResult, SearchType, SearchWarning } from './types.js'

export interface SearcherParts {
  readonly roles: Partial<RoleTypes>
  /** The plugin's name behind each role. */
  readonly backendOf: (role: RoleName) => string
  readonly collections: Collections
  readonly embedder: Embedder
  readonly config: ResolvedConfig
  readonly events: Events
  readonly observe: (version: Version) => void
  /** The embedding of a query, from the cache where it is there. */
  readonly embedQuery: (embedder: Embedder, query: string, signal?: AbortSignal) => Promise<Float32Array>
}

const MODES: readonly SearchMode[] = ['semantic', 'graph', 'metadata', 'hybrid']
const OPTIONS = new Set([
  'query',
  'vector',
  'collection',
  'mode',
  'filter',
  'limit',
  'graph',
  'weights',
  'explain',
  'signal',
])
const MAX_LIMIT = 10_000
/** Hits dropped by the authority or the rest of a filter are made up for by fetching this many times more. */
const GROWTH = 4
const MAX_FETCH = 40_000

interface LegRun {
  readonly searchType: SearchType
  readonly role: RoleName
  readonly run: (request: LegRequest) => Promise<LegAnswer | undefined>
}

/** The search path: plan → legs at the same time → fuse → check against the authority. */
export class Searcher {
  readonly #parts: SearcherParts
  constructor(parts: SearcherParts) {
    this.#parts = parts
  }

  async search<M extends object>(options: SearchOptions<M>): Promise<SearchResult<M>> {
    const started = performance.now()
    checkSearch(options)
    const limit = options.limit ?? 10
    const mode = options.mode ?? 'hybrid'
    const warnings: SearchWarning[] = []
    const collections = await this.#collections(options)
    const legs = this.#plan(mode, options, warnings)
    const answered: { hits: SearchResult['hits']; dropped: number; legs: LegExplanation[] } = {
      hits: [],
      dropped: 0,
      legs: [],
    }
    let fetch = mode === 'hybrid' ? Math.max(limit * 2, 50) : limit + 5
    for (;;) {
      const round: SearchWarning[] = []
      const outcome = await this.#round(collections, legs, options, mode, fetch, limit, round)
      Object.assign(answered, outcome)
      if (outcome.hits.length >= limit || !outcome.more || fetch >= MAX_FETCH || round.some((w) => w.error)) {
        warnings.push(...round)
        break
      }
      fetch = Math.min(fetch * GROWTH, MAX_FETCH)
    }
    return {
      // The caller says what its metadata look like; what is stored was checked when it was stored.
      hits: answered.hits as SearchResult<M>['hits'],
      warnings,
      durationMs: performance.now() - started,
      ...(options.explain && { explain: { legs: answered.legs, dropped: answered.dropped } }),
    }
  }

  async #collections<M extends object>(options: SearchOptions<M>): Promise<readonly Collection[]> {
    const { collection } = options
    if (collection === undefined) return this.#parts.collections.list(options.signal)
    const names = typeof collection === 'string' ? [collection] : [...new Set(collection)]
    return Promise.all(names.map((name) => this.#parts.collections.get(name)))
  }

  /** Which legs answer a mode, as far as the configured roles and the question allow. */
  #plan<M extends object>(mode: SearchMode, options: SearchOptions<M>, warnings: SearchWarning[]): readonly LegRun[] {
    const { roles, backendOf } = this.#parts
    const asks = options.query !== undefined || options.vector !== undefined
    const walks = options.query !== undefined || options.graph?.from !== undefined
    const semantic: LegRun = { searchType: 'semantic', role: 'vector', run: (request) => semanticLeg(roles, request) }
    const fullText: LegRun = {
      searchType: 'fullText',
      role: 'relational',
      run: (request) => fullTextLeg(roles, request),
    }
    const metadata: LegRun = {
      searchType: 'metadata',
      role: 'relational',
      run: (request) => metadataLeg(roles, request),
    }
    const graph: LegRun = { searchType: 'graph', role: 'graph', run: (request) => graphLeg(roles, request) }
    const wanted: Record<SearchMode, readonly LegRun[]> = {
      semantic: asks ? [semantic] : [],
      graph: walks || options.vector !== undefined ? [graph] : [],
      metadata: options.query !== undefined ? [fullText] : [metadata],
      hybrid: [
        ...(asks ? [semantic] : []),
        ...(options.query !== undefined ? [fullText] : asks || walks ? [] : [metadata]),
        ...(walks ? [graph] : []),
      ],
    }
    const legs = wanted[mode]
    if (legs.length === 0)
      throw invalid(
        'query',
        mode === 'graph'
          ? 'a graph search needs a query, or graph.from'
          : 'a semantic search needs a query or a vector',
      )
    const possible = legs.filter((leg) => roles[leg.role] !== undefined)
    if (possible.length === 0)
      throw new VeritasError({
        code: 'CONFIGURATION',
        message: `The mode "${mode}" needs the ${legs[0]?.role} role, which is not configured. Configured: ${Object.keys(roles).join(', ')}.`,
      })
    if (mode === 'hybrid')
      for (const leg of legs)
        if (!possible.includes(leg))
          warnings.push({
            role: leg.role,
            backend: 'none',
            message: `The ${leg.role} role is not configured: ${leg.searchType} hits are missing.`,
          })
    if (legs.includes(fullText) && ![roles.relational, roles.vector, roles.graph].some((r) => r?.capabilities.fullText))
      warnings.push({
        role: 'relational',
        backend: backendOf('relational'),
        message: 'No configured store has full text: full-text hits are missing.',
      })
    return possible
  }

  async #round<M extends object>(
    collections: readonly Collection[],
    legs: readonly LegRun[],
    options: SearchOptions<M>,
    mode: SearchMode,
    fetch: number,
    limit: number,
    warnings: SearchWarning[],
  ): Promise<{ hits: SearchResult['hits']; dropped: number; legs: LegExplanation[]; more: boolean }> {
    const weights = {
      ...defaultWeights(this.#parts.embedder.kind, options.graph?.from ? 'given' : 'found'),
      ...options.weights,
    }
    const explained: LegExplanation[] = []
    const lists: RankedList[] = []
    const owner = new Map<Key, Collection>()
    const errors: VeritasError[] = []
    let answers = 0
    let more = false
    await Promise.all(
      collections.map(async (collection) => {
        const request = await this.#request(collection, options, fetch, legs, warnings, errors)
        await Promise.all(
          legs.map(async (leg) => {
            if (leg.searchType === 'semantic' && request.vector === undefined) return
            const started = performance.now()
            try {
              const answer = await leg.run(request)
              answers++
              if (!answer) return
              const weight = mode === 'hybrid' ? weights[answer.searchType] : 1
              const backend = this.#parts.backendOf(answer.role)
              lists.push({ searchType: answer.searchType, backend, weight, candidates: answer.candidates })
              for (const candidate of answer.candidates) owner.set(candidate.key, collection)
              more ||= answer.more
              explained.push({
                searchType: answer.searchType,
                collection: collection.scope.collection,
                backend,
                weight,
                candidates: answer.candidates.length,
                postFiltered: answer.postFiltered,
                durationMs: performance.now() - started,
              })
            } catch (cause) {
              throwIfAborted(options.signal)
              errors.push(this.#warn(leg, cause, warnings))
            }
          }),
        )
      }),
    )
    const [first] = errors
    if (answers === 0 && first) throw first
    const fused = fuse(lists)
    const collectionOf = (key: Key): Collection => owner.get(key) as Collection
    const { relational } = this.#parts.roles
    if (!relational)
      return { hits: unverifiedHits(fused, collectionOf, limit), dropped: 0, legs: explained, more: false }
    try {
      const filter = parseFilter(options.filter)
      const enriched = await enrich(relational, collectionOf, fused, {
        filter,
        limit,
        observe: this.#parts.observe,
        ...(options.query !== undefined && { query: options.query }),
        ...(options.signal && { signal: options.signal }),
      })
      return { ...enriched, legs: explained, more }
    } catch (cause) {
      throwIfAborted(options.signal)
      const error = VeritasError.from(cause, { backend: this.#parts.backendOf('relational'), role: 'relational' })
      const message = `The authority could not be asked, so hits are unverified: ${error.message}`
      warnings.push({ role: 'relational', backend: this.#parts.backendOf('relational'), message, error })
      // A filter that only the authority can apply must not be dropped silently: no answer is then better than a wrong one.
      if (explained.some((leg) => leg.postFiltered) || !isMatchAll(parseFilter(options.filter))) throw error
      return { hits: unverifiedHits(fused, collectionOf, limit), dropped: 0, legs: explained, more: false }
    }
  }

  /** What the legs of one collection are asked. An embedder that fails takes only the semantic leg with it. */
  async #request<M extends object>(
    collection: Collection,
    options: SearchOptions<M>,
    fetch: number,
    legs: readonly LegRun[],
    warnings: SearchWarning[],
    errors: VeritasError[],
  ): Promise<LegRequest> {
    const filter = parseFilter(options.filter, { fields: { ...collection.fields, ...ATTRIBUTE_TYPES } })
    const semantic = legs.find((leg) => leg.searchType === 'semantic')
    let vector: Float32Array | undefined
    if (semantic || (options.vector !== undefined && options.query === undefined)) {
      try {
        vector = await this.#vector(collection, options)
      } catch (cause) {
        throwIfAborted(options.signal)
        // With several collections, one of another embedder is left out of the semantic leg; a wrong vector is the caller's mistake.
        if (VeritasError.is(cause, 'VALIDATION')) throw cause
        errors.push(this.#warn(semantic ?? { searchType: 'semantic', role: 'vector' }, cause, warnings))
      }
    }
    const { from, direction = 'both', edgeTypes, depth = 1 } = options.graph ?? {}
    return {
      collection,
      filter,
      fetch,
      graph: { direction, depth, ...(from && { from }), ...(edgeTypes && { edgeTypes }) },
      ...(options.query !== undefined && { query: options.query }),
      ...(vector && { vector }),
      ...(options.signal && { signal: options.signal }),
    }
  }

  async #vector<M extends object>(collection: Collection, options: SearchOptions<M>): Promise<Float32Array> {
    const given = embedding(options.vector, 'vector')
    if (given) {
      checkVector(given, collection.dimensions, 'vector')
      if (collection.embedder !== EXTERNAL_EMBEDDER) this.#parts.collections.embedderOf(collection)
      return given
    }
    return this.#parts.embedQuery(this.#parts.collections.embedderOf(collection), options.query ?? '', options.signal)
  }

  #warn(leg: Pick<LegRun, 'searchType' | 'role'>, cause: unknown, warnings: SearchWarning[]): VeritasError {
    const backend = this.#parts.backendOf(leg.role)
    const error = VeritasError.from(cause, { backend, role: leg.role })
    warnings.push({ role: leg.role, backend, message: `${leg.searchType} hits are missing: ${error.message}`, error })
    this.#parts.events.emit('legFailed', { role: leg.role, backend, operation: 'search', error })
    return error
  }
}

/** Checks what a user asks. @throws VeritasError VALIDATION with the path */
function checkSearch<M extends object = Metadata>(options: SearchOptions<M>): void {
  if (!isPlainObject(options))
    throw invalid('search', `needs an object such as { query: "…" }, got ${typeName(options)}`)
  for (const option in options)
    if (!OPTIONS.has(option))
      throw invalid(option.slice(0, 80), `is no option of a search; known: ${[...OPTIONS].join(', ')}`)
  const search: SearchOptions<M> = options
  if (search.query !== undefined) {
    if (typeof search.query !== 'string') throw invalid('query', `needs a string, got ${typeName(search.query)}`)
    checkString(search.query, 'query')
    if (search.query.trim() === '') throw invalid('query', 'is empty: give words, or leave it out and give a filter')
  }
  const limit: unknown = search.limit ?? 10
  if (!Number.isSafeInteger(limit) || (limit as number) < 1 || (limit as number) > MAX_LIMIT)
    throw invalid('limit', `needs a whole number from 1 to ${MAX_LIMIT}`)
  if (search.mode !== undefined && !MODES.includes(search.mode))
    throw invalid('mode', `needs one of ${MODES.join(', ')}`)
  const depth: unknown = search.graph?.depth ?? 1
  if (!Number.isSafeInteger(depth) || (depth as number) < 1)
    throw invalid('graph.depth', 'needs a whole number of at least 1')
  if (search.graph?.direction !== undefined && !['out', 'in', 'both'].includes(search.graph.direction))
    throw invalid('graph.direction', 'needs one of out, in, both')
  search.graph?.from?.forEach((id, i) => {
    checkId(id, `graph.from[${i}]`)
  })
  search.graph?.edgeTypes?.forEach((type, i) => {
    checkName(type, `graph.edgeTypes[${i}]`)
  })
  for (const [type, weight] of Object.entries(search.weights ?? {}))
    if (typeof weight !== 'number' || !Number.isFinite(weight) || weight < 0)
      throw invalid(`weights.${type}`, 'needs a finite number of at least 0')
}
