import type { FilterNode } from '@veritas-db/core/contract'
import { describe, expect, it } from 'vitest'
import { compileFilter, type Field, fieldAt, type Query, successor } from '../src/filter.js'

const untyped = (path: string): Field => ({ name: fieldAt('p', path) })
const typed =
  (type: NonNullable<Field['type']>) =>
  (path: string): Field => ({ name: fieldAt('c', path), type })

const types = ['string', 'number', 'bool', 'date', 'object', 'array']
const noArray = (field: string): Query => ({ [field]: { $not: { $type: 'array' } } })

describe('conditions on fields of any type', () => {
  const cases: readonly (readonly [FilterNode, Query])[] = [
    [{ op: 'eq', path: 'x', value: 'a' }, { $and: [{ 'p.x': { $eq: 'a' } }, noArray('p.x')] }],
    [{ op: 'ne', path: 'x', value: 1 }, { $nor: [{ $and: [{ 'p.x': { $eq: 1 } }, noArray('p.x')] }] }],
    [{ op: 'eq', path: 'x', value: null }, { $nor: [{ 'p.x': { $type: types } }] }],
    [{ op: 'exists', path: 'x.y', value: true }, { 'p.x.y': { $type: types } }],
    [{ op: 'exists', path: 'x', value: false }, { $nor: [{ 'p.x': { $type: types } }] }],
    [{ op: 'gte', path: 'x', value: new Date(0) }, { $and: [{ 'p.x': { $gte: new Date(0) } }, noArray('p.x')] }],
    [
      { op: 'in', path: 'x', values: ['a', null] },
      { $or: [{ $and: [{ 'p.x': { $in: ['a'] } }, noArray('p.x')] }, { $nor: [{ 'p.x': { $type: types } }] }] },
    ],
    [{ op: 'in', path: 'x', values: [] }, { _id: { $in: [] } }],
    [{ op: 'nin', path: 'x', values: [] }, { $nor: [{ _id: { $in: [] } }] }],
    [{ op: 'contains', path: 'x', value: 1 }, { 'p.x': { $elemMatch: { $eq: 1 } } }],
    [{ op: 'contains', path: 'x', value: 'a', in: 'list' }, { 'p.x': { $elemMatch: { $eq: 'a' } } }],
    [{ op: 'startsWith', path: 'x', value: 'ab' }, { $and: [{ 'p.x': { $gte: 'ab', $lt: 'ac' } }, noArray('p.x')] }],
    [{ op: 'and', nodes: [] }, {}],
    [{ op: 'or', nodes: [] }, { _id: { $in: [] } }],
    [{ op: 'not', node: { op: 'and', nodes: [] } }, { $nor: [{}] }],
  ]
  it.each(cases)('%j', (node, query) => {
    expect(compileFilter(node, untyped)).toEqual(query)
  })

  it('takes a number in a path for a name, never for a place in an array', () => {
    expect(compileFilter({ op: 'eq', path: 'x.0', value: 'a' }, untyped)).toEqual({
      $and: [{ 'p.x.0': { $eq: 'a' } }, noArray('p.x.0'), noArray('p.x')],
    })
  })

  it('looks for a part of a text by its bytes, as a value and no pattern', () => {
    const query = compileFilter({ op: 'contains', path: 'x', value: '.*$x' }, untyped)
    expect(JSON.stringify(query)).toContain('{"$indexOfBytes":["$p.x",{"$literal":".*$x"}]}')
    expect(JSON.stringify(query)).not.toContain('$regex')
  })
})

describe('conditions on columns of one type', () => {
  const cases: readonly (readonly [FilterNode, NonNullable<Field['type']>, Query])[] = [
    [{ op: 'eq', path: 's', value: 'a' }, 'string', { 'c.s': { $eq: 'a' } }],
    [{ op: 'eq', path: 's', value: 1 }, 'string', { _id: { $in: [] } }],
    [{ op: 'ne', path: 's', value: 1 }, 'string', { $nor: [{ _id: { $in: [] } }] }],
    [{ op: 'eq', path: 's', value: null }, 'string', { 'c.s': null }],
    [{ op: 'exists', path: 'n', value: true }, 'number', { 'c.n': { $ne: null } }],
    [{ op: 'lt', path: 'd', value: 5 }, 'date', { _id: { $in: [] } }],
    [{ op: 'in', path: 'n', values: [1, 'a', null] }, 'number', { $or: [{ 'c.n': { $in: [1] } }, { 'c.n': null }] }],
    [{ op: 'contains', path: 's', value: 1 }, 'string', { _id: { $in: [] } }],
    [{ op: 'startsWith', path: 'n', value: 'a' }, 'number', { _id: { $in: [] } }],
  ]
  it.each(cases)('%j of type %s', (node, type, query) => {
    expect(compileFilter(node, typed(type))).toEqual(query)
  })
})

describe('successor', () => {
  it('is the smallest text above all with the prefix, by code point', () => {
    expect(successor('ab')).toBe('ac')
    expect(successor('')).toBeUndefined()
    expect(successor('a\u{10ffff}')).toBe('b')
    expect(successor('\u{10ffff}')).toBeUndefined()
    expect(successor('\ud7ff')).toBe('\ue000')
    expect(successor('\uffff')).toBe('\u{10000}')
  })
})

it('hides names that the driver takes for types of its own', () => {
  expect(fieldAt('p', 'a._bsontype')).toBe('p.a.__bsontype')
  expect(fieldAt('p', '__bsontype')).toBe('p.___bsontype')
  expect(fieldAt('p', 'bsontype')).toBe('p.bsontype')
})
