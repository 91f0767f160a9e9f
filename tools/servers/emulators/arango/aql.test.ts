// AQL against examples that ArangoDB's documentation gives with their results (docs.arangodb.com/3.12/aql, page named
// at each group), asked through arangojs.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Database } from '../../../../packages/backends/arango/node_modules/arangojs/esm/index.js'
import { type ArangoEmulator, startArangoEmulator } from './index.ts'

let emulator: ArangoEmulator
let db: Database
const ask = async (query: string, binds: Record<string, unknown> = {}): Promise<unknown[]> =>
  (await db.query(query, binds)).all()
const value = async (expression: string): Promise<unknown> => (await ask(`RETURN ${expression}`))[0]

beforeAll(async () => {
  emulator = await startArangoEmulator()
  db = new Database({ url: emulator.url })
})
afterAll(async () => {
  expect(emulator.violations).toEqual([])
  await emulator.close()
})

const examples = (cases: [string, unknown][]) =>
  it.each(cases)('%s', async (expression, expected) => {
    expect(await value(expression)).toEqual(expected)
  })

describe('operators: comparison', () => {
  examples([
    ['0 == null', false],
    ['1 > 0', true],
    ['true != null', true],
    ['45 <= "yikes!"', true],
    ['65 != "65"', true],
    ['1.23 > 1.32', false],
    ['1.5 IN [2, 3, 1.5]', true],
    ['"foo" IN null', false],
    ['42 NOT IN [17, 40, 50]', true],
    ['"abc" == "ABC"', false],
    ['"foo" LIKE "f%"', true],
    ['"foo" NOT LIKE "f%"', false],
    ['"foo" =~ "^f[o].$"', true],
    ['"foo" !~ "[a-z]+bar$"', true],
    ['"abc" LIKE "_bc"', true],
    ['"a_b_foo" LIKE "a\\\\_b\\\\_foo"', true],
  ])
})

describe('operators: array comparison', () => {
  examples([
    ['[1, 2, 3] ALL IN [2, 3, 4]', false],
    ['[1, 2, 3] ALL IN [1, 2, 3]', true],
    ['[1, 2, 3] NONE IN [3]', false],
    ['[1, 2, 3] NONE IN [23, 42]', true],
    ['[1, 2, 3] ANY IN [4, 5, 6]', false],
    ['[1, 2, 3] ANY IN [1, 42]', true],
    ['[1, 2, 3] ANY == 2', true],
    ['[1, 2, 3] ANY == 4', false],
    ['[1, 2, 3] ANY > 0', true],
    ['[1, 2, 3] ANY <= 1', true],
    ['[1, 2, 3] NONE < 99', false],
    ['[1, 2, 3] ALL > 2', false],
    ['[1, 2, 3] ALL >= 3', false],
    ['["foo", "bar"] ALL != "moo"', true],
    ['["foo", "bar"] NONE == "bar"', false],
    ['[1, 2, 3] AT LEAST (2) IN [2, 3, 4]', true],
    ['["foo", "bar"] AT LEAST (1+1) == "foo"', false],
  ])
})

describe('operators: logic, arithmetic, ternary, ranges, access', () => {
  examples([
    ['25 > 1 && 42 != 7', true],
    ['22 IN [23, 42] || 23 NOT IN [22, 7]', true],
    ['1 || 7', 1],
    ['null || "foo"', 'foo'],
    ['null && true', null],
    ['true && 23', 23],
    ['1 + "a"', 1],
    ['1 + "99"', 100],
    ['null + 1', 1],
    ['3 + [ ]', 3],
    ['24 + [2]', 26],
    ['24 + [2, 4]', 24],
    ['17 - true', 16],
    ['23 * { }', 0],
    ['5 * [7]', 35],
    ['24 / "12"', 2],
    ['1 / 0', null],
    ['0 ? : "value is null, 0 or not present"', 'value is null, 0 or not present'],
    ['2010..2013', [2010, 2011, 2012, 2013]],
    ['["tina", "helga", "alfred"][-1]', 'alfred'],
    ['["tina"][7]', null],
    ['[{ a: 1 }, { a: 2 }][*].a', [1, 2]],
    ['NOT "a" LIKE "b"', false],
    ['2 + 3 * 4', 14],
    ['{ a: { "b c": [1, 2] } }.a["b c"][1]', 2],
  ])
})

