import { canPush, evaluateFilter, type FilterNode, MATCH_ALL, type Metadata } from '@veritas-db/core/contract'
import { describe, expect, it } from 'vitest'
import { compileFilter, type Metadata as Stored } from '../../../../tools/servers/emulators/pinecone/filter.ts'
import { filterCapabilities, toNativeFilter } from '../src/filter.js'
import { toNative } from '../src/metadata.js'

const translate = (node: FilterNode): unknown => toNativeFilter(node, 'key')

describe('conditions', () => {
  it.each<[string, FilterNode, unknown]>([
    ['a text', { op: 'eq', path: 'title', value: 'x' }, { s_title: { $eq: 'x' } }],
    ['a number', { op: 'eq', path: 'year', value: 2020 }, { n_year: { $eq: 2020 } }],
    ['minus zero', { op: 'eq', path: 'n', value: -0 }, { n_n: { $eq: 0 } }],
    ['a boolean', { op: 'eq', path: 'b', value: false }, { b_b: { $eq: false } }],
    ['a date', { op: 'gte', path: 'd', value: new Date(7) }, { d_d: { $gte: 7 } }],
    ['a nested path', { op: 'lt', path: 'a.b_c', value: 1 }, { n_a_2e_b__c: { $lt: 1 } }],
    ['a number in a list', { op: 'contains', path: 'nums', value: 1.5 }, { l_nums: { $in: ['1.5'] } }],
    ['a text in a list', { op: 'contains', path: 'tags', value: 'a', in: 'list' }, { a_tags: { $in: ['a'] } }],
    [
      'not equal, which is true of what is missing too',
      { op: 'ne', path: 's', value: 'x' },
      { $or: [{ s_s: { $ne: 'x' } }, { s_s: { $exists: false } }] },
    ],
    [
      'not less',
      { op: 'not', node: { op: 'lt', path: 'n', value: 3 } },
      { $or: [{ n_n: { $gte: 3 } }, { n_n: { $exists: false } }] },
    ],
    [
      'one of several types',
      { op: 'in', path: 'x', values: ['a', 'b', 1, true, false] },
      { $or: [{ s_x: { $in: ['a', 'b'] } }, { n_x: { $eq: 1 } }, { b_x: { $eq: true } }, { b_x: { $eq: false } }] },
    ],
  ])('%s', (_, node, expected) => {
    expect(translate(node)).toEqual(expected)
  })

  it('what is always true is no filter, and what is never true matches nothing', () => {
    expect(translate(MATCH_ALL)).toBeUndefined()
    expect(translate({ op: 'nin', path: 'x', values: [] })).toBeUndefined()
    expect(translate({ op: 'or', nodes: [] })).toEqual({ key: { $exists: false } })
    expect(translate({ op: 'in', path: 'x', values: [] })).toEqual({ key: { $exists: false } })
    expect(translate({ op: 'not', node: MATCH_ALL })).toEqual({ key: { $exists: false } })
  })

  it('a list beyond 10,000 values is cut', () => {
    const values = Array.from({ length: 10_001 }, (_, i) => i)
    const native = translate({ op: 'in', path: 'n', values }) as { $or: { n_n: Record<string, unknown> }[] }
    expect(native.$or).toHaveLength(2)
    expect(native.$or[1]).toEqual({ n_n: { $eq: 10_000 } })
  })

  it('null and missing are the same', () => {
    const native = JSON.stringify(translate({ op: 'eq', path: 'x', value: null }))
    expect(native).toContain('"s_x":{"$exists":false}')
    expect(native).toContain('"o_x":{"$exists":false}')
  })
})

describe('against the reference evaluator, whether or not $ne matches a missing field', () => {
  const values: Metadata['x'][] = [
    undefined,
    null,
    '',
    'a',
    'A',
    0,
    -1,
    2.5,
    true,
    false,
    new Date(0),
    new Date(2),
    [],
    ['a'],
    ['a', 'b'],
    [0],
    [2.5, -1],
    {},
    { y: 1 },
    { y: null },
  ]
  const records = values.flatMap((x): Metadata[] => [{ x }, { x, y: 'other' }, { outer: { x } }])
  const conditions = ['x', 'x.y', 'outer.x', 'outer', 'y'].flatMap((path): FilterNode[] => [
    ...[null, '', 'a', 0, 2.5, true, false, new Date(0)].flatMap((value): FilterNode[] => [
      { op: 'eq', path, value },
      { op: 'ne', path, value },
    ]),
    ...[0, 2.5, new Date(1)].flatMap((value) =>
      (['gt', 'gte', 'lt', 'lte'] as const).map((op): FilterNode => ({ op, path, value })),
    ),
    { op: 'in', path, values: ['a', 0, null] },
    { op: 'in', path, values: ['a', true, new Date(2), 2.5] },
    { op: 'nin', path, values: ['a', 0, null] },
    { op: 'nin', path, values: [true, false, 'a'] },
    { op: 'exists', path, value: true },
    { op: 'exists', path, value: false },
    { op: 'contains', path, value: 0 },
    { op: 'contains', path, value: 2.5 },
    { op: 'contains', path, value: 'a', in: 'list' },
  ])
  const filters = conditions.flatMap((c, i): FilterNode[] => {
    const other = conditions[(i * 7 + 3) % conditions.length] as FilterNode
    return [
      c,
      { op: 'not', node: c },
      { op: 'and', nodes: [c, { op: 'not', node: other }] },
      { op: 'not', node: { op: 'or', nodes: [c, other] } },
    ]
  })

  it.each([true, false])('neMatchesMissing %s', (neMatchesMissing) => {
    for (const filter of filters) {
      expect(canPush(filter, filterCapabilities)).toBe(true)
      const native = toNativeFilter(filter, 'key')
      const matches = native ? compileFilter({ ...native }, { neMatchesMissing }) : () => true
      for (const record of records) {
        const stored: Stored = { key: 'k', ...toNative(record) }
        const wanted = evaluateFilter(filter, record)
        if (matches(stored) !== wanted)
          expect.fail(`${JSON.stringify(filter)} on ${JSON.stringify(record)} must be ${wanted}`)
      }
    }
  })
})

describe('what Pinecone cannot do is not declared', () => {
  it.each<[string, FilterNode]>([
    ['texts in order', { op: 'gt', path: 's', value: 'a' }],
    ['the start of a text', { op: 'startsWith', path: 's', value: 'a' }],
    ['a part of a text', { op: 'contains', path: 's', value: 'a' }],
  ])('%s', (_, node) => {
    expect(canPush(node, filterCapabilities)).toBe(false)
  })
})
