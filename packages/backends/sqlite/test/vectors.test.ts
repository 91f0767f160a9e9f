import { type FilterNode, type Metadata, type Metric, type VectorRecord, version } from '@veritas-db/core/contract'
import { describe, expect, it } from 'vitest'
import type { SqliteBackend } from '../src/index.js'
import { connect, nearest, newFile, random, randomVector, record, scope, similarity } from './helpers.js'

const dimensions = 24
const metrics: readonly Metric[] = ['cosine', 'dot', 'euclidean']

const ensure = async (backend: SqliteBackend, metric: Metric = 'cosine', size = dimensions): Promise<void> =>
  backend.roles.vector.ensureCollection({ scope, dimensions: size, metric, fields: { group: 'number' } })

/** The query gives what brute force gives. Scores may differ by rounding alone. */
const agree = async (
  backend: SqliteBackend,
  records: Iterable<VectorRecord>,
  metric: Metric,
  vector: Float32Array,
  topK: number,
  more: { filter?: FilterNode; exact?: boolean } = {},
): Promise<void> => {
  const found = await backend.roles.vector.query({ scope, vector, topK, ...more })
  const expected = nearest(records, metric, vector, topK)
  expect(found.map((m) => m.key)).toEqual(expected.map((m) => m.key))
  found.forEach((m, i) => {
    expect(m.score).toBeCloseTo(expected[i]?.score as number, 5)
  })
}

describe.each(metrics)('updates, deletes and slots used again, against brute force: %s', (metric) => {
  it('hold through a random history, in this connection, another one, and after opening again', async () => {
    const path = newFile()
    const next = random(metric.length)
    const [a, b] = [await connect({ path }), await connect({ path })]
    await ensure(a, metric)
    const there = new Map<string, VectorRecord>()
    let number = 0
    const fresh = (): VectorRecord =>
      record(`r${number++}`, randomVector(next, dimensions, 1 + next() * 3), { group: Math.floor(next() * 40) })
    const pick = (): VectorRecord | undefined => [...there.values()][Math.floor(next() * there.size)]
    for (let step = 0; step < 60; step++) {
      const { vector } = (next() < 0.5 ? a : b).roles
      const kind = next()
      if (kind < 0.35 || there.size < 50) {
        // Across the ends of chunks, and one by one.
        const records = Array.from(
          { length: next() < 0.5 ? 1 + Math.floor(next() * 20) : Math.floor(next() * 1500) },
          fresh,
        )
        await vector.upsert({ scope, records })
        for (const r of records) there.set(r.key, r)
      } else if (kind < 0.6) {
        const records = Array.from({ length: 1 + Math.floor(next() * 200) }, pick)
          .filter((r) => r !== undefined)
          .map((r) => ({ ...r, vector: randomVector(next, dimensions) }))
        await vector.upsert({ scope, records })
        for (const r of records) there.set(r.key, r)
      } else if (kind < 0.85) {
        const keys = Array.from({ length: 1 + Math.floor(next() * 300) }, () => pick()?.key).filter(
          (k) => k !== undefined,
        )
        const { deleted } = await vector.delete({ scope, keys })
        expect(deleted).toBe(new Set(keys).size)
        for (const key of keys) there.delete(key)
      } else {
        const group = Math.floor(next() * 40)
        await vector.delete({ scope, filter: { op: 'eq', path: 'group', value: group } })
        for (const [key, r] of there) if (r.metadata.group === group) there.delete(key)
      }
      const query = randomVector(next, dimensions)
      for (const backend of [a, b]) {
        await agree(backend, there.values(), metric, query, 1 + Math.floor(next() * 12))
        expect(await backend.roles.vector.count({ scope })).toBe(there.size)
      }
      const group = Math.floor(next() * 40)
      const filter: FilterNode = { op: 'eq', path: 'group', value: group }
      await agree(
        a,
        [...there.values()].filter((r) => r.metadata.group === group),
        metric,
        query,
        5,
        { filter },
      )
    }
    const again = await connect({ path })
    const never = await connect({ path, vectorMemoryLimitBytes: 0 })
    for (let i = 0; i < 20; i++) {
      const query = randomVector(next, dimensions)
      await agree(again, there.values(), metric, query, 10)
      await agree(again, there.values(), metric, query, 10, { exact: true })
      // Beyond the memory's limit sqlite-vec scans: the same answers.
      await agree(never, there.values(), metric, query, 10)
    }
    expect(never.vectorMemoryBytes).toBe(0)
    expect(again.vectorMemoryBytes).toBeGreaterThan(0)
  }, 120_000)
})

