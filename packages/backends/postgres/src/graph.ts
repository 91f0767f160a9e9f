import {
  checkEdge,
  checkLimit,
  checkName,
  checkNode,
  FULL_FILTER,
  type GraphCapabilities,
  type GraphRole,
  issuesOf,
  pageOf,
  readCursor,
  refuseMistakes,
  type ScanOptions,
  type Scope,
} from '@veritas-db/core/contract'
import { intArray, textArray, uuidArray } from './binary.js'
import type { Identity } from './catalogue.js'
import { missing } from './errors.js'
import { checkEdgeSets, checkEdges, type GraphTables, lockNodes, replaceEdges, upsertEdges } from './graph/edges.js'
import { EDGE_SELECT, NODE_SELECT, nodeBytes, nodeColumns, toEdge, toNode } from './graph/records.js'
import {
  checkSchema,
  createGraph,
  extendSchema,
  type Graph,
  type GraphDefinition,
  graphIndexes,
  isEnsured,
  nodeField,
  textIndex,
  textOf,
  wantFieldIndexes,
} from './graph/schema.js'
import { findNeighbors, findPath } from './graph/walks.js'
import { runRaw } from './raw.js'
import { COMMON, conditionOf, countOf, guardFor, keysParameter, type RoleContext, readByKeys, toKey } from './role.js'
import type { Session } from './session.js'
import { Bindings, quote, relationName } from './sql.js'
import { textQuery } from './text.js'
import { upsertRecords } from './upsert.js'

/** What the graph role can do. */
export const graphCapabilities: GraphCapabilities = {
  ...COMMON,
  filter: FULL_FILTER,
  fullText: true,
  shortestPath: true,
  maxDepth: 100,
  raw: 'sql',
}

type ScanArguments = ScanOptions & { readonly fields?: 'keys' | 'all' }

const identify = (scope: Scope): Identity => ({ role: 'graph', scope, name: '' })

