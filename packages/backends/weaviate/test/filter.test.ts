import { evaluateFilter, type Metadata, parseFilter } from '@veritas-db/core/contract'
import { describe, expect, it } from 'vitest'
import { toEntry } from '../src/encode.js'
import {
  type Compiled,
  compileFilter,
  encodeText,
  presence,
  rangeProperty,
  rangesOf,
  scalarFacet,
} from '../src/filter.js'

type Input = Parameters<typeof parseFilter>[0]
const compile = (filter: Input, properties: readonly string[] = ['n_a', 'd_a']): Compiled =>
  compileFilter(parseFilter(filter), (name) => properties.includes(name))
const on = (property: string, operator: string, value: unknown): unknown => ({ operator, target: { property }, value })
const facets = (operator: string, value: unknown): unknown => on('facets', operator, value)
const not = (filter: unknown): unknown => ({ operator: 'Not', filters: [filter], value: null })
const both = (operator: string, ...filters: unknown[]): unknown => ({ operator, filters, value: null })
const M = '\uf8f6'
const E = '\uf8f7'

describe('compileFilter', () => {
  it.each<[string, Input, unknown]>([
    ['nothing', {}, true],
    ['an empty $or', { $or: [] }, false],
    ['an empty $in', { a: { $in: [] } }, false],
    ['an empty $nin', { a: { $nin: [] } }, true],
    ['text', { a: 'x' }, facets('Equal', `${M}a${M}sx${E}`)],
    ['text with spaces and wildcards', { a: ' *?\n ' }, facets('Equal', `${M}a${M}s \uf8f1\uf8f2\uf8f3 ${E}`)],
    ['an integer', { a: 1 }, facets('Equal', `${M}a${M}n1${E}`)],
    ['minus zero', { a: -0 }, facets('Equal', `${M}a${M}n0${E}`)],
    ['a boolean', { a: false }, facets('Equal', `${M}a${M}bfalse${E}`)],
    ['a date', { a: new Date(5) }, facets('Equal', `${M}a${M}d5${E}`)],
    ['null', { a: null }, not(facets('Equal', `${M}a${M}p${E}`))],
    ['exists', { a: { $exists: true } }, facets('Equal', `${M}a${M}p${E}`)],
    ['does not exist', { a: { $exists: false } }, not(facets('Equal', `${M}a${M}p${E}`))],
    ['$ne', { a: { $ne: 'x' } }, not(facets('Equal', `${M}a${M}sx${E}`))],
    ['$in', { a: { $in: ['x', 1] } }, facets('ContainsAny', [`${M}a${M}sx${E}`, `${M}a${M}n1${E}`])],
    [
      '$in with null',
      { a: { $in: ['x', null] } },
      both('Or', facets('Equal', `${M}a${M}sx${E}`), not(facets('Equal', `${M}a${M}p${E}`))),
    ],
    ['$nin', { a: { $nin: ['x', 1] } }, not(facets('ContainsAny', [`${M}a${M}sx${E}`, `${M}a${M}n1${E}`]))],
    ['$startsWith', { a: { $startsWith: 'x*' } }, facets('Like', `${M}a${M}sx\uf8f1*`)],
    [
      '$contains of a text',
      { a: { $contains: 'x?' } },
      both('Or', facets('Equal', `${M}a${M}Sx\uf8f2${E}`), facets('Like', `${M}a${M}s*x\uf8f2*`)),
    ],
    ['$contains of a number', { a: { $contains: 0.5 } }, facets('Equal', `${M}a${M}N0.5${E}`)],
    ['$gt', { a: { $gt: 2 } }, on('n_a', 'GreaterThan', 2)],
    ['$lte of a date', { a: { $lte: new Date(7) } }, on('d_a', 'LessThanEqual', 7)],
    ['$lt beyond 64 bits', { a: { $lt: 1e300 } }, on('n_a', 'LessThan', 2 ** 54)],
    ['a range of an unknown property', { b: { $gt: 2 } }, false],
    ['not a range of an unknown property', { $not: { b: { $gt: 2 } } }, true],
    ['not $gt', { a: { $not: { $gt: 2 } } }, not(on('n_a', 'GreaterThan', 2))],
    ['$and', { a: { $gt: 2 }, b: 'x' }, both('And', on('n_a', 'GreaterThan', 2), facets('Equal', `${M}b${M}sx${E}`))],
    ['one of an $and', { $and: [{ a: { $gt: 2 } }, {}] }, on('n_a', 'GreaterThan', 2)],
    ['false within an $and', { $and: [{ a: 'x' }, { $or: [] }] }, false],
  ])('%s', (_, filter, expected) => {
    expect(compile(filter)).toEqual(expected)
  })

  it('looks for parts of a text only where the field is not declared as a list', () => {
    const node = parseFilter({ a: { $contains: 'x' } }, { fields: { a: 'string[]' } })
    expect(compileFilter(node, () => true)).toEqual(facets('Equal', `${M}a${M}Sx${E}`))
  })

  it('names the properties that ranges need', () => {
    const filter: Input = { $or: [{ a: { $gt: 1 } }, { $not: { b: { $lt: new Date(0) } } }], c: 1 }
    expect(rangesOf(parseFilter(filter))).toEqual(['n_a', 'd_b'])
  })
})

