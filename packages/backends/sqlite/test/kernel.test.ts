import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { render } from '../kernel/build.mjs'
import type { Metric } from '../src/kernel/encode.js'
import { createKernel, fallbackKernel, wasmKernel } from '../src/kernel/kernel.js'
import { CodeMatrix, MatrixLimitError, matrixBytes } from '../src/kernel/matrix.js'
import { random, randomVector } from './helpers.js'

const limit = 2 ** 30
const metrics: readonly Metric[] = ['cosine', 'dot', 'euclidean']

describe('the compiled kernel', () => {
  it('is what its source compiles to', async () => {
    expect(await readFile(new URL('../src/kernel/wasm.ts', import.meta.url), 'utf8')).toBe(await render())
  }, 60_000)
})

describe('the kernel and the fallback', () => {
  it.each(metrics)('write the same bytes and give the same candidates, bit by bit: %s', (metric) => {
    const next = random(7)
    for (const dimensions of [1, 3, 15, 16, 17, 64, 100, 384, 1030]) {
      const matrices = [wasmKernel(), fallbackKernel()].map((k) => new CodeMatrix(dimensions, metric, limit, k))
      const both = <R>(work: (matrix: CodeMatrix) => R): R[] => matrices.map(work)
      const rows = 1400
      for (let slot = 0; slot < rows; slot++) {
        // Of all sizes; some zero, some twice, some beyond what codes can hold.
        const scale = slot % 97 === 0 ? 0 : slot % 89 === 0 ? 1e20 : 10 ** ((slot % 9) - 4)
        const vector =
          slot % 13 === 1
            ? Float32Array.of(1, ...new Float32Array(dimensions - 1))
            : randomVector(next, dimensions, scale)
        both((matrix) => matrix.set(slot, vector))
      }
      for (let slot = 0; slot < rows; slot += 31) both((matrix) => matrix.remove(slot))
      const [a, b] = both((matrix) => [matrix.chunk(0), matrix.chunk(1)])
      expect(Buffer.compare(a?.[0] as Uint8Array, b?.[0] as Uint8Array)).toBe(0)
      expect(Buffer.compare(a?.[1] as Uint8Array, b?.[1] as Uint8Array)).toBe(0)
      const few = Int32Array.from({ length: 60 }, (_, i) => i * 23)
      const many = Int32Array.from({ length: rows - 100 }, (_, i) => i + 50)
      for (const among of [undefined, few, many, new Int32Array(0)]) {
        for (const count of [1, 10, 200]) {
          const query = randomVector(next, dimensions)
          const [x, y] = both((matrix) => matrix.candidates(query, count, among))
          expect(x).toEqual(y)
          if (among) for (const slot of x?.slots ?? []) expect(among.includes(slot)).toBe(true)
          for (const slot of x?.slots ?? []) expect(slot % 31).not.toBe(0)
        }
      }
      expect(both((m) => [...m.outliers])[0]).toEqual(both((m) => [...m.outliers])[1])
    }
  })
})

describe.each([
  ['WebAssembly', createKernel],
  ['TypeScript', fallbackKernel],
])('a matrix with the kernel in %s', (_, kernel) => {
  const matrixOf = (dimensions: number, metric: Metric): CodeMatrix =>
    new CodeMatrix(dimensions, metric, limit, kernel())

  it.each(metrics)('orders candidates as the metric does, and says how near: %s', (metric) => {
    const next = random(3)
    const dimensions = 96
    const matrix = matrixOf(dimensions, metric)
    const vectors = Array.from({ length: 3000 }, (_, i) => randomVector(next, dimensions, 1 + (i % 5)))
    vectors.forEach((vector, slot) => {
      matrix.set(slot, vector)
    })
    const query = randomVector(next, dimensions)
    const norm = (v: Float32Array): number => Math.hypot(...v)
    const order = (v: Float32Array): number => {
      const dot = v.reduce((sum, x, i) => sum + x * (query[i] as number), 0)
      return metric === 'cosine' ? dot / norm(v) / norm(query) : metric === 'dot' ? dot : dot - norm(v) ** 2 / 2
    }
    const exact = vectors.map((v, slot) => ({ slot, order: order(v) })).sort((a, b) => b.order - a.order)
    const { slots, scores } = matrix.candidates(query, 40) ?? { slots: [], scores: [] }
    expect(slots).toHaveLength(40)
    for (const { slot } of exact.slice(0, 10)) expect([...slots]).toContain(slot)
    // The codes have 8 bits, so they err by some hundredths of a row's length.
    slots.forEach((slot, i) => {
      const tolerance = metric === 'cosine' ? 0.02 : 0.02 * norm(query) * norm(vectors[slot] as Float32Array)
      expect(Math.abs((scores[i] as number) - order(vectors[slot] as Float32Array))).toBeLessThan(tolerance)
    })
  })

  it('takes its own chunks back', () => {
    const next = random(5)
    const matrix = matrixOf(20, 'euclidean')
    for (let slot = 0; slot < 1500; slot++) matrix.set(slot, randomVector(next, 20, slot === 700 ? 1e30 : 1))
    matrix.remove(3)
    const copy = matrixOf(20, 'euclidean')
    copy.loadChunk(1, matrix.chunk(1))
    copy.loadChunk(0, matrix.chunk(0))
    const query = randomVector(next, 20)
    expect(copy.candidates(query, 100)).toEqual(matrix.candidates(query, 100))
    expect([...copy.outliers]).toEqual([700])
    expect(() => copy.loadChunk(0, new Uint8Array(10))).toThrow(RangeError)
  })

  it('keeps to its memory limit', () => {
    const bytes = matrixBytes(32, 2048, 1)
    const matrix = new CodeMatrix(32, 'cosine', bytes, kernel())
    matrix.reserve(2048)
    expect(() => matrix.reserve(2049)).toThrow(MatrixLimitError)
    expect(matrix.bytes).toBeLessThanOrEqual(bytes + 65_536)
    expect(() => new CodeMatrix(32, 'cosine', 100, kernel())).toThrow(MatrixLimitError)
  })

  it('does not take a query that codes cannot hold', () => {
    const matrix = matrixOf(4, 'dot')
    matrix.set(0, Float32Array.of(1, 2, 3, 4))
    expect(matrix.candidates(Float32Array.of(1e30, 0, 0, 0), 5)).toBeUndefined()
    expect(matrix.candidates(new Float32Array(4), 5)?.slots).toHaveLength(1)
  })
})
