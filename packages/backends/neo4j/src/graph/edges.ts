import {
  APPLIED,
  type EdgeRecord,
  type EdgeSet,
  encodeMetadata,
  type Key,
  type Outcome,
  STALE,
  splitBatches,
  type UpsertMode,
  uniqueBatch,
  VeritasError,
} from '@veritas-db/core/contract'
import { inBatches, limits, writeCondition } from '../batches.js'
import type { Access, Run } from '../connection.js'
import { integer, lock, quote, type Statement, toNumber } from '../cypher.js'
import type { Environment } from '../environment.js'
import type { ToNativeDate } from '../properties.js'
import { column, type EdgeIdentity, edgeIdentity, edgeProperties, ordinalOf } from './records.js'

/** The edge types of a pattern, such as `:A|B`; nothing for all. Names are checked and quoted. */
export const typePattern = (types: readonly string[] | undefined): string =>
  types === undefined ? '' : `:${types.map(quote).join('|')}`

/** About how many bytes an edge takes on the wire: values travel twice. */
const bytesOf = (edge: EdgeRecord): number => encodeMetadata(edge.properties).length * 3 + 200

const notFound = (what: string, key: Key): Outcome => ({
  status: 'failed',
  error: new VeritasError({ code: 'NOT_FOUND', message: `The ${what} ${key} of the edge is not there.` }),
})

/** Groups by type, since a relationship's type cannot be a parameter. */
const byType = <T extends Pick<EdgeRecord, 'type'>>(edges: readonly T[]): ReadonlyMap<string, readonly T[]> =>
  Map.groupBy(edges, (edge) => edge.type)

/** The nodes at the ends of edges, once each and in the order in which everybody locks them, and the place of each. */
const endsOf = (edges: readonly EdgeRecord[]): { readonly keys: readonly Key[]; placeOf(key: Key): number } => {
  const keys = [...new Set(edges.flatMap((edge) => [edge.source, edge.target]))].sort()
  const places = new Map(keys.map((key, place) => [key, place]))
  return { keys, placeOf: (key) => places.get(key) ?? -1 }
}

/**
 * One statement that writes edges of one type. The ends are looked up and locked first, so that between the look at an edge and
 * its write nobody changes it, nor deletes an end. Rows are lists, and numbers in them plain ones, which travel as FLOAT: the driver takes
 * several times as long for maps and for INTEGER.
 */
const upsertStatement = (
  label: string,
  type: string,
  edges: readonly EdgeRecord[],
  mode: UpsertMode,
  toDate: ToNativeDate,
): Statement => {
  const { keys, placeOf } = endsOf(edges)
  const condition = writeCondition(mode, 'r', 'properties._version')
  const rows = [...Map.groupBy(edges.entries(), ([, edge]) => edge.source)].map(([source, group]) => [
    placeOf(source),
    group.map(([i, edge]) => [placeOf(edge.target), edge.ordinal, edgeProperties(edge, edge.version, toDate), i]),
  ])
  return {
    // Lists in a list: nodes that are not there would be left out of a plain one.
    text: `UNWIND $keys AS key
      OPTIONAL MATCH (n:${quote(label)} {_key: key})
      ${lock('n')}
      WITH collect([n]) AS ends, collect(CASE WHEN n IS NULL THEN key END) AS missing
      UNWIND $rows AS row
      WITH ends, missing, ends[toInteger(row[0])][0] AS a, row[1] AS edges
      UNWIND edges AS edge
      WITH missing, a, ends[toInteger(edge[0])][0] AS b, edge[1] AS ordinal, edge[2] AS properties, edge[3] AS i
      OPTIONAL MATCH (a)-[r:${quote(type)}]->(b) WHERE ${ordinalOf('r')} = ordinal
      WITH missing, a, b, r, properties, i,
        a IS NOT NULL AND b IS NOT NULL AND r IS NULL AS create, r IS NOT NULL AND ${condition ?? 'true'} AS change
      FOREACH (ignored IN CASE WHEN create THEN [1] ELSE [] END | CREATE (a)-[c:${quote(type)}]->(b) SET c = properties)
      FOREACH (ignored IN CASE WHEN change THEN [1] ELSE [] END | SET r = properties)
      RETURN missing${condition === undefined ? '' : ', collect(CASE WHEN create OR change THEN i END) AS written'}`,
    parameters: { keys, rows },
  }
}

