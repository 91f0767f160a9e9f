import {
  APPLIED,
  checkEdge,
  checkEdgeSet,
  checkNode,
  type DeleteResult,
  type EdgeRecord,
  type EdgeSet,
  invalid,
  type Key,
  type NodeRecord,
  type Outcome,
  refuseMistakes,
  STALE,
  type UpsertMode,
  uniqueBatch,
  VeritasError,
  type Version,
} from '@veritas-db/core/contract'
import type { Access } from '../access.js'
import { chunks, documentBatches, KEYS_A_REQUEST } from '../batches.js'
import type { Call } from '../connection.js'
import type { Session } from '../session.js'
import type { GraphSpace } from '../spaces.js'
import { versionCondition } from '../upsert.js'
import { type EdgeDocument, edgeKey, toEdgeDocument, toNodeDocument } from './records.js'

/** Sets of edges of one transaction. */
const SETS_A_TRANSACTION = 500

const notFound = (what: string): Outcome => ({
  status: 'failed',
  error: new VeritasError({ code: 'NOT_FOUND', message: `${what} is not there.` }),
})

/** The collections that a change of edges takes for itself: nodes must not go while edges to them are made. */
const locksOf = (graph: GraphSpace): { readonly exclusive: readonly string[] } => ({
  exclusive: [graph.nodes, ...graph.edges.values()],
})

/** Writes whole nodes, comparing versions within one query. The version of a node's edges stays. */
export const upsertNodes = async (
  access: Access,
  call: Call,
  graph: GraphSpace,
  nodes: readonly NodeRecord[],
  mode: UpsertMode,
): Promise<Outcome[]> => {
  refuseMistakes(nodes, checkNode)
  const unique = uniqueBatch(nodes, (node) => node.key, mode)
  const outcomes: Outcome[] = []
  for (const batch of documentBatches(unique.records.map(toNodeDocument))) {
    const { session } = access
    const { rows } = await session.query<string>(
      call,
      `FOR x IN @docs
         LET old = FIRST((FOR d IN @@nodes FILTER d._key == x._key RETURN { version: d.version, edges: d.edges }))
         FILTER ${versionCondition(mode)}
         INSERT MERGE(x, { edges: old.edges }) INTO @@nodes OPTIONS { overwriteMode: "replace"${session.exclusive} }
         RETURN NEW._key`,
      { '@nodes': graph.nodes, docs: batch },
      true,
    )
    const written = new Set(rows)
    for (const document of batch) outcomes.push(written.has(document._key) ? APPLIED : STALE)
  }
  return unique.outcomes(outcomes)
}

const edgesOf = (graph: GraphSpace, type: string): string => {
  const collection = graph.edges.get(type)
  if (collection === undefined)
    throw invalid('type', `${type} is no edge type of this graph: declare it with ensureSchema`)
  return collection
}

/** The graph with all types of the edges that are to be written, some of which another process may have declared just now. */
const withTypes = async (
  access: Access,
  call: Call,
  scope: Parameters<Access['spaces']['graph']>[1],
  types: Iterable<string>,
): Promise<GraphSpace> => {
  const graph = await access.spaces.graph(call, scope)
  return [...types].every((type) => graph.edges.has(type)) ? graph : access.spaces.graph(call, scope, true)
}

