import { compareText, evaluateFilter } from '@veritas-db/core/contract'
import { describe, expect, it } from 'vitest'
import { fieldProperty, quote, reservedLabels, scopeLabel } from '../src/cypher.js'
import { neo4jDialect } from '../src/dialect.js'
import { textQuery } from '../src/environment.js'
import { MAX_INDEXED_BYTES, metadataProperties, sortText } from '../src/properties.js'
import { fromAnswer, toParameter } from '../src/raw.js'

const toDate = (date: Date): unknown => ({ native: date.getTime() })

describe('metadata as properties', () => {
  it('keeps values under their names, whole numbers as INTEGER, and the whole in the sidecar', () => {
    const metadata = {
      s: 'x',
      n: 2,
      f: 2.5,
      z: -0,
      b: false,
      d: new Date(7),
      tags: ['a'],
      nums: [1, 2],
      mixed: [1, 2.5],
    }
    const { _json: json, ...rest } = metadataProperties(metadata, toDate)
    expect(rest).toEqual({
      s: 'x',
      n: 2n,
      f: 2.5,
      z: 0n,
      b: false,
      d: { native: 7 },
      tags: ['a'],
      nums: [1n, 2n],
      mixed: [1, 2.5],
    })
    expect(json).toContain('{"$date":7}')
  })

  it('names nested values by their path, and notes the objects', () => {
    const { _json: _, ...rest } = metadataProperties({ a: { b: { c: 1 }, e: {} }, nothing: null }, toDate)
    expect(rest).toEqual({ a_2e_b_2e_c: 1n, _objects: ['a', 'a.b', 'a.e'] })
  })

  it('keeps long values out of what indexes cover', () => {
    const text = 'é'.repeat(MAX_INDEXED_BYTES / 2 + 1)
    const list = Array.from({ length: 1000 }, (_, i) => i)
    expect(Object.keys(metadataProperties({ text, list, short: 'x' }, toDate)).sort()).toEqual([
      '_json',
      '_long_list',
      '_long_text',
      'short',
    ])
  })

  it('never lets a field take the name of a property of ours', () => {
    for (const field of ['_key', '_version', '_json', '_label', '_lock', '_objects', '_text', '_vector', '_id'])
      expect(fieldProperty(field)).toBe(`_${field}`)
    expect(fieldProperty('é')).toBe('_e9_')
  })

  it('makes the order by unit that by code point', () => {
    const texts = [
      '',
      'a',
      'a\u{1f600}',
      'a\ue000',
      'a\uffff',
      '\ud7ff',
      '\ud7fe',
      '\u{10ffff}',
      '\u{10000}',
      '\ufffd',
      '\ud7ff0',
      'é',
    ]
    const byUnit = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
    for (const a of texts)
      for (const b of texts) expect(Math.sign(byUnit(sortText(a), sortText(b)))).toBe(Math.sign(compareText(a, b)))
    expect(evaluateFilter({ op: 'gt', path: 's', value: '\ue000' }, { s: '\u{1f600}' })).toBe(true)
  })
})

describe('names', () => {
  it('are quoted after the allow-pattern only', () => {
    expect(quote('a-b_1')).toBe('`a-b_1`')
    for (const name of ['', 'a`b', 'a b', 'ä', "a'", 'a\\u0060'])
      expect(() => quote(name)).toThrow(expect.objectContaining({ code: 'VALIDATION' }))
  })

  it('tell scopes and roles apart, and their labels are reserved', () => {
    const labels = (['graph', 'vector'] as const).flatMap((role) =>
      [{ collection: 'docs' }, { collection: 'docs', tenant: 'a' }, { collection: 'docs', incarnation: 1 }].map(
        (scope) => scopeLabel('veritas', role, scope),
      ),
    )
    expect(new Set(labels).size).toBe(6)
    const isReserved = reservedLabels('veritas')
    for (const label of labels) expect(isReserved(label)).toBe(true)
    expect(isReserved('veritas_collections')).toBe(true)
    for (const label of ['Document', 'veritas', 'Veritas_g_docs']) expect(isReserved(label)).toBe(false)
  })
})

describe('scores', () => {
  it('are the contract’s', () => {
    expect(neo4jDialect.score('cosine', 1)).toBe(1)
    expect(neo4jDialect.score('cosine', 0.5)).toBe(0)
    expect(neo4jDialect.score('cosine', 0)).toBe(-1)
    // Distance 3: 1 / (1 + 9) becomes 1 / (1 + 3).
    expect(neo4jDialect.score('euclidean', 0.1)).toBeCloseTo(0.25, 12)
    expect(neo4jDialect.score('euclidean', 1)).toBe(1)
  })
})

describe('full-text queries', () => {
  it('are words in quotes, joined by OR', () => {
    expect(textQuery('zebra AND title:x~2')).toBe('"zebra" OR "AND" OR "title" OR "x" OR "2"')
    expect(textQuery('"\\ *()')).toBeUndefined()
  })
})

describe('raw', () => {
  it('sends whole numbers as INTEGER and dates as dates, and refuses what cannot be sent', () => {
    expect(toParameter({ n: 1, f: 1.5, list: [2], when: new Date(3), nothing: null }, toDate)).toEqual({
      n: 1n,
      f: 1.5,
      list: [2n],
      when: { native: 3 },
      nothing: null,
    })
    expect(() => toParameter({ f: [() => 1] }, toDate)).toThrow('parameters.f[0]')
  })

  it('answers exact integers as numbers', () => {
    expect(fromAnswer({ a: 1n, b: [2n ** 60n], c: { toBigInt: () => 3n } })).toEqual({ a: 1, b: [2n ** 60n], c: 3 })
  })
})
