import { setImmediate as nextTurn } from 'node:timers/promises'
import { type Direction, type Key, type Neighbor, type Path, throwIfAborted } from '@veritas-db/core/contract'
import type { CompiledFilter } from '../filter.js'
import type { Session } from '../session.js'
import {
  edgeColumns,
  edgeJoins,
  type GraphSpace,
  type GraphTables,
  graphTables,
  nodeColumns,
  toEdge,
  toNode,
} from './store.js'

// A walk marks what it has reached in a temporary table, level by level: every node is reached once, at its smallest
// depth, however many cycles there are. One recursive query over the edges could not know what it has seen at another
// depth, and would visit a node once for each.
const inUse = new WeakMap<Session, Set<number>>()
const turnMs = 10

/** Which edges are walked. */
export interface EdgeChoice {
  readonly direction?: Direction | undefined
  readonly edgeTypes?: readonly string[] | undefined
}

/** One walk: what it has reached, each node with its depth, the node before it, and the rank of its start. */
class Walk {
  readonly #session: Session
  readonly #tables: GraphTables
  readonly #table: string
  readonly #edges: string
  readonly #params: string[]
  readonly #signal: AbortSignal | undefined
  #started = performance.now()

  constructor(session: Session, space: GraphSpace, table: string, choice: EdgeChoice, signal: AbortSignal | undefined) {
    this.#session = session
    this.#tables = graphTables(space)
    this.#table = table
    this.#signal = signal
    const { direction = 'out', edgeTypes } = choice
    const { edges, types } = this.#tables
    const typed = edgeTypes
      ? `AND e.type IN (SELECT y.id FROM json_each(?) j CROSS JOIN ${types} y ON y.name = j.value)`
      : ''
    const arm = (from: string, to: string): string =>
      `SELECT e.${to} AS next, w.id, w.start FROM ${table} w CROSS JOIN ${edges} e ON e.${from} = w.id ${typed} WHERE w.depth = ?`
    const arms = [
      ...(direction === 'in' ? [] : [arm('source', 'target')]),
      ...(direction === 'out' ? [] : [arm('target', 'source')]),
    ]
    this.#edges = arms.join(' UNION ALL ')
    this.#params = arms.map(() => JSON.stringify(edgeTypes ?? []))
  }

  /** Begins anew at the starts that are there; gives their number. */
  begin(starts: readonly Key[]): number {
    this.#session.run(`DELETE FROM ${this.#table}`)
    return this.#session.run(
      `INSERT INTO ${this.#table} (id, depth, parent, start)
       SELECT n.id, 0, NULL, j.key FROM json_each(?) j CROSS JOIN ${this.#tables.nodes} n ON n.key = j.value`,
      JSON.stringify(starts),
    )
  }

  /** Goes one step on from the nodes at `depth`; gives the number of nodes reached for the first time. */
  async step(depth: number): Promise<number> {
    throwIfAborted(this.#signal)
    if (performance.now() - this.#started > turnMs) {
      await nextTurn()
      throwIfAborted(this.#signal)
      this.#started = performance.now()
    }
    const typed = this.#edges.includes('json_each')
    return this.#session.run(
      `INSERT OR IGNORE INTO ${this.#table} (id, depth, parent, start)
       SELECT next, ?, min(id), min(start) FROM (${this.#edges}) GROUP BY next`,
      depth + 1,
      ...this.#params.flatMap((types) => (typed ? [types, depth] : [depth])),
    )
  }
}

/** Runs `work` with a temporary table of its own: walks at the same time don't see each other. */
const withTable = async <T>(session: Session, work: (table: string) => Promise<T>): Promise<T> => {
  const taken = inUse.get(session) ?? new Set()
  inUse.set(session, taken)
  let number = 0
  while (taken.has(number)) number++
  taken.add(number)
  try {
    session.db.exec(
      `CREATE TABLE IF NOT EXISTS temp.reached_${number} (
         id INTEGER PRIMARY KEY, depth INTEGER NOT NULL, parent INTEGER, start INTEGER NOT NULL);
       CREATE INDEX IF NOT EXISTS temp.reached_${number}_depth ON reached_${number} (depth)`,
    )
    return await work(`temp.reached_${number}`)
  } finally {
    taken.delete(number)
  }
}