/** Writes whole edges between nodes that are there. */
export const upsertEdges = async (
  access: Access,
  call: Call,
  scope: Parameters<Access['spaces']['graph']>[1],
  edges: readonly EdgeRecord[],
  mode: UpsertMode,
): Promise<Outcome[]> => {
  refuseMistakes(edges, checkEdge)
  const types = new Set(edges.map((edge) => edge.type))
  const graph = await withTypes(access, call, scope, types)
  const unique = uniqueBatch(edges, (edge) => `${edge.type} ${edgeKey(edge)}`, mode)
  const outcomes = new Map<EdgeRecord, Outcome>()
  for (const type of types) {
    const own = unique.records.filter((edge) => edge.type === type)
    const collection = edgesOf(graph, type)
    const items = own.map((edge) => ({
      edge,
      ends: [...new Set([edge.source, edge.target])],
      doc: toEdgeDocument(graph.nodes, edge),
    }))
    for (const batch of documentBatches(items)) {
      const { session } = access
      const docs = batch.map(({ ends, doc }) => ({ ends, doc }))
      const { rows } = await session.query<string>(
        call,
        `FOR x IN @docs
           FILTER LENGTH((FOR n IN @@nodes FILTER n._key IN x.ends RETURN 1)) == LENGTH(x.ends)
           LET old = FIRST((FOR d IN @@edges FILTER d._key == x.doc._key RETURN { version: d.version }))
           FILTER ${versionCondition(mode, 'x.doc.version')}
           INSERT x.doc INTO @@edges OPTIONS { overwriteMode: "replace"${session.exclusive} }
           RETURN NEW._key`,
        { '@nodes': graph.nodes, '@edges': collection, docs },
        true,
      )
      const written = new Set(rows)
      const left = batch.filter(({ doc }) => !written.has(doc._key))
      const ends =
        left.length > 0
          ? await existing(
              access.session,
              call,
              graph,
              left.flatMap((item) => item.ends),
            )
          : new Set()
      for (const { edge, doc } of batch) {
        if (written.has(doc._key)) outcomes.set(edge, APPLIED)
        else if (!ends.has(edge.source)) outcomes.set(edge, notFound(`The source ${edge.source}`))
        else if (!ends.has(edge.target)) outcomes.set(edge, notFound(`The target ${edge.target}`))
        else outcomes.set(edge, STALE)
      }
    }
  }
  return unique.outcomes(unique.records.map((edge) => outcomes.get(edge) ?? STALE))
}

/** Which of the nodes are there. */
const existing = async (
  session: Session,
  call: Call,
  graph: GraphSpace,
  keys: readonly string[],
): Promise<ReadonlySet<string>> => {
  const found = new Set<string>()
  for (const part of chunks([...new Set(keys)], KEYS_A_REQUEST)) {
    const aql = 'FOR n IN @@nodes FILTER n._key IN @keys RETURN n._key'
    const { rows } = await session.query<string>(call, aql, { '@nodes': graph.nodes, keys: part })
    for (const key of rows) found.add(key)
  }
  return found
}

/** Makes each set its source's only outgoing edges. */
export const replaceEdges = async (
  access: Access,
  call: Call,
  scope: Parameters<Access['spaces']['graph']>[1],
  sets: readonly EdgeSet[],
): Promise<Outcome[]> => {
  refuseMistakes(sets, checkEdgeSet)
  const types = new Set(sets.flatMap((set) => set.edges.map((edge) => edge.type)))
  const unique = uniqueBatch(sets, (set) => set.source, 'ifNewer')
  const outcomes: Outcome[] = []
  for (const batch of chunks(unique.records, SETS_A_TRANSACTION)) {
    // All types that there are: edges of any of them may have to go.
    const graph = await access.spaces.graph(call, scope, true)
    for (const type of types) edgesOf(graph, type)
    outcomes.push(
      ...(await access.transaction(call, locksOf(graph), (session) => replaceBatch(session, call, graph, batch))),
    )
  }
  return unique.outcomes(outcomes)
}

interface SetState {
  readonly there: boolean
  readonly complete: boolean
  /** The newest version of edges of this source, as far as there is one. */
  readonly newest: string | null
}

const replaceBatch = async (
  session: Session,
  call: Call,
  graph: GraphSpace,
  sets: readonly EdgeSet[],
): Promise<Outcome[]> => {
  const states = await statesOf(session, call, graph, sets)
  const outcomes = sets.map((set, i): Outcome => {
    const state = states[i]
    if (!state?.there) return notFound(`The source ${set.source}`)
    if (!state.complete) return notFound(`A target of ${set.source}`)
    return state.newest !== null && state.newest > set.version ? STALE : APPLIED
  })
  const applied = sets.filter((_, i) => outcomes[i] === APPLIED)
  if (applied.length === 0) return outcomes
  const sources = applied.map((set) => `${graph.nodes}/${set.source}`)
  for (const [type, collection] of graph.edges) {
    const docs = new Map<string, EdgeDocument>()
    for (const set of applied)
      for (const edge of set.edges)
        if (edge.type === type) docs.set(edgeKey(edge), toEdgeDocument(graph.nodes, edge, set.version))
    const remove = 'FOR d IN @@edges FILTER d._from IN @sources FILTER d._key NOT IN @keep REMOVE d IN @@edges'
    await session.query(call, remove, { '@edges': collection, sources, keep: [...docs.keys()] }, true)
    const insert = 'FOR x IN @docs INSERT x INTO @@edges OPTIONS { overwriteMode: "replace" }'
    for (const part of documentBatches([...docs.values()]))
      await session.query(call, insert, { '@edges': collection, docs: part }, true)
  }
  // What is left of a set without edges: that an older one comes too late.
  const marks = applied.map(({ source, version }) => ({ source, version }))
  const mark = 'FOR x IN @marks UPDATE x.source WITH { edges: x.version } IN @@nodes'
  await session.query(call, mark, { '@nodes': graph.nodes, marks }, true)
  return outcomes
}

