import type { GraphRole, RelationalRole, Scope, VectorRole } from '@veritas-db/core/contract'
import { nearest, random } from '../data.ts'
import { type BenchOptions, contest, median, ms, type Row, timed } from '../measure.ts'
import { pushedGraph, pushedTable, pushedVectors } from './pushdown.ts'
import { type Item, K, SINCE } from './shape.ts'

/** Different questions of each kind. */
const OPERATIONS = 60
/** Rounds of questions: at least so many, and more where they are quick, for at most so long. The median of all but the first counts. */
const WARM_UP = { least: 5, most: 300, ms: 1000 }
const MEASURED = { least: OPERATIONS, most: 1200, ms: 3000 }

/** What every contestant has: a store of its own, emptied, loaded, asked, dropped. */
interface Contestant {
  /** Makes the store, or makes it empty. Not timed. */
  reset(): Promise<void>
  load(items: readonly Item[]): Promise<void>
  /** The same as the manager writes, where the backend compares versions itself, which by hand nobody does: shown without a goal. */
  loadNewer?(items: readonly Item[]): Promise<void>
  /** After the last load and before questions: what a patient user would wait for, such as an index. Not timed. */
  settle?(): Promise<void>
  /** Drops all it made and closes. */
  close(): Promise<void>
}

export interface VectorContestant extends Contestant {
  /** The document's id, read by key with text and metadata. Left out where a rival has no such read. */
  get?(item: Item): Promise<string | undefined>
  /** Ids of the K nearest documents, best first, brought with text and metadata. */
  query(vector: Float32Array, filtered: boolean): Promise<readonly string[]>
}

export interface TableContestant extends Contestant {
  get(item: Item): Promise<string | undefined>
  /** Ids of the first FIND_LIMIT documents, by key, of a kind since SINCE. */
  find(kind: string): Promise<readonly string[]>
}

export interface GraphContestant extends Contestant {
  get(item: Item): Promise<string | undefined>
  /** Ids of the documents that one refers to, brought with their properties. */
  neighbors(item: Item): Promise<readonly string[]>
}

/** What ours has beside a contestant's methods. */
export interface Ours<R> {
  readonly role: R
  /** Where its documents are now. */
  readonly place: { readonly scope: Scope }
}

/** The contestants by name: `veritas` with its role, `raw` (the driver, by hand) and the rivals. */
type Contestants<C extends Contestant, R> = Readonly<Record<string, C>> & {
  readonly veritas: C & Ours<R>
  readonly raw: C
}

export interface Comparison {
  /** Such as `postgres vector 10,000`. */
  readonly title: string
  readonly items: readonly Item[]
  readonly options: BenchOptions
  /** How many times as fast as a rival loading shall be. Default 1. */
  readonly loadGoal?: number
  /** No goal is held against an emulator, which has no indexes and checks every request. */
  readonly emulated?: boolean
}

/** Bulk upsert, read by key, nearest ten with and without a filter. */
export async function compareVectors(
  comparison: Comparison,
  contestants: Contestants<VectorContestant, VectorRole>,
): Promise<readonly Row[]> {
  const pushed = (): Promise<readonly Row[]> => pushedVectors(comparison.title, contestants.veritas, comparison.items)
  return compare(comparison, contestants, pushed, async () => {
    const { items } = comparison
    const asked = pick(items, 101)
    const truth = (vector: Float32Array, filtered: boolean): readonly string[] => {
      const among = filtered ? items.filter((item) => item.metadata.year >= SINCE) : items
      return nearest(
        among.map((item) => item.vector),
        vector,
        K,
      ).map((i) => among[i]?.documentId ?? '')
    }
    // Not stored vectors themselves: those would be found at once.
    const questions = asked.map(({ vector }, i) => mean(vector, asked[(i + 1) % asked.length]?.vector ?? vector))
    const operations: Operation<VectorContestant>[] = [
      readByKey(asked),
      ...[false, true].map((filtered): Operation<VectorContestant> => {
        const truths = questions.map((vector) => truth(vector, filtered))
        return {
          name: filtered ? `nearest ${K} of 40 %` : `nearest ${K}`,
          run: (contestant, i) => contestant.query(questions[i] as Float32Array, filtered),
          quality: (answers) => {
            const hits = answers.map((answer, i) => answer.filter((id) => truths[i]?.includes(id)).length)
            return `recall ${(hits.reduce((sum, n) => sum + n, 0) / (answers.length * K)).toFixed(2)}`
          },
        }
      }),
    ]
    return operations
  })
}

