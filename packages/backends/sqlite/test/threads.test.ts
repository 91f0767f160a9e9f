import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { VectorRecord } from '@veritas-db/core/contract'
import { describe, expect, it } from 'vitest'
import { ScanHelpers } from '../src/kernel/helpers.js'
import { createKernel } from '../src/kernel/kernel.js'
import { counterAt, heapAt } from '../src/kernel/layout.js'
import { CodeMatrix } from '../src/kernel/matrix.js'
import { connect, nearest, random, randomVector, record, scope } from './helpers.js'

const dimensions = 256
const rows = 30_000

describe('threads that help with a scan', () => {
  it('give what one thread gives, whether they are awake or not, for several matrices in turn', async () => {
    const next = random(12)
    const helpers = new ScanHelpers(2, heapAt, counterAt)
    const vectors = Array.from({ length: 500 }, () => randomVector(next, dimensions))
    const pairs = (['cosine', 'euclidean'] as const).map((metric) => {
      const alone = new CodeMatrix(dimensions, metric, 2 ** 30)
      const together = new CodeMatrix(dimensions, metric, 2 ** 30, createKernel(helpers))
      for (let slot = 0; slot < rows; slot++) {
        const vector = (vectors[slot % 500] as Float32Array).map((x) => x + (slot % 97) / 500)
        alone.set(slot, vector)
        together.set(slot, vector)
      }
      return { alone, together }
    })
    const half = Int32Array.from({ length: rows / 2 }, (_, i) => 2 * i)
    for (let i = 0; i < 60; i++) {
      const query = randomVector(next, dimensions)
      for (const { alone, together } of pairs) {
        for (const among of [undefined, half]) {
          const a = alone.candidates(query, 40, among)
          const b = together.candidates(query, 40, among)
          expect(b?.scores).toEqual(a?.scores)
          // Of equal scores any may be left out at the end.
          const worst = a?.scores.at(-1)
          const certain = (c: typeof a): number[] => [...(c?.slots ?? [])].filter((_, at) => c?.scores[at] !== worst)
          expect(certain(b)).toEqual(certain(a))
        }
      }
      // Lets the threads start, and go to sleep.
      if (i % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 20))
    }
    pairs[0]?.together.release()
    expect(pairs[1]?.together.candidates(randomVector(next, dimensions), 5)?.slots).toHaveLength(5)
    helpers.close()
    expect(pairs[1]?.together.candidates(randomVector(next, dimensions), 5)?.slots).toHaveLength(5)
  }, 60_000)

  it('do not keep a process alive', async () => {
    const at = (name: string): string => fileURLToPath(new URL(name, import.meta.url))
    const args = ['--no-warnings', '--import', at('children/hooks.mjs'), at('children/threads.ts')]
    const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 20_000 })
    expect(stdout.trim()).toBe('3')
  }, 30_000)

  it('are started with a large collection, and end with the backend', async () => {
    const backend = await connect({ path: ':memory:', vectorThreads: 3 })
    const { vector } = backend.roles
    await vector.ensureCollection({ scope, dimensions: 512, metric: 'cosine' })
    const next = random(5)
    const records: VectorRecord[] = []
    const ask = async (): Promise<void> => {
      const query = randomVector(next, 512)
      const found = await vector.query({ scope, vector: query, topK: 5 })
      expect(found.map((m) => m.key)).toEqual(nearest(records, 'cosine', query, 5).map((m) => m.key))
    }
    for (let i = 0; i < 20; i++) {
      const more = Array.from({ length: 1000 }, (_, n) => record(`${i}-${n}`, randomVector(next, 512)))
      records.push(...more)
      await vector.upsert({ scope, records: more })
      // Small at first, it is loaded for one thread and grows.
      await ask()
      if (i > 15) await ask()
    }
    await backend.close()
  }, 60_000)
})
