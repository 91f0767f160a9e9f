import { failureOf } from '@veritas-db/conformance/network'
import {
  type Backend,
  documentKey,
  type Filter,
  parseFilter,
  type VectorRecord,
  validateConfig,
  version,
} from '@veritas-db/core/contract'
import { createClient } from 'redis'
import { afterEach, describe, expect, it } from 'vitest'
import redis, { type RedisConfigInput } from '../src/index.js'
import { tagOf } from '../src/statements.js'
import { compileExpression, type Expression } from '../src/vectorset/expression.js'

const compile = (filter: Filter): Expression => compileExpression(parseFilter(filter))
const has = (kind: 'exists' | 'equals' | 'holds', path: string, value?: string | number): string =>
  `"${tagOf(kind, path, value)}" in .g`

describe('an expression of VSIM', () => {
  it.each<[string, Filter, Expression]>([
    ['nothing', {}, { where: true, exact: true }],
    ['an empty $or', { $or: [] }, { where: false, exact: true }],
    ['text', { a: 'x' }, { where: `(${has('equals', 'a', 'x')})`, exact: true }],
    [
      '$nin',
      { a: { $nin: ['x', 1] } },
      { where: `not (${has('equals', 'a', 'x')} or ${has('equals', 'a', 1)})`, exact: true },
    ],
    ['null', { a: null }, { where: `not (${has('exists', 'a')})`, exact: true }],
    ['$gt', { a: { $gt: 1e-7 } }, { where: '.n_a > "1e-7"', exact: true }],
    ['$lte of a date', { a: { $lte: new Date(7) } }, { where: '.d_a <= "7"', exact: true }],
    [
      'a range beside others',
      { a: { $gte: -2 }, b: 'x' },
      { where: `(.n_a >= "-2" and (${has('equals', 'b', 'x')}))`, exact: true },
    ],
    // Elements that lack an attribute match nothing that names it: these are wider than the filter.
    [
      'a range in an $or',
      { $or: [{ a: { $gt: 1 } }, { b: 'x' }] },
      { where: `((${has('exists', 'a')}) or (${has('equals', 'b', 'x')}))`, exact: false },
    ],
    ['a range negated', { a: { $not: { $gt: 1 } }, b: 'x' }, { where: `(${has('equals', 'b', 'x')})`, exact: false }],
    ['a range negated twice', { $not: { a: { $not: { $lt: 3 } } } }, { where: '.n_a < "3"', exact: true }],
    [
      'a negated $or of ranges',
      { $not: { $or: [{ a: 'x' }, { a: { $not: { $lt: 3 } } }] } },
      { where: `(not (${has('equals', 'a', 'x')}) and .n_a < "3")`, exact: true },
    ],
  ])('%s', (_, filter, expected) => {
    expect(compile(filter)).toEqual(expected)
  })

  it('gives nothing of a value or path to the syntax', () => {
    const { where } = compileExpression({
      op: 'and',
      nodes: [
        { op: 'eq', path: '" in .g or 1', value: '") or (1' },
        { op: 'gt', path: '.x or 1', value: 1 },
      ],
    })
    expect(where).toMatch(/^\(\("t[\w-]{22}" in \.g\) and \.n_[A-Za-z0-9_]+ > "1"\)$/)
  })
})

const url = process.env.VERITAS_REDIS_URL
const reason = url === undefined ? ': skipped, since VERITAS_REDIS_URL names no server' : ''

