import type { RoleName } from '../contract/errors.js'
import { VeritasError } from '../contract/errors.js'
import type { FilterNode } from '../contract/filter/ast.js'
import { evaluateFilter } from '../contract/filter/evaluate.js'
import { isMatchAll, splitFilter } from '../contract/filter/pushdown.js'
import type { RoleTypes } from '../contract/plugin.js'
import type { VectorMatch } from '../contract/records.js'
import type { Direction } from '../contract/roles/graph.js'
import { documentKey, type Key } from '../contract/values.js'
import { DOCUMENT_TABLE } from '../documents/project.js'
import type { Collection } from '../store/collections.js'
import type { Candidate } from './fuse.js'
import { rowFilter } from './row-filter.js'
import type { SearchType } from './types.js'

/** What a leg is asked: one collection, one moment, so many documents. */
export interface LegRequest {
  readonly collection: Collection
  readonly query?: string
  readonly vector?: Float32Array
  readonly filter: FilterNode
  /** How many documents to bring, more than are wanted where some will be dropped. */
  readonly fetch: number
  readonly graph: {
    readonly from?: readonly string[]
    readonly direction: Direction
    readonly edgeTypes?: readonly string[]
    readonly depth: number
  }
  readonly signal?: AbortSignal
}

export interface LegAnswer {
  readonly searchType: SearchType
  readonly role: RoleName
  readonly candidates: readonly Candidate[]
  /** Whether a part of the filter is still to be applied. */
  readonly postFiltered: boolean
  /** Whether there may be more than were fetched. */
  readonly more: boolean
}

type Roles = Partial<RoleTypes>

/** Passages fetched a document, so that several of one document do not crowd out others. */
const PASSAGES_A_DOCUMENT = 3
/** Documents that a graph search without given starts walks from. */
const SEEDS = 5

/** Nearest passages, one candidate a document with its best passage. */
export async function semanticLeg(roles: Roles, request: LegRequest): Promise<LegAnswer> {
  const role = roles.vector
  if (!role || !request.vector)
    throw new VeritasError({ code: 'VALIDATION', message: 'A semantic search needs a query or a vector.' })
  const { pushed, residual } = splitFilter(request.filter, role.capabilities.filter)
  const topK = Math.min(request.fetch * PASSAGES_A_DOCUMENT, role.capabilities.maxTopK)
  const matches = await role.query({
    ...base(request),
    vector: request.vector,
    topK,
    include: { text: true },
    ...(!isMatchAll(pushed) && { filter: pushed }),
  })
  return {
    searchType: 'semantic',
    role: 'vector',
    candidates: byDocument(matches).slice(0, request.fetch),
    postFiltered: !isMatchAll(residual),
    more: matches.length >= topK && topK < role.capabilities.maxTopK,
  }
}

/** Full text, from the first store that has it: relational, vector, graph. Undefined where none has. */
export async function fullTextLeg(roles: Roles, request: LegRequest): Promise<LegAnswer | undefined> {
  const { query, fetch } = request
  if (query === undefined) return undefined
  if (roles.relational?.capabilities.fullText) {
    const role = roles.relational
    const { pushed, residual } = splitFilter(rowFilter(request.filter), role.capabilities.filter)
    const candidates = await role.searchText({
      ...base(request),
      table: DOCUMENT_TABLE,
      query,
      limit: fetch,
      ...(!isMatchAll(pushed) && { filter: pushed }),
    })
    return {
      searchType: 'fullText',
      role: 'relational',
      candidates,
      postFiltered: !isMatchAll(residual),
      more: candidates.length >= fetch,
    }
  }
  if (roles.vector?.capabilities.fullText) {
    const role = roles.vector
    const { pushed, residual } = splitFilter(request.filter, role.capabilities.filter)
    const matches = await role.searchText({
      ...base(request),
      query,
      limit: fetch,
      ...(!isMatchAll(pushed) && { filter: pushed }),
    })
    return {
      searchType: 'fullText',
      role: 'vector',
      candidates: byDocument(matches),
      postFiltered: !isMatchAll(residual),
      more: matches.length >= fetch,
    }
  }
  if (roles.graph?.capabilities.fullText) {
    const role = roles.graph
    const { pushed, residual } = splitFilter(request.filter, role.capabilities.filter)
    const nodes = await role.findNodes({
      ...base(request),
      text: query,
      limit: fetch,
      ...(!isMatchAll(pushed) && { filter: pushed }),
    })
    const candidates = nodes.map((n) => ({
      key: n.key,
      documentId: n.documentId,
      version: n.version,
      score: n.score ?? 1,
    }))
    return {
      searchType: 'fullText',
      role: 'graph',
      candidates,
      postFiltered: !isMatchAll(residual),
      more: nodes.length >= fetch,
    }
  }
  return undefined
}

