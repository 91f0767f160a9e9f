import { VeritasError } from '@veritas-db/core/contract'
import { describe, expect, it } from 'vitest'
import { numberParameters } from '../src/raw.js'
import { indexName, literal, quote, successor, tableName } from '../src/sql.js'

describe('names', () => {
  it('quotes what matches the one pattern, and refuses all else', () => {
    expect(quote('a-B_1')).toBe('"a-B_1"')
    for (const name of ['', 'a"b', "a'b", 'a b', '1a', 'ü', 'a\u0000', 'x'.repeat(64)])
      expect(() => quote(name), name).toThrow(VeritasError)
  })

  it('tells tables apart that look alike, within 63 characters', () => {
    const long = 'x'.repeat(63)
    const scope = { collection: long, tenant: long }
    const names = ['a-b', 'a_b', 'A_b', long, `${long.slice(1)}y`].map((table) =>
      tableName('p'.repeat(16), table, scope),
    )
    expect(new Set(names).size).toBe(names.length)
    for (const name of names) expect(name).toMatch(/^[a-z][a-z0-9_]{0,62}$/)
    expect(() => tableName('p', "a'b", scope)).toThrow(VeritasError)
    expect(indexName('p'.repeat(16), names[0] as string, 'USING hnsw').length).toBeLessThanOrEqual(63)
  })
})

describe('literals', () => {
  it('doubles quotes, and escapes backslashes whatever the server’s settings', () => {
    expect(literal("it's")).toBe("'it''s'")
    expect(literal('a\\b')).toBe("E'a\\\\b'")
    expect(literal("\\'")).toBe("E'\\\\'''")
    expect(() => literal('a\u0000')).toThrow(VeritasError)
  })

  it('finds the text after all with a prefix', () => {
    expect(successor('ab')).toBe('ac')
    expect(successor('a\u{10ffff}')).toBe('b')
    expect(successor('\ud7ff')).toBe('\ue000')
    expect(successor('')).toBeUndefined()
    expect(successor('\u{10ffff}')).toBeUndefined()
  })
})

describe('named parameters of raw', () => {
  it('numbers them, each once', () => {
    expect(numberParameters('SELECT :a, :b, :a', { a: 1, b: 2 })).toEqual({ sql: 'SELECT $1, $2, $1', values: [1, 2] })
  })

  it('passes over what only looks like one', () => {
    const sql = `SELECT ':a', E'\\':a', ":a", x::int, $$ :a $$, $t$ :a $t$ -- :a
      /* :a */`
    expect(numberParameters(sql, {})).toEqual({ sql, values: [] })
  })

  it('refuses a name without a value', () => {
    expect(() => numberParameters('SELECT :toString', {})).toThrow(/parameters\.toString: is missing/)
  })
})
