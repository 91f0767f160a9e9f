import {
  APPLIED,
  type EdgeRecord,
  type EdgeSet,
  type Key,
  type Outcome,
  STALE,
  splitBatches,
  throwIfAborted,
  type UpsertMode,
  uniqueBatch,
  VeritasError,
} from '@veritas-db/core/contract'
import type { Access, Run } from '../connection.js'
import { integer, quote, toNumber } from '../cypher.js'
import { type Environment, limits, when, writeCondition } from '../environment.js'
import { column, edgeIdentity, edgeProperties } from './records.js'

/** The edge types of a pattern, such as `:A|B`; nothing for all. Names are checked and quoted. */
export const typePattern = (types: readonly string[] | undefined): string =>
  types === undefined ? '' : `:${types.map(quote).join('|')}`

const sizeOf = (edge: EdgeRecord): number => JSON.stringify(edge.properties).length * 3 + 400

/** Takes the write locks of nodes, in one order, until the transaction ends; answers which of them are there. */
const lockNodes = async (run: Run, label: string, keys: Iterable<Key>): Promise<ReadonlySet<unknown>> => {
  const rows = await run({
    text: `UNWIND $keys AS key
      MATCH (n:${quote(label)} {_key: key})
      SET n._lock = true
      REMOVE n._lock
      RETURN key`,
    parameters: { keys: [...new Set(keys)].sort() },
  })
  return new Set(column(rows, 'key'))
}

const notFound = (what: string, key: Key): Outcome => ({
  status: 'failed',
  error: new VeritasError({ code: 'NOT_FOUND', message: `The ${what} ${key} of the edge is not there.` }),
})

/** Groups by type, since a relationship's type cannot be a parameter. */
const byType = <T>(items: readonly T[], typeOf: (item: T) => string): ReadonlyMap<string, readonly T[]> =>
  Map.groupBy(items, typeOf)

/** Writes edges, a transaction a batch; answers each. */
export const upsertEdges = async (
  environment: Environment,
  access: Access,
  label: string,
  edges: readonly EdgeRecord[],
  mode: UpsertMode,
  signal: AbortSignal | undefined,
): Promise<Outcome[]> => {
  const unique = uniqueBatch(edges, edgeIdentity, mode)
  const outcomes: Outcome[] = []
  for (const batch of splitBatches(unique.records, limits, sizeOf)) {
    throwIfAborted(signal)
    outcomes.push(...(await access.transact(signal, (run) => upsertBatch(environment, run, label, batch, mode))))
  }
  return unique.outcomes(outcomes)
}

const upsertBatch = async (
  { connection }: Environment,
  run: Run,
  label: string,
  edges: readonly EdgeRecord[],
  mode: UpsertMode,
): Promise<Outcome[]> => {
  const there = await lockNodes(
    run,
    label,
    edges.flatMap((edge) => [edge.source, edge.target]),
  )
  const outcomes = edges.map((edge): Outcome => {
    if (!there.has(edge.source)) return notFound('source', edge.source)
    return there.has(edge.target) ? STALE : notFound('target', edge.target)
  })
  const toDate = connection.toNativeDate
  const rows = edges
    .map((edge, i) => ({ edge, i }))
    .filter(({ i }) => outcomes[i] === STALE)
    .map(({ edge, i }) => ({
      i: integer(i),
      type: edge.type,
      source: edge.source,
      target: edge.target,
      ordinal: integer(edge.ordinal),
      version: edge.version,
      properties: edgeProperties(edge, edge.version, toDate),
    }))
  for (const [type, group] of byType(rows, (row) => row.type)) {
    // The source is locked, and its edges are changed under its lock alone.
    const answers = await run({
      text: `UNWIND $rows AS row
        MATCH (a:${quote(label)} {_key: row.source})
        MATCH (b:${quote(label)} {_key: row.target})
        MERGE (a)-[r:${quote(type)} {_ordinal: row.ordinal}]->(b)
        WITH row, r, r._version AS stored
        WITH row, r, ${writeCondition(mode)} AS write
        ${when('write', 'SET r = row.properties')}
        RETURN row.i AS i, write`,
      parameters: { rows: group },
    })
    for (const answer of answers) if (answer.get('write') === true) outcomes[toNumber(answer.get('i'))] = APPLIED
  }
  return outcomes
}

