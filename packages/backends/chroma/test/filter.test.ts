import { type FilterNode, parseFilter } from '@veritas-db/core/contract'
import { describe, expect, it } from 'vitest'
import { type Compiled, compileFilter } from '../src/filter.js'

const compile = (filter: Parameters<typeof parseFilter>[0]): Compiled => compileFilter(parseFilter(filter))
const flags = ['s', 'n', 'd', 'a', 'o']
const there = { $or: [{ t_a: { $in: flags } }, { b_a: { $in: [true, false] } }] }
const missing = { $and: [{ t_a: { $nin: flags } }, { b_a: { $nin: [true, false] } }] }

describe('compileFilter', () => {
  it.each<[string, Parameters<typeof parseFilter>[0], unknown]>([
    ['nothing', {}, true],
    ['an empty $or', { $or: [] }, false],
    ['an empty $in', { a: { $in: [] } }, false],
    ['an empty $nin', { a: { $nin: [] } }, true],
    ['text', { a: 'x' }, { s_a: { $eq: 'x' } }],
    ['text that looks like an operator', { a: '$gt' }, { s_a: { $eq: '$gt' } }],
    ['an integer', { a: 1 }, { i_a: { $eq: 1 } }],
    ['a fraction', { a: 1.5 }, { f_a: { $eq: 1.5 } }],
    ['a boolean', { a: false }, { b_a: { $eq: false } }],
    ['a date', { a: new Date(5) }, { d_a: { $eq: 5 } }],
    ['null', { a: null }, missing],
    ['not null', { a: { $ne: null } }, there],
    ['a nested field', { 'a.b c': 1 }, { 'i_a.b c': { $eq: 1 } }],
    ['exists', { a: { $exists: true } }, there],
    ['does not exist', { a: { $exists: false } }, missing],
    ['$ne', { a: { $ne: 'x' } }, { s_a: { $ne: 'x' } }],
    ['$gte of an integer', { a: { $gte: 2 } }, { $or: [{ i_a: { $gte: 2 } }, { f_a: { $gte: 2 } }] }],
    ['$gte of a fraction', { a: { $gte: -1.5 } }, { $or: [{ i_a: { $gt: -2 } }, { f_a: { $gte: -1.5 } }] }],
    ['$lt of a fraction', { a: { $lt: 1.5 } }, { $or: [{ i_a: { $lt: 2 } }, { f_a: { $lt: 1.5 } }] }],
    ['$gt beyond 64 bits', { a: { $gt: 1e300 } }, { $or: [{ i_a: { $gt: 2 ** 60 } }, { f_a: { $gt: 2 ** 60 } }] }],
    ['$lte of a date', { a: { $lte: new Date(7) } }, { d_a: { $lte: 7 } }],
    [
      'not $gt',
      { a: { $not: { $gt: 2 } } },
      { $or: [{ i_a: { $lte: 2 } }, { f_a: { $lte: 2 } }, { t_a: { $ne: 'n' } }] },
    ],
    [
      'not $lt of a date',
      { a: { $not: { $lt: new Date(7) } } },
      { $or: [{ d_a: { $gte: 7 } }, { t_a: { $ne: 'd' } }] },
    ],
    [
      '$in of several types',
      { a: { $in: ['x', 1, 2, 0.5, true, null] } },
      {
        $or: [
          missing,
          { s_a: { $in: ['x'] } },
          { i_a: { $in: [1, 2] } },
          { f_a: { $in: [0.5] } },
          { b_a: { $in: [true] } },
        ],
      },
    ],
    ['$nin', { a: { $nin: ['x', 1] } }, { $and: [{ s_a: { $nin: ['x'] } }, { i_a: { $nin: [1] } }] }],
    ['$contains of a number', { a: { $contains: 1.5 } }, { 'l["a",1.5]': { $eq: 1 } }],
    ['not $contains', { $not: { a: { $contains: -0 } } }, { 'l["a",0]': { $ne: 1 } }],
    ['De Morgan', { $not: { a: 'x', b: 'y' } }, { $or: [{ s_a: { $ne: 'x' } }, { s_b: { $ne: 'y' } }] }],
    [
      'not of an $or',
      { $not: { $or: [{ a: 'x' }, { b: 'y' }] } },
      { $and: [{ s_a: { $ne: 'x' } }, { s_b: { $ne: 'y' } }] },
    ],
    ['one of an $and', { $and: [{ a: 'x' }, {}] }, { s_a: { $eq: 'x' } }],
    ['false within an $and', { $and: [{ a: 'x' }, { $or: [] }] }, false],
  ])('%s', (_, filter, expected) => {
    expect(compile(filter)).toEqual(expected)
  })

  it('looks for texts in fields that are declared as lists', () => {
    const node = parseFilter({ 'a"]': { $contains: '"x' } }, { fields: { 'a"]': 'string[]' } })
    expect(compileFilter(node)).toEqual({ 'l["a\\"]","\\"x"]': { $eq: 1 } })
  })

  it('keeps values out of the structure', () => {
    const node: FilterNode = { op: 'eq', path: '$or', value: '"}],"$and":[{' }
    expect(compileFilter(node)).toEqual({ s_$or: { $eq: '"}],"$and":[{' } })
  })
})
