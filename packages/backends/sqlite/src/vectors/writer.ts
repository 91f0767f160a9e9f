import { blockRows } from '../kernel/layout.js'
import { CodeMatrix } from '../kernel/matrix.js'
import type { Session, Transaction } from '../session.js'
import { changesAfter, packSlots } from './change-log.js'
import { fromBlob, readState, type VectorSpace, type VectorState, type VectorTables, vectorTables } from './store.js'

/** Rows of a chunk that may differ from its persisted codes before the chunk is written again. */
const foldAt = 128
/** Entries of the change log before they are merged into one. */
const mergeAt = 1024
/** The latest entries, which stay as they are. */
const keepEntries = 256

const insertLog = 'INSERT INTO veritas_vector_log (space, seq, slots) VALUES (?, ?, ?)'

const chunkOf = (slot: number): number => Math.floor(slot / blockRows)

/**
 * What the writing connection remembers of a collection's codes from one transaction to the next: which rows differ from
 * the persisted chunks, and the codes of the chunk that is being filled. Forgotten when anybody else writes, or at a rollback.
 */
class CodeBook {
  readonly dirty: Map<number, Set<number>> = new Map()
  /** The session's epoch that this belongs to. */
  readonly epoch: number
  readonly #space: VectorSpace
  readonly #tables: VectorTables
  readonly #tail: CodeMatrix
  readonly #tailFilled = new Uint8Array(blockRows)
  #tailChunk = -1
  #tailCount = 0
  logLength = 0

  constructor(session: Session, space: VectorSpace) {
    this.epoch = session.epoch
    this.#space = space
    this.#tables = vectorTables(space)
    this.#tail = new CodeMatrix(space.definition.dimensions, space.definition.metric, Number.POSITIVE_INFINITY)
    const chunks = new Map(
      session
        .all(`SELECT chunk, seq FROM ${this.#tables.codes}`)
        .map((row) => [row.chunk as number, row.seq as number]),
    )
    this.logLength = changesAfter(session, space.id, -1, (slot, seq) => {
      if (seq > (chunks.get(chunkOf(slot)) ?? -1)) this.touch(slot)
    })
  }

  /** Marks a slot as differing from its chunk. */
  touch(slot: number): void {
    const chunk = chunkOf(slot)
    const slots = this.dirty.get(chunk)
    if (slots) slots.add(slot)
    else this.dirty.set(chunk, new Set([slot]))
  }

