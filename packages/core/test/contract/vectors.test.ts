import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  bestFirst,
  checkCollection,
  checkUpsertMode,
  checkVectorQuery,
  documentKey,
  type Metric,
  scopeKey,
  shortNumbers,
  type UpsertMode,
} from '../../src/contract/index.js'

const caught = (work: () => unknown): unknown => {
  try {
    work()
  } catch (error) {
    return error
  }
  return undefined
}

describe('a collection', () => {
  const check = (definition: object): unknown =>
    caught(() =>
      checkCollection(
        { dimensions: 4, metric: 'cosine', ...definition },
        { metrics: ['cosine'], maxDimensions: 8 },
        'mine',
      ),
    )
  it('is checked against what the backend can', () => {
    expect(check({ fields: { 'a.b': 'string' } })).toBeUndefined()
    expect(check({ metric: 'dot' })).toMatchObject({ code: 'UNSUPPORTED', backend: 'mine', role: 'vector' })
    expect(check({ metric: 'nonsense' as Metric })).toMatchObject({ code: 'UNSUPPORTED' })
    for (const dimensions of [0, 9, 1.5, Number.NaN, '4'])
      expect(check({ dimensions })).toMatchObject({ code: 'VALIDATION', path: 'dimensions' })
  })
  it.each(['', 'a..b', '$x', 'a.$x', '.a'])('refuses fields that no metadata could have: %j', (path) => {
    expect(check({ fields: { [path]: 'string' } })).toMatchObject({ code: 'VALIDATION' })
  })
})

describe('a query', () => {
  const check = (query: object, exact: 'never' | 'optional' = 'never'): unknown =>
    caught(() =>
      checkVectorQuery(
        { vector: Float32Array.of(1, 2), topK: 3, ...query },
        { dimensions: 2 },
        { exact, maxTopK: 10 },
        'mine',
      ),
    )
  it('is checked but for its filter', () => {
    expect(check({})).toBeUndefined()
    expect(check({ exact: false })).toBeUndefined()
    expect(check({ exact: true })).toMatchObject({ code: 'UNSUPPORTED', backend: 'mine' })
    expect(check({ exact: true }, 'optional')).toBeUndefined()
    for (const topK of [0, -1, 11, 1.5, Number.NaN, '3'])
      expect(check({ topK })).toMatchObject({ code: 'VALIDATION', path: 'topK' })
    for (const vector of [Float32Array.of(1), Float32Array.of(1, Number.NaN), [1, 2], undefined])
      expect(check({ vector })).toMatchObject({ code: 'VALIDATION' })
  })
})

describe('the mode of a write', () => {
  const check = (mode: UpsertMode, conditionalUpsert: 'none' | 'atomic' = 'none'): unknown =>
    caught(() => checkUpsertMode(mode, { upsertModes: ['replace'], conditionalUpsert }, 'mine', 'vector'))
  it('must be declared', () => {
    expect(check('replace')).toBeUndefined()
    expect(check('ifNewer')).toMatchObject({ code: 'UNSUPPORTED', message: expect.stringContaining('record ids') })
    expect(check('ifAbsent', 'atomic')).toMatchObject({ code: 'UNSUPPORTED' })
    expect(check('merge' as UpsertMode)).toMatchObject({ code: 'VALIDATION', path: 'mode' })
  })
})

it('matches are in order of score, then key, then ordinal', () => {
  const scope = { collection: 'c' }
  const [one, two] = ['a', 'b'].map((id) => documentKey(scope, id)).sort() as [never, never]
  const matches = [
    { score: 1, key: two, ordinal: 0 },
    { score: 1, key: one, ordinal: 1 },
    { score: 2, key: two, ordinal: 5 },
    { score: 1, key: one, ordinal: 0 },
  ]
  expect(matches.toSorted(bestFirst)).toEqual([matches[2], matches[3], matches[1], matches[0]])
})

describe('short numbers', () => {
  it('read back as the same 32-bit floats', () => {
    fc.assert(
      fc.property(fc.float32Array({ noNaN: true }), (vector) => {
        const finite = vector.filter((x) => Number.isFinite(x))
        expect(Float32Array.from(JSON.parse(JSON.stringify(shortNumbers(finite))))).toEqual(
          // JSON has no negative zero.
          finite.map((x) => (x === 0 ? 0 : x)),
        )
      }),
      { numRuns: 2000 },
    )
  })
  it('are short', () => {
    expect(JSON.stringify(shortNumbers(Float32Array.of(0.1, 1, -2.5, 1 / 3)))).toBe('[0.100000001,1,-2.5,0.333333343]')
  })
})

it('scopes stay apart as texts', () => {
  const scopes = [
    { collection: 'a' },
    { collection: 'a', incarnation: 1 },
    { tenant: 'a', collection: 'a' },
    { tenant: 'a', collection: 'b' },
  ]
  expect(new Set(scopes.map(scopeKey)).size).toBe(scopes.length)
  expect(scopeKey({ collection: 'a', incarnation: 0 })).toBe(scopeKey({ collection: 'a' }))
  expect(caught(() => scopeKey({ collection: 'a.b' }))).toMatchObject({ code: 'VALIDATION' })
})
