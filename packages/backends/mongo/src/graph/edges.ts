import {
  APPLIED,
  checkEdgeIdentity,
  compareText,
  type EdgeRecord,
  type Outcome,
  refuseMistakes,
  STALE,
  splitBatches,
  throwIfAborted,
  type UpsertMode,
  uniqueBatch,
  type Version,
} from '@veritas-db/core/contract'
import type { Collection } from 'mongodb'
import type { Access } from '../access.js'
import { checkEdge } from '../checks.js'
import { inOneAnswer, keysAtOnce, splitEvery } from '../lists.js'
import { bulk, contention, failed, limits, mostRounds } from '../write.js'
import { mergeEdges, withoutEdges } from './merge.js'
import { edgeName, edgeSize, type StoredNode, toStoredEdge } from './model.js'
import { notFound, writeTo } from './targets.js'

type Nodes = Collection<StoredNode>
type EdgeIdentity = Pick<EdgeRecord, 'source' | 'target' | 'type' | 'ordinal'>

/** An edge of a batch, and the place where its outcome goes. */
interface Item {
  readonly edge: EdgeRecord
  readonly place: number
}

/** Edges that one update of their source's document writes. */
interface Group {
  readonly source: string
  readonly version: Version
  readonly items: Item[]
}

const identity = (edge: EdgeIdentity): string => `${edge.source} ${edgeName(edge)}`

/** Writes edges into their sources' documents: one update a source and batch, within which the server compares what is there. */
export const upsertEdges = async (
  access: Access,
  signal: AbortSignal | undefined,
  nodes: Nodes,
  edges: readonly EdgeRecord[],
  mode: UpsertMode,
): Promise<Outcome[]> => {
  refuseMistakes(edges, checkEdge)
  const unique = uniqueBatch(edges, identity, mode)
  const outcomes: Outcome[] = unique.records.map(() => APPLIED)
  const targets = unique.records.map(({ target }) => target)
  await writeTo(access, signal, nodes, targets, async (absent) => {
    const possible: Item[] = []
    for (const [place, edge] of unique.records.entries())
      if (absent.has(edge.target)) outcomes[place] = notFound('target', edge.target)
      else possible.push({ edge, place })
    // The edges of a source come in one batch, as far as they fit.
    possible.sort((a, b) => compareText(a.edge.source, b.edge.source))
    for (const batch of splitBatches(possible, limits, ({ edge }) => edgeSize(edge))) {
      throwIfAborted(signal)
      await writeBatch(access, signal, nodes, batch, mode, outcomes)
    }
  })
  return unique.outcomes(outcomes)
}

const writeBatch = async (
  access: Access,
  signal: AbortSignal | undefined,
  nodes: Nodes,
  batch: readonly Item[],
  mode: UpsertMode,
  outcomes: Outcome[],
): Promise<void> => {
  // Tells what this call has written from what was there: the server does not say which of many updates changed what.
  const token = mode === 'ifAbsent' ? crypto.randomUUID() : undefined
  let waiting = groupsOf(batch, mode)
  for (let round = 0; waiting.length > 0; round++) {
    const { errors, matched } = await bulk(
      access,
      signal,
      nodes,
      waiting.map(({ source, version, items }) => {
        const stored = items.map(({ edge }) => ({ ...toStoredEdge(edge), ...(token !== undefined && { w: token }) }))
        return { updateOne: { filter: { _id: source }, update: mergeEdges(stored, mode, version) } }
      }),
    )
    for (const [i, { error }] of errors)
      for (const { place } of waiting[i]?.items ?? []) outcomes[place] = failed(error, access)
    const sent = waiting.filter((_, i) => !errors.has(i))
    const all = matched === sent.length
    if (all && mode === 'replace') return
    const edges = sent.flatMap(({ items }) => items.map(({ edge }) => edge))
    const there = await readEdges(access, signal, nodes, edges)
    waiting = []
    for (const group of sent) {
      const { source, items } = group
      const names = there.get(source)
      // A source that was made after the update. Merging the same edges again changes nothing.
      const late = !all && names !== undefined && items.some(({ edge }) => !names.has(edgeName(edge)))
      if (late && round < mostRounds) waiting.push(group)
      for (const { edge, place } of items)
        if (!names) outcomes[place] = notFound('source', source)
        else
          outcomes[place] = late
            ? failed(contention(), access)
            : outcomeOf(names.get(edgeName(edge)), edge, mode, token)
    }
  }
}

