import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Metric } from '../kernel/encode.js'
import { maxHelpers, ScanHelpers } from '../kernel/helpers.js'
import { createKernel, helpBytes, isWasmUsable } from '../kernel/kernel.js'
import { blockRows, counterAt, heapAt } from '../kernel/layout.js'
import { CodeMatrix, MatrixLimitError, matrixBytes } from '../kernel/matrix.js'
import type { Session } from '../session.js'
import { changesAfter } from './change-log.js'
import { readState, type VectorSpace, type VectorState, vectorTables } from './store.js'
import { readVectors } from './writer.js'

/** What a filter is known to match: of use as long as nothing has changed since; its share of the rows longer. */
export interface KnownFilter {
  readonly seq: number
  /** Share of the rows that match, estimated from a sample or counted. */
  readonly share: number
  /** The slots of all rows that match. */
  readonly slots?: Int32Array
}

/** The matrix of one collection as of a change, with what is known of filters. */
export interface Entry {
  readonly matrix: CodeMatrix
  /** The last change that is in the matrix. */
  seq: number
  readonly filters: Map<string, KnownFilter>
}

/** The collection has to be loaded first; or it does not fit into the memory allowed. */
export type Unloaded = 'load' | 'too large'

// From here on, reading the chunks again is faster than reading the changed rows one by one.
const reloadAt = 20_000
const chunkAt = 100
const rowsAtOnce = 1000
const chunksAtOnce = 16
const turnMs = 10

/** The code matrices of all collections, loaded when first asked, the least recently used dropped for want of memory. */
export class MatrixCache {
  readonly #limit: number
  /** Least recently used first. */
  readonly #entries = new Map<number, Entry>()
  readonly #loading = new Map<number, Promise<void>>()
  readonly #threads: number
  #helpers: ScanHelpers | undefined

  /** `threads` scan, the main one included. */
  constructor(limitBytes: number, threads: number) {
    this.#limit = limitBytes
    this.#threads = isWasmUsable() ? Math.min(threads, maxHelpers + 1) : 1
  }

  /** Memory in use, in bytes. */
  get bytes(): number {
    let sum = 0
    for (const { matrix } of this.#entries.values()) sum += matrix.bytes
    return sum
  }

  /** Drops all matrices, and ends the threads. */
  close(): void {
    this.#entries.clear()
    this.#helpers?.close()
    this.#helpers = undefined
  }

  /** The matrix as of the given state, brought up to date with what has changed. Runs on the snapshot of that state. */
  current(session: Session, space: VectorSpace, state: VectorState): Entry | Unloaded {
    if (matrixBytes(space.definition.dimensions, state.high, this.#threads) > this.#limit) {
      this.#drop(space.id)
      return 'too large'
    }
    const entry = this.#entries.get(space.id)
    if (!entry) return 'load'
    if (entry.seq < state.seq) {
      const upToDate = entry.seq >= state.floor && this.#catchUp(session, space, entry)
      if (upToDate !== true) {
        this.#drop(space.id)
        return upToDate === false ? 'load' : upToDate
      }
      entry.seq = state.seq
      if (entry.matrix.threads < this.#threads && entry.matrix.bytes >= 2 * helpBytes) {
        // It was loaded while it was small, for one thread.
        this.#drop(space.id)
        return 'load'
      }
    }
    // Moves it to the end: the most recently used.
    this.#entries.delete(space.id)
    this.#entries.set(space.id, entry)
    this.#makeRoom(0, space.id)
    return entry
  }

  /** Loads a collection's matrix, in several turns of the event loop; callers at the same time share the work. */
  async load(session: Session, space: VectorSpace): Promise<void> {
    let loading = this.#loading.get(space.id)
    if (!loading) {
      loading = this.#load(session, space).finally(() => this.#loading.delete(space.id))
      this.#loading.set(space.id, loading)
    }
    return loading
  }

  #catchUp(session: Session, space: VectorSpace, entry: Entry): boolean | 'too large' {
    try {
      return catchUp(session, space, entry)
    } catch (error) {
      // Half of the changes are in it: whatever went wrong, it is of no more use.
      if (error instanceof MatrixLimitError) return 'too large'
      this.#drop(space.id)
      throw error
    }
  }

  async #load(session: Session, space: VectorSpace): Promise<void> {
    const tables = vectorTables(space)
    const { dimensions, metric } = space.definition
    const begin = session.snapshot(() => {
      const state = readState(session, space.id)
      return state && { high: state.high, last: session.get(`SELECT max(chunk) AS last FROM ${tables.codes}`)?.last }
    })
    if (!begin) return
    this.#makeRoom(matrixBytes(dimensions, begin.high, this.#threads), space.id)
    const isLarge = matrixBytes(dimensions, begin.high, 1) >= helpBytes
    const matrix = this.#newMatrix(dimensions, metric, isLarge)
    const seqs = new Map<number, number>()
    const loadChunks = (where: string, ...params: number[]): void => {
      for (const row of session.all(`SELECT chunk, seq, codes FROM ${tables.codes} ${where}`, ...params)) {
        matrix.loadChunk(row.chunk as number, row.codes as Uint8Array)
        seqs.set(row.chunk as number, row.seq as number)
      }
    }
    try {
      matrix.reserve(begin.high)
      const last = (begin.last as number | null) ?? -1
      let started = performance.now()
      for (let chunk = 0; chunk <= last; chunk += chunksAtOnce) {
        if (performance.now() - started > turnMs) {
          await nextTurn()
          started = performance.now()
        }
        if (!session.snapshot(() => readState(session, space.id))) return
        loadChunks('WHERE chunk BETWEEN ? AND ?', chunk, chunk + chunksAtOnce - 1)
      }
      session.snapshot(() => {
        const state = readState(session, space.id)
        if (!state) return
        // What was written meanwhile: chunks folded anew, then the rows that differ from their chunks.
        for (const row of session.all(`SELECT chunk, seq FROM ${tables.codes}`)) {
          if (seqs.get(row.chunk as number) !== row.seq) loadChunks('WHERE chunk = ?', row.chunk as number)
        }
        const changed = new Set<number>()
        changesAfter(session, space.id, -1, (slot, seq) => {
          if (seq > (seqs.get(Math.floor(slot / blockRows)) ?? -1)) changed.add(slot)
        })
        readRows(session, space, matrix, changed)
        this.#drop(space.id)
        this.#entries.set(space.id, { matrix, seq: state.seq, filters: new Map() })
      })
    } catch (error) {
      // It has grown too large while it was loaded; `current` will say so.
      if (!(error instanceof MatrixLimitError)) throw error
    } finally {
      if (this.#entries.get(space.id)?.matrix !== matrix) matrix.release()
    }
    this.#makeRoom(0, space.id)
  }

  #drop(id: number): void {
    this.#entries.get(id)?.matrix.release()
    this.#entries.delete(id)
  }

