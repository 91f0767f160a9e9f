import {
  APPLIED,
  checkEdgeSet,
  type EdgeSet,
  type Outcome,
  refuseMistakes,
  STALE,
  splitBatches,
  throwIfAborted,
  uniqueBatch,
} from '@veritas-db/core/contract'
import type { AnyBulkWriteOperation, Collection, Document } from 'mongodb'
import type { Access } from '../access.js'
import { checkEdge, checkSize } from '../checks.js'
import { inOneAnswer, keysAtOnce, splitEvery } from '../lists.js'
import { bulk, contention, failed, limits, mostRounds } from '../write.js'
import { edgeName, edgeSize, type StoredNode, toStoredEdge } from './model.js'
import { notFound, writeTo } from './targets.js'

type Nodes = Collection<StoredNode>

/** A set, and the place where its outcome goes. */
interface Item {
  readonly set: EdgeSet
  readonly place: number
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
  const outcomes: Outcome[] = unique.records.map(() => APPLIED)
  const targets = unique.records.flatMap((set) => set.edges.map(({ target }) => target))
  await writeTo(access, signal, nodes, targets, async (absent) => {
    const possible: Item[] = []
    for (const [place, set] of unique.records.entries()) {
      const missing = set.edges.find(({ target }) => absent.has(target))
      if (missing) outcomes[place] = notFound('target', missing.target)
      else possible.push({ set, place })
    }
    for (const batch of splitBatches(possible, limits, ({ set }) => setSize(set))) {
      throwIfAborted(signal)
      await replaceBatch(access, signal, nodes, batch, outcomes)
    }
  })
  return unique.outcomes(outcomes)
}

const setSize = (set: EdgeSet): number => set.edges.reduce((size, edge) => size + edgeSize(edge), 200)

const checkSet = (set: EdgeSet): void => {
  checkEdgeSet(set, checkEdge)
  checkSize(setSize(set), 'edges')
}

const replacement = ({ source, version, edges }: EdgeSet): AnyBulkWriteOperation<StoredNode> => {
  const stored = uniqueBatch(edges, edgeName, 'replace').records.map(toStoredEdge)
  stored.sort((a, b) => (a.k < b.k ? -1 : 1))
  const notNewer = { $not: { $gt: version } }
  return {
    updateOne: {
      filter: { _id: source, ev: notNewer, 'e.v': notNewer } as Document,
      update: { $set: { ev: version, e: stored, a: [...new Set(stored.map(({ t }) => t))] } },
    },
  }
}

const replaceBatch = async (
  access: Access,
  signal: AbortSignal | undefined,
  nodes: Nodes,
  batch: readonly Item[],
  outcomes: Outcome[],
): Promise<void> => {
  let waiting: readonly Item[] = batch
  for (let round = 0; waiting.length > 0; round++) {
    const operations = waiting.map(({ set }) => replacement(set))
    const { errors, matched } = await bulk(access, signal, nodes, operations)
    for (const [i, { error }] of errors) outcomes[(waiting[i] as Item).place] = failed(error, access)
    const sent = waiting.filter((_, i) => !errors.has(i))
    if (matched === sent.length) return
    const there = await readVersions(access, signal, nodes, sent)
    const left: Item[] = []
    for (const item of sent) {
      const { set, place } = item
      const stored = there.get(set.source)
      if (!stored) outcomes[place] = notFound('source', set.source)
      else if (stored.newest > set.version) outcomes[place] = STALE
      else if (stored.ofSet !== set.version) {
        // A source was made, or newer edges were deleted, after the update. Replacing the same edges again changes nothing.
        if (round < mostRounds) left.push(item)
        outcomes[place] = round < mostRounds ? APPLIED : failed(contention(), access)
      }
    }
    waiting = left
  }
}

/** The versions of a source's last set, and of the newest among that and its edges. */
interface Versions {
  readonly ofSet: string
  readonly newest: string
}

/** A source that is not there is not among them. */
const readVersions = async (
  access: Access,
  signal: AbortSignal | undefined,
  nodes: Nodes,
  items: readonly Item[],
): Promise<Map<string, Versions>> => {
  const versions = new Map<string, Versions>()
  const sources = items.map(({ set }) => set.source)
  for (const some of splitEvery(sources, keysAtOnce)) {
    const found = await access.read(signal, (settings) =>
      nodes
        .find({ _id: { $in: some } }, { ...settings, ...inOneAnswer(some.length), projection: { ev: 1, 'e.v': 1 } })
        .toArray(),
    )
    for (const { _id, ev = '', e = [] } of found) {
      // Texts of one length, whose order is theirs.
      const newest = [ev, ...e.map(({ v }) => v)].sort().at(-1) ?? ''
      versions.set(_id, { ofSet: ev, newest })
    }
  }
  return versions
}