describe('facets', () => {
  const texts = [
    '',
    '*',
    '?',
    '\n',
    'a*b',
    '\uf8f0',
    '\uf8f1',
    '\uf8f7',
    '\uf8f0\uf8f4',
    '\uf8f4',
    'a\uf8ff',
    '**',
    '\uf8f1*',
  ]

  it('have no wildcards, and one text one encoding', () => {
    expect(new Set(texts.map(encodeText)).size).toBe(texts.length)
    for (const text of texts) expect(encodeText(text)).not.toMatch(/[*?\n]/)
  })

  it('contain one another exactly where the texts do', () => {
    for (const whole of texts)
      for (const part of texts)
        expect(
          encodeText(whole).includes(encodeText(part)),
          `${JSON.stringify(part)} in ${JSON.stringify(whole)}`,
        ).toBe(whole.includes(part))
  })

  it('keep paths and values apart', () => {
    const pairs = [
      ['a', 'sb'],
      ['as', 'b'],
      ['a', '\uf8f6sb'],
      ['a\uf8f6s', 'b'],
    ] as const
    expect(new Set(pairs.map(([path, value]) => scalarFacet(path, value))).size).toBe(pairs.length)
    expect(presence('a')).not.toBe(scalarFacet('a', ''))
  })
})

describe('rangeProperty', () => {
  it('is a name of Weaviate, another one for every path, in lower case', () => {
    const paths = [
      'a',
      'A',
      '_41_',
      'a.b',
      'a_b',
      'a b',
      '\u{1f680}',
      'x'.repeat(256),
      `${'x'.repeat(255)}y`,
      '\u{1f680}'.repeat(60),
    ]
    const names = paths.flatMap((path) => [rangeProperty(path, 'number'), rangeProperty(path, 'date')])
    for (const name of names) expect(name).toMatch(/^[a-z][a-z0-9_]{0,230}$/)
    expect(new Set(names).size).toBe(names.length)
  })
})

/** What the server does, on the facets and numbers of one record: the oracle of the translation. */
function matches(compiled: Compiled, properties: Readonly<Record<string, unknown>>): boolean {
  if (typeof compiled === 'boolean') return compiled
  const { operator, filters = [], target, value } = compiled
  if (operator === 'And') return filters.every((f) => matches(f, properties))
  if (operator === 'Or') return filters.some((f) => matches(f, properties))
  if (operator === 'Not') return !filters.every((f) => matches(f, properties))
  const stored = properties[target?.property ?? '']
  const all = Array.isArray(stored) ? stored : stored === undefined ? [] : [stored]
  return all.some((one) => {
    if (operator === 'Equal') return one === value
    if (operator === 'ContainsAny') return (value as unknown[]).includes(one)
    if (operator === 'GreaterThan') return one > (value as number)
    if (operator === 'LessThanEqual') return one <= (value as number)
    const pattern = (value as string).split('*').map((part) => part.replace(/[.+^${}()|[\]\\]/g, '\\$&'))
    return new RegExp(`^${pattern.join('.*')}$`, 'u').test(one as string)
  })
}

it('records and conditions agree', () => {
  const data: Metadata[] = [
    {},
    { a: 'x*y', n: 1, list: ['x', 'y*'], o: { p: true } },
    { a: ' x', n: 1.5, list: [1, 2], o: { p: null } },
    { a: 1, n: 'x', list: [], o: {} },
    { a: new Date(5), n: new Date(1), list: 'x' },
    { a: null, n: -1, o: 'p' },
  ]
  const filters: Input[] = [
    { a: 'x*y' },
    { a: { $startsWith: 'x*' } },
    { a: { $contains: 'x' } },
    { a: { $ne: 1 } },
    { a: new Date(5) },
    { a: null },
    { n: { $gt: 1 } },
    { n: { $not: { $lte: 1 } } },
    { n: { $lte: new Date(1) } },
    { list: { $contains: 'x' } },
    { list: { $contains: 2 } },
    { list: { $exists: true }, o: { $exists: false } },
    { 'o.p': true },
    { $not: { 'o.p': { $in: [true, null] } } },
  ]
  for (const input of filters) {
    const node = parseFilter(input)
    for (const metadata of data) {
      const { properties } = toEntry({
        key: '0'.repeat(32) as never,
        version: '0'.repeat(24) as never,
        documentId: 'x',
        ordinal: 0,
        vector: Float32Array.of(1),
        metadata,
      })
      const compiled = compileFilter(node, () => true)
      expect(matches(compiled, properties), `${JSON.stringify(input)} on ${JSON.stringify(metadata)}`).toBe(
        evaluateFilter(node, metadata),
      )
    }
  }
})
