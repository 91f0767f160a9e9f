import {
  APPLIED,
  type EdgeRecord,
  type EdgeSet,
  inParallel,
  type NodeRecord,
  type Outcome,
  prepareRecords,
  STALE,
  splitBatches,
  type UpsertMode,
  uniqueBatch,
  VeritasError,
  type Version,
} from '@veritas-db/core/contract'
import { LIMITS, setBatches } from './batches.js'
import { isMissingEnd } from './errors.js'
import { type Names, vertexId } from './names.js'
import { edgeId, edgePreparer, nodePreparer, type Prepared, toEdgeRow } from './records.js'
import { EDGE_VERSIONS, NODE_VERSIONS, REPLACE_EDGES } from './scripts.js'
import type { Session } from './session.js'

/** Batches of one call that are under way at once. */
const WIDTH = 2

/** Writes nodes through the batch endpoint, which puts a vertex in the place of one with its id. */
export const upsertNodes = (
  session: Session,
  names: Names,
  nodes: readonly NodeRecord[],
  mode: UpsertMode,
): Promise<Outcome[]> =>
  upsert(prepareRecords(nodes, nodePreparer(names)), ({ record }) => record.key, mode, {
    async versions(batch) {
      const ids = batch.map(({ record }) => vertexId(names, record.key))
      const stored = await versionsOf(session, names, ids)
      return ids.map((id) => stored.get(id) ?? '')
    },
    async write(batch) {
      await post(session, '/graph/vertices/batch', batch)
      return batch.map(() => APPLIED)
    },
  })

/** Writes edges through the batch endpoint, which puts an edge in the place of one with its ends, type and ordinal. */
export const upsertEdges = (
  session: Session,
  names: Names,
  edges: readonly EdgeRecord[],
  mode: UpsertMode,
): Promise<Outcome[]> =>
  upsert(prepareRecords(edges, edgePreparer(names)), ({ record }) => edgeId(record), mode, {
    versions: (batch) => {
      const kinds = new Map<string, number>()
      const edges = batch.flatMap(({ record: { source, target, type, ordinal } }) => {
        const kind = JSON.stringify([type, ordinal])
        if (!kinds.has(kind)) kinds.set(kind, kinds.size)
        return [source, target, kinds.get(kind)]
      })
      return session.run(EDGE_VERSIONS, { ...names, kinds: [...kinds.keys()].map((kind) => JSON.parse(kind)), edges })
    },
    write: (batch) => writeEdges(session, names, batch),
  })

/** Makes each set its source's only edges: a script, so that a set is there as a whole or not at all. */
export const replaceEdges = async (session: Session, names: Names, sets: readonly EdgeSet[]): Promise<Outcome[]> => {
  const rows = sets.map(({ source, version, edges }) => {
    const unique = uniqueBatch(edges, edgeId, 'replace').records
    return [source, version, unique.map((edge) => toEdgeRow({ ...edge, version }))] as const
  })
  const outcomes: Outcome[] = []
  // One after the other: of two sets of one source, the first may be in the batch before.
  for (const batch of setBatches(rows, LIMITS)) {
    const answers = await session.run(REPLACE_EDGES, { ...names, sets: batch })
    session.changed = true
    for (const [i, answer] of answers.entries())
      outcomes.push(answer === 1 ? APPLIED : answer === 0 ? STALE : endMissing(`the edges of ${batch[i]?.[0]}`))
  }
  return outcomes
}

interface Writer<R> {
  /** The versions that are stored, empty where there is none. */
  versions(batch: readonly Prepared<R>[]): Promise<readonly unknown[]>
  /** Writes a batch, whatever is there. */
  write(batch: readonly Prepared<R>[]): Promise<readonly Outcome[]>
}

/** Writes records in batches. The modes that compare read the versions of a batch before, and write what is to be written of it. */
const upsert = async <R>(
  prepared: readonly Prepared<R>[],
  identity: (record: Prepared<R>) => string,
  mode: UpsertMode,
  { versions, write }: Writer<R>,
): Promise<Outcome[]> => {
  const unique = uniqueBatch(prepared, identity, mode)
  const batches = [...splitBatches(unique.records, LIMITS, ({ bytes }) => bytes + 1)]
  const answers = await inParallel(batches, WIDTH, async (batch) => {
    if (mode === 'replace') return write(batch)
    const stored = await versions(batch)
    const wanted = batch.filter(({ version }, i) => passes(mode, version, String(stored[i] ?? '')))
    const written = new Map<Prepared<R>, Outcome>()
    if (wanted.length > 0)
      for (const [i, outcome] of (await write(wanted)).entries()) written.set(wanted[i] as Prepared<R>, outcome)
    return batch.map((record) => written.get(record) ?? STALE)
  })
  return unique.outcomes(answers.flat())
}

const passes = (mode: UpsertMode, version: Version, stored: string): boolean =>
  stored === '' || (mode === 'ifNewer' && version >= stored)

/** The versions of vertices that are there, by id. */
const versionsOf = async (
  session: Session,
  names: Names,
  ids: readonly string[],
): Promise<ReadonlyMap<string, string>> => {
  const answer = await session.run(NODE_VERSIONS, { ...names, ids })
  const versions = new Map<string, string>()
  for (let i = 0; i < answer.length; i += 2) versions.set(String(answer[i]), String(answer[i + 1]))
  return versions
}

const post = async (session: Session, path: string, batch: readonly Prepared<unknown>[]): Promise<void> => {
  await session.send('POST', path, `[${batch.map(({ text }) => text).join(',')}]`)
  session.changed = true
}

/** The server refuses a batch as a whole where one end is missing: then it is asked which are there, and the others fail. */
const writeEdges = async (
  session: Session,
  names: Names,
  batch: readonly Prepared<EdgeRecord>[],
): Promise<readonly Outcome[]> => {
  try {
    await post(session, '/graph/edges/batch?check_vertex=true', batch)
    return batch.map(() => APPLIED)
  } catch (error) {
    if (!isMissingEnd(error)) throw error
    const endsOf = ({ record }: Prepared<EdgeRecord>): string[] =>
      [record.source, record.target].map((key) => vertexId(names, key))
    const there = await versionsOf(session, names, [...new Set(batch.flatMap(endsOf))])
    const whole = batch.filter((edge) => endsOf(edge).every((id) => there.has(id)))
    // Somebody wrote the missing end meanwhile, or the server means something else: another try of the caller's tells.
    if (whole.length === batch.length) throw error
    const written = new Map<Prepared<EdgeRecord>, Outcome>()
    if (whole.length > 0)
      for (const [i, outcome] of (await writeEdges(session, names, whole)).entries())
        written.set(whole[i] as Prepared<EdgeRecord>, outcome)
    return batch.map((edge) => written.get(edge) ?? endMissing(`the edge ${edgeId(edge.record)}`))
  }
}

const endMissing = (what: string): Outcome => ({
  status: 'failed',
  error: new VeritasError({
    code: 'NOT_FOUND',
    backend: 'hugegraph',
    role: 'graph',
    message: `${what}: its source or a target is not there.`,
  }),
})
