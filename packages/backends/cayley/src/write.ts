import {
  APPLIED,
  type EdgeRecord,
  type EdgeSet,
  type Key,
  type Limits,
  type NodeRecord,
  type Outcome,
  STALE,
  splitBatches,
  type UpsertMode,
  uniqueBatch,
  VeritasError,
  type Version,
  ZERO_VERSION,
} from '@veritas-db/core/contract'
import type { Line } from './nquads.js'
import { type EdgeList, edgeItem, edgePlace, edgesLines, edgesText, nodeLines, nodeText, type Stored } from './quads.js'
import { edgesOf, emittedEdges, listOf, newestOf, newestVersion, storedNode } from './records.js'
import { EDGE_TEXTS, NODE_TEXTS, WHOLE_NODES } from './scripts.js'
import type { Session } from './session.js'

/** How many records are read back, compared and written at a time. */
export const BATCH: Limits = { batchRecords: 1000, batchBytes: 4 * 1024 * 1024 }

/** What a write goes through: the call and the scope's name. */
export interface Target {
  readonly session: Session
  readonly scope: string
}

const mayWrite = (mode: UpsertMode, stored: Version | undefined, version: Version): boolean =>
  mode === 'replace' || stored === undefined || (mode === 'ifNewer' && version >= stored)

/**
 * What is written and what goes. New quads come first: a reader, and whoever finds a crash's remains, always has a whole record.
 * Quads that are there are not sent again, since the server then counts uses of their names that there are not.
 */
class Change {
  readonly #written: (readonly Line[])[] = []
  readonly #gone: (readonly Line[])[] = []
  readonly #kept = new Set<Line>()

  /** Puts `lines` in the place of those of `before`. */
  replace(lines: readonly Line[], before: readonly (readonly Line[])[], intact = true): void {
    if (before.length === 0) {
      this.#written.push(lines)
      return
    }
    // Several records, or a missing quad: other processes wrote at the same time, and any quad may be gone.
    const there = new Set(intact && before.length === 1 ? before[0] : [])
    this.#written.push(lines.filter((line) => !there.has(line)))
    for (const line of lines) this.#kept.add(line)
    this.#gone.push(...before)
  }

  drop(groups: readonly (readonly Line[])[]): void {
    this.#gone.push(...groups)
  }