describe.skipIf(url === undefined)(`vector sets on a server${reason}`, () => {
  const scope = { collection: 'sets' }
  const ends: (() => unknown)[] = []
  afterEach(async () => {
    for (const end of ends.splice(0)) await end()
  })

  const make = async (input: RedisConfigInput): Promise<Backend<'vector'>> => {
    const config = await validateConfig(redis.config, { url, index: 'vectorset', ...input }, 'redis')
    const backend = redis.create(config, { roles: ['vector'], poolSize: 4, queryTimeoutMs: 5000 })
    await backend.connect()
    ends.push(async () => {
      await backend.roles.vector.dropCollection({ scope })
      await backend.close()
    })
    return backend
  }
  const own = async () => {
    const client = createClient({ url: url as string, RESP: 2 })
    await client.connect()
    ends.push(() => client.close())
    return client
  }
  const record = (id: string, more: Partial<VectorRecord> = {}): VectorRecord => ({
    key: documentKey(scope, id),
    documentId: id,
    version: version(1),
    ordinal: 0,
    vector: Float32Array.of(1, 0.25, 0.5),
    metadata: {},
    ...more,
  })
  const definition = { scope, dimensions: 3, metric: 'cosine' } as const

  it('the set holds what the hashes hold, whatever is written, refused and deleted', async () => {
    const client = await own()
    const { vector } = (await make({ prefix: 'kit_sets' })).roles
    await vector.ensureCollection(definition)
    const elements = async (): Promise<number> => {
      const [set] = await client.keys('kit_sets*:set')
      return set === undefined ? 0 : Number(await client.sendCommand(['VCARD', set]))
    }
    const ids = Array.from({ length: 70 }, (_, i) => `d${i}`)
    await vector.upsert({ scope, records: ids.map((id) => record(id)) })
    await vector.upsert({ scope, records: [record('d0', { ordinal: 1 }), record('d0', { ordinal: 2 })] })
    expect(await elements()).toBe(72)
    await vector.upsert({ scope, records: [record('d1', { version: version(0) })], mode: 'ifNewer' })
    await vector.upsert({ scope, records: [record('d1'), record('new')], mode: 'ifAbsent' })
    expect(await elements()).toBe(73)
    await vector.upsert({ scope, records: [record('d0', { version: version(2) })], mode: 'ifNewer' })
    await vector.deleteByDocument({ scope, documents: [{ key: documentKey(scope, 'd0'), versionBelow: version(2) }] })
    expect(await elements()).toBe(71)
    await vector.delete({ scope, keys: [documentKey(scope, 'd1'), documentKey(scope, 'none')] })
    expect(await elements()).toBe(70)
    await vector.delete({ scope, filter: parseFilter({}) })
    expect(await elements()).toBe(0)
    await vector.upsert({ scope, records: [record('again')] })
    // Nothing waits anywhere: the registry, a list of ids, a hash and the set.
    expect((await client.keys('kit_sets*')).map((key) => key.replace(/.*:(?=[a-z])/, '').slice(0, 2)).sort()).toEqual(
      ['co', 'id', 'r:', 'se'].sort(),
    )
    await vector.dropCollection({ scope })
    expect(await client.keys('kit_sets*')).toEqual([])
  })

  it('vectors come back to the last bit', async () => {
    const { vector } = (await make({ prefix: 'kit_sets_bits' })).roles
    await vector.ensureCollection(definition)
    const odd = Float32Array.of(0.1, -1e-17, 12_345.678)
    await vector.upsert({ scope, records: [record('a', { vector: odd })] })
    const [found] = await vector.query({ scope, vector: odd, topK: 1, include: { vector: true } })
    expect(found?.vector).toEqual(odd)
    expect(found?.score).toBeCloseTo(1, 6)
  })

  it('a filter that VSIM cannot apply alone still finds the nearest of all that match', async () => {
    const { vector } = (await make({ prefix: 'kit_sets_wider' })).roles
    await vector.ensureCollection(definition)
    // The nearest 300 are those that do not match.
    const records = Array.from({ length: 310 }, (_, i) =>
      record(`d${i}`, { vector: Float32Array.of(1, i / 100, 0), metadata: i % 3 ? { n: i } : { other: i } }),
    )
    await vector.upsert({ scope, records })
    const filter = parseFilter({ $or: [{ n: { $gt: 299 } }, { other: { $gt: 299 } }] })
    const found = await vector.query({ scope, vector: Float32Array.of(1, 0, 0), topK: 4, filter })
    expect(found.map(({ documentId }) => documentId)).toEqual(['d300', 'd301', 'd302', 'd303'])
    expect(await vector.count({ scope, filter })).toBe(10)
  })

  it('the edges of a collection are those that it was made with, whatever is configured later', async () => {
    const first = await make({ prefix: 'kit_sets_edges', hnsw: { m: 8 } })
    await first.roles.vector.ensureCollection(definition)
    await first.roles.vector.upsert({ scope, records: [record('a')] })
    const second = await make({ prefix: 'kit_sets_edges', hnsw: { m: 32 } })
    await second.roles.vector.ensureCollection(definition)
    await second.roles.vector.upsert({ scope, records: [record('b')] })
    expect(await second.roles.vector.count({ scope })).toBe(2)
  })

  it('a collection of RediSearch is not opened as a vector set, nor the reverse, but may be dropped', async () => {
    const sets = (await make({ prefix: 'kit_sets_kinds' })).roles.vector
    const flat = (await make({ prefix: 'kit_sets_kinds', index: 'flat' })).roles.vector
    await flat.ensureCollection(definition)
    for (const call of [() => sets.ensureCollection(definition), () => sets.count({ scope })]) {
      const error = await failureOf(call())
      expect(error.code).toBe('CONFIGURATION')
      expect(error.message).toContain(`set index to 'flat'`)
    }
    await sets.dropCollection({ scope })
    await sets.ensureCollection(definition)
    expect(await failureOf(flat.count({ scope }))).toMatchObject({ code: 'CONFIGURATION' })
    await flat.dropCollection({ scope })
    expect(await (await own()).keys('kit_sets_kinds*')).toEqual([])
  })

  it('has no full text', async () => {
    const { vector } = (await make({ prefix: 'kit_sets_text' })).roles
    await vector.ensureCollection(definition)
    expect(await failureOf(vector.searchText({ scope, query: 'x', limit: 1 }))).toMatchObject({ code: 'UNSUPPORTED' })
  })
})
