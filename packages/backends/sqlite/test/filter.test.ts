import { DatabaseSync } from 'node:sqlite'
import { type FilterNode, parseFilter } from '@veritas-db/core/contract'
import { describe, expect, it } from 'vitest'
import { compileFilter, type Field, successor } from '../src/filter.js'
import { balanced, jsonPath, literal, quote } from '../src/sql.js'

const fields: Readonly<Record<string, Field>> = {
  title: { kind: 'column', sql: 'r."title"', type: 'string' },
  open: { kind: 'column', sql: 'r."open"', type: 'boolean' },
  day: { kind: 'column', sql: 'r."day"', type: 'date' },
  year: { kind: 'json', sql: 'r.m', path: '$."year"', typed: { sql: 'r."f0"', type: 'number' } },
}
const resolve = (path: string): Field => fields[path] ?? { kind: 'json', sql: 'r.m', path: jsonPath(path) }
const compile = (filter: unknown): [string, ...unknown[]] => {
  const { sql, params } = compileFilter(parseFilter(filter), resolve)
  return [sql, ...params]
}

describe('the translation of filters', () => {
  it('is a pure function whose values are all parameters', () => {
    const hostile = `'; DROP TABLE x; --`
    const filter: FilterNode = parseFilter({ [hostile]: hostile, title: { $in: [hostile, null] } })
    const first = compileFilter(filter, resolve)
    expect(compileFilter(filter, resolve)).toEqual(first)
    expect(first.sql).not.toContain('DROP')
    expect(first.params).toContain(hostile)
  })

  it.each<[unknown, ...unknown[]]>([
    [{}, '1'],
    [{ $or: [] }, '0'],
    [{ title: 'a' }, 'r."title" = ?', 'a'],
    [{ title: null }, 'r."title" IS NULL'],
    [{ title: 3 }, '0'],
    [{ title: { $ne: 'a' } }, 'NOT ifnull(r."title" = ?, 0)', 'a'],
    [{ title: { $in: [] } }, '0'],
    [{ title: { $nin: ['a', 'b'] } }, 'NOT ifnull(r."title" IN (?, ?), 0)', 'a', 'b'],
    [{ title: { $exists: false } }, 'NOT ifnull(r."title" IS NOT NULL, 0)'],
    [{ title: { $contains: 'a' } }, 'instr(r."title", ?) > 0', 'a'],
    [{ title: { $startsWith: 'ab' } }, '(r."title" >= ? AND r."title" < ?)', 'ab', 'ac'],
    [{ open: true }, 'r."open" = ?', 1],
    [{ day: { $gte: new Date(5) } }, 'r."day" >= ?', 5],
    [{ year: { $gt: 2020 } }, `r."f0" > (? ->> '$')`, '2020'],
    [{ year: 'x' }, '(r.m -> ?) = ?', '$."year"', '"x"'],
    [{ 'a.b': true }, '(r.m -> ?) = ?', '$."a"."b"', 'true'],
    [{ a: null }, `ifnull(json_type(r.m, ?), 'null') = 'null'`, '$."a"'],
    [
      { a: { $lt: 3 } },
      `(json_type(r.m, ?) IN ('integer', 'real') AND json_extract(r.m, ?) < (? ->> '$'))`,
      '$."a"',
      '$."a"',
      '3',
    ],
    [{ a: { $lt: new Date(7) } }, 'json_extract(r.m, ?) < ?', '$."a"."$date"', 7],
    [{ title: 'a', open: false }, '(r."title" = ? AND r."open" = ?)', 'a', 0],
  ])('%j', (filter, ...expected) => {
    expect(compile(filter)).toEqual(expected)
  })

  it('gives a long list as one parameter', () => {
    const values = Array.from({ length: 100 }, (_, i) => `v${i}`)
    expect(compile({ title: { $in: values } })).toEqual([
      'r."title" IN (SELECT value FROM json_each(?))',
      JSON.stringify(values),
    ])
  })

  it('stays within the depth SQLite allows for a thousand conditions', () => {
    const db = new DatabaseSync(':memory:')
    db.exec('CREATE TABLE r (m)')
    const filter = parseFilter({ $and: Array.from({ length: 1000 }, (_, i) => ({ [`f${i}`]: { $ne: i } })) })
    const { sql, params } = compileFilter(filter, resolve)
    expect(db.prepare(`SELECT count(*) AS n FROM r WHERE ${sql}`).get(...params)?.n).toBe(0)
    db.close()
  })
})

describe('identifiers, paths and literals', () => {
  it('quotes what matches the allow-pattern, and refuses all else', () => {
    expect(quote('a_b-C1')).toBe('"a_b-C1"')
    for (const name of ['', '1a', 'a"b', 'a b', 'ä', "a'b", 'a;b', 'x'.repeat(200)]) expect(() => quote(name)).toThrow()
  })

  it('quotes every part of a path', () => {
    expect(jsonPath('')).toBe('$')
    expect(jsonPath(`a.b"c.d\\e`)).toBe(String.raw`$."a"."b\"c"."d\\e"`)
  })

  it('doubles quotes in literals', () => {
    expect(literal("it's")).toBe("'it''s'")
    expect(() => literal('a\u0000')).toThrow()
  })

  it('balances', () => {
    expect(balanced(['a', 'b', 'c', 'd'], 'OR')).toBe('((a OR b) OR (c OR d))')
  })
})

describe('the first text after a prefix', () => {
  it.each([
    ['a', 'b'],
    ['a\u{10ffff}', 'b'],
    ['\ud7ff', '\ue000'],
    ['\uffff', '\u{10000}'],
    ['\u{10ffff}', undefined],
    ['', undefined],
  ])('%j → %j', (prefix, next) => {
    expect(successor(prefix)).toBe(next)
  })
})
