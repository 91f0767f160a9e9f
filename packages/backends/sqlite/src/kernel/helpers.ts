import { Worker } from 'node:worker_threads'
import { kernelModule, type SharedMemory } from './wasm-runtime.js'

/** What a scan is asked: pointers are byte offsets into the memory; see kernel/scan.ts. */
export interface ScanJob {
  readonly base: number
  readonly blocks: number
  readonly stride: number
  readonly query: number
  readonly biasFactor: number
  readonly capacity: number
  readonly mode: number
  readonly backwards: boolean
}

// Places in the control words, which main thread and helpers share.
const generation = 0
const open = 1
const busy = 2
const job = 3
const factor = 16
const lengths = 20

/** The most helpers: beyond some cores the memory gives no more. */
export const maxHelpers = 3
/** How long a scan waits for what its helpers have taken, before it does without them for good. */
const patienceMs = 2000

// Plain JavaScript, so that it needs no file beside the bundle. A helper sleeps until the generation changes, joins if
// that scan is still open, and takes blocks as long as there are any.
const helperCode = `
const { workerData, parentPort, receiveMessageOnPort } = require('node:worker_threads')
const { module, control, index, heap, next } = workerData
const words = new Int32Array(control)
const floats = new Float32Array(control)
const scans = new Map()
const receive = () => {
  for (let message; (message = receiveMessageOnPort(parentPort)); ) {
    const { id, memory } = message.message
    if (memory) scans.set(id, new WebAssembly.Instance(module, { env: { memory } }).exports.scan)
    else scans.delete(id)
  }
}
let seen = 0
for (;;) {
  Atomics.wait(words, ${generation}, seen)
  seen = Atomics.load(words, ${generation})
  Atomics.add(words, ${busy}, 1)
  if (Atomics.load(words, ${open}) === seen) {
    try {
      receive()
      const [id, base, blocks, stride, query, capacity, mode, backwards] = words.subarray(${job})
      words[${lengths} + index] =
        scans.get(id)?.(base, blocks, stride, query, floats[${factor}], heap, capacity, mode, backwards, next) ?? 0
    } catch {
      words[${lengths} + index] = -1
    }
  }
  Atomics.sub(words, ${busy}, 1)
  Atomics.notify(words, ${busy})
}
`

/**
 * Threads that scan along with the main thread. The main thread takes blocks too and waits only for those that a helper
 * has already taken, so that a helper which the system does not let run delays nothing.
 */
export class ScanHelpers {
  readonly count: number
  readonly #words = new Int32Array(new SharedArrayBuffer(128))
  readonly #floats = new Float32Array(this.#words.buffer)
  readonly #workers: Worker[] = []
  #nextId = 1
  #broken = false

  /** `heapAt` and `next` say where a memory has the heap of each thread, the main one being 0, and the counter of blocks. */
  constructor(count: number, heapAt: (thread: number) => number, next: number) {
    this.count = Math.min(count, maxHelpers)
    for (let index = 0; index < this.count; index++) {
      const workerData = { module: kernelModule(), control: this.#words.buffer, index, heap: heapAt(index + 1), next }
      const worker = new Worker(helperCode, { eval: true, workerData, execArgv: [], env: {} })
      worker.on('error', () => {
        this.#broken = true
      })
      // A sleeping helper must not keep the process alive.
      worker.unref()
      this.#workers.push(worker)
    }
  }

  /** Makes a memory known to the helpers; gives the number it has there. */
  register(memory: SharedMemory): number {
    const id = this.#nextId++
    for (const worker of this.#workers) worker.postMessage({ id, memory })
    return id
  }

  /** Lets the helpers forget a memory. */
  release(id: number): void {
    for (const worker of this.#workers) worker.postMessage({ id })
  }

  /**
   * Wakes the helpers for a scan, runs `own`, the main thread's part of it, and gives the lengths of the helpers' heaps;
   * undefined where one of them failed, and the scan has to be done again without them.
   */
  join(id: number, scan: ScanJob, own: () => void): readonly number[] | undefined {
    if (this.#broken) {
      own()
      return []
    }
    const words = this.#words
    const { base, blocks, stride, query, capacity, mode, backwards } = scan
    words.set([id, base, blocks, stride, query, capacity, mode, Number(backwards)], job)
    this.#floats[factor] = scan.biasFactor
    words.fill(0, lengths, lengths + this.count)
    Atomics.store(words, open, Atomics.add(words, generation, 1) + 1)
    Atomics.notify(words, generation)
    own()
    // Nobody joins any more; who has joined is waited for.
    Atomics.store(words, open, 0)
    const deadline = performance.now() + patienceMs
    for (let at = Atomics.load(words, busy); at > 0; at = Atomics.load(words, busy)) {
      Atomics.wait(words, busy, at, 1)
      if (performance.now() > deadline) this.#broken = true
      if (this.#broken) return undefined
    }
    const found = Array.from(words.subarray(lengths, lengths + this.count))
    if (!found.includes(-1)) return found
    this.#broken = true
    return undefined
  }

  close(): void {
    this.#broken = true
    for (const worker of this.#workers) void worker.terminate()
    this.#workers.length = 0
  }
}
