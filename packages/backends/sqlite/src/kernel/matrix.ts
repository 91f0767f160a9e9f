import { encodeQuery, type Metric, outlierBias, rowFactors } from './encode.js'
import { createKernel, type Kernel } from './kernel.js'
import {
  biasAt,
  blockBytes,
  blockRows,
  chunkBytes,
  codesAt,
  heapAt,
  maskBytes,
  maxCandidates,
  scaleAt,
  strideOf,
} from './layout.js'

// After the heaps of candidates come the results of `encode`, a vector's floats, and a query's codes, then the blocks.
const encodedAt = (threads: number): number => heapAt(threads)
const floatsAt = (threads: number): number => encodedAt(threads) + 16
const queryAt = (threads: number, stride: number): number => floatsAt(threads) + stride * 4
const blocksAt = (threads: number, stride: number): number => queryAt(threads, stride) + stride * 2

/** A matrix would grow beyond its limit: the caller scans by SQL instead. */
export class MatrixLimitError extends Error {}

/** The best candidates by the codes, best first. */
export interface Candidates {
  readonly slots: Int32Array
  /** Approximations in the metric's own unit: cosine, dot product, or q·x − ‖x‖² / 2 for euclidean. */
  readonly scores: Float64Array
}

/** Bytes a matrix of `slots` slots takes, scanned by so many threads. */
export const matrixBytes = (dimensions: number, slots: number, threads: number): number => {
  const stride = strideOf(dimensions)
  return blocksAt(threads, stride) + Math.ceil(slots / blockRows) * blockBytes(stride)
}

/**
 * The int8 codes of one collection, in the memory of a kernel: one row a slot. A cache of what the database holds,
 * and never more than that: it can be dropped at any time.
 */
export class CodeMatrix {
  readonly #kernel: Kernel
  readonly #metric: Metric
  readonly #stride: number
  readonly #blockBytes: number
  readonly #base: number
  readonly #limit: number
  readonly #outliers = new Set<number>()
  #blocks = 0
  #backwards = false
  // Views of the kernel's memory, made anew when it grows.
  #bytes: Int8Array
  #floats: Float32Array
  #doubles: Float64Array

