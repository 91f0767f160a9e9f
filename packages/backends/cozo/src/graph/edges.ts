import {
  APPLIED,
  checkEdge,
  checkEdgeSet,
  type EdgeRecord,
  type EdgeSet,
  type Outcome,
  refuseMistakes,
  STALE,
  splitBatches,
  throwIfAborted,
  type UpsertMode,
  uniqueBatch,
  VeritasError,
  type Version,
} from '@veritas-db/core/contract'
import { limits } from '../batches.js'
import type { Connection, Rows } from '../connection.js'
import { block } from '../script.js'
import { findStale, type Given } from '../writes.js'
import { edgeName, type Relations, storeEdge } from './model.js'

const notFound = (what: string): Outcome => ({
  status: 'failed',
  error: new VeritasError({ code: 'NOT_FOUND', message: `The ${what} of an edge is not there.` }),
})

interface PreparedEdge {
  readonly edge: EdgeRecord
  readonly version: Version
  readonly row: readonly unknown[]
}

const prepare = (edge: EdgeRecord): PreparedEdge => ({ edge, version: edge.version, row: storeEdge(edge) })

const edgeSize = ({ edge, row }: PreparedEdge): number => 200 + edge.type.length + 2 * Buffer.byteLength(String(row[5]))

/** The statement that remembers as `_missing` which of the nodes `$ends` are not there. */
const findMissing = ({ nodes }: Relations): string => block(`?[k] := k in $ends, not *${nodes}{k} :create _missing {k}`)

/** Writes edges between nodes that are there, in one transaction a batch. */
export const upsertEdges = async (
  connection: Connection,
  relations: Relations,
  edges: readonly EdgeRecord[],
  mode: UpsertMode,
  signal: AbortSignal | undefined,
): Promise<Outcome[]> => {
  refuseMistakes(edges, checkEdge)
  const unique = uniqueBatch(edges.map(prepare), ({ edge }) => edgeName(edge), mode)
  const script = upsertScript(relations, mode)
  const outcomes: Outcome[] = []
  for (const batch of splitBatches(unique.records, limits, edgeSize)) {
    throwIfAborted(signal)
    const parameters = {
      rows: batch.map(({ row }) => row),
      ends: [...new Set(batch.flatMap(({ edge }) => [edge.source, edge.target]))],
    }
    const answer = await connection.write(relations.base, script, parameters, signal)
    const missing = new Set(answer.flatMap(([k, y]) => (y === null ? [k] : [])))
    const stale = new Set(answer.flatMap(([s, y, t, o]) => (y === null ? [] : [`${s} ${y} ${t} ${o}`])))
    for (const { edge } of batch)
      outcomes.push(missingEnd(missing, edge.source, [edge.target]) ?? (stale.has(edgeName(edge)) ? STALE : APPLIED))
  }
  return unique.outcomes(outcomes)
}

const missingEnd = (missing: ReadonlySet<unknown>, source: string, targets: readonly string[]): Outcome | undefined => {
  if (missing.size === 0) return undefined
  if (missing.has(source)) return notFound('source')
  return targets.some((target) => missing.has(target)) ? notFound('target') : undefined
}

/** Its answer are the keys of missing nodes, with nulls, and edges that are stale. */
const upsertScript = (relations: Relations, mode: UpsertMode): string => {
  const { edges } = relations
  const columns = 's, y, t, o, v, m'
  const put = `:put ${edges} {s, y, t, o => v, m}`
  const known = `given[${columns}] <- $rows ?[${columns}] := given[${columns}], not *_missing{k: s}, not *_missing{k: t}`
  const answer = '?[s, y, t, o] := *_missing{k: s}, y = null, t = null, o = null'
  if (mode === 'replace')
    return [
      findMissing(relations),
      `%if _missing %then ${block(`${known} ${put}`)} %else ${block(`?[${columns}] <- $rows ${put}`)} %end`,
      block(answer),
    ].join('\n')
  const given: Given = { mode, columns: columns.split(', ') }
  return [
    findMissing(relations),
    findStale({ relation: edges, keys: ['s', 'y', 't', 'o'], values: ['v', 'm'] }, given),
    block(`${known}, not *_stale{s, y, t, o} ${put}`, `${answer}\n?[s, y, t, o] := *_stale{s, y, t, o}`),
  ].join('\n')
}

interface PreparedSet {
  readonly set: EdgeSet
  readonly version: Version
  readonly edges: readonly PreparedEdge[]
}

