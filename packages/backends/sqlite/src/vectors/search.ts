import type { CompiledFilter } from '../filter.js'
import { maxCandidates } from '../kernel/layout.js'
import type { Session } from '../session.js'
import type { Entry, KnownFilter } from './cache.js'
import { type Scored, scorer } from './score.js'
import { fromBlob, toBlob, type VectorSpace, type VectorState, type VectorTables, vectorTables } from './store.js'

/** A record found, by its slot. */
export interface Found extends Scored {
  readonly slot: number
  readonly vector: Float32Array
}

export interface SearchInput {
  readonly vector: Float32Array
  readonly topK: number
  readonly filter: CompiledFilter
}

/** Rows that a filter is tried on to estimate its share. */
const sampleRows = 128
/** Below this share all matching rows are looked up before the scan; above, candidates are checked after it. */
const selectiveShare = 0.05
const knownFilters = 32
/** How often the largest error of the codes seen so far a row not yet seen is allowed to be off: some three standard deviations. */
const safety = 1.5

/** How many candidates a scan of the codes gives for `topK` neighbours. Whether they were enough is checked afterwards. */
const candidatesFor = (topK: number): number => topK + Math.max(54, topK)
/** How many of them are compared by their floats first. */
const firstOf = (topK: number): number => topK + Math.max(6, topK >> 2)

/**
 * The nearest rows by the code matrix: candidates by their codes, the best of them compared exactly by their floats,
 * as long as the next one could still hide a better row behind the error of its codes; and more candidates, where all
 * of them could. Gives at least the `topK` best and all that are equal to the last of them, best first.
 * Undefined where the codes cannot answer: the caller scans by SQL.
 */
export const searchCodes = (
  session: Session,
  space: VectorSpace,
  state: VectorState,
  entry: Entry,
  input: SearchInput,
): Found[] | undefined => {
  const { matrix } = entry
  const { topK, filter, vector } = input
  const tables = vectorTables(space)
  const everything = filter.sql === '1'
  if (matrix.outliers.size > 1000) return undefined
  const rescorer = new Rescorer(session, tables, scorer(space.definition.metric, vector))

  let known = everything ? undefined : knowFilter(session, tables, state, entry, filter)
  let among = known?.slots
  let wanted = candidatesFor(topK)
  if (among && among.length <= wanted * 4) {
    rescorer.add([...among])
    return best(rescorer.found, topK)
  }
  rescorer.add(everything ? [...matrix.outliers] : matching(session, tables, [...matrix.outliers], filter))
  for (;;) {
    const checkLater = known !== undefined && !among
    const count = checkLater ? Math.ceil((wanted / (known as KnownFilter).share) * 1.25) + 16 : wanted
    const candidates = matrix.candidates(vector, count, among)
    if (!candidates) return undefined
    const complete = candidates.slots.length < Math.min(count, maxCandidates)
    const all = Array.from(candidates.slots, (slot, i) => ({ slot, order: candidates.scores[i] as number }))
    const passed = checkLater ? new Set(matching(session, tables, [...candidates.slots], filter)) : undefined
    const fitting = passed ? all.filter(({ slot }) => passed.has(slot)) : all
    if (passed && fitting.length < wanted && !complete) {
      // Fewer than the sample promised: the neighbourhood has others than the whole. Look all matching rows up.
      known = lookUp(session, tables, state, entry, filter)
      among = known.slots
      continue
    }
    for (let from = 0, to = firstOf(topK); from < fitting.length; from = to, to = Math.ceil(to * 1.5)) {
      rescorer.addCandidates(fitting.slice(from, to))
      // What comes next is no better than this by its codes, and may be better by as much as they err.
      const next = fitting[to] ?? (complete ? undefined : all.at(-1))
      const top = best(rescorer.found, topK)
      const last = top[topK - 1]
      if (next && last && next.order + safety * rescorer.error < last.order) return top
    }
    if (complete) return best(rescorer.found, topK)
    if (count >= maxCandidates) {
      const top = best(rescorer.found, topK)
      return top.length >= topK ? top : undefined
    }
    wanted *= 4
  }
}

interface Candidate {
  readonly slot: number
  readonly order: number
}

/** Compares rows by their floats, each once, and sees how far their codes were off. */
class Rescorer {
  readonly found: Map<number, Found> = new Map()
  /** The largest error of the codes so far. */
  error = 0
  readonly #session: Session
  readonly #tables: VectorTables
  readonly #compare: (row: Float32Array) => Scored

  constructor(session: Session, tables: VectorTables, compare: (row: Float32Array) => Scored) {
    this.#session = session
    this.#tables = tables
    this.#compare = compare
  }

