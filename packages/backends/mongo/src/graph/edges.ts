import {
  APPLIED,
  checkEdgeSet,
  type EdgeRecord,
  type EdgeSet,
  type Key,
  type Outcome,
  refuseMistakes,
  STALE,
  splitBatches,
  throwIfAborted,
  type UpsertMode,
  uniqueBatch,
  VeritasError,
} from '@veritas-db/core/contract'
import type { AnyBulkWriteOperation, Collection, Document } from 'mongodb'
import type { Access } from '../access.js'
import { checkEdge, checkSize } from '../checks.js'
import { toVeritasError } from '../errors.js'
import { bulk, limits } from '../write.js'
import { edgeName, edgeSize, type StoredNode, toStoredEdge } from './model.js'

type Nodes = Collection<StoredNode>
type Operation = AnyBulkWriteOperation<StoredNode>

/** Which of the nodes are there. */
const existing = async (
  access: Access,
  signal: AbortSignal | undefined,
  nodes: Nodes,
  keys: Iterable<string>,
): Promise<Set<string>> => {
  const wanted = [...new Set(keys)]
  const found = await access.read(signal, (settings) =>
    nodes
      .find({ _id: { $in: wanted } }, { ...settings, projection: { _id: 1 } })
      .batchSize(wanted.length + 1)
      .toArray(),
  )
  return new Set(found.map(({ _id }) => _id))
}

const notFound = (what: string, key: string): Outcome => ({
  status: 'failed',
  error: new VeritasError({ code: 'NOT_FOUND', message: `The ${what} ${key} of an edge is not there.` }),
})

const failed = (error: unknown): Outcome => ({ status: 'failed', error: toVeritasError(error) })

/** The versions of edges by source and name. */
const readEdges = async (
  access: Access,
  signal: AbortSignal | undefined,
  nodes: Nodes,
  edges: readonly EdgeRecord[],
): Promise<Map<string, { readonly version: string; readonly token: unknown }>> => {
  const sources = [...new Set(edges.map((edge) => edge.source as string))]
  const names = [...new Set(edges.map(edgeName))]
  const found = await access.read(signal, (settings) =>
    nodes
      .aggregate<{ _id: string; e: { k: string; v: string; w?: unknown }[] }>(
        [
          { $match: { _id: { $in: sources }, 'e.k': { $in: names } } },
          { $project: { e: { $filter: { input: '$e', as: 'edge', cond: { $in: ['$$edge.k', names] } } } } },
          { $project: { 'e.k': 1, 'e.v': 1, 'e.w': 1 } },
        ],
        settings,
      )
      .toArray(),
  )
  return new Map(found.flatMap(({ _id, e }) => e.map(({ k, v, w }) => [`${_id} ${k}`, { version: v, token: w }])))
}

/**
 * Writes edges into their sources' documents. Each is two operations, of which one applies, in whatever order they run:
 * the one replaces an edge that is there, the other adds one that is not.
 */
export const upsertEdges = async (
  access: Access,
  signal: AbortSignal | undefined,
  nodes: Nodes,
  edges: readonly EdgeRecord[],
  mode: UpsertMode,
): Promise<Outcome[]> => {
  refuseMistakes(edges, checkEdge)
  const unique = uniqueBatch(edges, (edge) => `${edge.source} ${edgeName(edge)}`, mode)
  const outcomes: Outcome[] = []
  for (const batch of splitBatches(unique.records, limits, edgeSize)) {
    throwIfAborted(signal)
    for (const outcome of await upsertBatch(access, signal, nodes, batch, mode)) outcomes.push(outcome)
  }
  return unique.outcomes(outcomes)
}

const upsertBatch = async (
  access: Access,
  signal: AbortSignal | undefined,
  nodes: Nodes,
  edges: readonly EdgeRecord[],
  mode: UpsertMode,
): Promise<Outcome[]> => {
  const there = await existing(
    access,
    signal,
    nodes,
    edges.flatMap((edge) => [edge.source, edge.target]),
  )
  const possible = edges.filter((edge) => there.has(edge.source) && there.has(edge.target))
  // Tells what this call has written from what was there, for the server answers no operation by itself.
  const token = mode === 'replace' ? undefined : crypto.randomUUID()
  const operations = possible.flatMap((edge): Operation[] => {
    const stored = { ...toStoredEdge(edge), ...(token !== undefined && { w: token }) }
    const same = { k: stored.k, ...(mode === 'ifNewer' && { v: { $lte: edge.version } }) }
    const add: Operation = {
      updateOne: {
        filter: { _id: edge.source, 'e.k': { $ne: stored.k } },
        update: { $push: { e: { $each: [stored], $sort: { k: 1 } } }, $addToSet: { a: edge.target } } as Document,
      },
    }
    if (mode === 'ifAbsent') return [add]
    const filter: Document = { _id: edge.source, e: { $elemMatch: same } }
    return [{ updateOne: { filter, update: { $set: { 'e.$': stored } } } }, add]
  })
  const each = mode === 'ifAbsent' ? 1 : 2
  const { errors } =
    operations.length > 0 ? await bulk(access, signal, nodes, operations) : { errors: new Map<number, never>() }
  const stored = token === undefined ? undefined : await readEdges(access, signal, nodes, possible)
  const places = new Map(possible.map((edge, i) => [edge, i]))
  return edges.map((edge) => {
    const place = places.get(edge)
    if (place === undefined)
      return there.has(edge.source) ? notFound('target', edge.target) : notFound('source', edge.source)
    const error = errors.get(place * each) ?? errors.get(place * each + each - 1)
    if (error) return failed((error as { readonly error: unknown }).error)
    if (!stored) return APPLIED
    const found = stored.get(`${edge.source} ${edgeName(edge)}`)
    // One that is gone, or older than ours, was written after ours by somebody who does not compare versions.
    if (!found || found.token === token) return APPLIED
    return mode === 'ifAbsent' || found.version > edge.version ? STALE : APPLIED
  })
}

