import { type Encode, fallbackEncode, fallbackScan, type Scan } from './fallback.js'
import { kernelBase64 } from './wasm.js'

const pageBytes = 65_536
const maxPages = 65_536

/** The kernel's functions with the memory it reads. */
export interface Kernel {
  readonly scan: Scan
  readonly encode: Encode
  /** The memory; after `reserve` it may be another object. */
  readonly buffer: () => ArrayBufferLike
  /** Grows the memory to at least `bytes`; throws a RangeError where that can't be had. */
  readonly reserve: (bytes: number) => void
}

/** What is used of the global `WebAssembly`, which TypeScript knows with the DOM only. */
interface WebAssemblyGlobal {
  readonly Module: new (bytes: Uint8Array) => object
  readonly Memory: new (limits: {
    initial: number
    maximum: number
  }) => { readonly buffer: ArrayBuffer; grow(pages: number): number }
  readonly Instance: new (module: object, imports: object) => { readonly exports: Readonly<Record<string, unknown>> }
}

const runtime = (globalThis as { readonly WebAssembly?: WebAssemblyGlobal }).WebAssembly

let compiled: object | undefined

/** A kernel in WebAssembly with SIMD; throws where the runtime has neither. */
export const wasmKernel = (): Kernel => {
  if (!runtime) throw new TypeError('this runtime has no WebAssembly')
  compiled ??= new runtime.Module(Buffer.from(kernelBase64, 'base64'))
  const memory = new runtime.Memory({ initial: 1, maximum: maxPages })
  const { exports } = new runtime.Instance(compiled, { env: { memory } })
  return {
    scan: exports.scan as Scan,
    encode: exports.encode as Encode,
    buffer: () => memory.buffer,
    reserve: (bytes) => {
      const lacking = Math.ceil((bytes - memory.buffer.byteLength) / pageBytes)
      if (lacking > 0) memory.grow(lacking)
    },
  }
}

/** The same in plain TypeScript: the same results, some thirty times slower. */
export const fallbackKernel = (): Kernel => {
  let buffer = new ArrayBuffer(pageBytes)
  return {
    scan: fallbackScan(() => buffer),
    encode: fallbackEncode(() => buffer),
    buffer: () => buffer,
    reserve: (bytes) => {
      if (bytes <= buffer.byteLength) return
      const larger = new ArrayBuffer(Math.ceil(bytes / pageBytes) * pageBytes)
      new Uint8Array(larger).set(new Uint8Array(buffer))
      buffer = larger
    },
  }
}

let usable: boolean | undefined

const wasmIsUsable = (): boolean => {
  try {
    wasmKernel()
    return true
  } catch {
    // No WebAssembly, as in a runtime started with --jitless, or a processor without SIMD: the fallback answers the same.
    return false
  }
}

/** WebAssembly where the runtime has it with SIMD, else the fallback. */
export const createKernel = (): Kernel => {
  usable ??= wasmIsUsable()
  return usable ? wasmKernel() : fallbackKernel()
}
