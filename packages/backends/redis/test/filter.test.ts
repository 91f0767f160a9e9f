import { type FilterNode, parseFilter } from '@veritas-db/core/contract'
import { describe, expect, it } from 'vitest'
import type { Compiled } from '../src/filter.js'
import { compileQuery, escapeTag } from '../src/redisearch/query.js'
import { rangeField, statementsOf, tagOf } from '../src/statements.js'

const compile = (filter: Parameters<typeof parseFilter>[0]): Compiled => compileQuery(parseFilter(filter))
const any = (...tags: string[]): string => `@g:{${tags.map(escapeTag).join('|')}}`
const none = (...tags: string[]): string => `-${any(...tags)}`
const is = (path: string, value: string | number | boolean | Date): string => tagOf('equals', path, value)
const there = tagOf('exists', 'a')

describe('a query of RediSearch', () => {
  it.each<[string, Parameters<typeof parseFilter>[0], unknown]>([
    ['nothing', {}, true],
    ['an empty $or', { $or: [] }, false],
    ['not of everything', { $not: {} }, false],
    ['an empty $in', { a: { $in: [] } }, false],
    ['an empty $nin', { a: { $nin: [] } }, true],
    ['text', { a: 'x' }, any(is('a', 'x'))],
    ['a number', { a: 1 }, any(is('a', 1))],
    ['a boolean', { a: true }, any(is('a', true))],
    ['a date', { a: new Date(5) }, any(is('a', new Date(5)))],
    ['null', { a: null }, none(there)],
    ['not null', { a: { $ne: null } }, any(there)],
    ['exists', { a: { $exists: true } }, any(there)],
    ['does not exist', { a: { $exists: false } }, none(there)],
    ['$ne', { a: { $ne: 'x' } }, none(is('a', 'x'))],
    ['$in', { a: { $in: ['x', 1] } }, any(is('a', 'x'), is('a', 1))],
    ['$in with null', { a: { $in: ['x', null] } }, `(${any(is('a', 'x'))}|${none(there)})`],
    ['$nin with null', { a: { $nin: ['x', null] } }, `(${none(is('a', 'x'))} ${any(there)})`],
    ['$contains', { a: { $contains: 2 } }, any(tagOf('holds', 'a', 2))],
    ['$gt', { a: { $gt: 1.5 } }, '@n_a:[(1.5 +inf]'],
    ['$gte', { a: { $gte: -2 } }, '@n_a:[-2 +inf]'],
    ['$lt', { a: { $lt: 1e30 } }, '@n_a:[-inf (1e30]'],
    ['$lte of a date', { 'a.b': { $lte: new Date(7) } }, '@d_a_2e_b:[-inf 7]'],
    ['not $gt', { a: { $not: { $gt: 2 } } }, '-@n_a:[(2 +inf]'],
    ['De Morgan', { $not: { a: 'x', b: 'y' } }, `(${none(is('a', 'x'))}|${none(is('b', 'y'))})`],
    ['and', { a: 'x', b: 'y' }, `(${any(is('a', 'x'))} ${any(is('b', 'y'))})`],
    ['one of an $and', { $and: [{ a: 'x' }, {}] }, any(is('a', 'x'))],
    ['false within an $and', { $and: [{ a: 'x' }, { $or: [] }] }, false],
  ])('%s', (_, filter, expected) => {
    expect(compile(filter)).toBe(expected)
  })

  it('gives nothing of a value or path to the syntax', () => {
    const node: FilterNode = { op: 'eq', path: '*}|@x:{', value: '"}) | (*)=>[KNN 1 @e $v]' }
    expect(compileQuery(node)).toMatch(/^@g:\{t([A-Za-z0-9_]|\\-)+\}$/)
    expect(compileQuery({ op: 'gt', path: ']|@x:[1 2', value: 1 })).toMatch(/^@n_[A-Za-z0-9_]+:\[\(1 \+inf\]$/)
  })
})

describe('tags', () => {
  it('tell types, paths, cases and kinds apart', () => {
    const tags = [
      ...['1', 1, true, new Date(1), 'true', 'A', 'a', ''].map((value) => tagOf('equals', 'p', value)),
      tagOf('equals', 'P', 'a'),
      tagOf('equals', 'p:1', 'a'),
      tagOf('holds', 'p', 'a'),
      tagOf('exists', 'p'),
      tagOf('exists', 'p:'),
    ]
    expect(new Set(tags).size).toBe(tags.length)
    for (const tag of tags) expect(tag).toMatch(/^t[\w-]{22}$/)
    expect(tagOf('equals', 'p', -0)).toBe(tagOf('equals', 'p', 0))
  })

  it('escape what is syntax', () => {
    expect(escapeTag('ta-b_C9')).toBe('ta\\-b_C9')
    expect(escapeTag('a b|c}d,e')).toBe('a\\ b\\|c\\}d\\,e')
  })

  it('fields of ranges are identifiers of bounded length, one a path and type', () => {
    const paths = ['a', 'a.b', 'a_b', 'a b', 'ü', `${'x'.repeat(300)}1`, `${'x'.repeat(300)}2`]
    const fields = paths.flatMap((path) => [rangeField('number', path), rangeField('date', path)])
    expect(new Set(fields).size).toBe(fields.length)
    for (const field of fields) expect(field).toMatch(/^[nd]x?_[A-Za-z0-9_]{1,62}$/)
  })

  it('say of a record all that filters ask', () => {
    const { tags, ranges } = statementsOf({ n: 1, s: 'x', l: ['a', 'a'], o: { d: new Date(3), z: null }, e: [] })
    expect([...tags].sort()).toEqual(
      [
        ...['n', 's', 'l', 'o', 'o.d', 'e'].map((path) => tagOf('exists', path)),
        ...[is('n', 1), is('s', 'x'), is('o.d', new Date(3)), tagOf('holds', 'l', 'a')],
      ].sort(),
    )
    expect(ranges).toEqual([
      ['n_n', 1],
      ['d_o_2e_d', 3],
    ])
  })
})
