import { type FilterNode, parseFilter } from '@veritas-db/core/contract'
import { describe, expect, it } from 'vitest'
import { neo4jDialect } from '../src/dialect.js'
import { type CompiledFilter, compileFilter } from '../src/filter.js'
import { MAX_INDEXED_BYTES } from '../src/properties.js'

const compileNode = (node: FilterNode): CompiledFilter =>
  compileFilter(node, 'n', neo4jDialect, (date) => ({ native: date.getTime() }))
const compile = (filter: unknown): CompiledFilter => compileNode(parseFilter(filter))

describe('filters as Cypher', () => {
  it('compares a property with a parameter', () => {
    expect(compile({ title: 'x' })).toEqual({ text: 'n.`title` = $f0', parameters: { f0: 'x' } })
    expect(compile({ year: { $gte: 2020 } })).toEqual({ text: 'n.`year` >= $f0', parameters: { f0: 2020 } })
    expect(compile({ flag: true })).toEqual({ text: 'n.`flag` = $f0', parameters: { f0: true } })
  })

  it('hands dates to the driver in its own type', () => {
    expect(compile({ when: { $lt: new Date(5) } })).toEqual({
      text: 'n.`when` < $f0',
      parameters: { f0: { native: 5 } },
    })
  })

  it('makes 0 of -0, which Neo4j orders before it', () => {
    expect(Object.is(compile({ n: -0 }).parameters.f0, 0)).toBe(true)
    expect(Object.is((compile({ n: { $in: [-0] } }).parameters.f0 as number[])[0], 0)).toBe(true)
  })

  it('negates what may be null exactly', () => {
    expect(compile({ title: { $ne: 'x' } }).text).toBe('NOT coalesce(n.`title` = $f0, false)')
    expect(compile({ title: { $not: { $gt: 'x' } } }).text).toMatch(/^NOT coalesce\(coalesce\(/)
    expect(compile({ title: { $nin: ['x'] } }).text).toBe('NOT coalesce((n.`title` IN $f0), false)')
  })

  it('takes null for null and missing; nested objects are neither', () => {
    const exists = '(n.`a` IS NOT NULL OR n.`_long_a` IS NOT NULL OR $f0 IN coalesce(n._objects, []))'
    expect(compile({ a: { $exists: true } })).toEqual({ text: exists, parameters: { f0: 'a' } })
    expect(compile({ a: null }).text).toBe(`NOT coalesce(${exists}, false)`)
    expect(compile({ a: { $in: [null] } }).text).toBe(`(NOT coalesce(${exists}, false))`)
    expect(compile({ a: { $in: [] } }).text).toBe('false')
  })

  it('looks for long texts where they are kept', () => {
    const long = 'x'.repeat(MAX_INDEXED_BYTES + 1)
    expect(compile({ a: long }).text).toBe('n.`_long_a` = $f0')
    expect(compile({ a: { $in: ['x', long] } })).toEqual({
      text: '(n.`a` IN $f0 OR n.`_long_a` IN $f1)',
      parameters: { f0: ['x'], f1: [long] },
    })
    expect(compile({ a: { $startsWith: 'x' } }).text).toBe('coalesce(n.`a`, n.`_long_a`) STARTS WITH $f0')
  })

  it('orders text by code point', () => {
    expect(compile({ a: { $gt: 'x\u{1f600}' } })).toEqual({
      text: 'coalesce(n.`_sort_a`, n.`a`, n.`_long_a`) > $f0',
      parameters: { f0: 'x\ud7ff01f600' },
    })
  })

  it('looks into lists only where there is one', () => {
    expect(compile({ tags: { $contains: 1 } }).text).toBe(
      'CASE WHEN coalesce(n.`tags`, n.`_long_tags`) IS :: LIST<ANY> THEN $f0 IN coalesce(n.`tags`, n.`_long_tags`) ELSE false END',
    )
    expect(compile({ tags: { $contains: 'x' } }).text).toContain('IS :: STRING NOT NULL')
  })

  it('joins conditions, the empty ones too', () => {
    expect(compile({ a: 1, b: 2 }).text).toBe('(n.`a` = $f0 AND n.`b` = $f1)')
    expect(compile({ $or: [{ a: 1 }, { b: 2 }] }).text).toBe('(n.`a` = $f0 OR n.`b` = $f1)')
    expect(compile({}).text).toBe('true')
    expect(compileNode({ op: 'or', nodes: [] }).text).toBe('false')
  })

  it('lets nothing of a path or a value into the text', () => {
    const hostile = '` = 1 OR true //\'"\\`'
    const { text, parameters } = compile({ [hostile]: hostile })
    expect(text).toMatch(/^n\.`[A-Za-z0-9_]+` = \$f0$/)
    expect(parameters).toEqual({ f0: hostile })
    const deep = Array.from({ length: 16 }, () => '`'.repeat(200)).join('.')
    expect(compile({ [deep]: 1 }).text).toMatch(/^n\.`_hash_[0-9a-f]{40}` = \$f0$/)
  })
})
