import { evaluateFilter, type FilterNode, type Metadata } from '@veritas-db/core/contract'
import { describe, expect, it } from 'vitest'
import { compileFilter } from '../../../../tools/servers/emulators/mongosearch/filter.ts'
import { toSearchFilter, WORDS_FIELD } from '../src/vector/filter.js'
import { EVERY_RECORD, equals, range, sortable, wordsOf } from '../src/vector/words.js'

/** What the index answers: by the rules that MongoDB's documentation gives, as the emulator has them. */
const matches = (node: FilterNode, metadata: Metadata): boolean => {
  const filter = toSearchFilter(node)
  if (typeof filter === 'boolean') return filter
  return compileFilter(filter, new Set([WORDS_FIELD]))({ [WORDS_FIELD]: wordsOf(metadata) })
}

const numbers = [
  0,
  -0,
  1,
  -1,
  2,
  15,
  16,
  17,
  255,
  256,
  2019,
  2020,
  2021,
  -2020,
  0.1,
  -0.1,
  1e-300,
  -1e-300,
  1e300,
  -1e300,
  Number.MAX_SAFE_INTEGER,
  Number.MIN_SAFE_INTEGER,
  Number.MIN_VALUE,
  Number.MAX_VALUE,
  -Number.MAX_VALUE,
  2 ** 53 - 2,
]
const operators = ['gt', 'gte', 'lt', 'lte'] as const

describe('ranges', () => {
  it('of numbers are those of the reference evaluator, for all pairs', () => {
    for (const limit of numbers)
      for (const value of numbers)
        for (const op of operators) {
          const node: FilterNode = { op, path: 'n', value: limit }
          const text = `${value} ${op} ${limit}`
          expect([text, matches(node, { n: value })]).toEqual([text, evaluateFilter(node, { n: value })])
          expect([text, matches({ op: 'not', node }, { n: value })]).toEqual([
            text,
            !evaluateFilter(node, { n: value }),
          ])
        }
  })

  it('of dates are told apart from numbers', () => {
    const dates = [new Date(0), new Date(-1), new Date('2020-02-29T12:00:00.123Z'), new Date(8.64e15)]
    for (const limit of dates)
      for (const value of dates)
        for (const op of operators) {
          const node: FilterNode = { op, path: 'a.b', value: limit }
          expect(matches(node, { a: { b: value } })).toBe(evaluateFilter(node, { a: { b: value } }))
          expect(matches(node, { a: { b: value.getTime() } })).toBe(false)
        }
  })

  it('ask for no more words than the digits have others, and for few where the limit is round', () => {
    for (const limit of numbers)
      for (const op of operators) expect(range('n', op, limit).length).toBeLessThanOrEqual(15 * 16 + 1)
    expect(range('year', 'gte', 2020).length).toBeLessThan(40)
    expect(range('year', 'lte', -2020).length).toBeLessThan(40)
  })

  it('are made of digits in the order of the numbers', () => {
    const sorted = numbers.slice().sort((a, b) => a - b)
    expect(sorted.map(sortable)).toEqual(sorted.map(sortable).sort())
    expect(sortable(-0)).toBe(sortable(0))
    expect(new Set(numbers.map(sortable)).size).toBe(numbers.length - 1)
  })
})

describe('words', () => {
  it('are there for every record, and once each', () => {
    expect(wordsOf({})).toEqual([EVERY_RECORD])
    expect(wordsOf({ a: null, b: undefined, c: {} })).toEqual([EVERY_RECORD, '?1:c:'])
    expect(wordsOf({ tags: ['x', 'x', 'y'], open: true })).toEqual([
      EVERY_RECORD,
      '?4:tags:',
      '@4:tags:sx',
      '@4:tags:sy',
      '?4:open:',
      '=4:open:btrue',
    ])
  })

  it('of long values and odd characters are hashes of one length', () => {
    for (const value of ['x'.repeat(100_000), 'with a space', 'ä', '\u0000', ''])
      expect(equals('a', value).length).toBeLessThanOrEqual(48)
    expect(equals('a', 'x'.repeat(100))).toMatch(/^#[\w-]{22}$/)
    expect(equals('a', 'b c')).not.toBe(equals('a', 'B c'))
  })

  it('of different paths, types and values are never the same', () => {
    const statements = [equals('a', 'n1'), equals('a', 1), equals('a:n1', ''), equals('a', '1'), equals('a', true)]
    statements.push(equals('a', 'btrue'), equals('a', new Date(1)), equals('a', 'd1'), equals('a:', 'n1'))
    expect(new Set(statements).size).toBe(statements.length)
  })
})

describe('conditions', () => {
  const g = WORDS_FIELD
  const cases: readonly (readonly [FilterNode, unknown])[] = [
    [{ op: 'and', nodes: [] }, true],
    [{ op: 'or', nodes: [] }, false],
    [{ op: 'in', path: 'a', values: [] }, false],
    [{ op: 'nin', path: 'a', values: [] }, true],
    [{ op: 'eq', path: 'a', value: 'x' }, { [g]: { $in: ['=1:a:sx'] } }],
    [{ op: 'ne', path: 'a', value: 'x' }, { [g]: { $nin: ['=1:a:sx'] } }],
    [{ op: 'eq', path: 'a', value: null }, { [g]: { $nin: ['?1:a:'] } }],
    [
      { op: 'in', path: 'a', values: ['x', 1, null] },
      { $or: [{ [g]: { $in: ['=1:a:sx', '=1:a:n1'] } }, { [g]: { $nin: ['?1:a:'] } }] },
    ],
    [
      { op: 'nin', path: 'a', values: ['x', null] },
      { $and: [{ [g]: { $nin: ['=1:a:sx'] } }, { [g]: { $in: ['?1:a:'] } }] },
    ],
    [{ op: 'contains', path: 'a', value: 'x', in: 'list' }, { [g]: { $in: ['@1:a:sx'] } }],
    [
      {
        op: 'not',
        node: {
          op: 'and',
          nodes: [
            { op: 'exists', path: 'a', value: true },
            { op: 'exists', path: 'b', value: false },
          ],
        },
      },
      { $or: [{ [g]: { $nin: ['?1:a:'] } }, { [g]: { $in: ['?1:b:'] } }] },
    ],
    [
      {
        op: 'or',
        nodes: [
          { op: 'eq', path: 'a', value: 1 },
          { op: 'and', nodes: [] },
        ],
      },
      true,
    ],
  ]
  it.each(cases)('%j', (node, filter) => {
    expect(toSearchFilter(node)).toEqual(filter)
  })

  it('hold no value of a user as a part of the language', () => {
    const filter = JSON.stringify(toSearchFilter({ op: 'eq', path: '$where', value: '{"$gt": ""}' }))
    expect(filter).toMatch(/^\{"g":\{"\$in":\["[^"]*"\]\}\}$/)
  })
})
