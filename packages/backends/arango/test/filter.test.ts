import { canPush, type FilterNode, MATCH_ALL } from '@veritas-db/core/contract'
import { describe, expect, it } from 'vitest'
import { compileFilter, filterCapabilities } from '../src/filter.js'
import { fromStored, sortKey, toStored } from '../src/values.js'

const compile = (node: FilterNode): [string, unknown[]] => {
  const { aql, binds } = compileFilter(node, ['data'])
  return [aql, Object.values(binds)]
}

describe('conditions', () => {
  it.each<[string, FilterNode, string, unknown[]]>([
    ['a text', { op: 'eq', path: 'title', value: 'x' }, 'd.@f0 == @f1', [['data', 'title'], 'x']],
    ['a nested path', { op: 'eq', path: 'a.b', value: 1 }, 'd.@f0 == @f1', [['data', 'a', 'b'], 1]],
    ['minus zero', { op: 'eq', path: 'n', value: -0 }, 'd.@f0 == @f1', [['data', 'n'], 0]],
    ['a date', { op: 'eq', path: 'd', value: new Date(5) }, 'd.@f0 == @f1', [['data', 'd', '$date'], 5]],
    ['null', { op: 'eq', path: 'x', value: null }, 'd.@f0 == null', [['data', 'x']]],
    ['not equal', { op: 'ne', path: 's', value: 'x' }, '!(d.@f0 == @f1)', [['data', 's'], 'x']],
    ['a range', { op: 'gte', path: 'n', value: 2 }, 'IS_NUMBER(d.@f0) && d.@f0 >= @f1', [['data', 'n'], 2]],
    [
      'a range of dates',
      { op: 'lt', path: 'd', value: new Date(5) },
      'IS_NUMBER(d.@f0) && d.@f0 < @f1',
      [['data', 'd', '$date'], 5],
    ],
    [
      'values of several types',
      { op: 'in', path: 'x', values: ['a', 1, new Date(5), null] },
      'd.@f0 IN @f1 || d.@f2 == @f3 || d.@f0 == null',
      [['data', 'x'], ['a', 1], ['data', 'x', '$date'], 5],
    ],
    ['an empty list', { op: 'in', path: 'x', values: [] }, 'false', []],
    ['an empty list the other way', { op: 'nin', path: 'x', values: [] }, '!(false)', []],
    ['exists', { op: 'exists', path: 'x', value: true }, 'd.@f0 != null', [['data', 'x']]],
    [
      'a text in a list or a text',
      { op: 'contains', path: 'x', value: 'a' },
      '(IS_ARRAY(d.@f0) && @f1 IN d.@f0) || (IS_STRING(d.@f0) && CONTAINS(d.@f0, @f1))',
      [['data', 'x'], 'a'],
    ],
    [
      'a number in a list',
      { op: 'contains', path: 'x', value: 1 },
      'IS_ARRAY(d.@f0) && @f1 IN d.@f0',
      [['data', 'x'], 1],
    ],
    [
      'a text in a list alone',
      { op: 'contains', path: 'x', value: 'a', in: 'list' },
      'IS_ARRAY(d.@f0) && @f1 IN d.@f0',
      [['data', 'x'], 'a'],
    ],
    ['the empty start', { op: 'startsWith', path: 'x', value: '' }, 'IS_STRING(d.@f0)', [['data', 'x']]],
    [
      'the start of a text',
      { op: 'startsWith', path: 'x', value: '%' },
      'IS_STRING(d.@f0) && STARTS_WITH(d.@f0, @f1)',
      [['data', 'x'], '%'],
    ],
  ])('%s', (_, node, aql, binds) => {
    expect(compile(node)).toEqual([aql, binds])
  })

  it('logic is bracketed, and nothing is always true or false', () => {
    const a: FilterNode = { op: 'eq', path: 'a', value: 1 }
    const b: FilterNode = { op: 'exists', path: 'b', value: false }
    expect(compile({ op: 'not', node: { op: 'or', nodes: [a, { op: 'and', nodes: [a, b] }] } })[0]).toBe(
      '!((d.@f0 == @f1) || ((d.@f0 == @f2) && (d.@f3 == null)))',
    )
    expect(compile(MATCH_ALL)).toEqual(['true', []])
    expect(compile({ op: 'or', nodes: [] })).toEqual(['false', []])
    expect(compileFilter(undefined, ['data']).aql).toBe('true')
  })

  it('a number in a path is the name of a field, never a place in a list', () => {
    expect(compile({ op: 'eq', path: 'tags.0', value: 'a' })).toEqual([
      '(IS_OBJECT(d.@f0) ? d.@f1 : null) == @f2',
      [['data', 'tags'], ['data', 'tags', '0'], 'a'],
    ])
    expect(compile({ op: 'eq', path: '0', value: 'a' })[0]).toBe('d.@f0 == @f1')
  })

  it('values and paths are never part of the query text', () => {
    const evil = '" || true RETURN d REMOVE d IN x //'
    const { aql } = compileFilter({ op: 'eq', path: evil, value: evil }, ['data'])
    expect(aql).toBe('d.@f0 == @f1')
  })
})

it('texts in order are not declared, since ArangoDB orders them by language', () => {
  expect(canPush({ op: 'gt', path: 's', value: 'a' }, filterCapabilities)).toBe(false)
  expect(canPush({ op: 'gt', path: 'n', value: 1 }, filterCapabilities)).toBe(true)
})

describe('values', () => {
  it.each([
    ['plain data stays as it is', { a: 1, b: ['x'], c: { d: null } }, { a: 1, b: ['x'], c: { d: null } }],
    ['dates are marked', { a: new Date(5), b: { c: new Date(-1) } }, { a: { $date: 5 }, b: { c: { $date: -1 } } }],
    ['a date by itself', new Date(7), { $date: 7 }],
  ])('%s', (_, value, stored) => {
    expect(toStored(value)).toEqual(stored)
    expect(fromStored(JSON.parse(JSON.stringify(toStored(value))))).toEqual(value)
  })

  it('keys of texts are in the order of code points', () => {
    const texts = ['', ' ', 'A', 'B', 'a', 'ab', 'b', 'z', 'é', 'ÿ', '\ue000', '\uffff', '\u{10000}', '\u{1f600}']
    const keys = texts.map(sortKey)
    const collator = new Intl.Collator('en-US')
    expect(keys.toSorted((a, b) => collator.compare(a, b))).toEqual(keys)
    expect(sortKey('x'.repeat(10_000))).toHaveLength(1024)
  })
})