  add(slots: readonly number[]): void {
    const fresh = slots.filter((slot) => !this.found.has(slot))
    for (const { slot, vector } of readEmbeddings(this.#session, this.#tables, fresh))
      this.found.set(slot, { slot, vector, ...this.#compare(vector) })
  }

  addCandidates(candidates: readonly Candidate[]): void {
    this.add(candidates.map(({ slot }) => slot))
    for (const { slot, order } of candidates) {
      const exact = this.found.get(slot)
      if (exact) this.error = Math.max(this.error, Math.abs(order - exact.order))
    }
  }
}

/** The `topK` best, with all that are equal to the last of them. */
const best = (found: ReadonlyMap<number, Found>, topK: number): Found[] => {
  const sorted = [...found.values()].sort((a, b) => b.score - a.score)
  const last = sorted[topK - 1]
  if (!last) return sorted
  let end = topK
  while (sorted[end]?.score === last.score) end++
  return sorted.slice(0, end)
}

const readEmbeddings = (
  session: Session,
  tables: VectorTables,
  slots: readonly number[],
): { slot: number; vector: Float32Array }[] =>
  slots.length === 0
    ? []
    : session
        .all(
          `SELECT e.slot, e.embedding FROM json_each(?) j CROSS JOIN ${tables.embeddings} e ON e.slot = j.value`,
          JSON.stringify(slots),
        )
        .map((row) => ({ slot: row.slot as number, vector: fromBlob(row.embedding as Uint8Array) }))

/** Those of the slots whose records match, in the same order. */
const matching = (
  session: Session,
  tables: VectorTables,
  slots: readonly number[],
  filter: CompiledFilter,
): number[] =>
  slots.length === 0
    ? []
    : session
        .all(
          `SELECT r.slot FROM json_each(?) j CROSS JOIN ${tables.records} r ON r.slot = j.value WHERE ${filter.sql}`,
          JSON.stringify(slots),
          ...filter.params,
        )
        .map((row) => row.slot as number)

/** What is known of a filter: looked up where it is selective, else estimated. */
const knowFilter = (
  session: Session,
  tables: VectorTables,
  state: VectorState,
  entry: Entry,
  filter: CompiledFilter,
): KnownFilter => {
  const known = entry.filters.get(filterKey(filter))
  if (known && (known.seq === state.seq || known.share >= selectiveShare)) {
    return known.seq === state.seq ? known : { seq: known.seq, share: known.share }
  }
  if (known || state.rows < sampleRows * 8) return lookUp(session, tables, state, entry, filter)
  const sample = Array.from({ length: sampleRows }, (_, i) => Math.floor(((i + 0.5) * state.high) / sampleRows))
  const row = session.get(
    `SELECT count(*) AS rows, count(CASE WHEN ${filter.sql} THEN 1 END) AS hits
     FROM json_each(?) j CROSS JOIN ${tables.records} r ON r.slot = j.value`,
    ...filter.params,
    JSON.stringify(sample),
  ) as { rows: number; hits: number }
  const share = row.hits / Math.max(1, row.rows)
  if (share < selectiveShare) return lookUp(session, tables, state, entry, filter)
  const estimate: KnownFilter = { seq: state.seq, share }
  remember(entry, filter, estimate)
  return estimate
}

const lookUp = (
  session: Session,
  tables: VectorTables,
  state: VectorState,
  entry: Entry,
  filter: CompiledFilter,
): KnownFilter => {
  // One JSON text is several times faster to read than as many rows.
  const row = session.get(
    `SELECT json_group_array(r.slot) AS slots FROM ${tables.records} r WHERE ${filter.sql}`,
    ...filter.params,
  )
  const slots = Int32Array.from(JSON.parse(row?.slots as string) as number[])
  const known = { seq: state.seq, share: slots.length / Math.max(1, state.rows), slots }
  remember(entry, filter, known)
  return known
}

const filterKey = (filter: CompiledFilter): string => `${filter.sql}\n${JSON.stringify(filter.params)}`

const remember = (entry: Entry, filter: CompiledFilter, known: KnownFilter): void => {
  if (entry.filters.size >= knownFilters) entry.filters.clear()
  entry.filters.set(filterKey(filter), known)
}

/** The nearest rows by a scan of all floats in SQL, with sqlite-vec; the answer of `searchCodes`, for exact queries and beyond the memory's limit. */
export const searchFloats = (session: Session, space: VectorSpace, input: SearchInput): Found[] => {
  const tables = vectorTables(space)
  const { metric, dimensions } = space.definition
  const query = toBlob(input.vector)
  const [distance, parameters] =
    metric === 'euclidean'
      ? ['vec_distance_L2(e.embedding, ?)', [query]]
      : metric === 'cosine'
        ? ['ifnull(vec_distance_cosine(e.embedding, ?), 1)', [query]]
        : [
            // sqlite-vec has no dot product: −cos · ‖x‖ has its order.
            '(ifnull(vec_distance_cosine(e.embedding, ?), 1) - 1) * vec_distance_L2(e.embedding, ?)',
            [query, toBlob(new Float32Array(dimensions))],
          ]
  const everything = input.filter.sql === '1'
  const source = everything
    ? `${tables.embeddings} e`
    : `${tables.records} r CROSS JOIN ${tables.embeddings} e ON e.slot = r.slot WHERE ${input.filter.sql}`
  for (let limit = input.topK + Math.max(22, input.topK >> 1); ; limit *= 8) {
    // The floats themselves would make the sort several times slower.
    const rows = session.all(
      `SELECT e.slot, ${distance} AS distance FROM ${source} ORDER BY distance LIMIT ?`,
      ...parameters,
      ...(everything ? [] : input.filter.params),
      limit,
    )
    const rescorer = new Rescorer(session, tables, scorer(metric, input.vector))
    rescorer.add(rows.map((row) => row.slot as number))
    const top = best(rescorer.found, input.topK)
    if (rows.length < limit) return top
    // sqlite-vec sums in single precision: rows as near as the last one may be left out.
    const near = rows[input.topK - 1]?.distance as number
    const far = rows[rows.length - 1]?.distance as number
    if (far - near > 1e-5 * Math.max(1e-3, Math.abs(near), Math.abs(far))) return top
  }
}
