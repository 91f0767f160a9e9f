import { evaluateFilter, type FieldType, type FilterNode, type Metadata } from '@veritas-db/core/contract'
import { describe, expect, it } from 'vitest'
import { compileFilter } from '../src/filter.js'
import { decodeFields, encodeFields } from '../src/metadata.js'
import { endOfPrefix, wayIn } from '../src/narrow.js'
import { Bindings } from '../src/script.js'
import { assignSlots, cellsOf, readySlots, slotMap, slotValue } from '../src/slots.js'
import { run, url } from './server.js'

const slots = readySlots({
  texts: 3,
  numbers: 3,
  paths: {
    s: { column: 's0', type: 'string', ready: true },
    n: { column: 'n0', type: 'number', ready: true },
    b: { column: 'n1', type: 'boolean', ready: true },
    later: { column: 's1', type: 'string', ready: false },
  },
})

const compile = (node: FilterNode, by: typeof slots = new Map()): readonly [string, Record<string, unknown>] => {
  const bindings = new Bindings()
  return [compileFilter(node, bindings, by).atoms, bindings.values]
}

const f = ', f = parse_json(m), '

describe('compileFilter', () => {
  const cases: readonly (readonly [FilterNode, string, readonly unknown[]])[] = [
    [{ op: 'eq', path: 'a.b', value: 'x' }, `${f}get(f, $p0, null) == $p1`, [['a', 'b'], 'x']],
    [{ op: 'eq', path: 'n', value: -0 }, `${f}get(f, $p0, null) == $p1`, [['n'], 0]],
    [{ op: 'eq', path: 'n', value: 1e-9 }, `${f}get(f, $p0, null) == $p1`, [['n', '$number'], '1e-9']],
    [{ op: 'eq', path: 'd', value: new Date(5) }, `${f}get(f, $p0, null) == $p1`, [['d', '$date'], 5]],
    [{ op: 'ne', path: 'b', value: true }, `${f}!(get(f, $p0, null) == $p1)`, [['b'], true]],
    [{ op: 'eq', path: 'a', value: null }, `${f}!(!is_null(get(f, $p0, null)))`, [['a']]],
    [{ op: 'exists', path: 'a', value: true }, `${f}!is_null(get(f, $p0, null))`, [['a']]],
    [
      { op: 'lt', path: 'n', value: 1.5 },
      `${f}if(is_num(get(f, $p1, null)), get(f, $p1, null) < $p0, if(is_string(get(f, $p2, null)), to_float(get(f, $p2, null)) < $p0, false))`,
      [1.5, ['n'], ['n', '$number']],
    ],
    [
      { op: 'in', path: 'a', values: ['x', 1, 'y', null, 0.30000000000000004] },
      `${f}(!(!is_null(get(f, $p0, null))) || is_in(get(f, $p2, null), $p1) || is_in(get(f, $p4, null), $p3))`,
      [['a'], ['x', 1, 'y'], ['a'], ['0.30000000000000004'], ['a', '$number']],
    ],
    [{ op: 'in', path: 'a', values: [] }, ', false', []],
    [{ op: 'nin', path: 'a', values: [] }, ', !(false)', []],
    [{ op: 'contains', path: 'l', value: 2 }, `${f}!is_null(get(f, $p0, null))`, [['l', '$numbers', '2']]],
    [{ op: 'contains', path: 'l', value: 'x', in: 'list' }, `${f}!is_null(get(f, $p0, null))`, [['l', '$texts', 'x']]],
    [{ op: 'and', nodes: [] }, '', []],
    [{ op: 'or', nodes: [] }, ', false', []],
    [{ op: 'not', node: { op: 'or', nodes: [] } }, ', !(false)', []],
  ]
  it.each(cases)('%j', (node, script, values) => {
    const [found, bound] = compile(node)
    expect(found).toBe(script)
    expect(Object.values(bound)).toEqual(values)
  })

  it('asks slots where they hold values of that type, each part of a conjunction by itself', () => {
    const node: FilterNode = {
      op: 'and',
      nodes: [
        { op: 'eq', path: 's', value: 'x' },
        { op: 'gte', path: 'n', value: 0.30000000000000004 },
        { op: 'eq', path: 'b', value: true },
        { op: 'eq', path: 's', value: 1 },
      ],
    }
    const bindings = new Bindings()
    expect(compileFilter(node, bindings, slots)).toEqual({
      columns: ['m', 's0', 'n0', 'n1'],
      atoms: `${f}s0 == $p0, if(is_null(n0), false, n0 >= to_float($p1)), n1 == $p2, get(f, $p3, null) == $p4`,
    })
    expect(Object.values(bindings.values)).toEqual(['x', '0.30000000000000004', 1, ['s'], 1])
  })

  it('puts no value and no path into the script', () => {
    const evil = `"]) ?[a] <- [[1]] :rm documents {a}`
    for (const op of ['eq', 'gt', 'contains', 'startsWith'] as const)
      expect(compile({ op, path: evil, value: evil })[0]).not.toContain('documents')
    expect(compile({ op: 'in', path: evil, values: [evil] })[0]).not.toContain('documents')
  })
})