const statesOf = async (
  session: Session,
  call: Call,
  graph: GraphSpace,
  sets: readonly EdgeSet[],
): Promise<readonly SetState[]> => {
  const asked = sets.map((set) => ({
    key: set.source,
    id: `${graph.nodes}/${set.source}`,
    targets: [...new Set(set.edges.map((edge) => edge.target))],
  }))
  const binds: Record<string, unknown> = { '@nodes': graph.nodes, sets: asked }
  const versions = [...graph.edges.values()].map((collection, i) => {
    binds[`@edges${i}`] = collection
    return `(FOR d IN @@edges${i} FILTER d._from == x.id RETURN d.version)`
  })
  const { rows } = await session.query<SetState>(
    call,
    `FOR x IN @sets
       LET source = FIRST((FOR d IN @@nodes FILTER d._key == x.key RETURN { edges: d.edges }))
       LET found = LENGTH((FOR d IN @@nodes FILTER d._key IN x.targets RETURN 1))
       RETURN { there: source != null, complete: found == LENGTH(x.targets), newest: MAX(FLATTEN([${['[source.edges]', ...versions].join(', ')}])) }`,
    binds,
  )
  return rows
}

/** Deletes nodes and every edge that touches them. */
export const deleteNodes = async (
  access: Access,
  call: Call,
  scope: Parameters<Access['spaces']['graph']>[1],
  keys: readonly Key[],
  versionBelow: Version | undefined,
): Promise<DeleteResult> => {
  if (keys.length === 0) {
    await access.spaces.graph(call, scope)
    return { deleted: 0 }
  }
  let deleted = 0
  for (const part of chunks([...new Set(keys)], KEYS_A_REQUEST)) {
    const graph = await access.spaces.graph(call, scope, true)
    deleted += await access.transaction(call, locksOf(graph), async (session) => {
      const older = versionBelow === undefined ? '' : 'FILTER d.version < @versionBelow'
      const { rows } = await session.query<string>(
        call,
        `FOR d IN @@nodes FILTER d._key IN @keys ${older} REMOVE d IN @@nodes RETURN OLD._id`,
        { '@nodes': graph.nodes, keys: part, ...(versionBelow !== undefined && { versionBelow }) },
        true,
      )
      if (rows.length > 0)
        for (const collection of graph.edges.values())
          await session.query(
            call,
            'FOR d IN @@edges FILTER d._from IN @ids || d._to IN @ids REMOVE d IN @@edges',
            { '@edges': collection, ids: rows },
            true,
          )
      return rows.length
    })
  }
  return { deleted }
}

/** Deletes single edges. */
export const deleteEdges = async (
  access: Access,
  call: Call,
  scope: Parameters<Access['spaces']['graph']>[1],
  edges: readonly Pick<EdgeRecord, 'source' | 'target' | 'type' | 'ordinal'>[],
): Promise<DeleteResult> => {
  const types = new Set(edges.map((edge) => edge.type))
  const graph = await withTypes(access, call, scope, types)
  let deleted = 0
  for (const type of types) {
    const collection = graph.edges.get(type)
    if (collection === undefined) continue
    const keys = [...new Set(edges.filter((edge) => edge.type === type).map(edgeKey))]
    for (const part of chunks(keys, KEYS_A_REQUEST)) {
      const { session } = access
      const options = session.exclusive === '' ? '' : 'OPTIONS { exclusive: true }'
      const aql = `FOR d IN @@edges FILTER d._key IN @keys REMOVE d IN @@edges ${options}`
      deleted += (await session.query(call, aql, { '@edges': collection, keys: part }, true)).written
    }
  }
  return { deleted }
}
