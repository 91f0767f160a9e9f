import {
  canPush,
  evaluateFilter,
  type FilterCapabilities,
  type FilterNode,
  type GraphRole,
  parseFilter,
  type RelationalRole,
  type VectorRole,
} from '@veritas-db/core/contract'
import { KINDS } from '../data.ts'
import { median, ms, type Row } from '../measure.ts'
import type { Ours } from './compare.ts'
import { kindFilter, TABLE } from './ours.ts'
import { FIND_LIMIT, type Item, K } from './shape.ts'

const QUESTIONS = 20

/** A filter in the server against the same one here, over what the server gives without it; nothing where the backend takes no such filter. */
async function against(
  role: { readonly capabilities: { readonly filter: FilterCapabilities } },
  filter: FilterNode,
  title: string,
  what: string,
  inServer: (i: number) => Promise<readonly string[]>,
  here: (i: number) => Promise<readonly string[]>,
): Promise<readonly Row[]> {
  if (!canPush(filter, role.capabilities.filter)) return []
  const times: [number[], number[]] = [[], []]
  for (let i = -2; i < QUESTIONS; i++)
    for (const [place, ask] of [inServer, here].entries()) {
      const started = performance.now()
      const found = await ask(i < 0 ? QUESTIONS + i : i)
      if (i >= 0) times[place]?.push(performance.now() - started)
      if (found.length === 0) throw new Error(`${title}: "${what}" finds nothing`)
    }
  const [pushed, filtered] = times.map(median) as [number, number]
  const row = {
    benchmark: `${title}: filter pushed down`,
    what,
    value: `${ms(pushed)} : ${ms(filtered)}`,
    ratio: filtered / pushed,
    goal: '≥ 1',
    reached: filtered >= pushed,
  }
  return [row]
}

const kindAt = (i: number): string => KINDS[i % KINDS.length] ?? ''

/** The ten nearest of one kind of 24: asked for, against asking for ever more until ten are of it. */
export function pushedVectors(
  title: string,
  { role, place }: Ours<VectorRole>,
  items: readonly Item[],
): Promise<readonly Row[]> {
  const vectorAt = (i: number): Float32Array => (items[(i * 97) % items.length] as Item).vector
  const ask = (i: number, topK: number, filter?: ReturnType<typeof parseFilter>): ReturnType<VectorRole['query']> =>
    role.query({
      scope: place.scope,
      vector: vectorAt(i),
      topK,
      include: { metadata: true, text: true },
      ...(filter && { filter }),
    })
  return against(
    role,
    parseFilter({ kind: kindAt(0) }),
    title,
    `nearest ${K} of one kind of ${KINDS.length}, against asking for ever more`,
    async (i) => (await ask(i, K, parseFilter({ kind: kindAt(i) }))).map((match) => match.documentId),
    async (i) => {
      const filter = parseFilter({ kind: kindAt(i) })
      for (let topK = K * 4; ; topK *= 4) {
        const found = await ask(i, Math.min(topK, role.capabilities.maxTopK, items.length))
        const matching = found.filter((match) => evaluateFilter(filter, match.metadata ?? {})).slice(0, K)
        if (matching.length === K || found.length < topK) return matching.map((match) => match.documentId)
      }
    },
  )
}

/** Rows by filter, against reading all. */
export function pushedTable(title: string, { role, place }: Ours<RelationalRole>): Promise<readonly Row[]> {
  return against(
    role,
    kindFilter(kindAt(0)),
    title,
    'rows of one kind since a year, against reading all',
    async (i) => {
      const page = await role.find({
        scope: place.scope,
        table: TABLE,
        filter: kindFilter(kindAt(i)),
        limit: FIND_LIMIT,
      })
      return page.records.map((row) => row.documentId)
    },
    async (i) => {
      const filter = kindFilter(kindAt(i))
      const found: string[] = []
      let cursor: string | null | undefined
      while (cursor !== null && found.length < FIND_LIMIT) {
        const page = await role.scan({ scope: place.scope, table: TABLE, ...(cursor !== undefined && { cursor }) })
        for (const row of page.records) if (evaluateFilter(filter, row.values)) found.push(row.documentId)
        cursor = page.cursor
      }
      return found.slice(0, FIND_LIMIT)
    },
  )
}

/** Nodes by filter, against reading all. */
export function pushedGraph(title: string, { role, place }: Ours<GraphRole>): Promise<readonly Row[]> {
  return against(
    role,
    kindFilter(kindAt(0)),
    title,
    'nodes of one kind since a year, against reading all',
    async (i) =>
      (await role.findNodes({ scope: place.scope, filter: kindFilter(kindAt(i)), limit: FIND_LIMIT })).map(
        (node) => node.documentId,
      ),
    async (i) => {
      const filter = kindFilter(kindAt(i))
      const found: string[] = []
      let cursor: string | null | undefined
      while (cursor !== null && found.length < FIND_LIMIT) {
        const page = await role.scanNodes({ scope: place.scope, ...(cursor !== undefined && { cursor }) })
        for (const node of page.records) if (evaluateFilter(filter, node.properties)) found.push(node.documentId)
        cursor = page.cursor
      }
      return found.slice(0, FIND_LIMIT)
    },
  )
}
