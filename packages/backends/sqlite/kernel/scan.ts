// The scan kernel: integer dot products of one query with blocks of int8 codes, the best candidates kept in a heap
// inside the memory. AssemblyScript, compiled by kernel/build.mjs; src/kernel/fallback.ts is the same in TypeScript,
// and the tests hold the two against each other bit by bit.
//
// The query has 16-bit codes. The dot products of relaxed SIMD would want 7-bit ones: a fifth faster from the
// processor's cache, no faster from memory, and so much less precise that more rows have to be compared by their floats.
//
// A block holds 1,024 rows (src/kernel/layout.ts has the same numbers): a mask of 128 bytes, one bit a row, for the
// masked modes; then 256 groups of four rows, each
//   scale  f32 × 4  NaN: no row in this slot. Every comparison is false, so it never becomes a candidate
//   bias   f32 × 4
//   codes  four rows interleaved by 16 bytes: row 0 [0..15], row 1 [0..15], … row 0 [16..31], …
// The scan is bound by memory: read as one stream it is twice as fast as row beside row, and still shares each load
// of the query among four rows.
// score(row) = f32(codes · query) · scale + bias · biasFactor, every step rounded to f32.

const ROWS: i32 = 1024
/** Blocks that a thread takes at a time. */
const TAKEN: i32 = 2
const MASK: usize = 128
const BIAS: usize = 16
const CODES: usize = 32

function groupBytes(stride: i32): usize {
  return CODES + ((<usize>stride) << 2)
}

function worse(a: usize, b: usize): bool {
  const x = load<f32>(a)
  const y = load<f32>(b)
  return x < y || (x === y && load<i32>(a, 4) > load<i32>(b, 4))
}

function swap(a: usize, b: usize): void {
  const x = load<u64>(a)
  store<u64>(a, load<u64>(b))
  store<u64>(b, x)
}

/** Offers a candidate to the heap: 8 bytes an entry, f32 score then i32 slot, the worst at the root. */
function offer(heap: usize, capacity: i32, length: i32, score: f32, slot: i32): i32 {
  if (length < capacity) {
    let i = length
    let p = heap + ((<usize>i) << 3)
    store<f32>(p, score)
    store<i32>(p, slot, 4)
    while (i > 0) {
      const parent = (i - 1) >> 1
      const pp = heap + ((<usize>parent) << 3)
      p = heap + ((<usize>i) << 3)
      if (!worse(p, pp)) break
      swap(p, pp)
      i = parent
    }
    return length + 1
  }
  // Among equal scores the first to come stays.
  if (!(score > load<f32>(heap))) return length
  store<f32>(heap, score)
  store<i32>(heap, slot, 4)
  let i = 0
  while (true) {
    let child = 2 * i + 1
    if (child >= length) break
    let cp = heap + ((<usize>child) << 3)
    if (child + 1 < length && worse(cp + 8, cp)) {
      child++
      cp += 8
    }
    const p = heap + ((<usize>i) << 3)
    if (!worse(cp, p)) break
    swap(p, cp)
    i = child
  }
  return length
}

function scanSet(
  block: usize,
  stride: i32,
  slot: i32,
  query: usize,
  biasFactor: f32,
  heap: usize,
  capacity: i32,
  length: i32,
): i32 {
  for (let w = 0; w < ROWS >> 6; w++) {
    let bits = load<u64>(block + ((<usize>w) << 3))
    while (bits) {
      const row = (w << 6) + <i32>ctz(bits)
      bits &= bits - 1
      let a = i32x4.splat(0)
      let b = i32x4.splat(0)
      const group = block + MASK + <usize>(row >> 2) * groupBytes(stride)
      let p = group + CODES + ((<usize>(row & 3)) << 4)
      const end = query + ((<usize>stride) << 1)
      for (let q = query; q < end; q += 32) {
        a = i32x4.add(a, i32x4.dot_i16x8_s(v128.load_ext<i8>(p), v128.load(q)))
        b = i32x4.add(b, i32x4.dot_i16x8_s(v128.load_ext<i8>(p, 8), v128.load(q, 16)))
        p += 64
      }
      a = i32x4.add(a, b)
      const dot =
        i32x4.extract_lane(a, 0) + i32x4.extract_lane(a, 1) + i32x4.extract_lane(a, 2) + i32x4.extract_lane(a, 3)
      const at = group + ((<usize>(row & 3)) << 2)
      const score = <f32>dot * load<f32>(at) + load<f32>(at, BIAS) * biasFactor
      if (score >= -Infinity) length = offer(heap, capacity, length, score, slot + row)
    }
  }
  return length
}