  constructor(dimensions: number, metric: Metric, limitBytes: number, kernel: Kernel = createKernel()) {
    this.#kernel = kernel
    this.#metric = metric
    this.#stride = strideOf(dimensions)
    this.#blockBytes = blockBytes(this.#stride)
    this.#base = blocksAt(kernel.threads, this.#stride)
    this.#limit = limitBytes
    if (this.#base > limitBytes) throw new MatrixLimitError()
    kernel.reserve(this.#base)
    this.#bytes = new Int8Array(kernel.buffer())
    this.#floats = new Float32Array(kernel.buffer())
    this.#doubles = new Float64Array(kernel.buffer())
  }

  /** Memory in use, in bytes. */
  get bytes(): number {
    return this.#bytes.byteLength
  }

  /** Threads that scan it. */
  get threads(): number {
    return this.#kernel.threads
  }

  /** Rows the codes can't represent (norms beyond 1e±12): to be compared exactly in every query. */
  get outliers(): ReadonlySet<number> {
    return this.#outliers
  }

  /** Makes room for the slots below `slots`; throws a MatrixLimitError beyond the limit. */
  reserve(slots: number): void {
    const blocks = Math.ceil(slots / blockRows)
    if (blocks <= this.#blocks) return
    const end = this.#base + blocks * this.#blockBytes
    if (end > this.#limit) throw new MatrixLimitError()
    try {
      this.#kernel.reserve(end)
    } catch (cause) {
      throw new MatrixLimitError('the memory could not be had', { cause })
    }
    this.#bytes = new Int8Array(this.#kernel.buffer())
    this.#floats = new Float32Array(this.#kernel.buffer())
    this.#doubles = new Float64Array(this.#kernel.buffer())
    for (; this.#blocks < blocks; this.#blocks++) {
      for (let row = 0; row < blockRows; row++) this.#empty(this.#block(this.#blocks), row)
    }
  }

  /** Puts a row into a slot, in place of what was there. */
  set(slot: number, vector: Float32Array): void {
    this.reserve(slot + 1)
    const block = this.#block(Math.floor(slot / blockRows))
    const row = slot % blockRows
    const floats = this.#floats
    const source = floatsAt(this.#kernel.threads)
    const encoded = encodedAt(this.#kernel.threads)
    floats.set(vector, source / 4)
    floats.fill(0, source / 4 + vector.length, source / 4 + this.#stride)
    this.#kernel.encode(source, this.#stride, block + codesAt(row, this.#stride), encoded)
    const squares = this.#doubles[encoded / 8] as number
    const { scale, bias } = rowFactors(squares, floats[encoded / 4 + 2] as number, this.#metric)
    floats[(block + scaleAt(row, this.#stride)) / 4] = scale
    floats[(block + biasAt(row, this.#stride)) / 4] = bias
    if (bias === outlierBias) this.#outliers.add(slot)
    else this.#outliers.delete(slot)
  }

  /** Empties a slot. */
  remove(slot: number): void {
    this.#outliers.delete(slot)
    if (slot >= this.#blocks * blockRows) return
    this.#empty(this.#block(Math.floor(slot / blockRows)), slot % blockRows)
  }

  /** Takes a persisted chunk, as `chunk` gives it, in place of the block of the same index. */
  loadChunk(index: number, chunk: Uint8Array): void {
    if (chunk.byteLength !== chunkBytes(this.#stride)) throw new RangeError('a chunk of codes has the wrong length')
    this.reserve((index + 1) * blockRows)
    const block = this.#block(index)
    new Uint8Array(this.#bytes.buffer).set(chunk, block + maskBytes)
    for (let row = 0; row < blockRows; row++) {
      const slot = index * blockRows + row
      if (this.#floats[(block + biasAt(row, this.#stride)) / 4] === outlierBias) this.#outliers.add(slot)
      else this.#outliers.delete(slot)
    }
  }

  /** A copy of a block as it is persisted: scales, biases, codes. */
  chunk(index: number): Uint8Array {
    this.reserve((index + 1) * blockRows)
    const start = this.#block(index) + maskBytes
    return new Uint8Array(this.#bytes.buffer).slice(start, start + chunkBytes(this.#stride))
  }

  /**
   * The `count` best rows by the codes (at most `maxCandidates`), among `among` where given: ascending, distinct slots.
   * Undefined where the codes can't represent the query.
   */
  candidates(query: Float32Array, count: number, among?: Int32Array): Candidates | undefined {
    const at = queryAt(this.#kernel.threads, this.#stride)
    const encoded = encodeQuery(new Int16Array(this.#bytes.buffer, at, this.#stride), query, this.#metric)
    if (encoded === undefined) return undefined
    const capacity = Math.min(count, maxCandidates)
    const lengths = this.#kernel.scan({
      base: this.#base,
      blocks: this.#blocks,
      stride: this.#stride,
      query: at,
      biasFactor: encoded.biasFactor,
      capacity,
      mode: among === undefined ? 0 : this.#mask(among),
      backwards: this.#backwards,
    })
    // Scans that change direction find in the processor's cache what the one before read last.
    this.#backwards = !this.#backwards
    const found = lengths.flatMap((length, thread) => this.#heap(thread, length))
    const best = found.sort((a, b) => b.score - a.score || a.slot - b.slot).slice(0, capacity)
    return {
      slots: Int32Array.from(best, ({ slot }) => slot),
      scores: Float64Array.from(best, ({ score }) => score * encoded.unit),
    }
  }

  /** Lets go of the memory; the matrix is not used any more. */
  release(): void {
    this.#kernel.release()
  }

  #heap(thread: number, length: number): { score: number; slot: number }[] {
    const at = heapAt(thread)
    const slots = new Int32Array(this.#bytes.buffer, at, 2 * length)
    return Array.from({ length }, (_, i) => ({
      score: this.#floats[at / 4 + 2 * i] as number,
      slot: slots[2 * i + 1] as number,
    }))
  }

  #empty(block: number, row: number): void {
    this.#floats[(block + scaleAt(row, this.#stride)) / 4] = Number.NaN
    this.#floats[(block + biasAt(row, this.#stride)) / 4] = 0
  }

  #block(index: number): number {
    return this.#base + index * this.#blockBytes
  }

  /** Writes the mask; returns the faster mode for its density (measured: see README). */
  #mask(among: Int32Array): number {
    const bytes = this.#bytes
    for (let b = 0; b < this.#blocks; b++) bytes.fill(0, this.#block(b), this.#block(b) + maskBytes)
    const slots = this.#blocks * blockRows
    for (const slot of among) {
      if (slot >= slots) continue
      const at = this.#base + Math.floor(slot / blockRows) * this.#blockBytes + ((slot % blockRows) >> 3)
      bytes[at] = (bytes[at] as number) | (1 << (slot & 7))
    }
    return among.length < slots / 10 ? 2 : 1
  }
}
