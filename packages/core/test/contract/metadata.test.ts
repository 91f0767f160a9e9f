import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeMetadata, encodeFieldPath, encodeMetadata, flattenMetadata } from '../../src/contract/metadata-codec.js'
import {
  checkFieldName,
  checkMetadata,
  isSealed,
  type Metadata,
  type MetadataValue,
  sealMetadata,
} from '../../src/contract/values.js'
import { refusal } from './refusal.js'

/** A field name that is allowed. */
const fieldName: fc.Arbitrary<string> = fc
  .oneof(
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }),
    fc.constantFrom('constructor', 'toString', 'toJSON', 'length', "it's", '@types/node', 'date', 'hasOwnProperty'),
  )
  .map((name) => name.replace(/[.\p{Cc}]/gu, '_').replace(/^\$/, '_'))
  .filter((name) => name !== '__proto__')

const text: fc.Arbitrary<string> = fc.string({ unit: 'binary' }).map((s) => s.replaceAll('\0', ''))
const finite: fc.Arbitrary<number> = fc
  .oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.maxSafeInteger())
  .filter((n) => !Number.isInteger(n) || Number.isSafeInteger(n))
  // Stored as 0, by contract.
  .map((n) => (Object.is(n, -0) ? 0 : n))
const date: fc.Arbitrary<Date> = fc.date({ noInvalidDate: true })

const metadata: fc.Arbitrary<Metadata> = fc.letrec<{ object: Metadata; value: MetadataValue }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    text,
    finite,
    fc.boolean(),
    fc.constant(null),
    date,
    fc.array(text, { maxLength: 4 }),
    fc.array(finite, { maxLength: 4 }),
    tie('object'),
  ),
  object: fc.dictionary(fieldName, tie('value'), { maxKeys: 5, noNullPrototype: true }),
})).object

