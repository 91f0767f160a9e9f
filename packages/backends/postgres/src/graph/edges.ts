import {
  APPLIED,
  type EdgeRecord,
  type EdgeSet,
  invalid,
  type Key,
  type Outcome,
  STALE,
  type UpsertMode,
  uniqueBatch,
  VeritasError,
} from '@veritas-db/core/contract'
import { checkEdge, checkVersion, refuseMistakes } from '../checks.js'
import { keysParameter, textArray, toKey, uuidArray } from '../role.js'
import type { Session } from '../session.js'
import { type Target, upsertWithin } from '../upsert.js'
import { edgeColumns, edgeIdentity, recordBytes } from './records.js'

/** The tables of a graph, qualified and quoted. */
export interface GraphTables {
  readonly nodes: string
  readonly edges: string
}

const target = ({ edges }: GraphTables): Target => ({
  table: edges,
  identity: ['source', 'type', 'target', 'ordinal'],
  version: 'version',
  vectorTypeId: 0,
})

const absent = (end: 'source' | 'target', key: string): Outcome => ({
  status: 'failed',
  error: new VeritasError({ code: 'NOT_FOUND', path: end, message: `${end}: there is no node ${key}.` }),
})

/** Those of the nodes that are not there; the others stay until the transaction ends. */
const lockEnds = async (
  session: Session,
  { nodes }: GraphTables,
  keys: readonly string[],
): Promise<ReadonlySet<string>> => {
  const { rows } = await session.query(
    `WITH there AS MATERIALIZED (SELECT key FROM ${nodes} WHERE key = ANY($1::uuid[]) ORDER BY key FOR KEY SHARE)
     SELECT key FROM unnest($1::uuid[]) AS k (key) WHERE NOT EXISTS (SELECT FROM there WHERE there.key = k.key)`,
    [keysParameter(keys)],
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
  refuseMistakes(edges, checkEdge)
  const missing = await lockEnds(
    session,
    tables,
    edges.flatMap((edge) => [edge.source, edge.target]),
  )
  const joined = edges.filter((edge) => !missing.has(edge.source) && !missing.has(edge.target))
  const written = await write(session, tables, joined, mode)
  let at = 0
  return edges.map((edge): Outcome => {
    if (missing.has(edge.source)) return absent('source', edge.source)
    if (missing.has(edge.target)) return absent('target', edge.target)
    return written[at++] as Outcome
  })
}

const write = (
  session: Session,
  tables: GraphTables,
  edges: readonly EdgeRecord[],
  mode: UpsertMode,
): Promise<readonly Outcome[]> =>
  upsertWithin(session, edges, {
    target: target(tables),
    mode,
    identity: edgeIdentity,
    bytes: recordBytes,
    columns: edgeColumns,
  })

const checkSet = (set: EdgeSet): void => {
  checkVersion(set.version)
  for (const edge of set.edges) {
    checkEdge(edge)
    if (edge.source !== set.source) throw invalid('edges', 'an edge of a set needs the source of the set')
  }
}

/** Makes each set its source's only outgoing edges. Runs in a transaction. */
export const replaceEdges = async (
  session: Session,
  tables: GraphTables,
  sets: readonly EdgeSet[],
): Promise<readonly Outcome[]> => {
  refuseMistakes(sets, checkSet)
  const unique = uniqueBatch(sets, (set) => set.source, 'ifNewer')
  return unique.outcomes(await replaceUnique(session, tables, unique.records))
}

const replaceUnique = async (
  session: Session,
  tables: GraphTables,
  sets: readonly EdgeSet[],
): Promise<readonly Outcome[]> => {
  if (sets.length === 0) return []
  const versions = await lockSources(
    session,
    tables,
    sets.map((set) => set.source),
  )
  const missing = await lockEnds(
    session,
    tables,
    sets.flatMap((set) => set.edges.map((edge) => edge.target)),
  )
  const outcomes = sets.map((set): Outcome => {
    const version = versions.get(set.source)
    if (version === undefined) return absent('source', set.source)
    const end = set.edges.find((edge) => missing.has(edge.target))
    if (end) return absent('target', end.target)
    return set.version < version ? STALE : APPLIED
  })
  const applied = sets.filter((_, i) => outcomes[i] === APPLIED)
  if (applied.length === 0) return outcomes
  await session.query(`DELETE FROM ${tables.edges} WHERE source = ANY($1::uuid[])`, [
    keysParameter(applied.map((set) => set.source)),
  ])
  const edges = applied.flatMap((set) => set.edges.map((edge) => ({ ...edge, version: set.version })))
  await write(session, tables, edges, 'replace')
  await keepVersions(
    session,
    tables,
    applied.filter((set) => set.edges.length === 0),
  )
  return outcomes
}

/** Keeps others from replacing the same edges; gives the version of each source's edges, '' where there are none. */
const lockSources = async (
  session: Session,
  { nodes, edges }: GraphTables,
  sources: readonly Key[],
): Promise<ReadonlyMap<string, string>> => {
  const { rows: locked } = await session.query(
    `SELECT key, edges_version FROM ${nodes} WHERE key = ANY($1::uuid[]) ORDER BY key FOR NO KEY UPDATE`,
    [keysParameter(sources)],
  )
  const versions = new Map(locked.map((row) => [toKey(row.key), (row.edges_version as string | null) ?? '']))
  // A statement of its own: it sees what was committed while the lock was waited for.
  const { rows } = await session.query(
    `SELECT source, max(version) AS version FROM ${edges} WHERE source = ANY($1::uuid[]) GROUP BY source`,
    [keysParameter(sources)],
  )
  for (const row of rows) {
    const source = toKey(row.source)
    const version = row.version as string
    if (version > (versions.get(source) ?? version)) versions.set(source, version)
  }
  return versions
}

/** An empty set has no edge that carries its version: the source keeps it, so that an older set that comes late is stale. */
const keepVersions = async (session: Session, { nodes }: GraphTables, sets: readonly EdgeSet[]): Promise<void> => {
  if (sets.length === 0) return
  await session.query(
    `UPDATE ${nodes} n SET edges_version = s.version FROM unnest($1::uuid[], $2::text[]) AS s (key, version) WHERE n.key = s.key`,
    [uuidArray(sets.map((set) => set.source)), textArray(sets.map((set) => set.version))],
  )
}
