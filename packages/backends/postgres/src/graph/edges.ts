import {
  APPLIED,
  checkEdge,
  checkEdgeSet,
  type EdgeRecord,
  type EdgeSet,
  type Key,
  type Outcome,
  refuseMistakes,
  STALE,
  type UpsertMode,
  uniqueBatch,
  VeritasError,
} from '@veritas-db/core/contract'
import { textArray, uuidArray } from '../binary.js'
import { keysParameter, toKey } from '../role.js'
import type { Session } from '../session.js'
import { literal } from '../sql.js'
import { upsertRecords } from '../upsert.js'
import { edgeBytes, edgeColumns, edgeIdentity } from './records.js'

/** The tables of a graph, qualified and quoted. */
export interface GraphTables {
  readonly nodes: string
  readonly edges: string
}

/**
 * Keeps nodes where they are while edges are written to them, until the transaction ends: who writes edges shares the lock,
 * who deletes nodes has it alone. One lock for a graph: to lock each node would be a write to each, and take longer than
 * the edges themselves.
 */
export const lockNodes = (session: Session, { nodes }: GraphTables, how: 'shared' | 'alone'): Promise<void> =>
  session.run(
    `SELECT pg_advisory_xact_lock${how === 'shared' ? '_shared' : ''}(hashtextextended(${literal(`veritas edges ${nodes}`)}, 0))`,
  )

const absent = (end: 'source' | 'target', key: string): Outcome => ({
  status: 'failed',
  error: new VeritasError({ code: 'NOT_FOUND', path: end, message: `${end}: there is no node ${key}.` }),
})

/** Those of the nodes that are not there. */
const missingAmong = async (
  session: Session,
  { nodes }: GraphTables,
  keys: ReadonlySet<string>,
): Promise<ReadonlySet<string>> => {
  const { rows } = await session.query(
    `SELECT k.key FROM unnest($1::uuid[]) AS k (key) WHERE NOT EXISTS (SELECT FROM ${nodes} n WHERE n.key = k.key)`,
    [uuidArray([...keys])],
  )
  return new Set(rows.map((row) => toKey(row.key)))
}

/** Writes edges between nodes that are there. Runs in a transaction. */
export const upsertEdges = async (
  session: Session,
  tables: GraphTables,
  edges: readonly EdgeRecord[],
  mode: UpsertMode,
): Promise<readonly Outcome[]> => {
  await lockNodes(session, tables, 'shared')
  const ends = new Set<string>()
  for (const { source, target } of edges) ends.add(source).add(target)
  const missing = await missingAmong(session, tables, ends)
  const joined =
    missing.size === 0 ? edges : edges.filter((edge) => !missing.has(edge.source) && !missing.has(edge.target))
  const written = await write(session, tables, joined, mode)
  if (missing.size === 0) return written
  let at = 0
  return edges.map((edge): Outcome => {
    if (missing.has(edge.source)) return absent('source', edge.source)
    if (missing.has(edge.target)) return absent('target', edge.target)
    return written[at++] as Outcome
  })
}

const write = (
  session: Session,
  { edges: table }: GraphTables,
  edges: readonly EdgeRecord[],
  mode: UpsertMode,
  noneThere = false,
): Promise<readonly Outcome[]> =>
  upsertRecords(session, edges, {
    target: { table, identity: ['source', 'type', 'target', 'ordinal'], version: 'version', vectorTypeId: 0 },
    mode,
    identity: edgeIdentity,
    bytes: edgeBytes,
    columns: edgeColumns,
    absent: noneThere,
  })

/** Refuses edges and sets of edges with a mistake. @throws VeritasError VALIDATION */
export const checkEdges = (edges: readonly EdgeRecord[]): void => refuseMistakes(edges, checkEdge)
export const checkEdgeSets = (sets: readonly EdgeSet[]): void => refuseMistakes(sets, (set) => checkEdgeSet(set))

