import { type FilterNode, parseFilter } from '@veritas-db/core/contract'
import { describe, expect, it } from 'vitest'
import { type FilterArgument, toArgument } from '../src/filter.js'

const argument = (filter: Parameters<typeof parseFilter>[0]): FilterArgument => toArgument(parseFilter(filter))

describe('toArgument', () => {
  it.each<[string, Parameters<typeof parseFilter>[0], unknown]>([
    ['nothing', {}, { op: 'and', nodes: [] }],
    ['text', { a: 'x' }, { op: 'eq', path: 'a', value: 'x' }],
    ['null', { a: null }, { op: 'eq', path: 'a', value: null }],
    ['a date', { a: { $gt: new Date(5) } }, { op: 'gt', path: 'a', value: { $date: 5 } }],
    ['$in', { a: { $in: [1, null, new Date(0)] } }, { op: 'in', path: 'a', values: [1, null, { $date: 0 }] }],
    ['$exists', { 'a.b': { $exists: false } }, { op: 'exists', path: 'a.b', value: false }],
    ['$contains', { a: { $contains: 'x' } }, { op: 'contains', path: 'a', value: 'x' }],
    ['$startsWith', { a: { $startsWith: 'x' } }, { op: 'startsWith', path: 'a', value: 'x' }],
    [
      'logic',
      { $or: [{ a: 1 }, { $not: { b: 2 } }] },
      {
        op: 'or',
        nodes: [
          { op: 'eq', path: 'a', value: 1 },
          { op: 'not', node: { op: 'eq', path: 'b', value: 2 } },
        ],
      },
    ],
  ])('%s', (_, filter, expected) => {
    expect(argument(filter)).toEqual(expected)
  })

  it('keeps what is said of lists, and survives JSON', () => {
    const node: FilterNode = { op: 'contains', path: 'a', value: "'; g.V().drop() //", in: 'list' }
    expect(JSON.parse(JSON.stringify(toArgument(node)))).toEqual(node)
  })
})
