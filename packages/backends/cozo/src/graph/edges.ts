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
} from '@veritas-db/core/contract'
import { freshRule, limits } from '../batches.js'
import type { Connection, Rows } from '../connection.js'
import { block } from '../script.js'
import { edgeName, type Relations, storeEdge } from './model.js'

const notFound = (what: string): Outcome => ({
  status: 'failed',
  error: new VeritasError({ code: 'NOT_FOUND', message: `The ${what} of an edge is not there.` }),
})

const edgeSize = (edge: EdgeRecord): number => 200 + JSON.stringify(edge.properties).length

/** Writes edges between nodes that are there, in one transaction a batch. */
export const upsertEdges = async (
  connection: Connection,
  relations: Relations,
  edges: readonly EdgeRecord[],
  mode: UpsertMode,
  signal: AbortSignal | undefined,
): Promise<Outcome[]> => {
  refuseMistakes(edges, checkEdge)
  const unique = uniqueBatch(edges, edgeName, mode)
  const script = upsertScript(relations, mode)
  const outcomes: Outcome[] = []
  for (const batch of splitBatches(unique.records, limits, edgeSize)) {
    throwIfAborted(signal)
    const rows = await connection.write(relations.nodes, script, { rows: batch.map(storeEdge) }, signal)
    const answers = new Map(rows.map(([s, y, t, o, answer]) => [`${s} ${y} ${t} ${o}`, answer]))
    for (const edge of batch) outcomes.push(outcomeOf(answers.get(edgeName(edge))))
  }
  return unique.outcomes(outcomes)
}

const outcomeOf = (answer: unknown): Outcome => {
  if (answer === 'applied') return APPLIED
  return answer === 'source' || answer === 'target' ? notFound(answer) : STALE
}

const upsertScript = ({ nodes, edges }: Relations, mode: UpsertMode): string => {
  const columns = ['s', 'y', 't', 'o', 'v', 'm']
  return block(
    `${freshRule(mode, edges, ['s', 'y', 't', 'o'], columns)}
     ?[${columns}] := new[${columns}], *${nodes}{k: s}, *${nodes}{k: t} :create _new {s, y, t, o => v, m}`,
    `?[${columns}] := *_new{${columns}} :put ${edges} {s, y, t, o => v, m}`,
    `given[${columns}] <- $rows
     ?[s, y, t, o, answer] := *_new{s, y, t, o}, answer = 'applied'
     ?[s, y, t, o, answer] := given[s, y, t, o, _, _], not *${nodes}{k: s}, answer = 'source'
     ?[s, y, t, o, answer] := given[s, y, t, o, _, _], *${nodes}{k: s}, not *${nodes}{k: t}, answer = 'target'`,
  )
}

/** Puts each set in place of its source's edges, in one transaction a batch. */
export const replaceEdges = async (
  connection: Connection,
  relations: Relations,
  sets: readonly EdgeSet[],
  signal: AbortSignal | undefined,
): Promise<Outcome[]> => {
  refuseMistakes(sets, checkEdgeSet)
  const unique = uniqueBatch(sets, (set) => set.source, 'ifNewer')
  const script = replaceScript(relations)
  const size = (set: EdgeSet): number => set.edges.reduce((sum, edge) => sum + edgeSize(edge), 100)
  const outcomes: Outcome[] = []
  for (const batch of splitBatches(unique.records, limits, size)) {
    throwIfAborted(signal)
    const parameters = {
      sets: batch.map((set) => [set.source, set.version]),
      rows: batch.flatMap((set) => uniqueBatch(set.edges, edgeName, 'replace').records.map(storeEdge)),
    }
    const rows = await connection.write(relations.nodes, script, parameters, signal)
    const answers = new Map(rows.map(([source, answer]) => [source, answer]))
    for (const set of batch) outcomes.push(outcomeOf(answers.get(set.source)))
  }
  return unique.outcomes(outcomes)
}

const replaceScript = ({ nodes, edges, sets }: Relations): string => {
  const columns = 's, y, t, o, v, m'
  const given = `given[s, v] <- $sets
    row[${columns}] <- $rows
    lost[s] := given[s, _], not *${nodes}{k: s}
    open[s] := row[s, _, t, _, _, _], not *${nodes}{k: t}`
  return block(
    `${given}
     newer[s] := given[s, v], *${sets}{s, v: stored}, stored > v
     newer[s] := given[s, v], *${edges}{s, v: stored}, stored > v
     ?[s, v] := given[s, v], not lost[s], not open[s], not newer[s] :create _new {s => v}`,
    `?[s, y, t, o] := *_new{s}, *${edges}{s, y, t, o} :rm ${edges} {s, y, t, o}`,
    `row[${columns}] <- $rows ?[${columns}] := *_new{s}, row[${columns}] :put ${edges} {s, y, t, o => v, m}`,
    `?[s, v] := *_new{s, v} :put ${sets} {s => v}`,
    `${given}
     ?[s, answer] := *_new{s}, answer = 'applied'
     ?[s, answer] := lost[s], answer = 'source'
     ?[s, answer] := open[s], not lost[s], answer = 'target'`,
  )
}

/** Deletes edges and answers how many were there. */
export const deleteEdges = async (
  connection: Connection,
  { nodes, edges: relation }: Relations,
  edges: readonly Pick<EdgeRecord, 'source' | 'type' | 'target' | 'ordinal'>[],
  signal: AbortSignal | undefined,
): Promise<number> => {
  const unique = [...new Map(edges.map((edge) => [edgeName(edge), edge])).values()]
  let deleted = 0
  for (const batch of splitBatches(unique, limits)) {
    throwIfAborted(signal)
    const rows: Rows = batch.map(({ source, type, target, ordinal }) => [source, type, target, ordinal])
    const [answer] = await connection.write(
      nodes,
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