export interface NeighborsInput extends EdgeChoice {
  readonly starts: readonly Key[]
  readonly depth: { readonly min: number; readonly max: number }
  /** Over `n`, the nodes. */
  readonly filter: CompiledFilter
  readonly placeholders: boolean
  readonly limit: number
}

/** The nodes within a range of steps from any start, nearest first, then by key. */
export const walkNeighbors = (
  session: Session,
  space: GraphSpace,
  input: NeighborsInput,
  signal: AbortSignal | undefined,
): Promise<Neighbor[]> =>
  withTable(session, async (table) => {
    const walk = new Walk(session, space, table, input, signal)
    const { nodes } = graphTables(space)
    const found: Neighbor[] = []
    // In order of key: the rank of a start is its place.
    const starts = [...new Set(input.starts)].sort()
    if (walk.begin(starts) === 0) return found
    for (let depth = 1; depth <= input.depth.max && found.length < input.limit; depth++) {
      if ((await walk.step(depth - 1)) === 0) break
      if (depth < input.depth.min) continue
      const rows = session.all(
        `SELECT ${nodeColumns}, w.start FROM ${table} w CROSS JOIN ${nodes} n ON n.id = w.id
         WHERE w.depth = ? AND (n.placeholder = 0 OR ?) AND (${input.filter.sql}) ORDER BY n.key LIMIT ?`,
        depth,
        Number(input.placeholders),
        ...input.filter.params,
        input.limit - found.length,
      )
      for (const row of rows) found.push({ node: toNode(row), depth, start: starts[row.start as number] as Key })
    }
    return found
  })

export interface PathInput extends EdgeChoice {
  readonly from: Key
  readonly to: Key
  readonly maxDepth: number
}

/** A path with the fewest edges; null where there is none within `maxDepth`. */
export const walkPath = (
  session: Session,
  space: GraphSpace,
  input: PathInput,
  signal: AbortSignal | undefined,
): Promise<Path | null> =>
  withTable(session, async (table) => {
    const walk = new Walk(session, space, table, input, signal)
    const { nodes } = graphTables(space)
    const target = session.get(`SELECT id FROM ${nodes} WHERE key = ?`, input.to)?.id as number | undefined
    if (target === undefined || walk.begin([input.from]) === 0) return null
    const isReached = (): boolean => session.get(`SELECT 1 FROM ${table} WHERE id = ?`, target) !== undefined
    for (let depth = 0; !isReached(); depth++) {
      if (depth >= input.maxDepth || (await walk.step(depth)) === 0) return null
    }
    return session.snapshot(() => {
      const rows = session.all(
        `WITH RECURSIVE path (id, parent, depth) AS (
           SELECT id, parent, depth FROM ${table} WHERE id = ?
           UNION ALL SELECT w.id, w.parent, w.depth FROM path JOIN ${table} w ON w.id = path.parent
         ) SELECT ${nodeColumns} FROM path CROSS JOIN ${nodes} n ON n.id = path.id ORDER BY path.depth`,
        target,
      )
      const edges = rows.slice(1).map((row, i) => edgeBetween(session, space, rows[i]?.id, row.id, input))
      // Another process may have removed a part of the way between two steps.
      return edges.every((edge) => edge !== undefined) ? { nodes: rows.map(toNode), edges: edges.map(toEdge) } : null
    })
  })

/** The first edge, by type and ordinal, that joins two nodes in a direction that is walked. */
const edgeBetween = (
  session: Session,
  space: GraphSpace,
  a: unknown,
  b: unknown,
  { direction = 'out', edgeTypes }: EdgeChoice,
): Parameters<typeof toEdge>[0] | undefined => {
  const tables = graphTables(space)
  const ends: number[] = []
  const arm = (source: unknown, target: unknown): string => {
    ends.push(source as number, target as number)
    return '(e.source = ? AND e.target = ?)'
  }
  const arms = [...(direction === 'in' ? [] : [arm(a, b)]), ...(direction === 'out' ? [] : [arm(b, a)])]
  return session.get(
    `SELECT ${edgeColumns} FROM ${tables.edges} e ${edgeJoins(tables)} WHERE (${arms.join(' OR ')})
     ${edgeTypes ? 'AND y.name IN (SELECT value FROM json_each(?))' : ''} ORDER BY y.name, e.ordinal LIMIT 1`,
    ...ends,
    ...(edgeTypes ? [JSON.stringify(edgeTypes)] : []),
  )
}
