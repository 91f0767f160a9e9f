import {
  checkEdge,
  checkLimit,
  checkName,
  checkNode,
  type EdgeRecord,
  type FilterNode,
  FULL_FILTER,
  foreignCursor,
  type GraphCapabilities,
  type GraphRole,
  type GraphSchema,
  invalid,
  isMatchAll,
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
import { freshRule, limits, writeBatches } from './batches.js'
import { type Catalog, changesText, type Definition, plainScope, type Space } from './catalog.js'
import type { Connection } from './connection.js'
import { missing } from './errors.js'
import { compileFilter } from './filter.js'
import { deleteEdges, replaceEdges, upsertEdges } from './graph/edges.js'
import {
  edgeColumns,
  nodeColumns,
  type Relations,
  relationsOf,
  storeNode,
  toEdge,
  toHead,
  toNode,
} from './graph/model.js'
import { findPath, readEdges, walkRules } from './graph/walk.js'
import { keysAtOnce, splitEvery } from './lists.js'
import { rawLanguage, runRaw } from './raw.js'
import { Bindings, block } from './script.js'
import { createTextIndex, gatherAll, gatherTexts, hitRules, textOf, wordsOf } from './text.js'

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

interface Graph {
  readonly space: Space
  readonly relations: Relations
}

/** Conditions after an atom that binds `j` and `h`. */
const where = (filter: FilterNode | undefined, placeholders: boolean | undefined, bindings: Bindings): string =>
  (filter && !isMatchAll(filter) ? `, ${compileFilter(filter, bindings, 'j')}` : '') +
  (placeholders ? '' : ', h == false')

/** The graph role. */
export const createGraphRole = (connection: Connection, catalog: Catalog): GraphRole => {
  const call = <T>(operation: string, options: ScopedOptions, work: () => Promise<T>): Promise<T> =>
    connection.call('graph', operation, options, work)

  const graphOf = async ({ scope, signal }: ScopedOptions): Promise<Graph> => {
    const space = await catalog.find(catalog.graph(scope), signal)
    if (!space) throw missing(`The graph of "${scope.collection}"`, 'ensureSchema')
    return { space, relations: relationsOf(space.name) }
  }

  const scanNodes = ((options: ScanOptions & { readonly fields?: 'keys' | 'all' }) =>
    call('scanNodes', options, async () => {
      const { relations } = await graphOf(options)
      const limit = options.limit ?? 1000
      checkLimit(limit, 'limit')
      const keysOnly = options.fields === 'keys'
      const bindings = new Bindings()
      const after =
        options.cursor === undefined ? '' : `, k > ${bindings.add(textAt(readCursor(options.cursor, 1), 0))}`
      // The key comes first, and the relation is read in its order, so that `:limit` ends the reading.
      const rows = await connection.read(
        `?[${keysOnly ? 'k, v' : nodeColumns}] := *${relations.nodes}{${nodeColumns}, j}${after}${where(options.filter, true, bindings)} :limit ${limit + 1}`,
        bindings.values,
        options.signal,
      )
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
        const { scope, textFields, signal } = options
        checkSchema(options)
        const name = catalog.graph(scope)
        const definition: Definition = { text: textFields ?? [] }
        const before = await catalog.ensure(
          'graph',
          { name, scope: plainScope(scope), definition },
          (found) => (textFields && textFields.length > 0 ? definition : found),
          () => graphStatements(relationsOf(name)),
          signal,
        )
        // Texts of nodes that are there already are found by fields that are declared later, too.
        if (textFields && changesText(before, textFields)) {
          const { nodes, texts } = relationsOf(name)
          await connection.write(nodes, gatherAll(nodes, texts), { text: textOf(textFields) }, signal)
        }
      }),

    dropSchema: (options) =>
      call('dropSchema', options, async () => {
        const name = catalog.graph(options.scope)
        const { nodes, edges, sets, texts } = relationsOf(name)
        const indexes = [`::index drop ${edges}:r`, `::fts drop ${texts}:f`]
        await catalog.drop(name, indexes, [nodes, edges, sets, texts], options.signal)
      }),

    upsertNodes: (options) =>
      call('upsertNodes', options, async () => {
        const { space, relations } = await graphOf(options)
        const { nodes, mode = 'replace', signal } = options
        refuseMistakes(nodes, checkNode)
        const rows = new Map(nodes.map((node) => [node, storeNode(node)]))
        const text = textOf(space.definition.text)
        const script = upsertScript(relations, mode, text.length > 0)
        const outcomes = await writeBatches(
          nodes,
          (node) => node.key,
          mode,
          { limits, of: (node) => 300 + 2 * String(rows.get(node)?.[5]).length },
          signal,
          async (batch) => {
            const parameters = { rows: batch.map((node) => rows.get(node)), text }
            const written = await connection.write(relations.nodes, script, parameters, signal)
            return new Set(written.map(([key]) => key as string))
          },
        )
        return { outcomes }
      }),

    upsertEdges: (options) =>
      call('upsertEdges', options, async () => {
        const { relations } = await graphOf(options)
        return {
          outcomes: await upsertEdges(connection, relations, options.edges, options.mode ?? 'replace', options.signal),
        }
      }),

    replaceEdges: (options) =>
      call('replaceEdges', options, async () => {
        const { relations } = await graphOf(options)
        return { outcomes: await replaceEdges(connection, relations, options.sets, options.signal) }
      }),

    getNodes: (options) =>
      call('getNodes', options, async () => {
        const { relations } = await graphOf(options)
        const found: NodeRecord[] = []
        for (const keys of splitEvery([...new Set(options.keys)], keysAtOnce)) {
          throwIfAborted(options.signal)
          const rows = await connection.read(
            `wanted[k] <- $keys ?[${nodeColumns}] := wanted[k], *${relations.nodes}{${nodeColumns}}`,
            { keys: keys.map((key) => [key]) },
            options.signal,
          )
          for (const row of rows) found.push(toNode(row))
        }
        return found
      }),

    getEdges: (options) =>
      call('getEdges', options, async () => {
        const { relations } = await graphOf(options)
        return readEdges(connection, relations, options.keys, options, options.signal)
      }),

    findNodes: (options) =>
      call('findNodes', options, async () => {
        const { space, relations } = await graphOf(options)
        const { label, filter, text, placeholders, limit, signal } = options
        checkLimit(limit, 'limit')
        if (limit === 0) return []
        const bindings = new Bindings()
        const words = text === undefined ? undefined : wordsOf(text)
        const searched = space.definition.text ?? []
        if (words && (words.length === 0 || searched.length === 0)) return []
        const atom = `*${relations.nodes}{${nodeColumns}, j}`
        const conditions =
          where(filter, placeholders, bindings) + (label === undefined ? '' : `, l == ${bindings.add(label)}`)
        if (!words) {
          const script = `?[${nodeColumns}] := ${atom}${conditions} :limit ${limit}`
          return (await connection.read(script, bindings.values, signal)).map(toNode)
        }
        const weight = `pow(2, ${searched.length - 1} - c)`
        const rules = hitRules(relations.texts, ['k', 'c'], ['k'], words, bindings, weight)
        const rows = await connection.read(
          `${rules}\n?[${nodeColumns}, s] := hit[k, s], ${atom}${conditions} :order -s, k :limit ${limit}`,
          bindings.values,
          signal,
        )
        return rows.map((row) => ({ ...toNode(row), score: row[6] as number }))
      }),

    deleteNodes: (options) =>
      call('deleteNodes', options, async () => {
        const { space, relations } = await graphOf(options)
        const { versionBelow, signal } = options
        const script = deleteScript(relations, versionBelow !== undefined, textOf(space.definition.text).length > 0)
        let deleted = 0
        for (const keys of splitEvery([...new Set(options.keys)], keysAtOnce)) {
          throwIfAborted(signal)
          const parameters = {
            keys: keys.map((key) => [key]),
            ...(versionBelow !== undefined && { below: versionBelow }),
          }
          const [row] = await connection.write(relations.nodes, script, parameters, signal)
          deleted += Number(row?.[0] ?? 0)
        }
        return { deleted }
      }),

    deleteEdges: (options) =>
      call('deleteEdges', options, async () => {
        const { relations } = await graphOf(options)
        return { deleted: await deleteEdges(connection, relations, options.edges, options.signal) }
      }),

    neighbors: (options) =>
      call('neighbors', options, async () => {
        const { starts, edgeTypes, direction = 'out', filter, placeholders, limit, signal } = options
        const depth = options.depth ?? { min: 1, max: 1 }
        checkDepth(depth.min, depth.max)
        checkLimit(limit, 'limit')
        const { relations } = await graphOf(options)
        if (starts.length === 0 || limit === 0 || depth.max === 0) return []
        const bindings = new Bindings()
        const rules = walkRules(relations, starts, { direction, edgeTypes }, depth, bindings)
        const rows = await connection.read(
          `${rules}
?[depth, ${nodeColumns}, start] := reached[k, depth, start], *${relations.nodes}{${nodeColumns}, j}${where(filter, placeholders, bindings)} :order depth, k :limit ${limit}`,
          bindings.values,
          signal,
        )
        return rows.map(([at, ...row]) => ({ node: toNode(row), depth: at as number, start: row[6] as Key }))
      }),

    shortestPath: (options) =>
      call('shortestPath', options, async () => {
        const { from, to, edgeTypes, direction = 'out', signal } = options
        checkDepth(0, options.maxDepth)
        const { relations } = await graphOf(options)
        return findPath(connection, relations, from, to, { direction, edgeTypes }, options.maxDepth, signal)
      }),

    count: (options) =>
      call('count', options, async () => {
        const { relations } = await graphOf(options)
        const script =
          options.of === 'edges'
            ? `?[count(o)] := *${relations.edges}{s, y, t, o}`
            : `?[count(k)] := *${relations.nodes}{k, h}${options.placeholders ? '' : ', h == false'}`
        const [row] = await connection.read(script, {}, options.signal)
        return Number(row?.[0] ?? 0)
      }),

    scanNodes,

    scanEdges: (options) =>
      call('scanEdges', options, async () => {
        const { relations } = await graphOf(options)
        const limit = options.limit ?? 1000
        checkLimit(limit, 'limit')
        const bindings = new Bindings()
        const rows = await connection.read(
          `?[${edgeColumns}] := *${relations.edges}{${edgeColumns}}${afterEdge(options.cursor, bindings)} :limit ${limit + 1}`,
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
          (name) => relationNamed(relationsOf(catalog.graph(options.scope)), name),
          options.signal,
        ),
      ),
  }
}

const relationNamed = (relations: Relations, name: string): string => {
  if (name === 'nodes' || name === 'edges') return relations[name]
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

const graphStatements = ({ nodes, edges, sets, texts }: Relations): string[] => [
  `:create ${nodes} {k: String => v: String, d: String, l: String, h: Bool, m: String, j: Json}`,
  `:create ${edges} {s: String, y: String, t: String, o: Int => v: String, m: String}`,
  `::index create ${edges}:r {t, y, s, o}`,
  `:create ${sets} {s: String => v: String}`,
  `:create ${texts} {k: String, c: Int => t: String}`,
  createTextIndex(texts),
]

const upsertScript = (
  { nodes, texts }: Relations,
  mode: 'replace' | 'ifNewer' | 'ifAbsent',
  searchable: boolean,
): string => {
  const columns = ['k', 'v', 'd', 'l', 'h', 'm', 'j']
  const fields = 'k => v, d, l, h, m, j'
  return block(
    `${freshRule(mode, nodes, ['k'], columns)} ?[${columns}] := new[${columns}] :create _new {${fields}}`,
    `?[${columns}] := *_new{${columns}} :put ${nodes} {${fields}}`,
    ...(searchable ? gatherTexts('_new', texts) : []),
    '?[k] := *_new{k}',
  )
}

const deleteScript = ({ nodes, edges, sets, texts }: Relations, below: boolean, searchable: boolean): string =>
  block(
    `wanted[k] <- $keys ?[k] := wanted[k], *${nodes}{k, v}${below ? ', v < $below' : ''} :create _gone {k}`,
    `?[k] := *_gone{k} :rm ${nodes} {k}`,
    `?[s, y, t, o] := *_gone{k: s}, *${edges}{s, y, t, o}
     ?[s, y, t, o] := *_gone{k: t}, *${edges}:r{t, y, s, o} :rm ${edges} {s, y, t, o}`,
    `?[s] := *_gone{k: s} :rm ${sets} {s}`,
    searchable && `?[k, c] := *_gone{k}, *${texts}{k, c} :rm ${texts} {k, c}`,
    '?[count(k)] := *_gone{k}',
  )

const checkSchema = ({ labels, edgeTypes }: GraphSchema): void => {
  for (const label of labels) checkName(label, 'labels')
  for (const type of edgeTypes) checkName(type, 'edgeTypes')
}

const checkDepth = (min: number, max: number): void => {
  if (!Number.isSafeInteger(min) || !Number.isSafeInteger(max) || min < 0 || max < min)
    throw invalid('depth', 'needs whole numbers, the smaller one first')
  if (max > maxDepth) throw invalid('depth', `is at most ${maxDepth}`)
}