/** Bulk upsert, read by key, rows by filter. */
export async function compareTables(
  comparison: Comparison,
  contestants: Contestants<TableContestant, RelationalRole>,
): Promise<readonly Row[]> {
  const pushed = (): Promise<readonly Row[]> => pushedTable(comparison.title, contestants.veritas)
  return compare(comparison, contestants, pushed, async () => {
    const asked = pick(comparison.items, 103)
    return [
      readByKey(asked),
      {
        name: 'find by filter',
        run: (contestant, i) => contestant.find(asked[i]?.metadata.kind ?? ''),
        alike: true,
      },
    ]
  })
}

/** Bulk upsert of nodes and edges, node by key, its neighbours. */
export async function compareGraphs(
  comparison: Comparison,
  contestants: Contestants<GraphContestant, GraphRole>,
): Promise<readonly Row[]> {
  const pushed = (): Promise<readonly Row[]> => pushedGraph(comparison.title, contestants.veritas)
  return compare(comparison, contestants, pushed, async () => {
    const asked = pick(comparison.items, 107)
    return [
      readByKey(asked),
      { name: 'neighbours', run: (contestant, i) => contestant.neighbors(asked[i] as Item), alike: true },
    ]
  })
}

interface Operation<C> {
  readonly name: string
  run(contestant: C, i: number): Promise<readonly string[]> | undefined
  /** What the answers are worth, where contestants may differ. */
  quality?(answers: readonly (readonly string[])[]): string
  /** All must answer the same. */
  readonly alike?: boolean
}

const readByKey = <C extends { get?(item: Item): Promise<string | undefined> }>(
  asked: readonly Item[],
): Operation<C> => ({
  name: 'read by key',
  run: (contestant, i) => contestant.get?.(asked[i] as Item).then((id) => (id === undefined ? [] : [id])),
  alike: true,
})

async function compare<C extends Contestant>(
  comparison: Comparison,
  contestants: Contestants<C, unknown>,
  pushed: () => Promise<readonly Row[]>,
  prepare: () => Promise<readonly Operation<C>[]>,
): Promise<readonly Row[]> {
  const { title, items, options, loadGoal = 1, emulated } = comparison
  const all: readonly (readonly [string, C])[] = Object.entries(contestants)
  try {
    const loading = (contestant: Contestant, load: Contestant['load']) => async (): Promise<number> => {
      await contestant.reset()
      globalThis.gc?.()
      return timed(() => load(items))
    }
    const { veritas } = contestants
    const { newer, ...loads } = await contest(options.runs, {
      ...Object.fromEntries(all.map(([name, contestant]) => [name, loading(contestant, contestant.load)])),
      ...(veritas.loadNewer && { newer: loading(veritas, veritas.loadNewer) }),
    })
    for (const [, contestant] of all) await contestant.settle?.()
    const rows = against(`${title}: bulk upsert`, loads, {}, (ours, raw) => raw / ours >= 0.95, '≥ 0.95', loadGoal)
    if (newer !== undefined) rows.push(withVersions(`${title}: bulk upsert`, newer, loads.raw ?? 0))
    for (const operation of await prepare()) {
      const { p50, qualities } = await alternate(title, operation, all)
      const reached = (ours: number, raw: number): boolean => ours <= Math.max(raw * 1.05, raw + 0.05)
      rows.push(...against(`${title}: ${operation.name} p50`, p50, qualities, reached, '≥ 0.95 or + 50 µs', 1))
    }
    rows.push(...(await pushed()))
    return emulated ? rows.map(({ goal, reached, ...row }) => row) : rows
  } finally {
    const closed = await Promise.allSettled(all.map(([, contestant]) => contestant.close()))
    // Told beside what went wrong before, not in its place.
    for (const end of closed) if (end.status === 'rejected') console.error(`${title}: not dropped:`, end.reason)
  }
}

