import { evaluateFilter, type FilterNode, type Metadata } from '@veritas-db/core/contract'
import { describe, expect, it } from 'vitest'
import { encodeFields } from '../src/fields.js'
import { compileFilter } from '../src/filter.js'
import { Bindings } from '../src/script.js'
import { run, url } from './server.js'

const compile = (node: FilterNode): readonly [string, Record<string, unknown>] => {
  const bindings = new Bindings()
  return [compileFilter(node, bindings, 'j'), bindings.values]
}

describe('compileFilter', () => {
  const cases: readonly (readonly [FilterNode, string, readonly unknown[]])[] = [
    [{ op: 'eq', path: 'a.b', value: 'x' }, `(get(j, [$p0, 's'], null) == $p1)`, ['a.b', 'x']],
    [{ op: 'eq', path: 'n', value: -0 }, `(get(j, [$p0, 'n'], null) == $p1)`, ['n', '0']],
    [{ op: 'eq', path: 'd', value: new Date(5) }, `(get(j, [$p0, 'd'], null) == $p1)`, ['d', 5]],
    [{ op: 'ne', path: 'b', value: true }, `!((get(j, [$p0, 'b'], null) == $p1))`, ['b', true]],
    [{ op: 'eq', path: 'a', value: null }, `!(!is_null(get(j, $p0, null)))`, ['a']],
    [{ op: 'exists', path: 'a', value: true }, `!is_null(get(j, $p0, null))`, ['a']],
    [
      { op: 'lt', path: 'n', value: 1.5 },
      `if(is_null(get(j, [$p0, 'n'], null)), false, to_float(get(j, [$p0, 'n'], null)) < to_float($p1))`,
      ['n', '1.5'],
    ],
    [
      { op: 'gte', path: 's', value: 'x' },
      `if(is_null(get(j, [$p0, 's'], null)), false, get(j, [$p0, 's'], null) >= $p1)`,
      ['s', 'x'],
    ],
    [
      { op: 'in', path: 'a', values: ['x', 1, 'y', null] },
      `(!(!is_null(get(j, $p0, null))) || is_in(get(j, [$p1, 's'], null), $p2) || is_in(get(j, [$p3, 'n'], null), $p4))`,
      ['a', 'a', ['x', 'y'], 'a', ['1']],
    ],
    [{ op: 'in', path: 'a', values: [] }, 'false', []],
    [{ op: 'nin', path: 'a', values: [] }, '!(false)', []],
    [{ op: 'contains', path: 'l', value: 2 }, `!is_null(get(j, [$p0, 'm', $p1], null))`, ['l', '2']],
    [{ op: 'contains', path: 'l', value: 'x', in: 'list' }, `!is_null(get(j, [$p0, 'l', $p1], null))`, ['l', 'x']],
    [{ op: 'and', nodes: [] }, 'true', []],
    [{ op: 'or', nodes: [] }, 'false', []],
    [{ op: 'not', node: { op: 'or', nodes: [] } }, '!(false)', []],
  ]
  it.each(cases)('%j', (node, script, values) => {
    const [found, bound] = compile(node)
    expect(found).toBe(script)
    expect(Object.values(bound)).toEqual(values)
  })

  it('puts no value and no path into the script', () => {
    const evil = `"]) ?[a] <- [[1]] :rm documents {a}`
    for (const op of ['eq', 'gt', 'contains', 'startsWith'] as const)
      expect(compile({ op, path: evil, value: evil })[0]).not.toContain('documents')
    expect(compile({ op: 'in', path: evil, values: [evil] })[0]).not.toContain('documents')
  })
})

describe('encodeFields', () => {
  it('keeps every value that is there with its type', () => {
    const metadata: Metadata = {
      s: '',
      n: 0.1,
      b: false,
      d: new Date(-1),
      texts: ['b', 'a', 'b', '__proto__'],
      numbers: [1, -0],
      none: [],
      nothing: null,
      in: { deep: { x: 1 }, empty: {} },
    }
    expect(JSON.parse(JSON.stringify(encodeFields(metadata)))).toEqual(
      JSON.parse(
        `{"s": {"s": ""}, "n": {"n": "0.1"}, "b": {"b": false}, "d": {"d": -1}, "texts": {"l": {"b": 1, "a": 1, "__proto__": 1}},
          "numbers": {"m": {"1": 1, "0": 1}}, "none": {"l": {}}, "in": {"o": 1}, "in.deep": {"o": 1}, "in.deep.x": {"n": "1"}, "in.empty": {"o": 1}}`,
      ),
    )
  })
})

describe.skipIf(!url)(url ? 'numbers on the server' : 'numbers: not run, VERITAS_COZO_URL is not set', () => {
  it('are compared exactly, where the server would round a number of JSON', async () => {
    const numbers = [
      0.1,
      0.3,
      0.30000000000000004,
      1e-7,
      5e-324,
      1.7976931348623157e308,
      2 ** 53 - 1,
      123456789.125,
      -1.5,
    ]
    for (const value of numbers) {
      const rows = numbers.map((n, i) => [i, encodeFields({ n })])
      for (const op of ['eq', 'lt', 'gte'] as const) {
        const node: FilterNode = { op, path: 'n', value }
        const [script, params] = compile(node)
        const found = await run(`row[i, j] <- $rows ?[i] := row[i, j], ${script}`, { ...params, rows })
        expect(found.map(([i]) => i)).toEqual(numbers.flatMap((n, i) => (evaluateFilter(node, { n }) ? [i] : [])))
      }
    }
  })
})