describe('checkMetadata', () => {
  it('takes all that the type allows', () => {
    fc.assert(fc.property(metadata, (data) => checkMetadata(data)))
  })

  const itself: Record<string, unknown> = { a: {} }
  Object.assign(itself.a as object, { back: itself })
  const sparse: string[] = ['a', 'b', 'c']
  delete sparse[1]
  let deep: Record<string, unknown> = {}
  for (let i = 0; i < 17; i++) deep = { d: deep }

  it.each<[string, unknown, string]>([
    ['null', null, 'metadata: needs a plain object, got null'],
    ['an array', [], 'metadata: needs a plain object, got array'],
    ['a Map', new Map(), 'metadata: needs a plain object, got Map'],
    ['NaN', { a: Number.NaN }, 'metadata.a: needs a finite number, got NaN'],
    ['infinity', { a: { b: Number.POSITIVE_INFINITY } }, 'metadata.a.b: needs a finite number, got Infinity'],
    ['2^53', { a: 2 ** 53 }, 'metadata.a: 9007199254740992 is beyond 2^53 and would lose digits: store it as a string'],
    ['1e300', { a: -1e300 }, 'metadata.a: -1e+300 is beyond 2^53 and would lose digits: store it as a string'],
    ['an invalid date', { a: new Date('x') }, 'metadata.a: is an invalid date'],
    [
      'a BigInt',
      { a: 1n },
      'metadata.a: a bigint cannot be stored: use a string, number, boolean, null, Date, an array of strings or numbers, or an object',
    ],
    [
      'a function',
      { a: () => 1 },
      'metadata.a: a function cannot be stored: use a string, number, boolean, null, Date, an array of strings or numbers, or an object',
    ],
    [
      'a symbol',
      { a: Symbol('s') },
      'metadata.a: a symbol cannot be stored: use a string, number, boolean, null, Date, an array of strings or numbers, or an object',
    ],
    ['a class instance', { a: new URL('http://x') }, 'metadata.a: needs a plain object, got URL'],
    ['a boxed text', { a: Object('s') }, 'metadata.a: needs a plain object, got String'],
    ['a typed array', { a: new Float32Array(2) }, 'metadata.a: needs a plain object, got Float32Array'],
    ['a mixed array', { a: ['x', 1] }, 'metadata.a[1]: an array holds only strings or only numbers'],
    ['an array of booleans', { a: [true] }, 'metadata.a[0]: an array holds only strings or only numbers'],
    ['an array with null', { a: ['x', null] }, 'metadata.a[1]: an array holds only strings or only numbers'],
    ['an array in an array', { a: [['x']] }, 'metadata.a[0]: an array holds only strings or only numbers'],
    ['an array with a hole', { a: sparse }, 'metadata.a[1]: an array holds only strings or only numbers'],
    ['NaN in an array', { a: [1, Number.NaN] }, 'metadata.a[1]: needs a finite number, got NaN'],
    [
      'NUL in an array',
      { a: ['\0'] },
      'metadata.a[0]: holds a NUL character, which several databases cannot store: remove it',
    ],
    ['a lone surrogate', { a: '\udc00' }, 'metadata.a: is not well-formed Unicode (a lone surrogate)'],
    ['a circle', itself, 'metadata.a.back: refers to itself'],
    ['too deep', deep, `metadata${'.d'.repeat(17)}: nests deeper than 16 objects`],
    ['an empty name', { '': 1 }, 'metadata[""]: a field name must not be empty'],
    [
      'a dot',
      { a: { 'b.c': 1 } },
      'metadata.a["b.c"]: a field name must not hold a dot: dots separate nested fields in filters',
    ],
    ['a dollar', { $a: 1 }, 'metadata["$a"]: a field name must not start with "$": that is how operators start'],
    ['__proto__', JSON.parse('{"__proto__": 1}'), 'metadata["__proto__"]: is a reserved name'],
    ['a control character', { 'a\tb': 1 }, 'metadata["a\\tb"]: a field name must not hold control characters'],
    [
      'a name that is too long',
      { ['x'.repeat(257)]: 1 },
      `metadata["${'x'.repeat(80)}"]: a field name has at most 256 bytes`,
    ],
    [
      'an invalid name of an undefined value',
      { $a: undefined },
      'metadata["$a"]: a field name must not start with "$": that is how operators start',
    ],
  ])('refuses %s', (_name, value, message) => {
    expect(refusal(() => checkMetadata(value))).toBe(message)
  })

  it('takes the same object twice, since that is no circle', () => {
    const shared = { x: 1 }
    checkMetadata({ a: shared, b: shared, c: { d: shared } })
  })

  it('takes objects without a prototype, and what is just within the limits', () => {
    checkMetadata(Object.assign(Object.create(null), { a: 1 }))
    checkMetadata({ ['x'.repeat(256)]: [], largest: 2 ** 53 - 1, date: new Date(8.64e15), absent: undefined })
  })

  it('calls the metadata what it is told to', () => {
    expect(refusal(() => checkMetadata({ a: Number.NaN }, 'rows[3].values'))).toMatch(/^rows\[3\]\.values\.a: /)
  })
})

describe('sealMetadata', () => {
  it('copies and freezes, so that a change of the original changes nothing', () => {
    const when = new Date(5)
    const original = { a: { b: ['x'] }, when }
    const sealed = sealMetadata(original)
    original.a.b.push('y')
    when.setTime(9)
    expect(sealed).toEqual({ a: { b: ['x'] }, when: new Date(5) })
    expect(() => Object.assign(sealed, { c: 1 })).toThrow(TypeError)
    expect(() => (sealed.a as { b: string[] }).b.push('z')).toThrow(TypeError)
    expect([isSealed(sealed), isSealed(original), isSealed(null)]).toEqual([true, false, false])
    expect(sealMetadata(sealed)).toBe(sealed)
  })

  it('refuses what checkMetadata refuses, and leaves out undefined', () => {
    expect(refusal(() => sealMetadata({ a: Number.NaN }))).toBe('metadata.a: needs a finite number, got NaN')
    expect(Object.keys(sealMetadata({ a: undefined, b: 1 }))).toEqual(['b'])
  })

  it('equals the original', () => {
    fc.assert(
      fc.property(metadata, (data) => {
        expect(sealMetadata(data)).toEqual(data)
      }),
    )
  })
})

