import {
  APPLIED,
  type EdgeRecord,
  type EdgeSet,
  type Key,
  type Outcome,
  STALE,
  uniqueBatch,
  type Version,
} from '@veritas-db/core/contract'
import { inBatches } from '../batches.js'
import type { Access } from '../connection.js'
import { quote, type Statement, toNumber } from '../cypher.js'
import type { Environment } from '../environment.js'
import type { ToNativeDate } from '../properties.js'
import { bytesOf } from './edges.js'
import { type Ends, endAt, endsOf, lockEnds, missingEnd } from './ends.js'
import { edgeIdentity, edgeProperties } from './records.js'

/** Puts sets in the place of their sources' edges, a transaction a batch; answers each. */
export const replaceEdges = async (
  { connection, sizes }: Environment,
  access: Access,
  label: string,
  sets: readonly EdgeSet[],
  signal: AbortSignal | undefined,
): Promise<Outcome[]> => {
  const unique = uniqueBatch(sets, (set) => set.source, 'ifNewer')
  const outcomes: Outcome[] = []
  const sizeOf = (set: EdgeSet): number => set.edges.reduce((sum, edge) => sum + bytesOf(edge), 100)
  await inBatches(unique.records, sizes.sets, sizeOf, signal, async (batch) => {
    const [answer] = await access.run(replaceStatement(label, batch, connection.toNativeDate), signal)
    const listed = (name: string): readonly unknown[] => (answer?.get(name) ?? []) as readonly unknown[]
    const missing = new Set(listed('missing'))
    const written = new Set(listed('written').map(toNumber))
    for (const [i, { source, edges }] of batch.entries()) {
      const targets = edges.map((edge) => edge.target)
      outcomes.push(missingEnd(source, targets, missing) ?? (written.has(i) ? APPLIED : STALE))
    }
  })
  return unique.outcomes(outcomes)
}

/** A set: where its source and targets are, in order of type, and where among the targets each type begins. */
type Row = [
  i: number,
  source: number,
  version: Version,
  targets: number[],
  properties: Record<string, unknown>[],
  begins: number[],
]

const rowOf = (
  { source, version, edges }: EdgeSet,
  i: number,
  types: readonly string[],
  { placeOf }: Ends,
  toDate: ToNativeDate,
): Row => {
  const groups = Map.groupBy(uniqueBatch(edges, edgeIdentity, 'replace').records, (edge) => edge.type)
  const ordered: EdgeRecord[] = []
  const begins = [0]
  for (const type of types) {
    ordered.push(...(groups.get(type) ?? []))
    begins.push(ordered.length)
  }
  const properties = ordered.map((edge) => edgeProperties(edge, toDate))
  return [
    i,
    placeOf(source),
    version,
    ordered.map((edge) => placeOf(edge.target)),
    // Most edges have none.
    properties.some((map) => Object.keys(map).length > 0) ? properties : [],
    begins,
  ]
}

function* keysOf(sets: readonly EdgeSet[]): Generator<Key> {
  for (const { source, edges } of sets) {
    yield source
    for (const { target } of edges) yield target
  }
}

/** The version stays at the source, so that an empty set is remembered too. */
const replaceStatement = (label: string, sets: readonly EdgeSet[], toDate: ToNativeDate): Statement => {
  const ends = endsOf(keysOf(sets))
  // In one order, so that the same types make the same statement, which the server has planned before.
  const types = [...new Set(sets.flatMap(({ edges }) => edges.map((edge) => edge.type)))].sort()
  const creations = types.map(
    (type, place) => `FOREACH (j IN range(toInteger(begins[${place}]), toInteger(begins[${place + 1}]) - 1) |
        FOREACH (b IN [${endAt('targets[j]')}] |
          CREATE (a)-[c:${quote(type)} {_version: version}]->(b) SET c += coalesce(properties[j], {})))`,
  )
  return {
    text: `${lockEnds(label)}
      UNWIND $rows AS row
      WITH missing, ends, row[0] AS i, ${endAt('row[1]')} AS a, row[2] AS version, row[3] AS targets, row[4] AS properties, row[5] AS begins
      WITH *, CASE WHEN a IS NULL THEN [] ELSE [(a)-[r]->() | r] END AS old
      WITH *, a IS NOT NULL AND none(place IN targets WHERE ${endAt('place')} IS NULL)
        AND coalesce(a._edges, '') <= version AND none(r IN old WHERE r._version > version) AS write
      FOREACH (ignored IN CASE WHEN write THEN [1] ELSE [] END |
        SET a._edges = version
        FOREACH (r IN old | DELETE r)
        ${creations.join('\n        ')})
      RETURN missing, collect(CASE WHEN write THEN i END) AS written`,
    parameters: { keys: ends.keys, rows: sets.map((set, i) => rowOf(set, i, types, ends, toDate)) },
  }
}