const outcomeOf = (
  found: Stamp | undefined,
  edge: EdgeRecord,
  mode: UpsertMode,
  token: string | undefined,
): Outcome => {
  // One that is gone, or older than ours, was deleted or written after ours by somebody who does not compare versions.
  if (!found || mode === 'replace') return APPLIED
  return (mode === 'ifAbsent' ? found.token !== token : found.version > edge.version) ? STALE : APPLIED
}

const groupsOf = (batch: readonly Item[], mode: UpsertMode): Group[] => {
  const groups = new Map<string, Group>()
  for (const item of batch) {
    const { source, version } = item.edge
    const id = mode === 'ifNewer' ? `${source} ${version}` : source
    const group = groups.get(id)
    if (group) group.items.push(item)
    else groups.set(id, { source, version, items: [item] })
  }
  return [...groups.values()]
}

interface Stamp {
  readonly version: string
  readonly token: unknown
}

/** What is known of stored edges, by source and name. A source that is not there is not among them. */
const readEdges = async (
  access: Access,
  signal: AbortSignal | undefined,
  nodes: Nodes,
  edges: readonly EdgeIdentity[],
): Promise<Map<string, Map<string, Stamp>>> => {
  const sources = [...new Set(edges.map((edge) => edge.source as string))]
  const names = { $literal: [...new Set(edges.map(edgeName))] }
  const named = { $filter: { input: { $ifNull: ['$e', []] }, cond: { $in: ['$$this.k', names] } } }
  const found: [string, Map<string, Stamp>][] = []
  for (const some of splitEvery(sources, keysAtOnce)) {
    const pipeline = [
      { $match: { _id: { $in: some } } },
      { $project: { e: named } },
      { $project: { 'e.k': 1, 'e.v': 1, 'e.w': 1 } },
    ]
    const documents = await access.read(signal, (settings) =>
      nodes
        .aggregate<{ _id: string; e?: { k: string; v: string; w?: unknown }[] }>(pipeline, {
          ...settings,
          ...inOneAnswer(some.length),
        })
        .toArray(),
    )
    for (const { _id, e = [] } of documents)
      found.push([_id, new Map(e.map(({ k, v, w }) => [k, { version: v, token: w }]))])
  }
  return new Map(found)
}

/** Deletes edges: one update a source and batch. */
export const deleteEdges = async (
  access: Access,
  signal: AbortSignal | undefined,
  nodes: Nodes,
  edges: readonly EdgeIdentity[],
): Promise<number> => {
  refuseMistakes(edges, checkEdgeIdentity)
  const unique = [...new Map(edges.map((edge) => [identity(edge), edge])).values()]
  unique.sort((a, b) => compareText(a.source, b.source))
  let deleted = 0
  for (const batch of splitBatches(unique, limits)) {
    throwIfAborted(signal)
    const there = await readEdges(access, signal, nodes, batch)
    const namesOf = new Map<string, string[]>()
    for (const edge of batch) {
      const name = edgeName(edge)
      if (!there.get(edge.source)?.has(name)) continue
      deleted++
      const names = namesOf.get(edge.source)
      if (names) names.push(name)
      else namesOf.set(edge.source, [name])
    }
    if (namesOf.size === 0) continue
    const operations = [...namesOf].map(([source, names]) => ({
      updateOne: { filter: { _id: source }, update: withoutEdges(names) },
    }))
    const { errors } = await bulk(access, signal, nodes, operations)
    for (const { error } of errors.values()) throw error
  }
  return deleted
}