describe('the codec', () => {
  it('gives back what went in', () => {
    fc.assert(
      fc.property(metadata, (data) => {
        expect(decodeMetadata(encodeMetadata(data))).toEqual(data)
        expect(decodeMetadata(encodeMetadata(sealMetadata(data)))).toEqual(data)
      }),
    )
  })

  it('keeps apart what looks alike', () => {
    const data = {
      date: new Date(0),
      text: '1970-01-01T00:00:00.000Z',
      number: 0,
      object: { date: 0 },
      json: '{"$date":0}',
      none: null,
    }
    const back = decodeMetadata(encodeMetadata(data))
    expect(back).toEqual(data)
    expect(back.date).toBeInstanceOf(Date)
  })

  it('leaves out undefined, and stores -0 as 0', () => {
    expect(encodeMetadata({ a: undefined, b: { c: undefined }, d: -0 })).toBe('{"b":{},"d":0}')
  })

  it('is one JSON text, dates as {"$date": milliseconds}', () => {
    expect(encodeMetadata({ a: [new Date(0)].length, when: new Date(12), in: { when: new Date(-1) } })).toBe(
      '{"a":1,"when":{"$date":12},"in":{"when":{"$date":-1}}}',
    )
  })
})

describe('flattenMetadata', () => {
  it('gives typed leaves under dotted paths, without null and undefined', () => {
    const when = new Date(1)
    const data = {
      s: 'x',
      n: 1,
      b: false,
      when,
      tags: ['a'],
      nums: [1],
      none: [],
      gone: null,
      o: { p: { q: 2 }, r: undefined, e: {} },
    }
    expect(flattenMetadata(data)).toEqual([
      { path: 's', type: 'string', value: 'x' },
      { path: 'n', type: 'number', value: 1 },
      { path: 'b', type: 'boolean', value: false },
      { path: 'when', type: 'date', value: when },
      { path: 'tags', type: 'string[]', value: ['a'] },
      { path: 'nums', type: 'number[]', value: [1] },
      { path: 'none', type: 'string[]', value: [] },
      { path: 'o.p.q', type: 'number', value: 2 },
    ])
  })
})

describe('encodeFieldPath', () => {
  const path: fc.Arbitrary<string> = fc.oneof(
    fc.array(fieldName, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('.')),
    // Close to the encoding itself, where two could meet.
    fc.string({ unit: fc.constantFrom('_', 'e', '9', 'é', '.', 'a', '2', 'E'), minLength: 1, maxLength: 8 }),
  )

  it('gives identifiers', () => {
    fc.assert(
      fc.property(path, (p) => {
        expect(encodeFieldPath(p)).toMatch(/^f_[A-Za-z0-9_]+$/)
      }),
    )
  })

  it('never gives the same for two paths', () => {
    fc.assert(
      fc.property(path, path, (a, b) => {
        expect(encodeFieldPath(a) === encodeFieldPath(b)).toBe(a === b)
      }),
      { numRuns: 2000 },
    )
    const close = ['é', '_e9_', '__e9__', '_é', 'é_', '_é_', 'e9', '_', '__', 'a.b', 'a_2e_b', 'a_b', 'a__b']
    expect(new Set(close.map((p) => encodeFieldPath(p))).size).toBe(close.length)
  })

  it('takes a prefix', () => {
    expect(encodeFieldPath('a.b_c', 'm_')).toBe('m_a_2e_b__c')
    expect(encodeFieldPath('\u{1f680}')).toBe('f__1f680_')
  })
})

describe('checkFieldName', () => {
  it.each(['@types/node', "it's", 'constructor', 'a b', '\\', '"', '\u{1f680}', 'a$'])('%s is allowed', (name) =>
    checkFieldName(name),
  )
})