describe('wayIn', () => {
  const enter = (...nodes: readonly FilterNode[]): readonly [string | undefined, readonly unknown[]] => {
    const bindings = new Bindings()
    const source = { relation: 't', keys: ['k'], slots }
    const way = wayIn({ op: 'and', nodes }, source, () => ['n0', 's0'], bindings)
    return [way?.atoms, Object.values(bindings.values)]
  }

  it('prefers one value to several, and those to a range', () => {
    const range: FilterNode = { op: 'gt', path: 'n', value: 3 }
    const several: FilterNode = { op: 'in', path: 's', values: ['x', 'y', 'x'] }
    expect(enter(range)).toEqual([`*t:n0{n0, k}, n0 >= to_float('-1.7976931348623157e+308'), n0 > $p0`, [3]])
    expect(enter(range, several)).toEqual(['s0 in $p0, *t:s0{s0, k, n0}', [['x', 'y']]])
    expect(enter(range, several, { op: 'eq', path: 'n', value: 2 })).toEqual(['*t:n0{n0: to_float($p0), k}', [2]])
  })

  it('bounds texts by what they start with', () => {
    expect(enter({ op: 'startsWith', path: 's', value: 'ab' })).toEqual([
      `*t:s0{s0, k, n0}, s0 >= '', s0 >= $p0, s0 < $p1`,
      ['ab', 'ac'],
    ])
    expect(endOfPrefix('a\u{d7ff}')).toBe('a\u{e000}')
    expect(endOfPrefix('a\u{10ffff}')).toBe('b')
    expect(endOfPrefix('\u{10ffff}')).toBeUndefined()
    expect(endOfPrefix('')).toBeUndefined()
  })

  it('is none for null, for other types, for slots that are not ready, and for what need not be true', () => {
    expect(enter({ op: 'eq', path: 's', value: null })[0]).toBeUndefined()
    expect(enter({ op: 'eq', path: 's', value: 5 })[0]).toBeUndefined()
    expect(enter({ op: 'in', path: 's', values: ['x', null] })[0]).toBeUndefined()
    expect(enter({ op: 'eq', path: 'later', value: 'x' })[0]).toBeUndefined()
    expect(enter({ op: 'or', nodes: [{ op: 'eq', path: 's', value: 'x' }] })[0]).toBeUndefined()
    expect(enter({ op: 'not', node: { op: 'eq', path: 's', value: 'x' } })[0]).toBeUndefined()
  })
})

