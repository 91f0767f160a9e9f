import type { QueryForm } from './encode.js'
import { type Encode, fallbackEncode, fallbackScan, type Scan } from './fallback.js'
import { relaxedBase64, simdBase64 } from './wasm.js'

const pageBytes = 65_536
const maxPages = 65_536

/** The kernel's functions with the memory it reads. */
export interface Kernel {
  /** How it takes the query's codes. */
  readonly form: QueryForm
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

/** What the runtime may offer, the fastest first. */
export type KernelKind = 'relaxed' | 'simd' | 'fallback'

const compiled = new Map<KernelKind, object>()

const wasmKernel = (kind: 'relaxed' | 'simd'): Kernel => {
  if (!runtime) throw new TypeError('this runtime has no WebAssembly')
  let module = compiled.get(kind)
  if (!module) {
    module = new runtime.Module(Buffer.from(kind === 'relaxed' ? relaxedBase64 : simdBase64, 'base64'))
    compiled.set(kind, module)
  }
  const memory = new runtime.Memory({ initial: 1, maximum: maxPages })
  const instance = new runtime.Instance(module, { env: { memory } })
  return {
    form: kind === 'relaxed' ? 'narrow' : 'wide',
    scan: instance.exports.scan as Scan,
    encode: instance.exports.encode as Encode,
    buffer: () => memory.buffer,
    reserve: (bytes) => {
      const lacking = Math.ceil((bytes - memory.buffer.byteLength) / pageBytes)
      if (lacking > 0) memory.grow(lacking)
    },
  }
}

/** The same in plain TypeScript: the same results, some thirty times slower. `form` as that of the kernel it stands for. */
export const fallbackKernel = (form: QueryForm = 'wide'): Kernel => {
  let buffer = new ArrayBuffer(pageBytes)
  return {
    form,
    scan: fallbackScan(() => buffer, form),
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

const works = (kind: 'relaxed' | 'simd'): boolean => {
  try {
    wasmKernel(kind)
    return true
  } catch {
    // No WebAssembly, as in a runtime started with --jitless, or none of these instructions: the next one answers the same.
    return false
  }
}

let best: KernelKind | undefined

/** A kernel of the kind; without one, the fastest that the runtime has. Throws where the runtime does not have the kind. */
export const createKernel = (kind?: KernelKind): Kernel => {
  best ??= works('relaxed') ? 'relaxed' : works('simd') ? 'simd' : 'fallback'
  const chosen = kind ?? best
  return chosen === 'fallback' ? fallbackKernel() : wasmKernel(chosen)
}
