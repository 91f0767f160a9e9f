import { type Encode, fallbackEncode, fallbackScan, type Scan } from './fallback.js'
import type { ScanHelpers, ScanJob } from './helpers.js'
import { counterAt, heapAt } from './layout.js'
import { instantiate, pageBytes } from './wasm-runtime.js'

/** The kernel's functions with the memory they work on. */
export interface Kernel {
  /** Threads that may take part in a scan: each has a heap of candidates of its own. */
  readonly threads: number
  /** Runs a scan; gives the number of candidates in the heap of each thread. */
  readonly scan: (job: ScanJob) => readonly number[]
  readonly encode: Encode
  /** The memory; after `reserve` it may be another object. */
  readonly buffer: () => ArrayBufferLike
  /** Grows the memory to at least `bytes`; throws a RangeError where that can't be had. */
  readonly reserve: (bytes: number) => void
  /** Gives the memory back, as far as others hold it too. */
  readonly release: () => void
}

/** Bytes of codes below which waking a helper takes longer than the scan. */
export const helpBytes: number = 2 ** 22

/** Runs one thread's part of a scan. */
const runner =
  (scan: Scan, counter: () => Int32Array) =>
  ({ base, blocks, stride, query, biasFactor, capacity, mode, backwards }: ScanJob): number => {
    // Blocks are taken by one atomic counter, by helpers too, which have not started yet.
    Atomics.store(counter(), counterAt / 4, 0)
    return scan(base, blocks, stride, query, biasFactor, heapAt(0), capacity, mode, backwards, counterAt)
  }

/** A kernel in WebAssembly with SIMD; throws where the runtime has neither. */
export const wasmKernel = (helpers?: ScanHelpers): Kernel => {
  const { memory, exports } = instantiate()
  const scan = exports.scan as Scan
  const counter = (): Int32Array => new Int32Array(memory.buffer, 0, 16)
  const alone = runner(scan, counter)
  const id = helpers?.register(memory) ?? 0
  return {
    threads: 1 + (helpers?.count ?? 0),
    scan: (job) => {
      const { base, blocks, stride, query, biasFactor, capacity, mode, backwards } = job
      if (!helpers || mode === 2 || blocks * stride * 1024 < helpBytes) return [alone(job)]
      let own = 0
      Atomics.store(counter(), counterAt / 4, 0)
      const others = helpers.join(id, job, () => {
        own = scan(base, blocks, stride, query, biasFactor, heapAt(0), capacity, mode, backwards, counterAt)
      })
      return others ? [own, ...others] : [alone(job)]
    },
    encode: exports.encode as Encode,
    buffer: () => memory.buffer,
    reserve: (bytes) => {
      const lacking = Math.ceil((bytes - memory.buffer.byteLength) / pageBytes)
      if (lacking > 0) memory.grow(lacking)
    },
    release: () => helpers?.release(id),
  }
}

/** The same in plain TypeScript: the same results, some thirty times slower. */
export const fallbackKernel = (): Kernel => {
  let buffer = new ArrayBuffer(pageBytes)
  const alone = runner(
    fallbackScan(() => buffer),
    () => new Int32Array(buffer, 0, 16),
  )
  return {
    threads: 1,
    scan: (job) => [alone(job)],
    encode: fallbackEncode(() => buffer),
    buffer: () => buffer,
    reserve: (bytes) => {
      if (bytes <= buffer.byteLength) return
      const larger = new ArrayBuffer(Math.ceil(bytes / pageBytes) * pageBytes)
      new Uint8Array(larger).set(new Uint8Array(buffer))
      buffer = larger
    },
    release: () => undefined,
  }
}

let usable: boolean | undefined

/** Whether the runtime has WebAssembly with SIMD and shared memory. */
export const isWasmUsable = (): boolean => {
  try {
    usable ??= instantiate() !== undefined
  } catch {
    // No WebAssembly, as in a runtime started with --jitless, or a processor without SIMD: the fallback answers the same.
    usable = false
  }
  return usable
}

/** WebAssembly where the runtime has it, else the fallback. */
export const createKernel = (helpers?: ScanHelpers): Kernel => (isWasmUsable() ? wasmKernel(helpers) : fallbackKernel())