/** Writes edges, a transaction a batch; answers each. */
export const upsertEdges = async (
  { connection, sizes }: Environment,
  access: Access,
  label: string,
  edges: readonly EdgeRecord[],
  mode: UpsertMode,
  signal: AbortSignal | undefined,
): Promise<Outcome[]> => {
  const unique = uniqueBatch(edges, edgeIdentity, mode)
  const outcomes = new Map<EdgeRecord, Outcome>()
  for (const [type, ofType] of byType(unique.records)) {
    const sorted = ofType.toSorted((a, b) => (a.source < b.source ? -1 : a.source > b.source ? 1 : 0))
    await inBatches(sorted, sizes.edges, bytesOf, signal, async (batch) => {
      const statement = upsertStatement(label, type, batch, mode, connection.toNativeDate)
      const [answer] = await access.run(statement, signal)
      const listed = (name: string): readonly unknown[] => (answer?.get(name) ?? []) as readonly unknown[]
      const missing = new Set(listed('missing'))
      const written = mode === 'replace' ? undefined : new Set(listed('written').map(toNumber))
      for (const [i, edge] of batch.entries())
        outcomes.set(
          edge,
          missing.has(edge.source)
            ? notFound('source', edge.source)
            : missing.has(edge.target)
              ? notFound('target', edge.target)
              : written === undefined || written.has(i)
                ? APPLIED
                : STALE,
        )
    })
  }
  return unique.outcomes(unique.records.map((edge) => outcomes.get(edge) ?? STALE))
}

/** Takes the write locks of nodes, in one order, until the transaction ends; answers which of them are there. */
const lockNodes = async (run: Run, label: string, keys: Iterable<Key>): Promise<ReadonlySet<unknown>> => {
  const rows = await run({
    text: `UNWIND $keys AS key
      MATCH (n:${quote(label)} {_key: key})
      ${lock('n')}
      RETURN key`,
    parameters: { keys: [...new Set(keys)].sort() },
  })
  return new Set(column(rows, 'key'))
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
  const sizeOf = (set: EdgeSet): number => set.edges.reduce((sum, edge) => sum + bytesOf(edge), 100)
  await inBatches(unique.records, environment.sizes.edges, sizeOf, signal, async (batch) => {
    outcomes.push(...(await access.transact(signal, (run) => replaceBatch(environment, run, label, batch))))
  })
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
      WITH row, a, old WHERE coalesce(newest, '') <= row.version AND coalesce(a._edges, '') <= row.version
      SET a._edges = row.version
      FOREACH (r IN old | DELETE r)
      RETURN row.i AS i`,
    parameters: { rows },
  })
  for (const answer of answers) outcomes[toNumber(answer.get('i'))] = APPLIED
  const created = sets
    .filter((_, i) => outcomes[i] === APPLIED)
    .flatMap(({ edges, version }) =>
      uniqueBatch(edges, edgeIdentity, 'replace').records.map((edge) => ({ ...edge, version })),
    )
  for (const [type, group] of byType(created))
    for (const batch of splitBatches(group, limits, bytesOf))
      await run({
        text: `UNWIND $rows AS row
          MATCH (a:${quote(label)} {_key: row[0]})
          MATCH (b:${quote(label)} {_key: row[1]})
          CREATE (a)-[r:${quote(type)}]->(b)
          SET r = row[2]`,
        parameters: {
          rows: batch.map((edge) => [
            edge.source,
            edge.target,
            edgeProperties(edge, edge.version, connection.toNativeDate),
          ]),
        },
      })
  return outcomes
}

/** Deletes exactly these edges; answers how many were there. */
export const deleteEdges = async (
  { sizes }: Environment,
  access: Access,
  label: string,
  edges: readonly EdgeIdentity[],
  signal: AbortSignal | undefined,
): Promise<number> => {
  const unique = [...new Map(edges.map((edge) => [edgeIdentity(edge), edge])).values()]
  let deleted = 0
  await inBatches(
    unique,
    sizes.deletes,
    () => 200,
    signal,
    async (batch) => {
      deleted += await access.transact(signal, async (run) => {
        await lockNodes(
          run,
          label,
          batch.flatMap((edge) => [edge.source, edge.target]),
        )
        let count = 0
        for (const [type, group] of byType(batch)) {
          const rows = await run({
            text: `UNWIND $rows AS row
            MATCH (:${quote(label)} {_key: row.source})-[r:${quote(type)}]->(:${quote(label)} {_key: row.target})
            WHERE ${ordinalOf('r')} = row.ordinal
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
    },
  )
  return deleted
}
