import { biasAt, blockBytes, blockRows, codesAt, scaleAt } from './layout.js'

/** The signature of the kernel's `scan`: see kernel/scan.ts. Pointers are byte offsets into the memory. */
export type Scan = (
  base: number,
  blocks: number,
  stride: number,
  query: number,
  biasFactor: number,
  heap: number,
  capacity: number,
  mode: number,
  backwards: boolean,
  next: number,
) => number

/** The signature of the kernel's `encode`. */
export type Encode = (source: number, stride: number, target: number, out: number) => void

/** `encode` of kernel/scan.ts in TypeScript, over the same memory. */
export const fallbackEncode = (memory: () => ArrayBufferLike): Encode => {
  const { fround } = Math
  // Adding and taking away 1.5 · 2^23 rounds a small float to a whole number, ties to even.
  const rounder = 12_582_912
  return (source, stride, target, out) => {
    const buffer = memory()
    const values = new Float32Array(buffer, source, stride)
    const codes = new Int8Array(buffer)
    const sums = [0, 0, 0, 0]
    let largest = 0
    for (let i = 0; i < stride; i++) {
      const x = values[i] as number
      largest = Math.max(largest, Math.abs(x))
      sums[i & 3] = (sums[i & 3] as number) + x * x
    }
    const [a, b, c, d] = sums as [number, number, number, number]
    const view = new DataView(buffer)
    view.setFloat64(out, a + c + (b + d), true)
    view.setFloat32(out + 8, largest, true)
    const factor = largest > 0 ? fround(127 / largest) : 0
    for (let i = 0; i < stride; i++) {
      const rounded = fround(fround(fround((values[i] as number) * factor) + rounder) - rounder)
      codes[target + (i >> 4) * 64 + (i & 15)] = Math.max(-128, Math.min(127, rounded))
    }
  }
}

/** `scan` of kernel/scan.ts in TypeScript, over the same memory: for runtimes without WebAssembly, and for the tests. */
export const fallbackScan = (memory: () => ArrayBufferLike): Scan => {
  const { fround } = Math
  return (base, blocks, stride, query, biasFactor, heap, capacity, mode, backwards, next) => {
    const buffer = memory()
    const codes = new Int8Array(buffer)
    const mask = new Uint8Array(buffer)
    const floats = new Float32Array(buffer)
    const slots = new Int32Array(buffer)
    const target = new Int16Array(buffer, query, stride)
    const factor = fround(biasFactor)
    const root = heap >>> 2
    let length = 0

    const worse = (a: number, b: number): boolean => {
      const x = floats[root + 2 * a] as number
      const y = floats[root + 2 * b] as number
      return x < y || (x === y && (slots[root + 2 * a + 1] as number) > (slots[root + 2 * b + 1] as number))
    }
    const put = (i: number, score: number, slot: number): void => {
      floats[root + 2 * i] = score
      slots[root + 2 * i + 1] = slot
    }
    const swap = (a: number, b: number): void => {
      const score = floats[root + 2 * a] as number
      const slot = slots[root + 2 * a + 1] as number
      put(a, floats[root + 2 * b] as number, slots[root + 2 * b + 1] as number)
      put(b, score, slot)
    }
    const offer = (score: number, slot: number): void => {
      if (length < capacity) {
        let i = length++
        put(i, score, slot)
        while (i > 0) {
          const parent = (i - 1) >> 1
          if (!worse(i, parent)) break
          swap(i, parent)
          i = parent
        }
        return
      }
      if (!(score > (floats[root] as number))) return
      put(0, score, slot)
      let i = 0
      for (;;) {
        let child = 2 * i + 1
        if (child >= length) break
        if (child + 1 < length && worse(child + 1, child)) child++
        if (!worse(child, i)) break
        swap(i, child)
        i = child
      }
    }

    for (let i = Atomics.add(slots, next / 4, 1); i < blocks; i = Atomics.add(slots, next / 4, 1)) {
      const n = backwards ? blocks - 1 - i : i
      const block = base + n * blockBytes(stride)
      for (let row = 0; row < blockRows; row++) {
        const scale = floats[(block + scaleAt(row, stride)) / 4] as number
        if (Number.isNaN(scale)) continue
        if (mode !== 0 && (((mask[block + (row >> 3)] as number) >> (row & 7)) & 1) === 0) continue
        let dot = 0
        let at = block + codesAt(row, stride)
        for (let i = 0; i < stride; at += 48) {
          for (const end = i + 16; i < end; i++) dot += (codes[at++] as number) * (target[i] as number)
        }
        const bias = fround((floats[(block + biasAt(row, stride)) / 4] as number) * factor)
        offer(fround(fround(fround(dot) * scale) + bias), n * blockRows + row)
      }
    }
    return length
  }
}
