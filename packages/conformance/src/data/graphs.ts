import type { Direction, EdgeRecord, Key, NodeRecord } from '@veritas-db/core/contract'
import { random } from './random.js'

/** An edge by the ids of its ends. */
export interface Link {
  readonly from: string
  readonly to: string
  readonly type: 'REFERENCES' | 'KNOWS'
  readonly ordinal: number
}

/** A graph with cycles, self loops, diamonds, parallel edges, hubs and parts that are not connected. */
export function generatedGraph(nodes: number): { readonly ids: readonly string[]; readonly links: readonly Link[] } {
  const next = random(99)
  const ids = Array.from({ length: nodes }, (_, i) => `n${i}`)
  const links = new Map<string, Link>()
  const link = (a: number, b: number, type: Link['type'], ordinal = 0): void => {
    links.set(`${a} ${b} ${type} ${ordinal}`, { from: `n${a}`, to: `n${b}`, type, ordinal })
  }
  // The last tenth is a part of its own, and the very last node has no edges.
  const reach = Math.floor(nodes * 0.9)
  for (let i = 0; i < nodes * 1.6; i++) {
    const a = Math.floor(next() * reach)
    const b = i % 4 === 0 ? Math.floor(next() * 5) : Math.floor(next() * reach)
    link(a, b, i % 3 === 0 ? 'KNOWS' : 'REFERENCES')
  }
  for (let i = reach; i < nodes - 2; i++) link(i, i + 1, 'REFERENCES')
  link(3, 3, 'REFERENCES')
  link(7, 7, 'KNOWS')
  link(1, 2, 'REFERENCES', 0)
  link(1, 2, 'REFERENCES', 1)
  link(1, 2, 'KNOWS', 0)
  link(2, 1, 'REFERENCES', 0)
  return { ids, links: [...links.values()] }
}

/** What `neighbors` must answer, before the filter and the limit. */
export function breadthFirst(
  edges: readonly EdgeRecord[],
  starts: readonly Key[],
  direction: Direction,
  edgeTypes: readonly string[] | undefined,
  max: number,
): ReadonlyMap<Key, { readonly depth: number; readonly start: Key }> {
  const reached = new Map<Key, { depth: number; start: Key }>()
  for (const start of starts) reached.set(start, { depth: 0, start })
  let frontier = [...starts]
  for (let depth = 1; depth <= max && frontier.length > 0; depth++) {
    const found = new Map<Key, Key>()
    const step = (from: Key, to: Key): void => {
      if (!frontier.includes(from) || reached.has(to)) return
      const start = reached.get(from)?.start as Key
      const before = found.get(to)
      if (before === undefined || start < before) found.set(to, start)
    }
    for (const edge of edges) {
      if (edgeTypes && !edgeTypes.includes(edge.type)) continue
      if (direction !== 'in') step(edge.source, edge.target)
      if (direction !== 'out') step(edge.target, edge.source)
    }
    for (const [key, start] of found) reached.set(key, { depth, start })
    frontier = [...found.keys()]
  }
  return new Map([...reached].filter(([, { depth }]) => depth > 0))
}

export const byDepthThenKey = <T extends { readonly depth: number; readonly key: Key }>(a: T, b: T): number =>
  a.depth - b.depth || (a.key < b.key ? -1 : 1)

/** An edge's identity as a text. */
export const edgeId = (edge: Pick<EdgeRecord, 'source' | 'target' | 'type' | 'ordinal'>): string =>
  `${edge.source} ${edge.type} ${edge.target} ${edge.ordinal}`

export const keysOf = (nodes: readonly NodeRecord[]): Key[] => nodes.map((node) => node.key)
