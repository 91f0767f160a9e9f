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
  throwIfAborted,
  type UpsertMode,
  uniqueBatch,
  VeritasError,
  type Version,
} from '@veritas-db/core/contract'
import type { Connection } from './connection.js'
import type { Line } from './nquads.js'
import { edgeLines, edgeName, edgesVersionLine, edgeText, nodeLines, nodeText, type Stored } from './quads.js'
import { type Found, foundOf, newestOf, storedEdge, storedNode, texts } from './records.js'
import { EDGE_SETS, EDGE_TEXTS, NODE_TEXTS, PRESENT, WHOLE_NODES } from './scripts.js'

/** How many records are read back, compared and written at a time. */
export const BATCH: Limits = { batchRecords: 500, batchBytes: 4 * 1024 * 1024 }

/** What a write goes through: the connection, the scope's name and the caller's signal. */
export interface Target {
  readonly connection: Connection
  readonly scope: string
  readonly signal: AbortSignal | undefined
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
  replace(lines: readonly Line[], before: readonly (readonly Line[])[], intact: boolean): void {
    // Several records, or a missing quad: other processes wrote at the same time, and any quad may be gone.
    const there = new Set(intact && before.length === 1 ? before[0] : [])
    this.#written.push(lines.filter((line) => !there.has(line)))
    for (const line of lines) this.#kept.add(line)
    this.#gone.push(...before)
  }

  drop(groups: readonly (readonly Line[])[]): void {
    this.#gone.push(...groups)
  }

