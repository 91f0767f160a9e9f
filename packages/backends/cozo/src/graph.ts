import {
  checkEdge,
  checkLimit,
  checkNode,
  checkUpsertMode,
  type EdgeRecord,
  FULL_FILTER,
  foreignCursor,
  type GraphCapabilities,
  type GraphRole,
  invalid,
  issuesOf,
  type Key,
  type NodeRecord,
  pageOf,
  type RecordHead,
  readCursor,
  refuseMistakes,
  type ScanOptions,
  type ScopedOptions,
  textAt,
  throwIfAborted,
} from '@veritas-db/core/contract'
import { keysAtOnce, limits, splitEvery, writeBatches } from './batches.js'
import type { Catalog, Place, Space } from './catalog.js'
import type { Connection, Rows } from './connection.js'
import { backendName, missing } from './errors.js'
import { complete } from './fill.js'
import { compileFilter } from './filter.js'
import { deleteEdges, replaceEdges, upsertEdges } from './graph/edges.js'
import {
  edgeColumns,
  graphLayout,
  mergeSchemas,
  nodeColumns,
  nodeHead,
  type Relations,
  relationsOf,
  sourceOf,
  toEdge,
  toHead,
  toNode,
} from './graph/model.js'
import { deleteScript, prepare, upsertScript } from './graph/nodes.js'
import { findPath, readEdges, stepsFrom, walkRules } from './graph/walk.js'
import { rawLanguage, runRaw } from './raw.js'
import { type Prepared, sizeOf } from './records.js'
import { Bindings } from './script.js'
import { inKeyOrder } from './select.js'
import { hitRules, wordsOf } from './text.js'

/** Every step of a walk is a rule of its own, and the server prepares all of them. */
const maxDepth = 16

/** What the graph role can do. */
export const graphCapabilities: GraphCapabilities = {
  limits,
  filter: FULL_FILTER,
  upsertModes: ['replace', 'ifNewer', 'ifAbsent'],
  conditionalUpsert: 'atomic',
  readAfterWrite: 'immediate',
  scan: { order: 'key', resume: 'cursor', snapshot: false },
  fullText: true,
  shortestPath: true,
  maxDepth,
  raw: rawLanguage,
}

/** Conditions on nodes beside a filter. */
const alsoWhere = (label: string | undefined, placeholders: boolean | undefined, bindings: Bindings): string =>
  (placeholders ? '' : ', h == false') + (label === undefined ? '' : `, l == ${bindings.add(label)}`)

