import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type FilterCapabilities, type FilterValueType, FULL_FILTER } from '../../src/contract/capabilities.js'
import { VeritasError } from '../../src/contract/errors.js'
import { type FilterNode, type FilterOperator, MATCH_ALL } from '../../src/contract/filter/ast.js'
import { evaluateFilter } from '../../src/contract/filter/evaluate.js'
import { parseFilter } from '../../src/contract/filter/parse.js'
import {
  all,
  assertPushable,
  canPush,
  isMatchAll,
  mapPaths,
  scalarTypeOf,
  splitFilter,
} from '../../src/contract/filter/pushdown.js'
import type { MetadataValue } from '../../src/contract/values.js'

const parse = (filter: unknown): FilterNode => parseFilter(filter, { fields: { list: 'string[]' } })

describe('canPush', () => {
  it.each<[unknown, FilterCapabilities, boolean]>([
    [{ a: 1 }, { eq: true }, true],
    [{ a: 1 }, { eq: ['number'] }, true],
    [{ a: 1 }, { eq: ['string'] }, false],
    [{ a: 1 }, {}, false],
    [{ a: null }, { eq: ['string'] }, false],
    [{ a: null }, { eq: ['null'] }, true],
    [{ a: new Date(0) }, { eq: ['date'] }, true],
    [{ a: { $in: [1, null] } }, { in: ['number'] }, false],
    [{ a: { $in: [1, null] } }, { in: ['number', 'null'] }, true],
    [{ a: { $in: [] } }, { in: ['number'] }, true],
    [{ a: { $exists: true } }, { exists: ['string'] }, true],
    [{ a: 1, b: 2 }, { eq: true }, false],
    [{ a: 1, b: 2 }, { eq: true, and: true }, true],
    [{ $or: [{ a: 1 }, { b: 'x' }] }, { eq: ['number'], or: true }, false],
    [{ $not: { a: 1 } }, { eq: true }, false],
    [{ $not: { a: 1 } }, { eq: true, not: true }, true],
    [{ $not: { a: { $gt: 1 } } }, { eq: true, not: true }, false],
    [{ $or: [] }, { eq: true }, false],
    [{ $or: [] }, { or: true }, true],
    [{ a: { $contains: 'x' } }, { contains: ['string'] }, true],
    [{ a: { $contains: 'x' } }, { contains: ['element'] }, false],
    [{ list: { $contains: 'x' } }, { contains: ['element'] }, true],
    [{ list: { $contains: 'x' } }, { contains: ['string'] }, true],
    [{ list: { $contains: 'x' } }, { contains: ['number'] }, false],
    [{}, {}, true],
    [{ $and: [{}, { $and: [] }] }, {}, true],
  ])('%j with %j', (filter, capabilities, can) => {
    expect(canPush(parse(filter), capabilities)).toBe(can)
  })

  it('FULL_FILTER covers everything', () => {
    fc.assert(
      fc.property(tree, (node) => {
        expect(canPush(node, FULL_FILTER)).toBe(true)
      }),
    )
  })
})

describe('assertPushable', () => {
  it.each<[unknown, FilterCapabilities, string]>([
    [{ a: { $gt: 1 } }, { eq: true }, '$gt on "a"'],
    [{ $or: [{ a: 1 }] }, { eq: true }, '$or'],
    [
      { $and: [{ a: 1 }, { $not: { b: { $startsWith: 'x' } } }] },
      { and: true, not: true, eq: true },
      '$startsWith on "b"',
    ],
    [{ a: 1, b: 2 }, { eq: true }, '$and'],
  ])('%j with %j names the culprit', (filter, capabilities, culprit) => {
    const call = (): void => assertPushable(parse(filter), capabilities, 'db', 'vector')
    expect(call).toThrow(
      `db does not support the filter condition ${culprit}: filter through the manager, which applies the rest itself.`,
    )
    expect(call).toThrow(expect.objectContaining({ code: 'UNSUPPORTED', backend: 'db', role: 'vector' }))
  })

  it('lets through what is declared, and what matches everything', () => {
    assertPushable(parse({ a: 1 }), { eq: true }, 'db', 'graph')
    assertPushable(MATCH_ALL, {}, 'db', 'graph')
    expect(VeritasError.is(new Error('x'))).toBe(false)
  })
})