describe('slots', () => {
  it('are used again, so that the matrix does not grow with updates and deletes', async () => {
    const backend = await connect({ path: ':memory:' })
    await ensure(backend)
    const next = random(1)
    const { vector } = backend.roles
    const batch = (round: number): VectorRecord[] =>
      Array.from({ length: 900 }, (_, i) => record(`${round}-${i}`, randomVector(next, dimensions)))
    let bytes = 0
    for (let round = 0; round < 6; round++) {
      const records = batch(round)
      await vector.upsert({ scope, records })
      await vector.upsert({ scope, records })
      await vector.query({ scope, vector: randomVector(next, dimensions), topK: 1 })
      bytes ||= backend.vectorMemoryBytes
      expect(backend.vectorMemoryBytes).toBe(bytes)
      await vector.delete({ scope, keys: records.map((r) => r.key) })
    }
  })
})

describe('the change log', () => {
  it('is merged after many small transactions, and readers who slept see all of them', async () => {
    const path = newFile()
    const [a, sleeper] = [await connect({ path, synchronous: 'off' }), await connect({ path })]
    await ensure(a)
    const next = random(9)
    const there = new Map<string, VectorRecord>()
    const put = async (id: string): Promise<void> => {
      const r = record(id, randomVector(next, dimensions))
      there.set(r.key, r)
      await a.roles.vector.upsert({ scope, records: [r] })
    }
    for (let i = 0; i < 60; i++) await put(`r${i}`)
    await agree(sleeper, there.values(), 'cosine', randomVector(next, dimensions), 10)
    for (let i = 0; i < 1500; i++) await put(`r${Math.floor(next() * 1200)}`)
    const rows = await a.roles.relational.raw({ scope, query: 'SELECT count(*) AS n FROM veritas_vector_log' })
    expect((rows[0] as { n: number }).n).toBeLessThan(1100)
    for (let i = 0; i < 20; i++) await agree(sleeper, there.values(), 'cosine', randomVector(next, dimensions), 10)
    const fresh = await connect({ path })
    for (let i = 0; i < 20; i++) await agree(fresh, there.values(), 'cosine', randomVector(next, dimensions), 10)
  }, 60_000)
})

describe('filters', () => {
  it.each([
    ['most rows', { op: 'gte', path: 'n', value: 500 }],
    ['few rows', { op: 'eq', path: 'n', value: 7 }],
    ['no rows', { op: 'eq', path: 'n', value: -1 }],
    // The neighbourhood of the query has none of them: the sample promises more than it holds.
    ['rows far away', { op: 'eq', path: 'side', value: 'far' }],
    ['rows by an undeclared field', { op: 'contains', path: 'tags', value: 't3' }],
  ] satisfies [string, FilterNode][])('that leave %s give what brute force gives', async (_, filter) => {
    const backend = await connect({ path: ':memory:' })
    await ensure(backend)
    const next = random(4)
    const centre = randomVector(next, dimensions)
    const records = Array.from({ length: 5000 }, (_, i) => {
      const side = i % 2 ? 'near' : 'far'
      const noise = randomVector(next, dimensions, 0.5)
      const vector = noise.map((x, d) => x + (side === 'near' ? 1 : -1) * (centre[d] as number))
      return record(`f${i}`, vector, { n: i % 1000, side, tags: [`t${i % 10}`] })
    })
    await backend.roles.vector.upsert({ scope, records })
    const test = (m: Metadata): boolean =>
      filter.path === 'n'
        ? filter.op === 'gte'
          ? Number(m.n) >= 500
          : m.n === filter.value
        : filter.path === 'side'
          ? m.side === 'far'
          : (m.tags as string[]).includes('t3')
    const matching = records.filter((r) => test(r.metadata))
    for (let i = 0; i < 5; i++) {
      const query = centre.map((x) => x + next() * 0.2)
      // Twice: the second time the filter is known.
      for (const exact of [false, false, true]) await agree(backend, matching, 'cosine', query, 10, { filter, exact })
    }
  })
})