  /** Keeps the codes of a row that is written, if it is in the chunk being filled. */
  keep(slot: number, vector: Float32Array | undefined): void {
    const chunk = chunkOf(slot)
    const row = slot % blockRows
    if (chunk !== this.#tailChunk) {
      // A fresh chunk is started by its first row; others are put together from the file when they are folded.
      if (row !== 0 || chunk < this.#tailChunk) return
      this.#tailChunk = chunk
      this.#tailFilled.fill(0)
      this.#tailCount = 0
    }
    if (vector) this.#tail.set(row, vector)
    else this.#tail.remove(row)
    if (this.#tailFilled[row] === 0) this.#tailCount++
    this.#tailFilled[row] = 1
  }

  /** Whether the chunk being filled is this one, and complete. */
  isComplete(chunk: number): boolean {
    return chunk === this.#tailChunk && this.#tailCount === blockRows
  }

  /** Writes a chunk as of the change `seq`. */
  fold(session: Session, chunk: number, seq: number): void {
    const codes = this.isComplete(chunk) ? this.#tail.chunk(0) : this.#assemble(session, chunk)
    session.run(`INSERT OR REPLACE INTO ${this.#tables.codes} (chunk, seq, codes) VALUES (?, ?, ?)`, chunk, seq, codes)
    this.dirty.delete(chunk)
  }

  #assemble(session: Session, chunk: number): Uint8Array {
    const { dimensions, metric } = this.#space.definition
    const matrix = new CodeMatrix(dimensions, metric, Number.POSITIVE_INFINITY)
    matrix.reserve(blockRows)
    const first = chunk * blockRows
    const old = session.get(`SELECT codes FROM ${this.#tables.codes} WHERE chunk = ?`, chunk)
    let changed: Iterable<number> = this.dirty.get(chunk) ?? []
    if (old) matrix.loadChunk(0, old.codes as Uint8Array)
    else changed = Array.from({ length: blockRows }, (_, i) => first + i)
    for (const { slot, vector } of readVectors(session, this.#tables, changed)) {
      if (vector) matrix.set(slot - first, vector)
      else matrix.remove(slot - first)
    }
    return matrix.chunk(0)
  }
}

/** The embeddings in these slots; undefined for the slots that hold none. */
export const readVectors = (
  session: Session,
  tables: VectorTables,
  slots: Iterable<number>,
): { slot: number; vector: Float32Array | undefined }[] =>
  session
    .all(
      `SELECT j.value AS slot, e.embedding FROM json_each(?) j LEFT JOIN ${tables.embeddings} e ON e.slot = j.value`,
      JSON.stringify([...slots]),
    )
    .map((row) => ({
      slot: row.slot as number,
      vector: row.embedding === null ? undefined : fromBlob(row.embedding as Uint8Array),
    }))

const books = new WeakMap<Session, Map<number, CodeBook>>()
const maxBooks = 16

const bookOf = (session: Session, space: VectorSpace): CodeBook => {
  let known = books.get(session)
  if (!known) {
    known = new Map()
    books.set(session, known)
  }
  let book = known.get(space.id)
  if (book?.epoch !== session.epoch) {
    book = new CodeBook(session, space)
    if (known.size >= maxBooks) known.clear()
    known.set(space.id, book)
  }
  return book
}

/** The changes of one transaction to one collection: slots, codes and the change log. */
export class VectorWriter {
  readonly tables: VectorTables
  readonly #session: Session
  readonly #space: VectorSpace
  readonly #state: VectorState
  readonly #touched = new Set<number>()
  readonly #folded = new Set<number>()
  #book: CodeBook | undefined
  #free: number[] | undefined

  constructor(transaction: Transaction, space: VectorSpace) {
    this.#session = transaction.session
    this.#space = space
    this.tables = vectorTables(space)
    this.#state = readState(this.#session, space.id) as VectorState
    transaction.beforeCommit(() => this.#flush())
  }

  /** The slot that the next new record gets. */
  next(): number {
    const state = this.#state
    if (state.free === 0) return state.high
    if (!this.#free?.length) {
      // From the end, so that the lowest slot is used first.
      this.#free = this.#session
        .all(`SELECT slot FROM ${this.tables.free} ORDER BY slot LIMIT 1000`)
        .map((row) => row.slot as number)
        .reverse()
    }
    return this.#free.at(-1) ?? state.high
  }

  /** Takes the slot that `next` gave. */
  take(slot: number): void {
    const state = this.#state
    state.rows++
    if (slot === state.high) state.high++
    else {
      this.#free?.pop()
      state.free--
      this.#session.run(`DELETE FROM ${this.tables.free} WHERE slot = ?`, slot)
    }
  }

  /** Notes that a slot holds this vector now, or none. */
  changed(slot: number, vector: Float32Array | undefined): void {
    this.#touched.add(slot)
    this.#folded.delete(chunkOf(slot))
    this.#book ??= bookOf(this.#session, this.#space)
    this.#book.keep(slot, vector)
    // The chunk being filled is written while its codes are at hand: a large transaction fills many.
    const chunk = chunkOf(slot)
    if (slot % blockRows === blockRows - 1 && this.#book.isComplete(chunk)) {
      this.#book.fold(this.#session, chunk, this.#state.seq + 1)
      this.#folded.add(chunk)
    }
  }

  /** Frees the slot of a deleted record. */
  release(slot: number): void {
    const state = this.#state
    state.rows--
    state.free++
    this.#free = undefined
    this.#session.run(`INSERT INTO ${this.tables.free} (slot) VALUES (?)`, slot)
    this.changed(slot, undefined)
  }

  #flush(): void {
    if (this.#touched.size === 0) return
    const session = this.#session
    const space = this.#space.id
    // Dropped within the same transaction.
    if (!readState(session, space)) return
    const state = this.#state
    const seq = state.seq + 1
    const book = this.#book ?? bookOf(session, this.#space)
    const full = Math.floor(state.high / blockRows)
    const chunks = new Set<number>()
    for (const slot of this.#touched) {
      const chunk = chunkOf(slot)
      chunks.add(chunk)
      if (!this.#folded.has(chunk)) book.touch(slot)
    }
    session.run(insertLog, space, seq, packSlots(this.#touched))
    book.logLength++
    for (const chunk of chunks) {
      if (this.#folded.has(chunk)) continue
      if (chunk < full && (book.dirty.get(chunk)?.size ?? 0) >= foldAt) book.fold(session, chunk, seq)
      // It was folded earlier in this transaction and changed again since: its codes are as of before.
      else session.run(`UPDATE ${this.tables.codes} SET seq = ? WHERE chunk = ? AND seq = ?`, seq - 1, chunk, seq)
    }
    if (book.logLength > mergeAt) {
      // The older entries become one, with all slots that differ from their chunks. Who has not seen them starts anew.
      const upTo = seq - keepEntries
      const remaining: number[] = []
      for (const slots of book.dirty.values()) for (const slot of slots) remaining.push(slot)
      session.run('DELETE FROM veritas_vector_log WHERE space = ? AND seq <= ?', space, upTo)
      session.run(insertLog, space, upTo, packSlots(remaining))
      book.logLength = keepEntries + 1
      state.floor = upTo
    }
    state.seq = seq
    session.run(
      'UPDATE veritas_vector_state SET row_count = ?, high = ?, free = ?, seq = ?, floor = ? WHERE space = ?',
      ...[state.rows, state.high, state.free, seq, state.floor, space],
    )
  }
}

/** The writer of a collection in a transaction. */
export const vectorWriter = (transaction: Transaction, space: VectorSpace): VectorWriter =>
  transaction.state(`vector ${space.id}`, () => new VectorWriter(transaction, space))