  async apply({ connection, signal }: Target): Promise<void> {
    await connection.write(this.#written, signal)
    await connection.remove(
      this.#gone.map((lines) => lines.filter((line) => !this.#kept.has(line))),
      signal,
    )
  }
}

/** Writes nodes batch by batch; answers each. */
export const upsertNodes = async (
  target: Target,
  nodes: readonly NodeRecord[],
  mode: UpsertMode,
): Promise<Outcome[]> => {
  const { connection, scope, signal } = target
  const unique = uniqueBatch(nodes, (node) => node.key, mode)
  const outcomes: Outcome[] = []
  const records = unique.records.map((record): Stored<NodeRecord> => ({ record, text: nodeText(record) }))
  for (const batch of splitBatches(records, BATCH, ({ text }) => text.length * 3)) {
    throwIfAborted(signal)
    const found = await connection.query(NODE_TEXTS, { scope, keys: batch.map(({ record }) => record.key) }, signal)
    const change = new Change()
    batch.forEach((node, i) => {
      const { records: before, intact } = foundOf(found[i], storedNode)
      const write = mayWrite(mode, newestOf(before)?.record.version, node.record.version)
      outcomes.push(write ? APPLIED : STALE)
      if (write)
        change.replace(
          nodeLines(scope, node),
          before.map((old) => nodeLines(scope, old)),
          intact,
        )
    })
    await change.apply(target)
  }
  return unique.outcomes(outcomes)
}

const missing = (what: string, key: Key): Outcome => ({
  status: 'failed',
  error: new VeritasError({ code: 'NOT_FOUND', message: `The ${what} ${key} of the edge is not there.` }),
})

/** Which of the nodes are there. */
const present = async ({ connection, scope, signal }: Target, keys: readonly Key[]): Promise<ReadonlySet<unknown>> =>
  new Set(await connection.query(PRESENT, { scope, keys: [...new Set(keys)] }, signal))

/** Writes edges batch by batch; answers each. */
export const upsertEdges = async (
  target: Target,
  edges: readonly EdgeRecord[],
  mode: UpsertMode,
): Promise<Outcome[]> => {
  const { connection, scope, signal } = target
  const unique = uniqueBatch(edges, (edge) => edgeName(scope, edge), mode)
  const outcomes: Outcome[] = []
  const records = unique.records.map((record): Stored<EdgeRecord> => ({ record, text: edgeText(record) }))
  for (const batch of splitBatches(records, BATCH, ({ text }) => text.length * 3)) {
    throwIfAborted(signal)
    const names = batch.map(({ record }) => edgeName(scope, record))
    const ends = batch.flatMap(({ record }) => [record.source, record.target])
    const [there, found] = await Promise.all([
      present(target, ends),
      connection.query(EDGE_TEXTS, { scope, names }, signal),
    ])
    const change = new Change()
    const answers = batch.map((edge, i): Outcome => {
      const { source, target: end, version } = edge.record
      if (!there.has(source)) return missing('source', source)
      if (!there.has(end)) return missing('target', end)
      const { records: before, intact } = foundOf(found[i], storedEdge)
      if (!mayWrite(mode, newestOf(before)?.record.version, version)) return STALE
      change.replace(
        edgeLines(scope, edge),
        before.map((old) => edgeLines(scope, old)),
        intact,
      )
      return APPLIED
    })
    await change.apply(target)
    outcomes.push(...answers)
  }
  return unique.outcomes(outcomes)
}

/** Puts sets in the place of their sources' edges, batch by batch; answers each. */
export const replaceEdges = async (target: Target, sets: readonly EdgeSet[]): Promise<Outcome[]> => {
  const { connection, scope, signal } = target
  const unique = uniqueBatch(sets, (set) => set.source, 'ifNewer')
  const outcomes: Outcome[] = []
  const bytesOf = (set: EdgeSet): number => set.edges.reduce((sum, edge) => sum + edgeText(edge).length * 3, 200)
  for (const batch of splitBatches(unique.records, BATCH, bytesOf)) {
    throwIfAborted(signal)
    const ends = batch.flatMap((set) => [set.source, ...set.edges.map((edge) => edge.target)])
    const [there, found] = await Promise.all([
      present(target, ends),
      connection.query(EDGE_SETS, { scope, keys: batch.map((set) => set.source) }, signal),
    ])
    const change = new Change()
    const answers = batch.map((set, i): Outcome => {
      if (!there.has(set.source)) return missing('source', set.source)
      const absent = set.edges.find((edge) => !there.has(edge.target))
      if (absent) return missing('target', absent.target)
      const { versions, edges } = edgeSetOf(scope, found[i])
      const stored = [...edges.values()].flatMap(({ records }) => records.map(({ record }) => record.version))
      const newest = [...versions, ...stored].reduce((a, b) => (b > a ? b : a), '')
      if (newest > set.version) return STALE
      change.replace(
        [edgesVersionLine(scope, set.source, set.version)],
        versions.map((version) => [edgesVersionLine(scope, set.source, version)]),
        true,
      )
      // An edge has its source's version.
      const records = set.edges.map((edge): EdgeRecord => ({ ...edge, version: set.version }))
      for (const record of uniqueBatch(records, (edge) => edgeName(scope, edge), 'replace').records) {
        const name = edgeName(scope, record)
        const before = edges.get(name)
        edges.delete(name)
        change.replace(
          edgeLines(scope, { record, text: edgeText(record) }),
          (before?.records ?? []).map((old) => edgeLines(scope, old)),
          before?.intact ?? false,
        )
      }
      for (const { records: old } of edges.values()) change.drop(old.map((record) => edgeLines(scope, record)))
      return APPLIED
    })
    await change.apply(target)
    outcomes.push(...answers)
  }
  return unique.outcomes(outcomes)
}

/** What `EDGE_SETS` emits of a source; edges by name. */
const edgeSetOf = (
  scope: string,
  value: unknown,
): { readonly versions: readonly Version[]; readonly edges: Map<string, Found<EdgeRecord>> } => {
  const { versions, edges } = value as { readonly versions: unknown; readonly edges: unknown }
  const named = texts(edges).flatMap((edge): [string, Found<EdgeRecord>][] => {
    const found = foundOf(edge, storedEdge)
    const [first] = found.records
    return first ? [[edgeName(scope, first.record), found]] : []
  })
  return { versions: texts(versions) as Version[], edges: new Map(named) }
}

/** Deletes nodes with their edges; with `versionBelow`, only those of older versions. Answers how many. */
export const deleteNodes = async (
  target: Target,
  keys: readonly Key[],
  versionBelow: Version | undefined,
): Promise<number> => {
  const { connection, scope, signal } = target
  let deleted = 0
  for (const batch of splitBatches([...new Set(keys)], { batchRecords: 100 })) {
    throwIfAborted(signal)
    const found = await connection.query(WHOLE_NODES, { scope, keys: batch }, signal)
    const change = new Change()
    batch.forEach((key, i) => {
      const { nodes, versions, edges } = found[i] as { nodes: unknown; versions: unknown; edges: unknown }
      const records = texts(nodes).map(storedNode)
      const version = newestOf(records)?.record.version
      if (version === undefined || (versionBelow !== undefined && version >= versionBelow)) return
      deleted++
      change.drop([
        ...records.map((record) => nodeLines(scope, record)),
        (texts(versions) as Version[]).map((v) => edgesVersionLine(scope, key, v)),
        ...texts(edges).map((text) => edgeLines(scope, storedEdge(text))),
      ])
    })
    await change.apply(target)
  }
  return deleted
}

/** Deletes exactly these edges; answers how many were there. */
export const deleteEdges = async (
  target: Target,
  edges: readonly Pick<EdgeRecord, 'source' | 'target' | 'type' | 'ordinal'>[],
): Promise<number> => {
  const { connection, scope, signal } = target
  let deleted = 0
  const unique = [...new Set(edges.map((edge) => edgeName(scope, edge)))]
  for (const names of splitBatches(unique, BATCH)) {
    throwIfAborted(signal)
    const found = await connection.query(EDGE_TEXTS, { scope, names }, signal)
    const change = new Change()
    for (const value of found) {
      const { records } = foundOf(value, storedEdge)
      if (records.length === 0) continue
      deleted++
      change.drop(records.map((record) => edgeLines(scope, record)))
    }
    await change.apply(target)
  }
  return deleted
}
