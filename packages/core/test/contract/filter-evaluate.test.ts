import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { FilterNode } from '../../src/contract/filter/ast.js'
import { compareText, evaluateFilter, valueAt } from '../../src/contract/filter/evaluate.js'
import { parseFilter } from '../../src/contract/filter/parse.js'
import type { Metadata, MetadataValue } from '../../src/contract/values.js'

/** Values of a field, by a name for messages; `missing` is left out. */
const VALUES = {
  missing: undefined,
  null: null,
  '': '',
  a: 'a',
  ab: 'ab',
  A: 'A',
  zero: 0,
  one: 1,
  ten: 10,
  true: true,
  false: false,
  epoch: new Date(0),
  later: new Date(1),
  empty: [],
  'list of a': ['a'],
  'list of ab': ['ab', 'b'],
  'list of 1': [1, 2],
  object: {},
  'object with x': { x: 'a' },
} as const satisfies Record<string, MetadataValue | undefined>
type Name = keyof typeof VALUES
const NAMES = Object.keys(VALUES) as Name[]

const matching = (condition: unknown): Name[] => {
  const node = parseFilter({ f: condition })
  return NAMES.filter((name) => evaluateFilter(node, VALUES[name] === undefined ? {} : { f: VALUES[name] }))
}

describe('the table of conditions', () => {
  it.each<[unknown, Name[]]>([
    ['a', ['a']],
    ['', ['']],
    [1, ['one']],
    [-0, ['zero']],
    [true, ['true']],
    [new Date(0), ['epoch']],
    [null, ['missing', 'null']],
    [{ $gt: '' }, ['a', 'ab', 'A']],
    [{ $gt: 'A' }, ['a', 'ab']],
    [{ $gte: 'a' }, ['a', 'ab']],
    [{ $lt: 'a' }, ['', 'A']],
    [{ $gt: 0 }, ['one', 'ten']],
    [{ $gte: 0 }, ['zero', 'one', 'ten']],
    [{ $lt: 10 }, ['zero', 'one']],
    [{ $lte: 10 }, ['zero', 'one', 'ten']],
    [{ $gt: new Date(0) }, ['later']],
    [{ $lte: new Date(0) }, ['epoch']],
    [{ $in: [] }, []],
    [{ $in: ['a', 1, false] }, ['a', 'one', 'false']],
    [{ $in: [null, 'A'] }, ['missing', 'null', 'A']],
    [{ $in: [new Date(1)] }, ['later']],
    [{ $exists: true }, NAMES.filter((n) => n !== 'missing' && n !== 'null')],
    [{ $contains: 'a' }, ['a', 'ab', 'list of a']],
    [{ $contains: '' }, ['', 'a', 'ab', 'A']],
    [{ $contains: 'b' }, ['ab', 'list of ab']],
    [{ $contains: 1 }, ['list of 1']],
    [{ $startsWith: 'a' }, ['a', 'ab']],
    [{ $startsWith: '' }, ['', 'a', 'ab', 'A']],
    [{ $gte: 1, $lt: 10 }, ['one']],
  ])('%j', (condition, names) => {
    expect(matching(condition)).toEqual(names)
  })

  it('ne, nin, exists false and not are exact complements', () => {
    const rest = (names: readonly Name[]): Name[] => NAMES.filter((n) => !names.includes(n))
    for (const value of ['a', 1, null, true, new Date(0)]) {
      expect(matching({ $ne: value })).toEqual(rest(matching(value)))
      expect(matching({ $nin: [value, 'A'] })).toEqual(rest(matching({ $in: [value, 'A'] })))
    }
    expect(matching({ $exists: false })).toEqual(['missing', 'null'])
    for (const condition of [
      { $gt: 0 },
      { $contains: 'a' },
      { $startsWith: 'a' },
      { $exists: true },
      { $gte: 'a', $lt: 'b' },
      { $in: [] },
    ])
      expect(matching({ $not: condition })).toEqual(rest(matching(condition)))
  })

  it('contains on a field that is declared as a list looks into lists alone', () => {
    const node = parseFilter({ f: { $contains: 'a' } }, { fields: { f: 'string[]' } })
    expect([evaluateFilter(node, { f: 'a' }), evaluateFilter(node, { f: ['a'] })]).toEqual([false, true])
  })

  it('contains takes -0 for 0', () => {
    expect(evaluateFilter(parseFilter({ f: { $contains: 0 } }), { f: [-0] })).toBe(true)
  })
})

