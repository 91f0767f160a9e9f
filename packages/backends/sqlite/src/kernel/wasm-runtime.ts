import { kernelBase64 } from './wasm.js'

/** A WebAssembly memory that threads share. */
export interface SharedMemory {
  readonly buffer: SharedArrayBuffer
  grow(pages: number): number
}

/** What is used of the global `WebAssembly`, which TypeScript knows with the DOM only. */
interface WebAssemblyGlobal {
  readonly Module: new (bytes: Uint8Array) => object
  readonly Memory: new (limits: { initial: number; maximum: number; shared: true }) => SharedMemory
  readonly Instance: new (module: object, imports: object) => { readonly exports: Readonly<Record<string, unknown>> }
}

const runtime = (globalThis as { readonly WebAssembly?: WebAssemblyGlobal }).WebAssembly

export const pageBytes = 65_536
const maxPages = 65_536

let compiled: object | undefined

/** The compiled kernel. Throws where the runtime has no WebAssembly with SIMD. */
export const kernelModule = (): object => {
  if (!runtime) throw new TypeError('this runtime has no WebAssembly')
  compiled ??= new runtime.Module(Buffer.from(kernelBase64, 'base64'))
  return compiled
}

/** A memory of one page, and the kernel's functions over it. */
export const instantiate = (): { memory: SharedMemory; exports: Readonly<Record<string, unknown>> } => {
  const module = kernelModule()
  // `kernelModule` has seen to it that it is there.
  const { Memory, Instance } = runtime as WebAssemblyGlobal
  const memory = new Memory({ initial: 1, maximum: maxPages, shared: true })
  return { memory, exports: new Instance(module, { env: { memory } }).exports }
}