describe('slots', () => {
  it('stay with their paths, and go to new ones as long as there are some', () => {
    const wanted = Object.fromEntries<FieldType>([
      ['a', 'string'],
      ['l', 'string[]'],
      ['c', 'boolean'],
      ['constructor', 'date'],
    ])
    const first = assignSlots(undefined, wanted)
    expect(first).toEqual({
      texts: 3,
      numbers: 4,
      paths: {
        a: { column: 's0', type: 'string', ready: true },
        c: { column: 'n0', type: 'boolean', ready: true },
        constructor: { column: 'n1', type: 'date', ready: true },
      },
    })
    const then = assignSlots(first, { t0: 'string', t1: 'string', t2: 'string', a: 'number' })
    expect(then).toMatchObject({ texts: 3, numbers: 4 })
    expect(Object.keys(then.paths)).toEqual(['a', 'c', 'constructor', 't0', 't1'])
    expect([then.paths.a, then.paths.t1]).toEqual([first.paths.a, { column: 's2', type: 'string', ready: false }])
    const many = Object.fromEntries(Array.from({ length: 40 }, (_, i): [string, FieldType] => [`n${i}`, 'number']))
    expect(Object.keys(assignSlots(undefined, many).paths)).toHaveLength(32)
  })
})

const metadata: Metadata = {
  s: '',
  n: 0.1,
  odd: 0.30000000000000004,
  b: false,
  d: new Date(-1),
  texts: ['b', 'a', 'b', '__proto__'],
  numbers: [1, 0.30000000000000004, 0],
  none: [],
  nothing: null,
  in: { deep: { x: 1e-300, l: ['y'] }, empty: {} },
}

describe('encodeFields', () => {
  it('keeps every value with its type, and lists as names beside themselves', () => {
    expect(JSON.parse(encodeFields(metadata))).toEqual(
      JSON.parse(
        `{"s": "", "n": 0.1, "odd": {"$number": "0.30000000000000004"}, "b": false, "d": {"$date": -1},
          "texts": {"$list": ["b", "a", "b", "__proto__"], "$texts": {"b": 1, "a": 1, "__proto__": 1}},
          "numbers": {"$list": [1, 0.30000000000000004, 0], "$numbers": {"1": 1, "0.30000000000000004": 1, "0": 1}},
          "none": {"$list": [], "$texts": {}}, "nothing": null,
          "in": {"deep": {"x": {"$number": "1e-300"}, "l": {"$list": ["y"], "$texts": {"y": 1}}}, "empty": {}}}`,
      ),
    )
  })

  it('gives back what went in', () => {
    expect(decodeFields(encodeFields(metadata))).toEqual(metadata)
    expect(decodeFields(encodeFields({ plain: 'text with "$ in it', n: 5 }))).toEqual({
      plain: 'text with "$ in it',
      n: 5,
    })
  })
})

describe.skipIf(!url)(url ? 'numbers on the server' : 'numbers: not run, VERITAS_COZO_URL is not set', () => {
  const numbers = [
    0.1,
    0.3,
    0.30000000000000004,
    1e-7,
    5e-324,
    1.7976931348623157e308,
    2 ** 53 - 1,
    123456789.125,
    0.9876543210987654,
    123456789012345.6,
    -1.5,
    -0.000123,
    ...Array.from({ length: 200 }, (_, i) => Math.sin(i) * 10 ** ((i % 40) - 20)),
  ]

  it('are compared exactly, where the server would round a number of JSON', async () => {
    const rows = numbers.map((n, i) => [i, encodeFields({ n })])
    for (const value of numbers.slice(0, 30))
      for (const op of ['eq', 'lt', 'gte'] as const) {
        const node: FilterNode = { op, path: 'n', value }
        const [atoms, params] = compile(node)
        const found = await run(`row[i, m] <- $rows ?[i] := row[i, m]${atoms}`, { ...params, rows })
        expect(found.map(([i]) => i)).toEqual(numbers.flatMap((n, i) => (evaluateFilter(node, { n }) ? [i] : [])))
      }
  })

  it('reach slots as they are, sent and out of the JSON', async () => {
    const all = slotMap(assignSlots(undefined, { n: 'number' }))
    const rows = numbers.map((n, i) => [i, encodeFields({ n }), ...cellsOf(all, { n })])
    const bindings = new Bindings()
    const value = slotValue('number', 'n', bindings)
    const found = await run(
      `row[i, m, c] <- $rows ?[i, a, b] := row[i, m, c], f = parse_json(m), a = ${value}, b = to_float(c)`,
      { ...bindings.values, rows },
    )
    expect(found).toEqual(numbers.map((n, i) => [i, n, n]))
  })
})
