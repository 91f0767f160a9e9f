import {
  APPLIED,
  type EdgeRecord,
  encodeMetadata,
  type Key,
  type Outcome,
  STALE,
  type UpsertMode,
  uniqueBatch,
  type Version,
} from '@veritas-db/core/contract'
import { inBatches, writeCondition } from '../batches.js'
import type { Access } from '../connection.js'
import { integer, quote, type Statement, toNumber } from '../cypher.js'
import type { Environment } from '../environment.js'
import type { ToNativeDate } from '../properties.js'
import { endAt, endsOf, lockEnds, missingEnd } from './ends.js'
import { type EdgeIdentity, edgeIdentity, edgeProperties, ordinalOf } from './records.js'

/** The edge types of a pattern, such as `:A|B`; nothing for all. Names are checked and quoted. */
export const typePattern = (types: readonly string[] | undefined): string =>
  types === undefined ? '' : `:${types.map(quote).join('|')}`

/** About how many bytes an edge takes on the wire: values travel twice. */
export const bytesOf = (edge: EdgeRecord): number => encodeMetadata(edge.properties).length * 3 + 200

/** Groups by type, since a relationship's type cannot be a parameter. */
const byType = <T extends Pick<EdgeRecord, 'type'>>(edges: readonly T[]): ReadonlyMap<string, readonly T[]> =>
  Map.groupBy(edges, (edge) => edge.type)

function* keysOf(edges: readonly EdgeIdentity[]): Generator<Key> {
  for (const { source, target } of edges) {
    yield source
    yield target
  }
}

/** Edges of one source and version: the places of source and targets, and by target what most edges have none of. */
type Row = [
  source: number,
  version: Version,
  targets: number[],
  ordinals: number[] | null,
  properties: Record<string, unknown>[] | null,
  first: number,
]

/** Edges that follow each other as rows. */
const rowsOf = (edges: readonly EdgeRecord[], placeOf: (key: Key) => number, toDate: ToNativeDate): Row[] => {
  const rows: Row[] = []
  for (let first = 0, end = 0; first < edges.length; first = end) {
    const { source, version } = edges[first] as EdgeRecord
    while (edges[end]?.source === source && edges[end]?.version === version) end++
    const group = edges.slice(first, end)
    const properties = group.map((edge) => edgeProperties(edge, toDate))
    rows.push([
      placeOf(source),
      version,
      group.map((edge) => placeOf(edge.target)),
      group.some((edge) => edge.ordinal !== 0) ? group.map((edge) => edge.ordinal) : null,
      properties.some((map) => Object.keys(map).length > 0) ? properties : null,
      first,
    ])
  }
  return rows
}

/** One statement that writes edges of one type. Rows are lists: the driver takes several times as long for maps. */
const upsertStatement = (
  label: string,
  type: string,
  edges: readonly EdgeRecord[],
  mode: UpsertMode,
  toDate: ToNativeDate,
): Statement => {
  const { keys, placeOf } = endsOf(keysOf(edges))
  const condition = writeCondition(mode, 'r', 'version')
  return {
    text: `${lockEnds(label)}
      UNWIND $rows AS row
      WITH missing, ends, row, ${endAt('row[0]')} AS a
      UNWIND range(0, size(row[2]) - 1) AS j
      WITH missing, a, ${endAt('row[2][j]')} AS b, row[1] AS version, coalesce(row[3][j], 0) AS ordinal,
        coalesce(row[4][j], {}) AS properties, row[5] + j AS i
      OPTIONAL MATCH (a)-[r:${quote(type)}]->(b) WHERE ${ordinalOf('r')} = ordinal
      WITH missing, a, b, r, version, properties, i,
        a IS NOT NULL AND b IS NOT NULL AND r IS NULL AS create, r IS NOT NULL AND ${condition ?? 'true'} AS change
      ${when('create', `CREATE (a)-[c:${quote(type)} {_version: version}]->(b) SET c += properties`)}
      ${when('change', 'SET r = properties { .*, _version: version }')}
      RETURN ${condition === undefined ? 'DISTINCT missing' : 'missing, collect(CASE WHEN create OR change THEN i END) AS written'}`,
    parameters: { keys, rows: rowsOf(edges, placeOf, toDate) },
  }
}

/** Runs updates where `condition` holds. */
const when = (condition: string, updates: string): string =>
  `FOREACH (ignored IN CASE WHEN ${condition} THEN [1] ELSE [] END | ${updates})`

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
    // Those of one source together, and sources in the order of their locks.
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
          missingEnd(edge.source, [edge.target], missing) ??
            (written === undefined || written.has(i) ? APPLIED : STALE),
        )
    })
  }
  return unique.outcomes(unique.records.map((edge) => outcomes.get(edge) ?? STALE))
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
        await run({ text: `${lockEnds(label)} RETURN size(missing)`, parameters: { keys: endsOf(keysOf(batch)).keys } })
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