  async apply({ session }: Target): Promise<void> {
    await session.write(this.#written)
    await session.remove(this.#gone.map((lines) => lines.filter((line) => !this.#kept.has(line))))
  }
}

/** Writes nodes batch by batch; answers each. */
export const upsertNodes = async (
  target: Target,
  nodes: readonly NodeRecord[],
  mode: UpsertMode,
): Promise<Outcome[]> => {
  const { session, scope } = target
  const unique = uniqueBatch(nodes, (node) => node.key, mode)
  const outcomes: Outcome[] = []
  const records = unique.records.map((record): Stored<NodeRecord> => ({ record, text: nodeText(record) }))
  for (const batch of splitBatches(records, BATCH, ({ text }) => text.length * 3)) {
    const found = new Map<Key, { readonly records: readonly Stored<NodeRecord>[]; readonly intact: boolean }>()
    for (const value of await session.query(NODE_TEXTS, { scope, keys: batch.map(({ record }) => record.key) })) {
      const { key, texts, intact } = value as { key: Key; texts: unknown; intact: unknown }
      found.set(key, { records: listOf(texts).map(storedNode), intact: intact === true })
    }
    const change = new Change()
    for (const node of batch) {
      const { records: before, intact } = found.get(node.record.key) ?? { records: [], intact: true }
      const write = mayWrite(mode, newestOf(before)?.record.version, node.record.version)
      outcomes.push(write ? APPLIED : STALE)
      if (write) {
        const gone = before.map((old) => nodeLines(scope, old))
        change.replace(nodeLines(scope, node), gone, intact)
      }
    }
    await change.apply(target)
  }
  return unique.outcomes(outcomes)
}

const missing = (what: string, key: Key): Outcome => ({
  status: 'failed',
  error: new VeritasError({ code: 'NOT_FOUND', message: `The ${what} ${key} of the edge is not there.` }),
})

/** The outgoing edges of a source while they are changed. */
class Edges {
  readonly #source: Key
  readonly #before: readonly Stored<EdgeList>[]
  readonly edges: Map<string, EdgeRecord>
  version: Version
  #changed = false

  constructor(source: Key, before: readonly Stored<EdgeList>[] = []) {
    const { version, edges } = edgesOf(before)
    this.#source = source
    this.#before = before
    this.version = version
    this.edges = edges
  }

  /** The newest version of its set and its edges. */
  get newest(): Version {
    return newestVersion([this.version, ...[...this.edges.values()].map(({ version }) => version)])
  }

  put(edge: EdgeRecord): void {
    this.edges.set(edgePlace(edge), edge)
    this.#changed = true
  }

  delete(edge: Pick<EdgeRecord, 'type' | 'target' | 'ordinal'>): boolean {
    const there = this.edges.delete(edgePlace(edge))
    this.#changed ||= there
    return there
  }

  /** Puts a set in the place of all there is. */
  replace(version: Version, edges: readonly EdgeRecord[]): void {
    this.version = version
    this.edges.clear()
    // An edge has its source's version.
    for (const edge of edges) this.put({ ...edge, version })
    this.#changed = true
  }

  addTo(change: Change, scope: string): void {
    if (!this.#changed) return
    const before = this.#before.map((stored) => edgesLines(scope, stored))
    if (this.edges.size === 0 && this.version === ZERO_VERSION) return change.drop(before)
    const edges = [...this.edges].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, edge]) => edge)
    const record = { source: this.#source, version: this.version, edges }
    change.replace(edgesLines(scope, { record, text: edgesText(record) }), before)
  }
}

/** The edges of some sources, and which of some nodes are there. */
const readEdges = async (
  { session, scope }: Target,
  sources: readonly Key[],
  ends: readonly Key[],
): Promise<{ readonly there: ReadonlySet<unknown>; readonly bySource: ReadonlyMap<Key, Edges> }> => {
  const asked = [...new Set(sources)]
  const bySource = new Map(asked.map((source) => [source, new Edges(source)]))
  const [keys, ...found] = await session.query(EDGE_TEXTS, { scope, sources: asked, ends: [...new Set(ends)] })
  for (const value of found) {
    const { source, stored } = emittedEdges(value)
    bySource.set(source, new Edges(source, stored))
  }
  return { there: new Set(listOf(keys)), bySource }
}

const applyEdges = async (target: Target, bySource: ReadonlyMap<Key, Edges>): Promise<void> => {
  const change = new Change()
  for (const edges of bySource.values()) edges.addTo(change, target.scope)
  await change.apply(target)
}

const bytesOf = (edge: EdgeRecord): number => 3 * edgeItem(edge).length + 200

/** Writes edges batch by batch; answers each. */
export const upsertEdges = async (
  target: Target,
  edges: readonly EdgeRecord[],
  mode: UpsertMode,
): Promise<Outcome[]> => {
  const unique = uniqueBatch(edges, (edge) => `${edge.source}/${edgePlace(edge)}`, mode)
  const outcomes: Outcome[] = []
  for (const batch of splitBatches(unique.records, BATCH, bytesOf)) {
    const sources = batch.map((edge) => edge.source)
    const { there, bySource } = await readEdges(target, sources, [...sources, ...batch.map((edge) => edge.target)])
    for (const edge of batch) {
      const list = bySource.get(edge.source) as Edges
      if (!there.has(edge.source)) outcomes.push(missing('source', edge.source))
      else if (!there.has(edge.target)) outcomes.push(missing('target', edge.target))
      else if (mayWrite(mode, list.edges.get(edgePlace(edge))?.version, edge.version)) {
        list.put(edge)
        outcomes.push(APPLIED)
      } else outcomes.push(STALE)
    }
    await applyEdges(target, bySource)
  }
  return unique.outcomes(outcomes)
}

/** Makes each set its source's only edges, unless newer ones are there; answers each. */
export const replaceEdges = async (target: Target, sets: readonly EdgeSet[]): Promise<Outcome[]> => {
  const unique = uniqueBatch(sets, (set) => set.source, 'ifNewer')
  const outcomes: Outcome[] = []
  const setBytes = (set: EdgeSet): number => set.edges.reduce((sum, edge) => sum + bytesOf(edge), 200)
  for (const batch of splitBatches(unique.records, BATCH, setBytes)) {
    const sources = batch.map((set) => set.source)
    const ends = batch.flatMap((set) => set.edges.map((edge) => edge.target))
    const { there, bySource } = await readEdges(target, sources, [...sources, ...ends])
    for (const { source, version, edges } of batch) {
      const list = bySource.get(source) as Edges
      const absent = edges.find((edge) => !there.has(edge.target))
      if (!there.has(source)) outcomes.push(missing('source', source))
      else if (absent) outcomes.push(missing('target', absent.target))
      else if (list.newest > version) outcomes.push(STALE)
      else {
        list.replace(version, edges)
        outcomes.push(APPLIED)
      }
    }
    await applyEdges(target, bySource)
  }
  return unique.outcomes(outcomes)
}

/** Deletes nodes with their edges; with `versionBelow`, only those of older versions. Answers how many. */
export const deleteNodes = async (
  target: Target,
  keys: readonly Key[],
  versionBelow: Version | undefined,
): Promise<number> => {
  const { session, scope } = target
  let deleted = 0
  for (const batch of splitBatches([...new Set(keys)], { batchRecords: 100 })) {
    const [nodes, ...lists] = await session.query(WHOLE_NODES, { scope, keys: batch })
    const change = new Change()
    const gone = new Set<Key>()
    for (const [key, texts] of Object.entries(nodes as Record<Key, unknown>)) {
      const records = listOf(texts).map(storedNode)
      const version = newestOf(records)?.record.version
      if (version === undefined || (versionBelow !== undefined && version >= versionBelow)) continue
      gone.add(key as Key)
      change.drop(records.map((record) => nodeLines(scope, record)))
    }
    for (const value of lists) {
      const { source, stored } = emittedEdges(value)
      if (gone.has(source)) change.drop(stored.map((list) => edgesLines(scope, list)))
      else {
        const edges = new Edges(source, stored)
        for (const edge of [...edges.edges.values()]) if (gone.has(edge.target)) edges.delete(edge)
        edges.addTo(change, scope)
      }
    }
    await change.apply(target)
    deleted += gone.size
  }
  return deleted
}

/** Deletes exactly these edges; answers how many were there. */
export const deleteEdges = async (
  target: Target,
  edges: readonly Pick<EdgeRecord, 'source' | 'target' | 'type' | 'ordinal'>[],
): Promise<number> => {
  let deleted = 0
  for (const batch of splitBatches(edges, BATCH)) {
    const sources = batch.map((edge) => edge.source)
    const { bySource } = await readEdges(target, sources, [])
    for (const edge of batch) if (bySource.get(edge.source)?.delete(edge)) deleted++
    await applyEdges(target, bySource)
  }
  return deleted
}