/** Puts each set in place of its source's edges, in one transaction a batch. */
export const replaceEdges = async (
  connection: Connection,
  relations: Relations,
  sets: readonly EdgeSet[],
  signal: AbortSignal | undefined,
): Promise<Outcome[]> => {
  refuseMistakes(sets, checkEdgeSet)
  const prepared = sets.map((set): PreparedSet => {
    const { records } = uniqueBatch(set.edges.map(prepare), ({ edge }) => edgeName(edge), 'replace')
    return { set, version: set.version, edges: records }
  })
  const unique = uniqueBatch(prepared, ({ set }) => set.source, 'ifNewer')
  const script = replaceScript(relations)
  const size = ({ edges }: PreparedSet): number => edges.reduce((sum, edge) => sum + edgeSize(edge), 100)
  const outcomes: Outcome[] = []
  for (const batch of splitBatches(unique.records, limits, size)) {
    throwIfAborted(signal)
    const edges = batch.flatMap((one) => one.edges)
    const parameters = {
      sets: batch.map(({ set }) => [set.source, set.version]),
      rows: edges.map(({ row }) => row),
      ends: [...new Set([...batch.map(({ set }) => set.source), ...edges.map(({ edge }) => edge.target)])],
    }
    const answer = await connection.write(relations.base, script, parameters, signal)
    const missing = new Set(answer.flatMap(([k, absent]) => (absent ? [k] : [])))
    const refused = new Set(answer.flatMap(([s, absent]) => (absent ? [] : [s])))
    for (const { set } of batch) {
      const targets = set.edges.map((edge) => edge.target)
      outcomes.push(refused.has(set.source) ? (missingEnd(missing, set.source, targets) ?? STALE) : APPLIED)
    }
  }
  return unique.outcomes(outcomes)
}

/** Its answer are the keys of missing nodes, and the sources of sets that were refused. */
const replaceScript = (relations: Relations): string => {
  const { edges, sets } = relations
  const columns = 's, y, t, o, v, m'
  return [
    findMissing(relations),
    block(
      `given[s, v] <- $sets
       row[${columns}] <- $rows
       refused[s] := given[s, _], *_missing{k: s}
       refused[s] := *_missing{k: t}, row[s, _, t, _, _, _]
       refused[s] := given[s, v], *${sets}{s, v: stored}, stored > v
       refused[s] := given[s, v], *${edges}{s, v: stored}, stored > v
       ?[s, v] := given[s, v], not refused[s] :create _new {s => v}`,
      // An edge that stays is put over itself, which costs less than taking it out of the index first.
      `row[${columns}] <- $rows
       given[s, y, t, o] := row[s, y, t, o, _, _]
       ?[s, y, t, o] := *_new{s}, *${edges}{s, y, t, o}, not given[s, y, t, o] :rm ${edges} {s, y, t, o}`,
      `row[${columns}] <- $rows ?[${columns}] := row[${columns}], *_new{s} :put ${edges} {s, y, t, o => v, m}`,
      `?[s, v] := *_new{s, v} :put ${sets} {s => v}`,
      `given[s, v] <- $sets
       ?[s, missing] := given[s, _], not *_new{s}, missing = false
       ?[s, missing] := *_missing{k: s}, missing = true`,
    ),
  ].join('\n')
}

/** Deletes edges and answers how many were there. */
export const deleteEdges = async (
  connection: Connection,
  { base, edges: relation }: Relations,
  edges: readonly Pick<EdgeRecord, 'source' | 'type' | 'target' | 'ordinal'>[],
  signal: AbortSignal | undefined,
): Promise<number> => {
  const unique = [...new Map(edges.map((edge) => [edgeName(edge), edge])).values()]
  let deleted = 0
  for (const batch of splitBatches(unique, limits)) {
    throwIfAborted(signal)
    const rows: Rows = batch.map(({ source, type, target, ordinal }) => [source, type, target, ordinal])
    const [answer] = await connection.write(
      base,
      block(
        `given[s, y, t, o] <- $rows ?[s, y, t, o] := given[s, y, t, o], *${relation}{s, y, t, o} :create _gone {s, y, t, o}`,
        `?[s, y, t, o] := *_gone{s, y, t, o} :rm ${relation} {s, y, t, o}`,
        '?[count(s)] := *_gone{s, y, t, o}',
      ),
      { rows },
      signal,
    )
    deleted += Number(answer?.[0] ?? 0)
  }
  return deleted
}