/** Asks all contestants the same question, one after the other, then the next: medians by name. */
async function alternate<C extends Contestant>(
  title: string,
  operation: Operation<C>,
  all: readonly (readonly [string, C])[],
): Promise<{ p50: Record<string, number>; qualities: Record<string, string> }> {
  const times = new Map<string, number[]>()
  const answers = new Map<string, (readonly string[])[]>()
  const ask = async (round: number, measured: boolean): Promise<void> => {
    // Whoever comes first differs, since a server keeps in memory what the one before has asked for.
    for (const place of all.keys()) {
      const [name, contestant] = all[(place + round) % all.length] as (typeof all)[number]
      const started = performance.now()
      const answer = await operation.run(contestant, round % OPERATIONS)
      const time = performance.now() - started
      if (answer === undefined || !measured) continue
      push(times, name, time)
      if (round < OPERATIONS) push(answers, name, answer)
    }
  }
  for (const [rounds, measured] of [
    [WARM_UP, false],
    [MEASURED, true],
  ] as const) {
    const end = performance.now() + rounds.ms
    for (let round = 0; round < rounds.least || (round < rounds.most && performance.now() < end); round++)
      await ask(round, measured)
  }
  if (operation.alike) {
    const [first, ...rest] = [...answers].map(([name, list]) => [name, list.map((ids) => [...ids].sort())] as const)
    for (const [name, list] of rest)
      if (JSON.stringify(list) !== JSON.stringify(first?.[1]))
        throw new Error(`${title}: ${name} and ${first?.[0]} answer "${operation.name}" differently`)
    if (first?.[1].every((ids) => ids.length === 0)) throw new Error(`${title}: "${operation.name}" finds nothing`)
  }
  const qualities = Object.fromEntries(
    [...answers].flatMap(([name, list]) => (operation.quality ? [[name, operation.quality(list)]] : [])),
  )
  return { p50: Object.fromEntries([...times].map(([name, list]) => [name, median(list)])), qualities }
}

/** A line for each opponent: how many times as fast as it we are. */
function against(
  benchmark: string,
  times: Readonly<Record<string, number>>,
  qualities: Readonly<Record<string, string>>,
  reached: (ours: number, raw: number) => boolean,
  rawGoal: string,
  rivalGoal: number,
): Row[] {
  const { veritas: ours = 0, ...others } = times
  const told = (name: string, time: number): string => [ms(time), qualities[name]].filter(Boolean).join(', ')
  return Object.entries(others).map(([name, theirs]): Row => {
    const ratio = theirs / ours
    return {
      benchmark,
      what: `against ${name === 'raw' ? 'the driver by hand' : name}`,
      value: `${told('veritas', ours)} : ${told(name, theirs)}`,
      ratio,
      goal: name === 'raw' ? rawGoal : `≥ ${rivalGoal}`,
      reached: name === 'raw' ? reached(ours, theirs) : ratio >= rivalGoal,
    }
  })
}

/** The same documents as the manager writes them: in mode `ifNewer`, and each one's edges as a set that replaces an older one. */
const withVersions = (benchmark: string, ours: number, raw: number): Row => ({
  benchmark,
  what: 'as the manager writes, against the driver by hand',
  value: `${ms(ours)} : ${ms(raw)}`,
  ratio: raw / ours,
})

const push = <V>(map: Map<string, V[]>, name: string, value: V): void => {
  const list = map.get(name)
  if (list) list.push(value)
  else map.set(name, [value])
}

const pick = (items: readonly Item[], seed: number): readonly Item[] => {
  const next = random(seed)
  return Array.from({ length: OPERATIONS }, () => items[Math.floor(next() * items.length)] as Item)
}

const mean = (a: Float32Array, b: Float32Array): Float32Array => {
  const sum = a.map((x, i) => x * 0.9 + (b[i] ?? 0) * 0.1)
  const norm = Math.hypot(...sum)
  return sum.map((x) => x / norm)
}