  #newMatrix(dimensions: number, metric: Metric, isLarge: boolean): CodeMatrix {
    // Threads are started for the first collection that is worth it.
    if (isLarge && this.#threads > 1) this.#helpers ??= new ScanHelpers(this.#threads - 1, heapAt, counterAt)
    return new CodeMatrix(dimensions, metric, this.#limit, createKernel(isLarge ? this.#helpers : undefined))
  }

  /** Drops the least recently used matrices until `bytes` more fit; never the one in use. */
  #makeRoom(bytes: number, inUse: number): void {
    let room = this.#limit - bytes - this.bytes
    for (const [id, { matrix }] of this.#entries) {
      if (room >= 0) return
      if (id === inUse) continue
      this.#drop(id)
      room += matrix.bytes
    }
  }
}

/** Reads rows anew, from their floats. */
const readRows = (session: Session, space: VectorSpace, matrix: CodeMatrix, slots: Iterable<number>): void => {
  const all = [...slots]
  for (let i = 0; i < all.length; i += rowsAtOnce) {
    for (const { slot, vector } of readVectors(session, vectorTables(space), all.slice(i, i + rowsAtOnce))) {
      if (vector) matrix.set(slot, vector)
      else matrix.remove(slot)
    }
  }
}

/** Applies the changes since `entry.seq`; false where there are so many that loading anew is faster. */
const catchUp = (session: Session, space: VectorSpace, entry: Entry): boolean => {
  const { codes } = vectorTables(space)
  const chunks = new Map<number, Map<number, number>>()
  let count = 0
  changesAfter(session, space.id, entry.seq, (slot, seq) => {
    const chunk = Math.floor(slot / blockRows)
    const slots = chunks.get(chunk)
    if (slots) slots.set(slot, seq)
    else chunks.set(chunk, new Map([[slot, seq]]))
    count++
  })
  if (count > reloadAt) return false
  const changed: number[] = []
  for (const [chunk, slots] of chunks) {
    let from = -1
    if (slots.size > chunkAt) {
      const row = session.get(`SELECT seq, codes FROM ${codes} WHERE chunk = ? AND seq > ?`, chunk, entry.seq)
      if (row) {
        entry.matrix.loadChunk(chunk, row.codes as Uint8Array)
        from = row.seq as number
      }
    }
    for (const [slot, seq] of slots) if (seq > from) changed.push(slot)
  }
  readRows(session, space, entry.matrix, changed)
  return true
}