describe('fundamentals: type and value order', () => {
  examples([
    ['null < false && false < true && true < 0 && 0 < "" && "" < [ ] && [ ] < { }', true],
    ['null < " "', true],
    ['true < [ ]', true],
    ['[ ] < [0]', true],
    ['[1, 2] < [2]', true],
    ['[99, 99] < [100]', true],
    ['[false, 1] < [false, ""]', true],
    ['{ } == { "a": null }', true],
    ['{ } < { "a": 1 }', true],
    ['{ "b": 1 } < { "a": 0 }', true],
    ['{ "a": { "c": true } } < { "a": { "c": 0 } }', true],
    ['{ "a": 1, "b": 2 } == { "b": 2, "a": 1 }', true],
    ['{ name: null }.name == null', true],
    ['{ }.name == null', true],
    ['HAS({ name: null }, "name")', true],
  ])
  it('sorts by it, and strings by the rules of the language', async () => {
    expect(await ask('FOR v IN ["b", "A", 1, null, true, "a", "B", [0], {}] SORT v RETURN v')).toEqual([
      null,
      true,
      1,
      'a',
      'A',
      'b',
      'B',
      [0],
      {},
    ])
    expect(await ask('FOR v IN [1, null, 2] SORT v DESC RETURN v')).toEqual([2, 1, null])
  })
})

describe('functions', () => {
  examples([
    ['LENGTH([1, 2])', 2],
    ['LENGTH("äö")', 2],
    ['LENGTH(null)', 0],
    ['COUNT({ a: 1, b: 2 })', 2],
    [
      '[IS_NULL(null), IS_STRING("a"), IS_NUMBER(1), IS_BOOL(false), IS_ARRAY([]), IS_LIST([]), IS_OBJECT({})]',
      [true, true, true, true, true, true, true],
    ],
    ['STARTS_WITH("foobar", "foo")', true],
    ['STARTS_WITH("foobar", ["x", "foo"])', true],
    ['CONTAINS("foobarbaz", "bar", true)', 3],
    ['CONTAINS("foobarbaz", "ba")', true],
    ['[LOWER("AbC"), UPPER("AbC")]', ['abc', 'ABC']],
    ['CONCAT("foo", null, "bar", 1, [2])', 'foobar1[2]'],
    ['CONCAT(["foo", "bar"])', 'foobar'],
    ['TO_STRING([1, 2])', '[1,2]'],
    ['TO_STRING(null)', ''],
    ['TO_NUMBER("3.5")', 3.5],
    ['POSITION(["foo", "bar"], "bar", true)', 1],
    ['POSITION([1, 2], 3)', false],
    ['MERGE({ a: 1 }, { b: 2, a: 3 })', { a: 3, b: 2 }],
    ['KEEP({ a: 1, b: 2, c: 3 }, "a", "c")', { a: 1, c: 3 }],
    ['UNSET({ _id: 1, a: 2 }, ["_id"])', { a: 2 }],
    ['ATTRIBUTES({ foo: 1, _key: 2 }, true)', ['foo']],
    ['[FIRST([5, 6]), LAST([5, 6]), FIRST([])]', [5, 6, null]],
    ['NOT_NULL(null, null, 3)', 3],
    ['[MIN([5, 9, -2, null, 1]), MAX([5, 9, -2, null, 1]), MIN([null]), SUM([1, 2, 3, 4])]', [-2, 9, null, 10]],
    ['UNIQUE([1, 2, 2, 3, { a: 1 }, { a: 1 }])', [1, 2, 3, { a: 1 }]],
    ['FLATTEN([1, 2, [3, 4, [5]]])', [1, 2, 3, 4, [5]]],
    ['FLATTEN([1, [2, [3]]], 2)', [1, 2, 3]],
    ['APPEND([1, 2, 3], [3, 4], true)', [1, 2, 3, 4]],
    ['SLICE([1, 2, 3, 4, 5], -3, 2)', [3, 4]],
    ['SLICE([1, 2, 3, 4, 5], 2, 2)', [3, 4]],
    ['DATE_ISO8601(1474988621)', '1970-01-18T01:43:08.621Z'],
    ['DATE_ISO8601("2011-10-13")', '2011-10-13T00:00:00.000Z'],
    ['PARSE_IDENTIFIER("_users/my-user")', { collection: '_users', key: 'my-user' }],
    ['IS_SAME_COLLECTION("_users", "_users/my-user")', true],
    ['REGEX_TEST("the quick brown fox", "the.*fox")', true],
    [
      '[TYPENAME(null), TYPENAME(true), TYPENAME(1), TYPENAME("a"), TYPENAME([]), TYPENAME({})]',
      ['null', 'bool', 'number', 'string', 'array', 'object'],
    ],
    ['ZIP(["name", "active"], ["some user", true])', { name: 'some user', active: true }],
    ['COSINE_SIMILARITY([0, 1], [1, 0])', 0],
    ['L2_DISTANCE([1, 1], [5, 2])', 4.123105625617661],
  ])
})