/** The graph role. */
export const createGraphRole = (connection: Connection, catalog: Catalog): GraphRole => {
  const call = <T>(operation: string, options: ScopedOptions, work: () => Promise<T>): Promise<T> =>
    connection.call('graph', operation, options, work)

  const placeOf = ({ scope, signal }: ScopedOptions): Place =>
    catalog.at(catalog.graph(scope), () => missing(`The graph of "${scope.collection}"`, 'ensureSchema'), signal)

  /** A call on a graph that may be run again where the graph was made anew since the catalogue was read. */
  const using = <T>(
    operation: string,
    options: ScopedOptions,
    work: (relations: Relations, space: Space) => Promise<T>,
  ): Promise<T> =>
    call(operation, options, async () => placeOf(options).read((space) => work(relationsOf(space.base), space)))

  const scanNodes = ((options: ScanOptions & { readonly fields?: 'keys' | 'all' }) =>
    using('scanNodes', options, async (_, space) => {
      const { filter, cursor, limit = 1000, signal } = options
      checkLimit(limit, 'limit')
      const keysOnly = options.fields === 'keys'
      const bindings = new Bindings()
      const after = cursor === undefined ? '' : `, k > ${bindings.add(textAt(readCursor(cursor, 1), 0))}`
      const answer = keysOnly ? { columns: ['v'], head: 'k, v' } : { columns: nodeColumns, head: nodeHead }
      const script = inKeyOrder(sourceOf(space), { ...answer, filter, after, limit: limit + 1 }, bindings)
      const rows = await connection.read(script, bindings.values, signal)
      return pageOf<readonly unknown[], RecordHead | NodeRecord>(
        rows,
        limit,
        ([k]) => [k as string],
        keysOnly ? toHead : toNode,
      )
    })) as GraphRole['scanNodes']

  return {
    capabilities: graphCapabilities,

    check: (nodes, edges) => [...issuesOf(nodes, checkNode), ...issuesOf(edges, checkEdge, nodes.length)],

    ensureSchema: (options) =>
      call('ensureSchema', options, async () => {
        const { scope, signal } = options
        const name = catalog.graph(scope)
        const space = await catalog.ensure(graphLayout, name, scope, (before) => mergeSchemas(before, options), signal)
        const { nodes, texts } = relationsOf(space.base)
        await complete(connection, catalog, graphLayout, space, { relation: nodes, keys: ['k'], texts }, signal)
      }),

    dropSchema: (options) =>
      call('dropSchema', options, () => catalog.drop(graphLayout, catalog.graph(options.scope), options.signal)),

    upsertNodes: (options) =>
      call('upsertNodes', options, async () => {
        const { nodes, mode = 'replace', signal } = options
        checkUpsertMode(mode, graphCapabilities, backendName, 'graph')
        const place = placeOf(options)
        await place.space()
        refuseMistakes(nodes, checkNode)
        const size = { limits, of: sizeOf }
        const write = (batch: readonly Prepared[]): Promise<Rows> =>
          place.write((now) => upsertScript(now, batch, mode))
        return { outcomes: await writeBatches(nodes.map(prepare), ({ key }) => key, mode, size, signal, write) }
      }),

    upsertEdges: (options) =>
      using('upsertEdges', options, async (relations) => {
        const { edges, mode = 'replace', signal } = options
        checkUpsertMode(mode, graphCapabilities, backendName, 'graph')
        return { outcomes: await upsertEdges(connection, relations, edges, mode, signal) }
      }),

    replaceEdges: (options) =>
      using('replaceEdges', options, async (relations) => ({
        outcomes: await replaceEdges(connection, relations, options.sets, options.signal),
      })),

    getNodes: (options) =>
      using('getNodes', options, async ({ nodes }) => {
        const found: NodeRecord[] = []
        for (const keys of splitEvery([...new Set(options.keys)], keysAtOnce)) {
          throwIfAborted(options.signal)
          const script = `?[${nodeHead}] := k in $keys, *${nodes}{${nodeHead}}`
          for (const row of await connection.read(script, { keys }, options.signal)) found.push(toNode(row))
        }
        return found
      }),

    getEdges: (options) =>
      using('getEdges', options, (relations) =>
        readEdges(connection, relations, options.keys, options, options.signal),
      ),

    findNodes: (options) =>
      using('findNodes', options, async ({ nodes, texts }, space) => {
        const { label, filter, text, placeholders, limit, signal } = options
        checkLimit(limit, 'limit')
        if (limit === 0) return []
        const bindings = new Bindings()
        const source = sourceOf(space)
        const more = alsoWhere(label, placeholders, bindings)
        if (text === undefined) {
          const page = { filter, columns: nodeColumns, more, head: nodeHead, after: '', limit }
          return (await connection.read(inKeyOrder(source, page, bindings), bindings.values, signal)).map(toNode)
        }
        const words = wordsOf(text)
        const searched = space.definition.text ?? []
        if (words.length === 0 || searched.length === 0) return []
        const weight = `pow(2, ${searched.length - 1} - c)`
        const rules = hitRules(texts, ['k', 'c'], ['k'], words, bindings, weight)
        const conditions = compileFilter(filter, bindings, source.slots)
        const columns = [...new Set(['k', ...nodeColumns, ...conditions.columns])].join(', ')
        const rows = await connection.read(
          `${rules}\n?[${nodeHead}, s] := hit[k, s], *${nodes}{${columns}}${more}${conditions.atoms} :order -s, k :limit ${limit}`,
          bindings.values,
          signal,
        )
        return rows.map((row) => ({ ...toNode(row), score: row[6] as number }))
      }),

    deleteNodes: (options) =>
      call('deleteNodes', options, async () => {
        const { versionBelow, signal } = options
        const place = placeOf(options)
        let deleted = 0
        for (const keys of splitEvery([...new Set(options.keys)], keysAtOnce)) {
          throwIfAborted(signal)
          const [row] = await place.write(({ base, definition }) => ({
            script: deleteScript(relationsOf(base), versionBelow !== undefined, (definition.text ?? []).length > 0),
            parameters: { keys, ...(versionBelow !== undefined && { below: versionBelow }) },
          }))
          deleted += Number(row?.[0] ?? 0)
        }
        return { deleted }
      }),

    deleteEdges: (options) =>
      using('deleteEdges', options, async (relations) => ({
        deleted: await deleteEdges(connection, relations, options.edges, options.signal),
      })),

    neighbors: (options) =>
      using('neighbors', options, async (relations, space) => {
        const { edgeTypes, direction = 'out', filter, placeholders, limit, signal } = options
        const depth = options.depth ?? { min: 1, max: 1 }
        checkDepth(depth.min, depth.max)
        checkLimit(limit, 'limit')
        const starts = [...new Set(options.starts)]
        const [start] = starts
        if (start === undefined || limit === 0 || depth.max === 0) return []
        const bindings = new Bindings()
        const way = { direction, edgeTypes }
        const conditions = compileFilter(filter, bindings, sourceOf(space).slots)
        const columns = [...new Set(['k', ...nodeColumns, ...conditions.columns])].join(', ')
        const node = `*${relations.nodes}{${columns}}${alsoWhere(undefined, placeholders, bindings)}${conditions.atoms}`
        if (starts.length === 1 && depth.max === 1) {
          // One step from one node, which most questions are, needs no walk.
          const bodies = stepsFrom(relations, start, way, bindings)
          const script = `${bodies.map((body) => `?[${nodeHead}] := ${body}, ${node}`).join('\n')} :order k :limit ${limit}`
          const rows = await connection.read(script, bindings.values, signal)
          return rows.map((row) => ({ node: toNode(row), depth: 1, start }))
        }
        const rules = walkRules(relations, starts, way, depth, bindings)
        const rows = await connection.read(
          `${rules}\n?[depth, ${nodeHead}, start] := reached[k, depth, start], ${node} :order depth, k :limit ${limit}`,
          bindings.values,
          signal,
        )
        return rows.map(([at, ...row]) => ({ node: toNode(row), depth: at as number, start: row[6] as Key }))
      }),

    shortestPath: (options) =>
      using('shortestPath', options, (relations) => {
        const { from, to, edgeTypes, direction = 'out', signal } = options
        checkDepth(0, options.maxDepth)
        return findPath(connection, relations, from, to, { direction, edgeTypes }, options.maxDepth, signal)
      }),

    count: (options) =>
      using('count', options, async ({ nodes, edges }) => {
        const script =
          options.of === 'edges'
            ? `?[count(o)] := *${edges}{s, y, t, o}`
            : `?[count(k)] := *${nodes}{k, h}${options.placeholders ? '' : ', h == false'}`
        const [row] = await connection.read(script, {}, options.signal)
        return Number(row?.[0] ?? 0)
      }),

    scanNodes,

    scanEdges: (options) =>
      using('scanEdges', options, async ({ edges }) => {
        const limit = options.limit ?? 1000
        checkLimit(limit, 'limit')
        const bindings = new Bindings()
        const rows = await connection.read(
          `?[${edgeColumns}] := *${edges}{${edgeColumns}}${afterEdge(options.cursor, bindings)} :limit ${limit + 1}`,
          bindings.values,
          options.signal,
        )
        return pageOf(
          rows,
          limit,
          ([s, y, t, o]) => [s as string, y as string, t as string, o as number],
          (row): EdgeRecord => toEdge(row),
        )
      }),

    raw: (options) =>
      call('raw', options, () =>
        runRaw(
          connection,
          options.query,
          options.parameters,
          async (name) => {
            const relation = relationNamed(name)
            return relationsOf((await placeOf(options).space()).base)[relation]
          },
          options.signal,
        ),
      ),
  }
}

const relationNamed = (name: string): 'nodes' | 'edges' => {
  if (name === 'nodes' || name === 'edges') return name
  throw invalid('query', `%{${name}} is none of %{nodes}, %{edges}`)
}

/** The condition that a page of edges starts with, in order of (source, type, target, ordinal). */
const afterEdge = (cursor: string | undefined, bindings: Bindings): string => {
  if (cursor === undefined) return ''
  const position = readCursor(cursor, 4)
  const ordinal = position?.[3]
  if (typeof ordinal !== 'number') throw foreignCursor()
  const [s, y, t] = [0, 1, 2].map((place) => bindings.add(textAt(position, place)))
  const o = bindings.add(ordinal)
  // The first condition is a bound of the key, which tells the server where to begin.
  return `, s >= ${s}, (s > ${s} || y > ${y} || (y == ${y} && (t > ${t} || (t == ${t} && o > ${o}))))`
}

const checkDepth = (min: number, max: number): void => {
  if (!Number.isSafeInteger(min) || !Number.isSafeInteger(max) || min < 0 || max < min)
    throw invalid('depth', 'needs whole numbers, the smaller one first')
  if (max > maxDepth) throw invalid('depth', `is at most ${maxDepth}`)
}