describe('what codes cannot hold', () => {
  it.each(metrics)('is compared by its floats: %s', async (metric) => {
    const backend = await connect({ path: ':memory:' })
    await ensure(backend, metric, 4)
    const vectors = [
      [0, 0, 0, 0],
      [1e-20, 0, 0, 0],
      [1e15, 1e15, 0, 0],
      [1, 2, 3, 4],
      [-1, 0, 0, 1],
      [1e-13, 1e-13, 0, 0],
    ].map((v, i) => record(`v${i}`, Float32Array.from(v)))
    await backend.roles.vector.upsert({ scope, records: vectors })
    for (const query of [
      Float32Array.of(1, 2, 3, 3),
      Float32Array.of(1e14, 0, 0, 0),
      Float32Array.of(1e-16, 0, 0, 1e-16),
    ]) {
      const found = await backend.roles.vector.query({ scope, vector: query, topK: 6 })
      const scores = nearest(vectors, metric, query, 6).map((m) => m.score)
      found.forEach((m, i) => {
        expect(m.score / ((scores[i] as number) || 1)).toBeCloseTo(m.score === 0 ? 0 : 1, 6)
      })
    }
  })

  it('many rows alike are told apart by key', async () => {
    const backend = await connect({ path: ':memory:' })
    await ensure(backend)
    const next = random(2)
    const same = randomVector(next, dimensions)
    const records = Array.from({ length: 3000 }, (_, i) =>
      record(`s${i}`, i % 3 === 0 ? same : same.map((x) => x + next() * 1e-4)),
    )
    await backend.roles.vector.upsert({ scope, records })
    const found = await backend.roles.vector.query({ scope, vector: same, topK: 10 })
    const expected = records
      .filter((_, i) => i % 3 === 0)
      .map((r) => r.key)
      .sort()
      .slice(0, 10)
    expect(found.map((m) => m.key)).toEqual(expected)
  })
})

describe('answers', () => {
  it('are recalled almost without exception on clustered data', async () => {
    const backend = await connect({ path: ':memory:' })
    await ensure(backend, 'cosine', 128)
    const next = random(6)
    const centres = Array.from({ length: 20 }, () => randomVector(next, 128))
    const near = (): Float32Array => {
      const centre = centres[Math.floor(next() * 20)] as Float32Array
      return centre.map((x) => x + (next() - 0.5) * 0.6)
    }
    const records = Array.from({ length: 6000 }, (_, i) => record(`c${i}`, near()))
    await backend.roles.vector.upsert({ scope, records })
    let hits = 0
    for (let i = 0; i < 50; i++) {
      const vector = near()
      const keys = new Set(nearest(records, 'cosine', vector, 10).map((m) => m.key))
      for (const m of await backend.roles.vector.query({ scope, vector, topK: 10 })) if (keys.has(m.key)) hits++
    }
    expect(hits / 500).toBeGreaterThanOrEqual(0.999)
  })

  it('include what is asked for, and large answers are complete', async () => {
    const backend = await connect({ path: ':memory:' })
    await ensure(backend)
    const next = random(8)
    const records = Array.from({ length: 4000 }, (_, i) =>
      record(`i${i}`, randomVector(next, dimensions), { n: i }, { text: `text ${i}`, version: version(i + 1) }),
    )
    await backend.roles.vector.upsert({ scope, records })
    const vector = randomVector(next, dimensions)
    const include = { metadata: true, text: true, vector: true }
    const [first] = await backend.roles.vector.query({ scope, vector, topK: 1, include })
    const source = records.find((r) => r.key === first?.key) as VectorRecord
    expect(first).toEqual({ ...source, score: expect.closeTo(similarity('cosine', vector, source.vector), 6) })
    for (const topK of [700, 1999, 3999]) await agree(backend, records, 'cosine', vector, topK)
  })
})

describe('memory', () => {
  it('is shared: the collection least recently used makes room', async () => {
    const backend = await connect({ path: ':memory:', vectorMemoryLimitBytes: 400_000 })
    const { vector } = backend.roles
    const next = random(3)
    const scopes = ['a', 'b', 'c'].map((collection) => ({ collection }))
    for (const s of scopes) {
      await vector.ensureCollection({ scope: s, dimensions: 64, metric: 'dot' })
      await vector.upsert({ scope: s, records: [record('one', randomVector(next, 64))] })
    }
    for (let round = 0; round < 3; round++) {
      for (const s of scopes) {
        expect(await vector.query({ scope: s, vector: randomVector(next, 64), topK: 3 })).toHaveLength(1)
        expect(backend.vectorMemoryBytes).toBeGreaterThan(0)
        expect(backend.vectorMemoryBytes).toBeLessThanOrEqual(400_000)
      }
    }
  })

  it('a collection that outgrows the limit is scanned in the file from then on', async () => {
    const backend = await connect({ path: ':memory:', vectorMemoryLimitBytes: 300_000 })
    await ensure(backend)
    const next = random(3)
    const records: VectorRecord[] = []
    for (let i = 0; i < 6; i++) {
      const more = Array.from({ length: 1500 }, (_, n) => record(`${i}-${n}`, randomVector(next, dimensions)))
      records.push(...more)
      await backend.roles.vector.upsert({ scope, records: more })
      await agree(backend, records, 'cosine', randomVector(next, dimensions), 10)
    }
    expect(backend.vectorMemoryBytes).toBe(0)
  })
})