describe('logic', () => {
  const of = (filter: unknown, data: Metadata = { a: 1 }): boolean => evaluateFilter(parseFilter(filter), data)
  it('an empty and is true, an empty or false', () => {
    expect([of({}), of({ $and: [] }), of({ $or: [] }), of({ $not: {} }), of({ $not: { $or: [] } })]).toEqual([
      true,
      true,
      false,
      false,
      true,
    ])
  })
  it('and needs all, or needs one', () => {
    expect([
      of({ a: 1, b: null }),
      of({ a: 1, b: 1 }),
      of({ $or: [{ a: 2 }, { a: 1 }] }),
      of({ $or: [{ a: 2 }] }),
    ]).toEqual([true, false, true, false])
  })
})

describe('paths', () => {
  const data = {
    o: { p: { q: 1 }, n: null, list: [{ x: 1 }] as never },
    text: 'abc',
    list: ['a'],
    when: new Date(0),
    'a b': 1,
    constructor: 2,
  }
  it.each<[string, MetadataValue]>([
    ['o.p.q', 1],
    ['o.p.r', null],
    ['o.n', null],
    ['o.n.x', null],
    ['missing.x', null],
    ['text.length', null],
    ['list.0', null],
    ['list.length', null],
    ['o.list.x', null],
    ['when.getTime', null],
    ['a b', 1],
    ['constructor', 2],
    ['toString', null],
    ['o.constructor', null],
    ['o.hasOwnProperty', null],
  ])('%s', (path, value) => {
    expect(valueAt(data, path)).toEqual(value)
  })
})

describe('compareText', () => {
  it('has the order of code points, which is the order of UTF-8 bytes', () => {
    const text = fc.string({ unit: 'binary', maxLength: 6 })
    fc.assert(
      fc.property(text, text, (a, b) => {
        expect(Math.sign(compareText(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)))
      }),
      { numRuns: 1000 },
    )
    expect(compareText('\u{1f600}', '\uffff')).toBeGreaterThan(0)
    expect(compareText('\u{1f600}', '\u{1f601}')).toBeLessThan(0)
    expect(compareText('a', 'ab')).toBeLessThan(0)
    expect(compareText('', '')).toBe(0)
  })
})

describe('De Morgan', () => {
  it('holds, since logic is two-valued', () => {
    const condition: fc.Arbitrary<FilterNode> = fc.oneof(
      fc.record({
        op: fc.constantFrom('eq', 'ne'),
        path: fc.constantFrom('a', 'b'),
        value: fc.constantFrom(null, 1, 'x'),
      }),
      fc.record({ op: fc.constantFrom('gt', 'lte'), path: fc.constantFrom('a', 'b'), value: fc.constantFrom(0, 'x') }),
    )
    const data = fc.dictionary(fc.constantFrom('a', 'b'), fc.constantFrom<MetadataValue>(null, 1, 'x', [], true))
    fc.assert(
      fc.property(condition, condition, data, (p, q, of) => {
        const not = (node: FilterNode): FilterNode => ({ op: 'not', node })
        const left = evaluateFilter(not({ op: 'and', nodes: [p, q] }), of)
        expect(evaluateFilter({ op: 'or', nodes: [not(p), not(q)] }, of)).toBe(left)
        expect(evaluateFilter(not(not(p)), of)).toBe(evaluateFilter(p, of))
      }),
    )
  })
})
