import vm from 'node:vm'
import {
  encodeMetadata,
  evaluateFilter,
  type FilterNode,
  type Metadata,
  type MetadataValue,
  parseFilter,
} from '@veritas-db/core/contract'
import { describe, expect, it } from 'vitest'
import { encodeFilter, FILTER_SCRIPT, needlesOf } from '../src/filter.js'
import { withParameters } from '../src/gizmo.js'

/** Runs the script as the server does: a text with nothing but the parameters in it. Answers for each of the metadata. */
const script = (filter: FilterNode, all: readonly Metadata[]): readonly boolean[] =>
  JSON.parse(
    vm.runInNewContext(
      withParameters(
        `${FILTER_SCRIPT} JSON.stringify(parameters.texts.map(function (t) { return matches(parameters.filter, JSON.parse(t)); }))`,
        { filter: encodeFilter(filter), texts: all.map(encodeMetadata) },
      ),
    ) as string,
  ) as boolean[]

const values: readonly (MetadataValue | undefined)[] = [
  undefined,
  null,
  '',
  'a',
  'ab',
  'b',
  '\ue000',
  '\u{1f600}',
  '\u2028',
  0,
  -0,
  1,
  1.5,
  true,
  false,
  new Date(0),
  new Date(5),
  ['a', 'b'],
  [1, 2],
  [],
  {},
  { x: 1 },
  { date: 0 },
]

describe('filters as a script', () => {
  it('is data: dates as metadata has them, nothing of the values in the script', () => {
    expect(encodeFilter(parseFilter({ d: { $gt: new Date(5) }, a: { $in: [null, new Date(1)] } }))).toEqual({
      op: 'and',
      nodes: [
        { op: 'gt', path: 'd', value: { $date: 5 } },
        { op: 'in', path: 'a', values: [null, { $date: 1 }] },
      ],
    })
    expect(FILTER_SCRIPT).not.toMatch(/=>|\blet\b|\bconst\b|`/)
  })

  it('gives what the reference evaluator gives, condition by condition', () => {
    const scalars = values.filter((v) => v === null || v instanceof Date || (v !== undefined && typeof v !== 'object'))
    const filters: FilterNode[] = [
      { op: 'and', nodes: [] },
      { op: 'or', nodes: [] },
    ]
    for (const path of ['v', 'v.x', 'v.length', 'toString'])
      for (const value of scalars as (string | number | boolean | Date | null)[]) {
        filters.push({ op: 'eq', path, value }, { op: 'ne', path, value })
        filters.push({ op: 'in', path, values: [value, 'zz'] }, { op: 'nin', path, values: [value] })
        if (value === null || typeof value === 'boolean') continue
        for (const op of ['gt', 'gte', 'lt', 'lte'] as const) filters.push({ op, path, value })
        if (!(value instanceof Date)) filters.push({ op: 'contains', path, value })
        if (typeof value === 'string') filters.push({ op: 'startsWith', path, value })
      }
    filters.push({ op: 'exists', path: 'v', value: true }, { op: 'exists', path: 'v', value: false })
    const all = values.map((v): Metadata => (v === undefined ? {} : { v }))
    for (const filter of filters) {
      const expected = all.map((metadata) => evaluateFilter(filter, metadata))
      expect(script(filter, all), JSON.stringify(filter)).toEqual(expected)
    }
  })

  it('joins and negates', () => {
    const filter = parseFilter({ $or: [{ a: 1 }, { $not: { b: { $exists: true } } }], c: { $ne: 2 } })
    const all = [{ a: 1 }, { a: 2 }, { a: 2, b: 1 }, { a: 1, c: 2 }, {}]
    expect(script(filter, all)).toEqual(all.map((metadata) => evaluateFilter(filter, metadata)))
  })

  it('whatever matches holds what is looked for before', () => {
    const all = values.map((v): Metadata => (v === undefined ? {} : { v, more: { 'odd "name"': v } }))
    for (const value of values)
      for (const path of ['v', 'more.odd "name"']) {
        if (value === undefined || (typeof value === 'object' && !(value instanceof Date) && value !== null)) continue
        const filter = parseFilter({ $and: [{ [path]: value }, { other: { $ne: 1 } }] })
        for (const metadata of all)
          if (evaluateFilter(filter, metadata))
            for (const needle of needlesOf(filter)) expect(encodeMetadata(metadata)).toContain(needle)
      }
    expect(needlesOf(parseFilter({ kind: 'a', year: { $gt: 1 }, $or: [{ b: 1 }] }))).toContain('"kind":"a"')
    expect(needlesOf(parseFilter({ $not: { kind: 'a' } }))).toEqual([])
  })
})