const values: fc.Arbitrary<string | number | boolean | Date | null> = fc.constantFrom(
  null,
  0,
  1,
  'a',
  'b',
  true,
  new Date(0),
)
const path = fc.constantFrom('a', 'b', 'c')
const ordered = values.filter((v): v is string | number | Date => v !== null && typeof v !== 'boolean')
const condition: fc.Arbitrary<FilterNode> = fc.oneof(
  fc.record({ op: fc.constantFrom('eq', 'ne'), path, value: values }),
  fc.record({ op: fc.constantFrom('gt', 'gte', 'lt', 'lte'), path, value: ordered }),
  fc.record({ op: fc.constantFrom('in', 'nin'), path, values: fc.array(values, { maxLength: 3 }) }),
  fc.record({ op: fc.constant('exists'), path, value: fc.boolean() }),
  fc.record({ op: fc.constant('startsWith'), path, value: fc.constantFrom('', 'a') }),
)
const tree: fc.Arbitrary<FilterNode> = fc.letrec<{ node: FilterNode }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 4, depthSize: 'small' },
    condition,
    fc.record({ op: fc.constantFrom('and', 'or'), nodes: fc.array(tie('node'), { maxLength: 4 }) }),
    fc.record({ op: fc.constant('not'), node: tie('node') }),
  ),
})).node
const operators: readonly FilterOperator[] = [
  'and',
  'or',
  'not',
  'eq',
  'ne',
  'gt',
  'gte',
  'lt',
  'lte',
  'in',
  'nin',
  'exists',
  'startsWith',
]
const types: readonly FilterValueType[] = ['string', 'number', 'boolean', 'date', 'null']
const capabilities: fc.Arbitrary<FilterCapabilities> = fc.dictionary(
  fc.constantFrom(...operators),
  fc.oneof(fc.constant(true as const), fc.subarray([...types])),
)
const data = fc.dictionary(path, fc.constantFrom<MetadataValue>(null, 0, 1, 'a', 'b', true, new Date(0), [], ['a']))

describe('splitFilter', () => {
  it('pushes only what the backend takes, and pushed and residual together are the filter', () => {
    fc.assert(
      fc.property(tree, capabilities, data, (node, of, metadata) => {
        const { pushed, residual } = splitFilter(node, of)
        expect(canPush(pushed, of)).toBe(true)
        expect(evaluateFilter(pushed, metadata) && evaluateFilter(residual, metadata)).toBe(
          evaluateFilter(node, metadata),
        )
      }),
      { numRuns: 2000 },
    )
  })

  it('leaves nothing over where everything can be pushed', () => {
    fc.assert(
      fc.property(tree, (node) => {
        const { pushed, residual } = splitFilter(node, FULL_FILTER)
        expect(pushed).toBe(node)
        expect(isMatchAll(residual)).toBe(true)
      }),
    )
  })

  it('splits conjunctions, and nothing else', () => {
    const of: FilterCapabilities = { and: true, or: true, not: true, eq: true }
    expect(splitFilter(parse({ a: 1, b: { $gt: 1 } }), of)).toEqual({
      pushed: parse({ a: 1 }),
      residual: parse({ b: { $gt: 1 } }),
    })
    for (const whole of [{ $or: [{ a: 1 }, { b: { $gt: 1 } }] }, { $not: { a: 1, b: { $gt: 1 } } }])
      expect(splitFilter(parse(whole), of)).toEqual({ pushed: MATCH_ALL, residual: parse(whole) })
  })

  it('without `and` pushes one condition', () => {
    expect(splitFilter(parse({ a: 1, b: 2 }), { eq: true })).toEqual({
      pushed: parse({ a: 1 }),
      residual: parse({ b: 2 }),
    })
  })
})

describe('helpers', () => {
  it('all flattens, and drops what matches everything', () => {
    expect(all([])).toBe(MATCH_ALL)
    expect(all([MATCH_ALL, parse({ a: 1 })])).toEqual(parse({ a: 1 }))
    expect(all([parse({ a: 1, b: 2 }), parse({ c: 3 })])).toEqual(parse({ a: 1, b: 2, c: 3 }))
  })

  it('mapPaths renames every path and nothing else', () => {
    expect(mapPaths(parse({ a: 1, $or: [{ 'b.c': { $in: [1] } }, { $not: { a: null } }] }), (p) => `x.${p}`)).toEqual(
      parse({ 'x.a': 1, $or: [{ 'x.b.c': { $in: [1] } }, { $not: { 'x.a': null } }] }),
    )
  })

  it('isMatchAll', () => {
    expect(
      [MATCH_ALL, parse({ $and: [{}, {}] }), parse({ a: 1 }), parse({ $or: [] }), parse({ $not: { $or: [] } })].map(
        isMatchAll,
      ),
    ).toEqual([true, true, false, false, false])
  })

  it('scalarTypeOf', () => {
    expect([null, 'x', 1, true, new Date(0)].map(scalarTypeOf)).toEqual(['null', 'string', 'number', 'boolean', 'date'])
  })
})
