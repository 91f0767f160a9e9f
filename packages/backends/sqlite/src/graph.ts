import {
  checkEdge,
  checkEdgeSet,
  checkFieldName,
  checkLimit,
  checkName,
  checkNode,
  checkUpsertMode,
  type EdgeRecord,
  type EdgeSet,
  type FilterNode,
  FULL_FILTER,
  type GraphCapabilities,
  type GraphRole,
  type GraphSchema,
  issuesOf,
  type Key,
  type NodeRecord,
  type Outcome,
  pageOf,
  refuseMistakes,
  type ScanOptions,
  type Scope,
  type Version,
} from '@veritas-db/core/contract'
import { batchRecords, inBatches, writeResult } from './batches.js'
import { backendName, guarded, missing } from './errors.js'
import { compileJsonFilter } from './fields.js'
import type { CompiledFilter } from './filter.js'
import {
  dropGraph,
  edgeColumns,
  edgeJoins,
  ensureGraph,
  findGraph,
  type GraphSpace,
  graphTables,
  isEnsured,
  nodeColumns,
  toEdge,
  toNode,
} from './graph/store.js'
import { walkNeighbors, walkPath } from './graph/walk.js'
import { type GraphWriter, graphWriter, textOf } from './graph/writer.js'
import { positionOf } from './pages.js'
import { runRaw } from './raw.js'
import type { Access, Session, SqlRow } from './session.js'
import { textQuery } from './text.js'

/** What the embedded graph role can do. */
export const graphCapabilities: GraphCapabilities = {
  limits: { batchRecords },
  filter: FULL_FILTER,
  upsertModes: ['replace', 'ifNewer', 'ifAbsent'],
  conditionalUpsert: 'atomic',
  readAfterWrite: 'immediate',
  scan: { order: 'key', resume: 'cursor', snapshot: false },
  fullText: true,
  shortestPath: true,
  maxDepth: 100,
  raw: 'sql',
}

type ScanArguments = ScanOptions & { readonly fields?: 'keys' | 'all' }

const graphOf = (session: Session, scope: Scope): GraphSpace => {
  const space = findGraph(session, scope)
  if (!space) throw missing(`The graph of "${scope.collection}"`, 'ensureSchema')
  return space
}

const filterOf = (space: GraphSpace, filter: FilterNode | undefined): CompiledFilter =>
  compileJsonFilter(filter, 'n', 'properties', space.definition.paths)

const checkSchema = ({ labels, edgeTypes, fields = {}, textFields = [] }: GraphSchema): void => {
  for (const label of labels) checkName(label, 'labels')
  for (const type of edgeTypes) checkName(type, 'edgeTypes')
  for (const path of [...Object.keys(fields), ...textFields])
    for (const part of path.split('.')) checkFieldName(part, 'fields')
}