describe('bind parameters', () => {
  // bind-parameters.md, "Nested attributes"
  it('names attributes, one by one or as a path', async () => {
    expect(await ask('LET doc = { foo: { bar: "baz" } } RETURN doc.@attr.@sub', { attr: 'foo', sub: 'bar' })).toEqual([
      'baz',
    ])
    expect(await ask('LET doc = { foo: { bar: "baz" } } RETURN doc[@attr][@sub]', { attr: 'foo', sub: 'bar' })).toEqual(
      ['baz'],
    )
    expect(await ask('LET doc = { a: { b: { c: 1 } } } RETURN doc.@attr', { attr: ['a', 'b', 'c'] })).toEqual([1])
    expect(await ask('LET doc = { a: { b: { c: 1 } } } RETURN doc.@attr', { attr: 'a.b.c' })).toEqual([null])
    await expect(ask('LET doc = {} RETURN doc.@attr', { attr: 5 })).rejects.toMatchObject({ errorNum: 1553 })
  })
})

describe('what the emulator refuses', () => {
  it.each([
    ['RETURN', 1501],
    ['RETURN 1 +', 1501],
    ['FOR x IN [1] FILTER x', 1501],
    ['RETURN doc.filter', 1501],
    ['FOR x IN [1] WINDOW { preceding: 1 } AGGREGATE s = SUM(x) RETURN s', 1501],
    ['RETURN [1, 2][* FILTER CURRENT > 1]', 1501],
    ['FOR v IN 1..2 OUTBOUND "a/b" GRAPH "g" RETURN v', 1501],
    ['', 1502],
    ['RETURN MY_OWN(1)', 1540],
    ['RETURN LENGTH()', 1541],
    ['FOR x IN nowhere FILTER y == 1 RETURN x', 1203],
    ['LET a = 1 LET a = 2 RETURN a', 1511],
    ['RETURN @missing', 1551],
    ['FOR x IN 5 RETURN x', 1563],
  ])('%s', async (query, errorNum) => {
    await expect(ask(query)).rejects.toMatchObject({ errorNum })
  })
  it('refuses a parameter that nobody asked for, and a name that is no name', async () => {
    await expect(ask('RETURN 1', { extra: 1 })).rejects.toMatchObject({ errorNum: 1552 })
    await expect(ask('FOR d IN @@c RETURN d', { '@c': 5 })).rejects.toMatchObject({ errorNum: 1553 })
  })
})

describe('high-level operations', () => {
  it('LET, subqueries, LIMIT, RETURN DISTINCT', async () => {
    expect(
      await ask('LET sum = SUM(FOR x IN 1..4 RETURN x) FOR x IN 1..10 FILTER x > sum - 8 LIMIT 1, 2 RETURN x'),
    ).toEqual([4, 5])
    expect(await ask('FOR x IN [1, 2, 1, { a: 1 }, { a: 1 }] RETURN DISTINCT x')).toEqual([1, 2, { a: 1 }])
    expect(await ask('FOR x IN [1, 2] LET y = (FOR z IN [10, 20] RETURN z * x) RETURN y')).toEqual([
      [10, 20],
      [20, 40],
    ])
    expect(await ask('FOR x IN @list SORT x @how LIMIT @n RETURN x', { list: [3, 1, 2], how: 'DESC', n: 2 })).toEqual([
      3, 2,
    ])
  })

  // collect.md
  it('COLLECT in all its forms', async () => {
    const users = [
      { name: 'a', city: 'Köln', age: 20 },
      { name: 'b', city: 'Bonn', age: 30 },
      { name: 'c', city: 'Köln', age: 40 },
    ]
    expect(await ask('FOR u IN @users COLLECT city = u.city RETURN city', { users })).toEqual(['Bonn', 'Köln'])
    expect(await ask('FOR u IN @users COLLECT WITH COUNT INTO length RETURN length', { users })).toEqual([3])
    expect(await ask('FOR u IN [] COLLECT WITH COUNT INTO length RETURN length')).toEqual([0])
    expect(await ask('FOR u IN @users COLLECT city = u.city WITH COUNT INTO n RETURN { city, n }', { users })).toEqual([
      { city: 'Bonn', n: 1 },
      { city: 'Köln', n: 2 },
    ])
    expect(await ask('FOR u IN @users COLLECT city = u.city INTO g = u.name RETURN [city, g]', { users })).toEqual([
      ['Bonn', ['b']],
      ['Köln', ['a', 'c']],
    ])
    expect(await ask('FOR u IN @users COLLECT city = u.city INTO g RETURN g[*].u.name', { users })).toEqual([
      ['b'],
      ['a', 'c'],
    ])
    expect(
      await ask(
        'FOR u IN @users COLLECT AGGREGATE low = MIN(u.age), high = MAX(u.age), n = COUNT(), s = SUM(u.age) RETURN { low, high, n, s }',
        { users },
      ),
    ).toEqual([{ low: 20, high: 40, n: 3, s: 90 }])
    expect(await ask('FOR u IN @users LET n = u.name COLLECT city = u.city INTO g KEEP n RETURN g', { users })).toEqual(
      [[{ n: 'b' }], [{ n: 'a' }, { n: 'c' }]],
    )
  })
})