/** Documents that a filter chooses, in order of key. */
export async function metadataLeg(roles: Roles, request: LegRequest): Promise<LegAnswer> {
  const role = roles.relational
  if (!role) throw new VeritasError({ code: 'UNSUPPORTED', message: 'A metadata search needs the relational role.' })
  const { pushed, residual } = splitFilter(rowFilter(request.filter), role.capabilities.filter)
  const candidates: Candidate[] = []
  const postFiltered = !isMatchAll(residual)
  let cursor: string | null | undefined
  // What cannot be pushed down is applied page by page, so that a rare match at the end is found too.
  do {
    const page = await role.find({
      ...base(request),
      table: DOCUMENT_TABLE,
      filter: pushed,
      limit: postFiltered ? Math.max(request.fetch, 500) : request.fetch,
      ...(!postFiltered && { columns: ['deleted'] }),
      ...(cursor && { cursor }),
    })
    for (const row of page.records)
      if (!postFiltered || evaluateFilter(residual, row.values))
        candidates.push({ key: row.key, documentId: row.documentId, version: row.version, score: 1 })
    cursor = page.cursor
  } while (cursor && candidates.length < request.fetch)
  return {
    searchType: 'metadata',
    role: 'relational',
    candidates: candidates.slice(0, request.fetch),
    postFiltered,
    more: cursor !== null,
  }
}

/** Neighbours of given documents, or of those that match the query best; the latter are hits themselves. */
export async function graphLeg(roles: Roles, request: LegRequest): Promise<LegAnswer> {
  const role = roles.graph
  if (!role) throw new VeritasError({ code: 'UNSUPPORTED', message: 'A graph search needs the graph role.' })
  const { from, depth, direction, edgeTypes } = request.graph
  const seeds = from ? from.map((id, i) => ({ key: documentKey(request.collection.scope, id), rank: i })) : []
  const found: Candidate[] = []
  if (!from) {
    const start =
      (await fullTextLeg(roles, { ...request, fetch: SEEDS })) ??
      (request.vector ? await semanticLeg(roles, { ...request, fetch: SEEDS }) : undefined)
    for (const [rank, candidate] of (start?.candidates ?? []).entries()) {
      seeds.push({ key: candidate.key, rank })
      found.push({ key: candidate.key, documentId: candidate.documentId, version: candidate.version, score: 1 })
    }
  }
  if (seeds.length === 0)
    return { searchType: 'graph', role: 'graph', candidates: [], postFiltered: false, more: false }
  const { pushed, residual } = splitFilter(request.filter, role.capabilities.filter)
  const neighbors = await role.neighbors({
    ...base(request),
    starts: seeds.map((s) => s.key),
    direction,
    depth: { min: 1, max: Math.min(depth, role.capabilities.maxDepth) },
    limit: request.fetch,
    ...(edgeTypes && { edgeTypes }),
    ...(!isMatchAll(pushed) && { filter: pushed }),
  })
  const rankOf = new Map(seeds.map((s) => [s.key, s.rank]))
  const walked = [...neighbors].sort(
    (a, b) => a.depth - b.depth || (rankOf.get(a.start) ?? 0) - (rankOf.get(b.start) ?? 0),
  )
  const candidates = [
    ...found,
    ...walked.map(({ node, depth }) => ({
      key: node.key,
      documentId: node.documentId,
      version: node.version,
      score: 0.5 ** depth,
    })),
  ]
  return {
    searchType: 'graph',
    role: 'graph',
    candidates: candidates.slice(0, request.fetch),
    postFiltered: !isMatchAll(residual),
    more: neighbors.length >= request.fetch,
  }
}

function base(request: LegRequest): { scope: Collection['scope']; signal?: AbortSignal } {
  return { scope: request.collection.scope, ...(request.signal && { signal: request.signal }) }
}

/** One candidate a document: of its newest version, the best passage. */
function byDocument(matches: readonly VectorMatch[]): Candidate[] {
  const best = new Map<Key, VectorMatch>()
  for (const match of matches) {
    const other = best.get(match.key)
    if (!other || match.version > other.version || (match.version === other.version && match.score > other.score))
      best.set(match.key, match)
  }
  return [...best.values()]
    .sort((a, b) => b.score - a.score || (a.key < b.key ? -1 : 1))
    .map(({ key, documentId, version, score, text }) => ({
      key,
      documentId,
      version,
      score,
      ...(text !== undefined && { passage: text }),
    }))
}