/** The graph role, over one connection or one unit of work. */
export const createGraphRole = (access: Access): GraphRole => {
  const guard = <T>(
    operation: string,
    options: Parameters<typeof guarded>[3],
    work: () => T | Promise<T>,
  ): Promise<T> => guarded(access, 'graph', operation, options, work)

  /** Writes records in batches; one answer each. */
  const write = async <R>(
    { scope, signal }: { readonly scope: Scope; readonly signal?: AbortSignal },
    records: readonly R[],
    check: (record: R) => void,
    keysOf: (record: R) => readonly Key[],
    one: (writer: GraphWriter, record: R) => Outcome,
  ): Promise<{ outcomes: readonly Outcome[] }> => {
    refuseMistakes(records, check)
    const outcomes = await inBatches(access, signal, records, (transaction, batch) => {
      const writer = graphWriter(transaction, graphOf(transaction.session, scope))
      writer.expect(batch.flatMap(keysOf))
      return batch.map((record) => one(writer, record))
    })
    return writeResult(outcomes)
  }

  const remove = async <R>(
    options: { readonly scope: Scope; readonly signal?: AbortSignal },
    records: readonly R[],
    one: (writer: GraphWriter, record: R) => boolean,
  ): Promise<{ deleted: number }> => {
    const removed = await inBatches(access, options.signal, records, (transaction, batch) => {
      const writer = graphWriter(transaction, graphOf(transaction.session, options.scope))
      return batch.map((record) => one(writer, record))
    })
    return { deleted: removed.filter(Boolean).length }
  }

  const scanNodes: GraphRole['scanNodes'] = ((options: ScanArguments) =>
    guard('scanNodes', options, () =>
      access.read(options.signal, (session) => {
        const space = graphOf(session, options.scope)
        const limit = options.limit ?? 1000
        checkLimit(limit, 'limit')
        const [key] = positionOf(options.cursor, [''])
        const filter = filterOf(space, options.filter)
        const keysOnly = options.fields === 'keys'
        const rows = session.all(
          `SELECT ${keysOnly ? 'n.key, n.version' : nodeColumns} FROM ${graphTables(space).nodes} n
           WHERE n.key > ? AND (${filter.sql}) ORDER BY n.key LIMIT ?`,
          key,
          ...filter.params,
          limit + 1,
        )
        const position = (row: SqlRow): string[] => [row.key as string]
        return pageOf(rows, limit, position, (row) =>
          keysOnly ? { key: row.key as Key, version: row.version as Version } : toNode(row),
        )
      }),
    )) as GraphRole['scanNodes']

  return {
    capabilities: graphCapabilities,

    check: (nodes, edges) => [...issuesOf(nodes, checkNode), ...issuesOf(edges, checkEdge, nodes.length)],

    ensureSchema: (options) =>
      guard('ensureSchema', options, async () => {
        checkSchema(options)
        const { signal, scope } = options
        if (await access.read(signal, (session) => isEnsured(findGraph(session, scope), options))) return
        await access.write(signal, ({ session }) => ensureGraph(session, scope, options, textOf))
      }),

    dropSchema: (options) =>
      guard('dropSchema', options, () =>
        access.write(options.signal, ({ session }) => {
          const space = findGraph(session, options.scope)
          if (space) dropGraph(session, space)
        }),
      ),

    upsertNodes: (options) =>
      guard('upsertNodes', options, () => {
        const { nodes, mode = 'replace' } = options
        checkUpsertMode(mode, graphCapabilities, backendName, 'graph')
        const keysOf = ({ key }: NodeRecord): Key[] => [key]
        return write(options, nodes, checkNode, keysOf, (writer, node) => writer.writeNode(node, mode))
      }),

    upsertEdges: (options) =>
      guard('upsertEdges', options, () => {
        const { edges, mode = 'replace' } = options
        checkUpsertMode(mode, graphCapabilities, backendName, 'graph')
        const keysOf = ({ source, target }: EdgeRecord): Key[] => [source, target]
        return write(options, edges, checkEdge, keysOf, (writer, edge) => writer.writeEdge(edge, mode))
      }),

    replaceEdges: (options) =>
      guard('replaceEdges', options, () => {
        const keysOf = ({ source, edges }: EdgeSet): Key[] => [source, ...edges.map((edge) => edge.target)]
        return write(
          options,
          options.sets,
          (set) => checkEdgeSet(set),
          keysOf,
          (writer, set) => writer.replaceEdges(set),
        )
      }),

    getNodes: (options) =>
      guard('getNodes', options, () =>
        access.read(options.signal, (session) => {
          const { nodes } = graphTables(graphOf(session, options.scope))
          return session
            .all(
              `SELECT ${nodeColumns} FROM json_each(?) j CROSS JOIN ${nodes} n ON n.key = j.value`,
              JSON.stringify([...new Set(options.keys)]),
            )
            .map(toNode)
        }),
      ),

    getEdges: (options) =>
      guard('getEdges', options, () =>
        access.read(options.signal, (session) => {
          const tables = graphTables(graphOf(session, options.scope))
          const { direction, edgeTypes } = options
          const ends = `(SELECT n.id FROM json_each(?) j CROSS JOIN ${tables.nodes} n ON n.key = j.value)`
          const sides = [
            ...(direction === 'in' ? [] : [`e.source IN ${ends}`]),
            ...(direction === 'out' ? [] : [`e.target IN ${ends}`]),
          ]
          const keys = JSON.stringify(options.keys)
          return session
            .all(
              `SELECT ${edgeColumns} FROM ${tables.edges} e ${edgeJoins(tables)} WHERE (${sides.join(' OR ')})
               ${edgeTypes ? 'AND y.name IN (SELECT value FROM json_each(?))' : ''}
               ORDER BY s.key, y.name, t.key, e.ordinal`,
              ...sides.map(() => keys),
              ...(edgeTypes ? [JSON.stringify(edgeTypes)] : []),
            )
            .map(toEdge)
        }),
      ),

    findNodes: (options) =>
      guard('findNodes', options, () =>
        access.read(options.signal, (session) => {
          const space = graphOf(session, options.scope)
          const { nodes, text } = graphTables(space)
          checkLimit(options.limit, 'limit')
          const filter = filterOf(space, options.filter)
          const { label, placeholders = false } = options
          const where = `(n.placeholder = 0 OR ?) ${label === undefined ? '' : 'AND n.label = ?'} AND (${filter.sql})`
          const params = [Number(placeholders), ...(label === undefined ? [] : [label]), ...filter.params]
          if (options.text === undefined) {
            const sql = `SELECT ${nodeColumns} FROM ${nodes} n WHERE ${where} ORDER BY n.key LIMIT ?`
            return session.all(sql, ...params, options.limit).map(toNode)
          }
          const query = textQuery(options.text)
          if (query === undefined) return []
          return session
            .all(
              `SELECT ${nodeColumns}, -bm25(${text}) AS score FROM ${text} JOIN ${nodes} n ON n.id = ${text}.rowid
               WHERE ${text} MATCH ? AND ${where} ORDER BY score DESC, n.key LIMIT ?`,
              query,
              ...params,
              options.limit,
            )
            .map((row) => ({ ...toNode(row), score: row.score as number }))
        }),
      ),

    deleteNodes: (options) =>
      guard('deleteNodes', options, () =>
        remove(options, options.keys, (writer, key) => writer.removeNode(key, options.versionBelow)),
      ),

    deleteEdges: (options) =>
      guard('deleteEdges', options, () => remove(options, options.edges, (writer, edge) => writer.removeEdge(edge))),

    neighbors: (options) =>
      guard('neighbors', options, () => {
        const { depth = { min: 1, max: 1 }, placeholders = false, starts, limit, edgeTypes, direction } = options
        checkLimit(limit, 'limit')
        checkLimit(depth.min, 'depth.min')
        checkLimit(depth.max, 'depth.max', graphCapabilities.maxDepth)
        return access.readSteps(options.signal, async (session) => {
          const space = session.snapshot(() => graphOf(session, options.scope))
          const filter = filterOf(space, options.filter)
          const input = { starts, depth, filter, placeholders, limit, edgeTypes, direction }
          return walkNeighbors(session, space, input, options.signal)
        })
      }),

    shortestPath: (options) =>
      guard('shortestPath', options, () => {
        checkLimit(options.maxDepth, 'maxDepth', graphCapabilities.maxDepth)
        return access.readSteps(options.signal, async (session) => {
          const space = session.snapshot(() => graphOf(session, options.scope))
          return walkPath(session, space, options, options.signal)
        })
      }),

    count: (options) =>
      guard('count', options, () =>
        access.read(options.signal, (session) => {
          const { nodes, edges } = graphTables(graphOf(session, options.scope))
          const sql =
            options.of === 'edges'
              ? `SELECT count(*) AS n FROM ${edges}`
              : `SELECT count(*) AS n FROM ${nodes} ${options.placeholders ? '' : 'WHERE placeholder = 0'}`
          return session.get(sql)?.n as number
        }),
      ),

    scanNodes,

    scanEdges: (options) =>
      guard('scanEdges', options, () =>
        access.read(options.signal, (session) => {
          const tables = graphTables(graphOf(session, options.scope))
          const limit = options.limit ?? 1000
          checkLimit(limit, 'limit')
          const [source, type, target, ordinal] = positionOf(options.cursor, ['', '', '', -1])
          const rows = session.all(
            `SELECT ${edgeColumns} FROM ${tables.nodes} s CROSS JOIN ${tables.edges} e ON e.source = s.id
             JOIN ${tables.nodes} t ON t.id = e.target JOIN ${tables.types} y ON y.id = e.type
             WHERE s.key >= ? AND (s.key, y.name, t.key, e.ordinal) > (?, ?, ?, ?)
             ORDER BY s.key, y.name, t.key, e.ordinal LIMIT ?`,
            source,
            source,
            type,
            target,
            ordinal,
            limit + 1,
          )
          const position = (row: SqlRow): (string | number)[] =>
            [row.source, row.type, row.target, row.ordinal] as (string | number)[]
          return pageOf(rows, limit, position, toEdge)
        }),
      ),

    raw: (options) =>
      guard('raw', options, () =>
        access.read(options.signal, (session) => runRaw(session, options.query, options.parameters)),
      ),
  }
}