/** Puts each set in place of its source's edges: one conditional update of the source's document, atomic by itself. */
export const replaceEdges = async (
  access: Access,
  signal: AbortSignal | undefined,
  nodes: Nodes,
  sets: readonly EdgeSet[],
): Promise<Outcome[]> => {
  refuseMistakes(sets, checkSet)
  const unique = uniqueBatch(sets, (set) => set.source, 'ifNewer')
  const outcomes: Outcome[] = []
  for (const batch of splitBatches(unique.records, limits, setSize)) {
    throwIfAborted(signal)
    for (const outcome of await replaceBatch(access, signal, nodes, batch)) outcomes.push(outcome)
  }
  return unique.outcomes(outcomes)
}

const setSize = (set: EdgeSet): number => set.edges.reduce((size, edge) => size + edgeSize(edge), 200)

const checkSet = (set: EdgeSet): void => {
  checkEdgeSet(set, checkEdge)
  checkSize(setSize(set), 'edges')
}

const replaceBatch = async (
  access: Access,
  signal: AbortSignal | undefined,
  nodes: Nodes,
  sets: readonly EdgeSet[],
): Promise<Outcome[]> => {
  const there = await existing(access, signal, nodes, keysOf(sets))
  const outcomes: (Outcome | undefined)[] = sets.map((set) => {
    if (!there.has(set.source)) return notFound('source', set.source)
    const missing = set.edges.find((edge) => !there.has(edge.target))
    return missing && notFound('target', missing.target)
  })
  const possible = sets.flatMap((set, at) => (outcomes[at] === undefined ? [{ set, at }] : []))
  if (possible.length === 0) return outcomes.map((outcome) => outcome ?? APPLIED)
  const operations = possible.map(({ set }): Operation => {
    const edges = uniqueBatch(set.edges, edgeName, 'replace').records.map(toStoredEdge)
    edges.sort((a, b) => (a.k < b.k ? -1 : 1))
    const older = { $not: { $gt: set.version } }
    return {
      updateOne: {
        filter: { _id: set.source, ev: older, 'e.v': older } as Document,
        update: { $set: { ev: set.version, e: edges, a: [...new Set(edges.map((edge) => edge.t))] } },
      },
    }
  })
  const { errors, matched } = await bulk(access, signal, nodes, operations)
  for (const [i, { error }] of errors) outcomes[(possible[i] as { at: number }).at] = failed(error)
  if (matched < possible.length) {
    const newer = await newestEdges(
      access,
      signal,
      nodes,
      possible.map(({ set }) => set.source),
    )
    for (const { set, at } of possible)
      if (outcomes[at] === undefined && (newer.get(set.source) ?? '') > set.version) outcomes[at] = STALE
  }
  return outcomes.map((outcome) => outcome ?? APPLIED)
}

function* keysOf(sets: readonly EdgeSet[]): Generator<Key> {
  for (const set of sets) {
    yield set.source
    for (const edge of set.edges) yield edge.target
  }
}

/** The newest version among a source's edges and its last set. */
const newestEdges = async (
  access: Access,
  signal: AbortSignal | undefined,
  nodes: Nodes,
  sources: readonly Key[],
): Promise<Map<string, string>> => {
  const found = await access.read(signal, (settings) =>
    nodes
      .find({ _id: { $in: sources } }, { ...settings, projection: { ev: 1, 'e.v': 1 } })
      .batchSize(sources.length + 1)
      .toArray(),
  )
  return new Map(
    found.map(({ _id, ev, e = [] }) => {
      // Versions are texts of one length, whose order is theirs.
      const versions = [ev ?? '', ...e.map(({ v }) => v)].sort()
      return [_id, versions.at(-1) ?? '']
    }),
  )
}

/**
 * Deletes edges. A target stays among its source's targets as long as another edge leads there, so there are two
 * operations an edge, of which one applies.
 */
export const deleteEdges = async (
  access: Access,
  signal: AbortSignal | undefined,
  nodes: Nodes,
  edges: readonly Pick<EdgeRecord, 'source' | 'target' | 'type' | 'ordinal'>[],
): Promise<number> => {
  const unique = new Map(edges.map((edge) => [`${edge.source} ${edgeName(edge)}`, edge]))
  let deleted = 0
  for (const batch of splitBatches([...unique.values()], limits)) {
    throwIfAborted(signal)
    const operations = batch.flatMap((edge): Operation[] => {
      const name = edgeName(edge)
      const parallel = { $elemMatch: { t: edge.target, k: { $ne: name } } }
      const there = { _id: edge.source, 'e.k': name }
      return [
        {
          updateOne: {
            filter: { ...there, e: { $not: parallel } } as Document,
            update: { $pull: { e: { k: name }, a: edge.target } } as Document,
          },
        },
        {
          updateOne: {
            filter: { ...there, e: parallel } as Document,
            update: { $pull: { e: { k: name } } } as Document,
          },
        },
      ]
    })
    const { modified, errors } = await bulk(access, signal, nodes, operations)
    for (const { error } of errors.values()) throw error
    deleted += modified
  }
  return deleted
}