/** The graph role, over the pool or one unit of work. */
export const createGraphRole = (context: RoleContext): GraphRole => {
  const { access, catalogue, config, indexes } = context
  const guard = guardFor(access, 'graph')

  const graphOf = async (session: Session, scope: Scope): Promise<Graph> => {
    const graph = await catalogue.find<GraphDefinition>(session, identify(scope))
    if (!graph) throw missing(`The graph of "${scope.collection}"`, 'ensureSchema')
    return graph
  }
  const tablesOf = ({ relation, definition }: Graph): GraphTables => ({
    nodes: catalogue.relation(relation),
    edges: catalogue.relation(definition.edges),
  })

  const scanNodes: GraphRole['scanNodes'] = ((options: ScanArguments) =>
    guard('scanNodes', options, () =>
      access.read(options.signal, async (session) => {
        const graph = await graphOf(session, options.scope)
        const limit = options.limit ?? 1000
        checkLimit(limit, 'limit')
        const position = readCursor(options.cursor, 1)
        const bindings = new Bindings()
        const after = position ? `n.key > ${bindings.bind(position[0])}::uuid` : 'true'
        const filter = conditionOf(options.filter, nodeField(graph), bindings)
        await wantFieldIndexes(context, session, graph, options.filter)
        const keysOnly = options.fields === 'keys'
        const { rows } = await session.query(
          `SELECT ${keysOnly ? 'n.key, n.version' : NODE_SELECT} FROM ${tablesOf(graph).nodes} n
           WHERE ${after} AND ${filter} ORDER BY n.key LIMIT ${limit + 1}`,
          bindings.values,
        )
        return pageOf(
          rows,
          limit,
          (row) => [row.key as string],
          (row) => (keysOnly ? { key: toKey(row.key), version: row.version } : toNode(row)),
        )
      }),
    )) as GraphRole['scanNodes']

  return {
    capabilities: graphCapabilities,

    check: (nodes, edges) => [...issuesOf(nodes, checkNode), ...issuesOf(edges, checkEdge, nodes.length)],

    ensureSchema: (options) =>
      guard('ensureSchema', options, async () => {
        checkSchema(options)
        const { scope, signal } = options
        const relation = relationName(config.prefix, 'nodes', scope)
        const edges = relationName(config.prefix, 'edges', scope)
        await catalogue.ensure<GraphDefinition>(
          access,
          signal,
          identify(scope),
          relation,
          (graph) => isEnsured(graph, options),
          async (session, graph) => {
            const made: Graph = { relation, definition: extendSchema(graph?.definition, edges, options) }
            const { nodes: nodeTable, edges: edgeTable } = tablesOf(made)
            if (!graph) await createGraph(session, nodeTable, edgeTable)
            const [before, after] = [graph && textIndex(config, graph), textIndex(config, made)]
            // No search uses it any more.
            if (before && before.name !== after?.name)
              await session.run(`DROP INDEX IF EXISTS ${catalogue.relation(before.name)}`)
            if (config.indexBuild === 'eager')
              for (const spec of graphIndexes(config, made)) await indexes.make(session, relation, spec)
            return made.definition
          },
        )
      }),

    dropSchema: (options) =>
      guard('dropSchema', options, async () => {
        const { scope, signal } = options
        await indexes.forget(relationName(config.prefix, 'nodes', scope))
        await catalogue.remove(access, signal, identify(scope), (session, relation) =>
          session.run(
            `DROP TABLE IF EXISTS ${catalogue.relation(relation)}, ${catalogue.relation(relationName(config.prefix, 'edges', scope))}`,
          ),
        )
      }),

    upsertNodes: (options) =>
      guard('upsertNodes', options, async () => {
        const { scope, nodes, mode = 'replace' } = options
        refuseMistakes(nodes, checkNode)
        return access.write(options.signal, async (session) => {
          const { nodes: table } = tablesOf(await graphOf(session, scope))
          const outcomes = await upsertRecords(session, nodes, {
            target: { table, identity: ['key'], version: 'version', vectorTypeId: 0 },
            mode,
            identity: (node) => node.key,
            bytes: nodeBytes,
            columns: nodeColumns,
          })
          return { outcomes }
        })
      }),

    upsertEdges: (options) =>
      guard('upsertEdges', options, () => {
        const { edges, mode = 'replace' } = options
        checkEdges(edges)
        return access.transact(options.signal, async (session) => {
          const tables = tablesOf(await graphOf(session, options.scope))
          return { outcomes: await upsertEdges(session, tables, edges, mode) }
        })
      }),

    replaceEdges: (options) =>
      guard('replaceEdges', options, () => {
        const { sets } = options
        checkEdgeSets(sets)
        return access.transact(options.signal, async (session) => {
          const tables = tablesOf(await graphOf(session, options.scope))
          return { outcomes: await replaceEdges(session, tables, sets) }
        })
      }),

    getNodes: (options) =>
      guard('getNodes', options, () =>
        access.read(options.signal, async (session) => {
          const { nodes } = tablesOf(await graphOf(session, options.scope))
          const place = { select: NODE_SELECT, table: nodes, alias: 'n', key: 'key', order: 'n.key' }
          return (await readByKeys(session, place, options.keys)).map(toNode)
        }),
      ),

    getEdges: (options) =>
      guard('getEdges', options, () =>
        access.read(options.signal, async (session) => {
          const { edges } = tablesOf(await graphOf(session, options.scope))
          const { direction, edgeTypes, keys } = options
          const sides = [
            ...(direction === 'in' ? [] : ['e.source = ANY($1::uuid[])']),
            ...(direction === 'out' ? [] : ['e.target = ANY($1::uuid[])']),
          ]
          const { rows } = await session.query(
            `SELECT ${EDGE_SELECT} FROM ${edges} e WHERE (${sides.join(' OR ')}) ${edgeTypes ? 'AND e.type = ANY($2::text[])' : ''}
             ORDER BY e.source, e.type, e.target, e.ordinal`,
            [keysParameter(keys), ...(edgeTypes ? [[...edgeTypes]] : [])],
          )
          return rows.map(toEdge)
        }),
      ),

    findNodes: (options) =>
      guard('findNodes', options, () =>
        access.read(options.signal, async (session) => {
          const graph = await graphOf(session, options.scope)
          const { nodes } = tablesOf(graph)
          const { label, filter, text, placeholders = false, limit } = options
          checkLimit(limit, 'limit')
          const bindings = new Bindings()
          const conditions = [
            ...(placeholders ? [] : ['NOT n.placeholder']),
            ...(label === undefined ? [] : [`n.label = ${bindings.bind(label)}::text`]),
            conditionOf(filter, nodeField(graph), bindings),
          ]
          await wantFieldIndexes(context, session, graph, filter)
          if (text === undefined) {
            const sql = `SELECT ${NODE_SELECT} FROM ${nodes} n WHERE ${conditions.join(' AND ')} ORDER BY n.key LIMIT ${limit}`
            return (await session.query(sql, bindings.values)).rows.map(toNode)
          }
          const [words, spec] = [textOf(config, graph), textIndex(config, graph)]
          if (words === undefined || spec === undefined) return []
          await indexes.want(session, graph.relation, spec)
          const query = textQuery(config.textConfig, bindings.bind(text))
          const { rows } = await session.query(
            `SELECT ${NODE_SELECT}, ts_rank(${words}, ${query})::float8 AS score FROM ${nodes} n
             WHERE ${words} @@ ${query} AND ${conditions.join(' AND ')} ORDER BY score DESC, n.key LIMIT ${limit}`,
            bindings.values,
          )
          return rows.map((row) => ({ ...toNode(row), score: row.score as number }))
        }),
      ),

    deleteNodes: (options) =>
      guard('deleteNodes', options, () =>
        access.transact(options.signal, async (session) => {
          const tables = tablesOf(await graphOf(session, options.scope))
          const { nodes, edges } = tables
          const { keys, versionBelow } = options
          // Waits for those who write edges, and has others wait: no edge may be left without its ends.
          await lockNodes(session, tables, 'alone')
          const { rows } = await session.query(
            `DELETE FROM ${nodes} WHERE key = ANY($1::uuid[]) ${versionBelow === undefined ? '' : 'AND version < $2::text'} RETURNING key`,
            [keysParameter(keys), ...(versionBelow === undefined ? [] : [versionBelow])],
          )
          if (rows.length === 0) return { deleted: 0 }
          const gone = uuidArray(rows.map((row) => toKey(row.key)))
          await session.query(`DELETE FROM ${edges} WHERE source = ANY($1::uuid[])`, [gone])
          await session.query(`DELETE FROM ${edges} WHERE target = ANY($1::uuid[])`, [gone])
          return { deleted: rows.length }
        }),
      ),

    deleteEdges: (options) =>
      guard('deleteEdges', options, () =>
        access.write(options.signal, async (session) => {
          const { edges: table } = tablesOf(await graphOf(session, options.scope))
          const { edges } = options
          const { count } = await session.query(
            `DELETE FROM ${table} e USING unnest($1::uuid[], $2::text[], $3::uuid[], $4::int4[]) AS d (source, type, target, ordinal)
             WHERE e.source = d.source AND e.type = d.type AND e.target = d.target AND e.ordinal = d.ordinal`,
            [
              uuidArray(edges.map((edge) => edge.source)),
              textArray(edges.map((edge) => edge.type)),
              uuidArray(edges.map((edge) => edge.target)),
              intArray(edges.map((edge) => edge.ordinal)),
            ],
          )
          return { deleted: count }
        }),
      ),

    neighbors: (options) =>
      guard('neighbors', options, () => {
        const { depth = { min: 1, max: 1 }, limit, edgeTypes = [] } = options
        checkLimit(limit, 'limit')
        checkLimit(depth.min, 'depth.min')
        checkLimit(depth.max, 'depth.max', graphCapabilities.maxDepth)
        for (const type of edgeTypes) checkName(type, 'edgeTypes')
        return access.read(options.signal, async (session) => {
          const graph = await graphOf(session, options.scope)
          return findNeighbors(context, session, graph, tablesOf(graph), options)
        })
      }),

    shortestPath: (options) =>
      guard('shortestPath', options, () => {
        checkLimit(options.maxDepth, 'maxDepth', graphCapabilities.maxDepth)
        return access.read(options.signal, async (session) =>
          findPath(session, tablesOf(await graphOf(session, options.scope)), options),
        )
      }),

    count: (options) =>
      guard('count', options, () =>
        access.read(options.signal, async (session) => {
          const { nodes, edges } = tablesOf(await graphOf(session, options.scope))
          if (options.of === 'edges') return countOf(session, `SELECT count(*) AS count FROM ${edges}`, [])
          const condition = options.placeholders ? '' : 'WHERE NOT placeholder'
          return countOf(session, `SELECT count(*) AS count FROM ${nodes} ${condition}`, [])
        }),
      ),

    scanNodes,

    scanEdges: (options) =>
      guard('scanEdges', options, () =>
        access.read(options.signal, async (session) => {
          const { edges } = tablesOf(await graphOf(session, options.scope))
          const limit = options.limit ?? 1000
          checkLimit(limit, 'limit')
          const position = readCursor(options.cursor, 4)
          const columns = ['source', 'type', 'target', 'ordinal'].map((name) => `e.${quote(name)}`).join(', ')
          const after = position ? `WHERE (${columns}) > ($1::uuid, $2::text, $3::uuid, $4::int4)` : ''
          const { rows } = await session.query(
            `SELECT ${EDGE_SELECT} FROM ${edges} e ${after} ORDER BY ${columns} LIMIT ${limit + 1}`,
            position,
          )
          const toPosition = (row: Readonly<Record<string, unknown>>): (string | number)[] =>
            [row.source, row.type, row.target, row.ordinal] as (string | number)[]
          return pageOf(rows, limit, toPosition, toEdge)
        }),
      ),

    raw: (options) => guard('raw', options, () => runRaw(access, options)),
  }
}