/** Puts sets in the place of their sources' edges, a transaction a batch; answers each. */
export const replaceEdges = async (
  environment: Environment,
  access: Access,
  label: string,
  sets: readonly EdgeSet[],
  signal: AbortSignal | undefined,
): Promise<Outcome[]> => {
  const unique = uniqueBatch(sets, (set) => set.source, 'ifNewer')
  const outcomes: Outcome[] = []
  const bytesOf = (set: EdgeSet): number => set.edges.reduce((sum, edge) => sum + sizeOf(edge), 100)
  for (const batch of splitBatches(unique.records, limits, bytesOf)) {
    throwIfAborted(signal)
    outcomes.push(...(await access.transact(signal, (run) => replaceBatch(environment, run, label, batch))))
  }
  return unique.outcomes(outcomes)
}

const replaceBatch = async (
  { connection }: Environment,
  run: Run,
  label: string,
  sets: readonly EdgeSet[],
): Promise<Outcome[]> => {
  const there = await lockNodes(
    run,
    label,
    sets.flatMap((set) => [set.source, ...set.edges.map((edge) => edge.target)]),
  )
  const outcomes = sets.map((set): Outcome => {
    if (!there.has(set.source)) return notFound('source', set.source)
    const missing = set.edges.find((edge) => !there.has(edge.target))
    return missing ? notFound('target', missing.target) : STALE
  })
  const rows = sets
    .map(({ source, version }, i) => ({ i: integer(i), source, version }))
    .filter((_, i) => outcomes[i] === STALE)
  // The version stays at the source, so that an empty set is remembered too.
  const answers = await run({
    text: `UNWIND $rows AS row
      MATCH (a:${quote(label)} {_key: row.source})
      OPTIONAL MATCH (a)-[r]->()
      WITH row, a, max(r._version) AS newest, collect(r) AS old
      WITH row, a, old, coalesce(newest, '') <= row.version AND coalesce(a._edges, '') <= row.version AS write
      ${when('write', 'SET a._edges = row.version')}
      FOREACH (r IN CASE WHEN write THEN old ELSE [] END | DELETE r)
      RETURN row.i AS i, write`,
    parameters: { rows },
  })
  for (const answer of answers) if (answer.get('write') === true) outcomes[toNumber(answer.get('i'))] = APPLIED
  const toDate = connection.toNativeDate
  const created = sets
    .filter((_, i) => outcomes[i] === APPLIED)
    .flatMap((set) =>
      uniqueBatch(set.edges, edgeIdentity, 'replace').records.map((edge) => ({
        type: edge.type,
        source: edge.source,
        target: edge.target,
        properties: edgeProperties(edge, set.version, toDate),
      })),
    )
  for (const [type, group] of byType(created, (row) => row.type))
    for (const part of splitBatches(group, { batchRecords: 10_000 }))
      await run({
        text: `UNWIND $rows AS row
          MATCH (a:${quote(label)} {_key: row.source})
          MATCH (b:${quote(label)} {_key: row.target})
          CREATE (a)-[r:${quote(type)}]->(b)
          SET r = row.properties`,
        parameters: { rows: part },
      })
  return outcomes
}

/** Deletes exactly these edges; answers how many were there. */
export const deleteEdges = async (
  access: Access,
  label: string,
  edges: readonly Pick<EdgeRecord, 'source' | 'target' | 'type' | 'ordinal'>[],
  signal: AbortSignal | undefined,
): Promise<number> => {
  const unique = [...new Map(edges.map((edge) => [edgeIdentity(edge), edge])).values()]
  let deleted = 0
  for (const batch of splitBatches(unique, limits)) {
    throwIfAborted(signal)
    deleted += await access.transact(signal, async (run) => {
      await lockNodes(
        run,
        label,
        batch.flatMap((edge) => [edge.source, edge.target]),
      )
      let count = 0
      for (const [type, group] of byType(batch, (edge) => edge.type)) {
        const rows = await run({
          text: `UNWIND $rows AS row
            MATCH (:${quote(label)} {_key: row.source})-[r:${quote(type)} {_ordinal: row.ordinal}]->(:${quote(label)} {_key: row.target})
            DELETE r
            RETURN count(*) AS deleted`,
          parameters: {
            rows: group.map(({ source, target, ordinal }) => ({ source, target, ordinal: integer(ordinal) })),
          },
        })
        count += toNumber(rows[0]?.get('deleted'))
      }
      return count
    })
  }
  return deleted
}
