import { describe, expect, it } from 'vitest'
import type { FilterNode } from '../../src/contract/filter/ast.js'
import { MAX_CONDITIONS, type ParseFilterOptions, parseFilter } from '../../src/contract/filter/parse.js'
import { refusal } from './refusal.js'

const fields = {
  year: 'number',
  title: 'string',
  when: 'date',
  open: 'boolean',
  tags: 'string[]',
  sizes: 'number[]',
  any: 'json',
} as const

describe('parseFilter', () => {
  const date = new Date(0)
  it.each<[string, unknown, FilterNode]>([
    ['nothing', undefined, { op: 'and', nodes: [] }],
    ['an empty object', {}, { op: 'and', nodes: [] }],
    ['a value', { a: 1 }, { op: 'eq', path: 'a', value: 1 }],
    ['null', { a: null }, { op: 'eq', path: 'a', value: null }],
    ['a date', { a: date }, { op: 'eq', path: 'a', value: date }],
    ['a path', { 'a.b.c': 'x' }, { op: 'eq', path: 'a.b.c', value: 'x' }],
    ['an odd name', { "it's": 1 }, { op: 'eq', path: "it's", value: 1 }],
    ['operators', { a: { $gte: 1 } }, { op: 'gte', path: 'a', value: 1 }],
    ['$ne', { a: { $ne: 'x' } }, { op: 'ne', path: 'a', value: 'x' }],
    ['$in', { a: { $in: [1, 'x', null] } }, { op: 'in', path: 'a', values: [1, 'x', null] }],
    ['$nin', { a: { $nin: [] } }, { op: 'nin', path: 'a', values: [] }],
    ['$exists', { a: { $exists: false } }, { op: 'exists', path: 'a', value: false }],
    ['$contains', { a: { $contains: 'x' } }, { op: 'contains', path: 'a', value: 'x' }],
    ['$startsWith', { a: { $startsWith: '' } }, { op: 'startsWith', path: 'a', value: '' }],
    ['an empty $and', { $and: [] }, { op: 'and', nodes: [] }],
    ['an empty $or', { $or: [] }, { op: 'or', nodes: [] }],
    ['$not of a filter', { $not: { a: 1 } }, { op: 'not', node: { op: 'eq', path: 'a', value: 1 } }],
    ['$not of a condition', { a: { $not: { $lt: 1 } } }, { op: 'not', node: { op: 'lt', path: 'a', value: 1 } }],
    ['$not of a value', { a: { $not: 1 } }, { op: 'not', node: { op: 'eq', path: 'a', value: 1 } }],
    [
      'several operators',
      { a: { $gt: 1, $lte: 5 } },
      {
        op: 'and',
        nodes: [
          { op: 'gt', path: 'a', value: 1 },
          { op: 'lte', path: 'a', value: 5 },
        ],
      },
    ],
    [
      '$not of several conditions',
      { a: { $not: { $gt: 1, $lt: 5 } } },
      {
        op: 'not',
        node: {
          op: 'and',
          nodes: [
            { op: 'gt', path: 'a', value: 1 },
            { op: 'lt', path: 'a', value: 5 },
          ],
        },
      },
    ],
    [
      'all together',
      { year: { $gte: 2020 }, $or: [{ licence: 'MIT' }, { tags: { $contains: 'db' } }] },
      {
        op: 'and',
        nodes: [
          { op: 'gte', path: 'year', value: 2020 },
          {
            op: 'or',
            nodes: [
              { op: 'eq', path: 'licence', value: 'MIT' },
              { op: 'contains', path: 'tags', value: 'db' },
            ],
          },
        ],
      },
    ],
  ])('%s', (_name, filter, node) => {
    expect(parseFilter(filter)).toEqual(node)
  })

  it('marks $contains on a field that is declared as a list', () => {
    expect(parseFilter({ tags: { $contains: 'x' } }, { fields })).toEqual({
      op: 'contains',
      path: 'tags',
      value: 'x',
      in: 'list',
    })
    expect(parseFilter({ sizes: { $contains: 1 } }, { fields })).toMatchObject({ in: 'list' })
    for (const name of ['title', 'any', 'undeclared'])
      expect(parseFilter({ [name]: { $contains: 'x' } }, { fields })).not.toHaveProperty('in')
  })

  const sparse: unknown[] = [1, 2, 3]
  delete sparse[1]
  const known = '$eq, $ne, $gt, $gte, $lt, $lte, $in, $nin, $exists, $contains, $startsWith, $not'

  it.each<[unknown, string]>([
    [null, 'filter: needs an object such as { year: { $gte: 2020 } }, got null'],
    ['x', 'filter: needs an object such as { year: { $gte: 2020 } }, got string'],
    [[], 'filter: needs an object such as { year: { $gte: 2020 } }, got array'],
    [new Map(), 'filter: needs an object such as { year: { $gte: 2020 } }, got Map'],
    [{ a: undefined }, 'filter.a: is undefined: leave it out, or use null to match missing values'],
    [{ a: {} }, 'filter.a: has no condition: give a value or an operator such as { $exists: true }'],
    [{ a: { b: 1 } }, 'filter.a.b: objects cannot be compared; write the nested field as "a.b"'],
    [{ a: { $gt: 1, b: 1 } }, 'filter.a.b: objects cannot be compared; write the nested field as "a.b"'],
    [{ $nor: [] }, 'filter.$nor: unknown operator "$nor"; known here: $and, $or, $not'],
    [{ $where: 'x' }, 'filter.$where: unknown operator "$where"; known here: $and, $or, $not'],
    [{ a: { $regex: 'x' } }, `filter.a: unknown operator "$regex"; known here: ${known}`],
    [{ a: { $and: [] } }, `filter.a: unknown operator "$and"; known here: ${known}`],
    [{ $and: { a: 1 } }, 'filter.$and: needs an array of filters, got object'],
    [{ $or: [{ a: 1 }, 5] }, 'filter.$or[1]: needs an object such as { year: { $gte: 2020 } }, got number'],
    [
      { $or: [{ a: 1 }, { $and: [{ b: { $gt: true } }] }] },
      'filter.$or[1].$and[0].b: $gt needs a number, string or date, got boolean',
    ],
    [
      { $not: { $or: [{ a: [] }] } },
      'filter.$not.$or[0].a: $eq needs a string, number, boolean, date or null, got array; to match any of several values use $in, to look into an array use $contains',
    ],
    [{ $not: 5 }, 'filter.$not: needs an object such as { year: { $gte: 2020 } }, got number'],
    [
      { $and: sparse.map(() => ({ a: 1 })) },
      'filter.$and[1]: needs an object such as { year: { $gte: 2020 } }, got undefined',
    ],
    [{ a: { $eq: { b: 1 } } }, 'filter.a: $eq needs a string, number, boolean, date or null, got object'],
    [{ a: { $eq: undefined } }, 'filter.a: $eq needs a string, number, boolean, date or null, got undefined'],
    [
      { a: { $ne: [1] } },
      'filter.a: $ne needs a string, number, boolean, date or null, got array; to match any of several values use $in, to look into an array use $contains',
    ],
    [{ a: Symbol('x') }, 'filter.a: $eq needs a string, number, boolean, date or null, got symbol'],
    [{ a: Number.NaN }, 'filter.a: needs a finite number, got NaN'],
    [{ a: { $lt: Number.POSITIVE_INFINITY } }, 'filter.a: needs a finite number, got Infinity'],
    [{ a: new Date('x') }, 'filter.a: is an invalid date'],
    [{ a: 'x\0' }, 'filter.a: holds a NUL character, which several databases cannot store: remove it'],
    [{ a: { $startsWith: '\ud800' } }, 'filter.a: is not well-formed Unicode (a lone surrogate)'],
    [{ a: { $in: 'x' } }, 'filter.a: $in needs an array of values, got string'],
    [
      { a: { $in: [1, [2]] } },
      'filter.a.$in[1]: $in needs a string, number, boolean, date or null, got array; to match any of several values use $in, to look into an array use $contains',
    ],
    [{ a: { $nin: sparse } }, 'filter.a.$nin[1]: $nin needs a string, number, boolean, date or null, got undefined'],
    [{ a: { $in: Array.from({ length: 10_001 }, () => 1) } }, 'filter.a: $in takes at most 10000 values, got 10001'],
    [{ a: { $exists: 1 } }, 'filter.a: $exists needs true or false, got number'],
    [{ a: { $contains: true } }, 'filter.a: $contains needs a string or number, got boolean'],
    [{ a: { $contains: Number.NaN } }, 'filter.a: needs a finite number, got NaN'],
    [{ a: { $startsWith: 5 } }, 'filter.a: $startsWith needs a string, got number'],
    [{ a: { $gt: null } }, 'filter.a: $gt needs a number, string or date, got null'],
    [{ 'a..b': 1 }, 'filter[""]: a field name must not be empty'],
    [{ 'a.$b': 1 }, 'filter["$b"]: a field name must not start with "$": that is how operators start'],
    [{ '': 1 }, 'filter[""]: a field name must not be empty'],
    [JSON.parse('{"__proto__": 1}'), 'filter["__proto__"]: is a reserved name'],
    [{ 'a\n': 1 }, 'filter["a\\n"]: a field name must not hold control characters'],
    [{ [Array(18).fill('d').join('.')]: 1 }, `filter["${Array(18).fill('d').join('.')}"]: nests deeper than 16 levels`],
  ])('%j is refused with its place', (filter, message) => {
    expect(refusal(() => parseFilter(filter))).toBe(message)
  })

  it.each<[unknown, string]>([
    [{ $or: [{ year: 1 }, { year: { $gte: 'x' } }] }, 'filter.$or[1].year: $gte needs a number, got string'],
    [{ year: '2020' }, 'filter.year: $eq needs a number, got string'],
    [{ year: { $in: [1, '2'] } }, 'filter.year.$in[1]: $in needs a number, got string'],
    [{ year: { $not: { $lt: new Date(0) } } }, 'filter.year: $lt needs a number, got date'],
    [{ year: { $startsWith: '2' } }, 'filter.year: $startsWith needs a number, got string'],
    [{ open: 1 }, 'filter.open: $eq needs a boolean, got number'],
    [{ open: { $gt: true } }, 'filter.open: $gt needs a number, string or date, got boolean'],
    [{ when: '2020-01-01' }, 'filter.when: $eq needs a date, got string'],
    [{ when: { $gt: 0 } }, 'filter.when: $gt needs a date, got number'],
    [{ tags: 'x' }, 'filter.tags: $eq needs a string[], got string; look into arrays with $contains'],
    [{ tags: { $contains: 1 } }, 'filter.tags: $contains cannot look for a number in a field of type string[]'],
    [{ year: { $contains: 'x' } }, 'filter.year: $contains cannot look for a string in a field of type number'],
    [{ sizes: { $contains: 'x' } }, 'filter.sizes: $contains cannot look for a string in a field of type number[]'],
  ])('%j is refused by declared types', (filter, message) => {
    expect(refusal(() => parseFilter(filter, { fields }))).toBe(message)
  })

  it.each([
    { year: null },
    { year: { $in: [1, null] } },
    { year: { $exists: true } },
    { any: 'x' },
    { any: { $gt: new Date(0) } },
    { title: { $contains: 'x' } },
    { tags: { $exists: true } },
    { undeclared: 5 },
    { 'any.deep': true },
  ])('%j is taken with declared types', (filter) => {
    parseFilter(filter, { fields })
  })

  // Fields are looked up with what `{}` inherits.
  it.each(['constructor', 'toString', 'valueOf', 'hasOwnProperty'])('a field may be called %s', (name) => {
    expect(parseFilter({ [name]: 1 })).toEqual({ op: 'eq', path: name, value: 1 })
    expect(parseFilter({ [name]: { $contains: 'x' } }, { fields })).toEqual({ op: 'contains', path: name, value: 'x' })
  })

  it('says the name it was given', () => {
    const options: ParseFilterOptions = { name: 'options.where' }
    expect(refusal(() => parseFilter({ a: {} }, options))).toMatch(/^options\.where\.a: has no condition/)
  })

  it('bounds depth and number of conditions', () => {
    let deep: Record<string, unknown> = { a: 1 }
    for (let i = 0; i < 16; i++) deep = { $not: deep }
    parseFilter(deep)
    expect(refusal(() => parseFilter({ $not: deep }))).toMatch(/nests deeper than 16 levels$/)
    let nots: unknown = 1
    for (let i = 0; i < 20; i++) nots = { $not: nots }
    expect(refusal(() => parseFilter({ a: nots }))).toBe('filter.a: nests deeper than 16 levels')
    const many = (n: number): unknown => ({ $or: Array.from({ length: n }, (_, i) => ({ a: i })) })
    parseFilter(many(MAX_CONDITIONS))
    expect(refusal(() => parseFilter(many(MAX_CONDITIONS + 1)))).toBe(
      `filter.$or[${MAX_CONDITIONS}].a: a filter holds at most ${MAX_CONDITIONS} conditions`,
    )
  })

  it('cannot be made to change a prototype', () => {
    expect(refusal(() => parseFilter({ $or: [JSON.parse('{"__proto__": {"polluted": true}}')] }))).toMatch(
      /reserved name/,
    )
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false)
  })
})