/** Makes each set its source's only outgoing edges. Runs in a transaction. */
export const replaceEdges = async (
  session: Session,
  tables: GraphTables,
  sets: readonly EdgeSet[],
): Promise<readonly Outcome[]> => {
  if (sets.length === 0) return []
  const unique = uniqueBatch(sets, (set) => set.source, 'ifNewer')
  return unique.outcomes(await replaceUnique(session, tables, unique.records))
}

const replaceUnique = async (
  session: Session,
  tables: GraphTables,
  sets: readonly EdgeSet[],
): Promise<readonly Outcome[]> => {
  await lockNodes(session, tables, 'shared')
  const there = await lockSources(
    session,
    tables,
    sets.map((set) => set.source),
  )
  const targets = new Set<string>()
  for (const set of sets) for (const { target } of set.edges) targets.add(target)
  const missing = await missingAmong(session, tables, targets)
  const outcomes = sets.map((set): Outcome => {
    if (there.missing.has(set.source)) return absent('source', set.source)
    const end = set.edges.find((edge) => missing.has(edge.target))
    if (end) return absent('target', end.target)
    return set.version < (there.versions.get(set.source) ?? '') ? STALE : APPLIED
  })
  const applied = sets.filter((_, i) => outcomes[i] === APPLIED)
  const replaced = applied.filter((set) => there.withEdges.has(set.source))
  if (replaced.length > 0)
    await session.query(`DELETE FROM ${tables.edges} WHERE source = ANY($1::uuid[])`, [
      keysParameter(replaced.map((set) => set.source)),
    ])
  const edges = applied.flatMap(({ edges: own, version }) =>
    own.map((edge) => (edge.version === version ? edge : { ...edge, version })),
  )
  await write(session, tables, edges, 'replace', true)
  await keepVersions(
    session,
    tables,
    applied.filter((set) => set.edges.length === 0),
  )
  return outcomes
}

/** What there is of some sources. */
interface Sources {
  readonly missing: ReadonlySet<string>
  /** The version of their edges, of those that have or had some. */
  readonly versions: ReadonlyMap<string, string>
  readonly withEdges: ReadonlySet<string>
}

/** Keeps others from replacing the same edges. */
const lockSources = async (session: Session, { nodes, edges }: GraphTables, keys: readonly Key[]): Promise<Sources> => {
  const sources = keysParameter(keys)
  // Answers with those that are special alone: usually none.
  const { rows: special } = await session.query(
    `WITH there AS MATERIALIZED (SELECT key, edges_version FROM ${nodes} WHERE key = ANY($1::uuid[]) ORDER BY key FOR NO KEY UPDATE)
     SELECT k.key, there.edges_version FROM unnest($1::uuid[]) AS k (key) LEFT JOIN there ON there.key = k.key
     WHERE there.key IS NULL OR there.edges_version IS NOT NULL`,
    [sources],
  )
  const missing = new Set<string>()
  const versions = new Map<string, string>()
  for (const { key, edges_version: version } of special)
    if (version === null) missing.add(toKey(key))
    else versions.set(toKey(key), version as string)
  // A statement of its own: it sees what was committed while the lock was waited for.
  const { rows } = await session.query(
    `SELECT source, max(version) AS version FROM ${edges} WHERE source = ANY($1::uuid[]) GROUP BY source`,
    [sources],
  )
  const withEdges = new Set<string>()
  for (const row of rows) {
    const [source, version] = [toKey(row.source), row.version as string]
    withEdges.add(source)
    if (version > (versions.get(source) ?? '')) versions.set(source, version)
  }
  return { missing, versions, withEdges }
}

/** An empty set has no edge that carries its version: the source keeps it, so that an older set that comes late is stale. */
const keepVersions = async (session: Session, { nodes }: GraphTables, sets: readonly EdgeSet[]): Promise<void> => {
  if (sets.length === 0) return
  await session.query(
    `UPDATE ${nodes} n SET edges_version = s.version FROM unnest($1::uuid[], $2::text[]) AS s (key, version) WHERE n.key = s.key`,
    [uuidArray(sets.map((set) => set.source)), textArray(sets.map((set) => set.version))],
  )
}