function scanAll(
  block: usize,
  stride: i32,
  slot: i32,
  query: usize,
  biasFactor: f32,
  heap: usize,
  capacity: i32,
  length: i32,
  masked: bool,
): i32 {
  const factor = f32x4.splat(biasFactor)
  let limit = length < capacity ? f32x4.splat(-Infinity) : v128.load_splat<f32>(heap)
  const queryEnd = query + ((<usize>stride) << 1)
  let p = block + MASK
  for (let row = 0; row < ROWS; row += 4) {
    let a = i32x4.splat(0)
    let b = i32x4.splat(0)
    let c = i32x4.splat(0)
    let d = i32x4.splat(0)
    const group = p
    p += CODES
    for (let q = query; q < queryEnd; q += 32) {
      const x = v128.load(q)
      const y = v128.load(q, 16)
      a = i32x4.add(a, i32x4.dot_i16x8_s(v128.load_ext<i8>(p), x))
      a = i32x4.add(a, i32x4.dot_i16x8_s(v128.load_ext<i8>(p, 8), y))
      b = i32x4.add(b, i32x4.dot_i16x8_s(v128.load_ext<i8>(p, 16), x))
      b = i32x4.add(b, i32x4.dot_i16x8_s(v128.load_ext<i8>(p, 24), y))
      c = i32x4.add(c, i32x4.dot_i16x8_s(v128.load_ext<i8>(p, 32), x))
      c = i32x4.add(c, i32x4.dot_i16x8_s(v128.load_ext<i8>(p, 40), y))
      d = i32x4.add(d, i32x4.dot_i16x8_s(v128.load_ext<i8>(p, 48), x))
      d = i32x4.add(d, i32x4.dot_i16x8_s(v128.load_ext<i8>(p, 56), y))
      p += 64
    }
    // Transposes the four partial sums, so that lane n holds the dot product of row n.
    const ab = i32x4.add(v128.shuffle<i32>(a, b, 0, 4, 1, 5), v128.shuffle<i32>(a, b, 2, 6, 3, 7))
    const cd = i32x4.add(v128.shuffle<i32>(c, d, 0, 4, 1, 5), v128.shuffle<i32>(c, d, 2, 6, 3, 7))
    const dots = i32x4.add(v128.shuffle<i32>(ab, cd, 0, 1, 4, 5), v128.shuffle<i32>(ab, cd, 2, 3, 6, 7))
    const scores = f32x4.add(
      f32x4.mul(f32x4.convert_i32x4_s(dots), v128.load(group)),
      f32x4.mul(v128.load(group, BIAS), factor),
    )
    let hits = i32x4.bitmask(f32x4.gt(scores, limit))
    if (hits) {
      if (masked) hits &= (<i32>load<u8>(block + (<usize>row >> 3)) >> (row & 4)) & 15
      if (hits) {
        if (hits & 1) length = offer(heap, capacity, length, f32x4.extract_lane(scores, 0), slot + row)
        if (hits & 2) length = offer(heap, capacity, length, f32x4.extract_lane(scores, 1), slot + row + 1)
        if (hits & 4) length = offer(heap, capacity, length, f32x4.extract_lane(scores, 2), slot + row + 2)
        if (hits & 8) length = offer(heap, capacity, length, f32x4.extract_lane(scores, 3), slot + row + 3)
        if (length === capacity) limit = v128.load_splat<f32>(heap)
      }
    }
  }
  return length
}

/**
 * Scans blocks from `base` and returns the number of candidates in the heap. Threads that share the memory share the
 * work: each takes the next blocks at the counter `next`, which starts at 0, until all `blocks` are taken.
 * mode 0: every row; 1: score every row, then look its mask bit up; 2: look the bit up first. `backwards`: the last
 * block first. Scans that change direction find in the processor's cache what the one before read last.
 */
export function scan(
  base: usize,
  blocks: i32,
  stride: i32,
  query: usize,
  biasFactor: f32,
  heap: usize,
  capacity: i32,
  mode: i32,
  backwards: bool,
  next: usize,
): i32 {
  const size = MASK + <usize>(ROWS >> 2) * groupBytes(stride)
  let length = 0
  for (let from = atomic.add<i32>(next, TAKEN); from < blocks; from = atomic.add<i32>(next, TAKEN)) {
    for (let i = from; i < from + TAKEN && i < blocks; i++) {
      const n = backwards ? blocks - 1 - i : i
      const block = base + <usize>n * size
      const slot = n * ROWS
      length =
        mode === 2
          ? scanSet(block, stride, slot, query, biasFactor, heap, capacity, length)
          : scanAll(block, stride, slot, query, biasFactor, heap, capacity, length, mode === 1)
    }
  }
  return length
}

/**
 * Codes round(127 · x / max|x|), ties to even, of the `stride` floats at `source`, to every fourth 16 bytes from
 * `target`. Stores the sum of squares (f64) at `out`, and max|x| (f32) at `out` + 8.
 */
export function encode(source: usize, stride: i32, target: usize, out: usize): void {
  const end = source + ((<usize>stride) << 2)
  let largest = f32x4.splat(0)
  let low = f64x2.splat(0)
  let high = f64x2.splat(0)
  for (let p = source; p < end; p += 16) {
    const x = v128.load(p)
    largest = f32x4.max(largest, f32x4.abs(x))
    const a = f64x2.promote_low_f32x4(x)
    const b = f64x2.promote_low_f32x4(v128.shuffle<i32>(x, x, 2, 3, 2, 3))
    low = f64x2.add(low, f64x2.mul(a, a))
    high = f64x2.add(high, f64x2.mul(b, b))
  }
  low = f64x2.add(low, high)
  store<f64>(out, f64x2.extract_lane(low, 0) + f64x2.extract_lane(low, 1))
  largest = f32x4.max(largest, v128.shuffle<i32>(largest, largest, 2, 3, 0, 1))
  largest = f32x4.max(largest, v128.shuffle<i32>(largest, largest, 1, 0, 3, 2))
  const top = f32x4.extract_lane(largest, 0)
  store<f32>(out, top, 8)
  const factor = f32x4.splat(top > 0 ? <f32>127 / top : 0)
  for (let p = source; p < end; p += 64) {
    const a = i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.mul(v128.load(p), factor)))
    const b = i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.mul(v128.load(p, 16), factor)))
    const c = i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.mul(v128.load(p, 32), factor)))
    const d = i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.mul(v128.load(p, 48), factor)))
    v128.store(target, i8x16.narrow_i16x8_s(i16x8.narrow_i32x4_s(a, b), i16x8.narrow_i32x4_s(c, d)))
    target += 64
  }
}
