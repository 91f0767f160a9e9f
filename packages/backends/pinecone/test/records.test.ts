import { asKey, documentKey, issuesOf, type Metadata, version } from '@veritas-db/core/contract'
import { describe, expect, it } from 'vitest'
import { fieldName, fieldPath, fromNative, toNative } from '../src/metadata.js'
import {
  indexName,
  namespaceOf,
  parseIndexName,
  parseNamespace,
  parseRecordId,
  recordId,
  versionParts,
} from '../src/names.js'
import { toNativeRecord } from '../src/records.js'

const roundTrip = (metadata: Metadata): Metadata => fromNative(JSON.parse(JSON.stringify(toNative(metadata))))

describe('metadata', () => {
  const samples: Metadata[] = [
    {},
    { s: 'x', n: 1.5, b: false, d: new Date(-1), tags: ['a', 'b'], nums: [3, 1, 2.5] },
    { nothing: null, empty: [], object: {}, text: '' },
    { a: { b: { c: null, d: 1, e: { f: [], g: new Date(7) } } } },
    { constructor: { toString: 'x', hasOwnProperty: null }, rest: 'mine', key: 'mine', doc: { text: 1 } },
    { "it's": 1, 'with "quotes"': { _: 2, __: 3, '\u{1f680}': [1] }, 'a-b': true, A_41_: 'x', _e9_: { é: 'y' } },
  ]
  it.each(samples.map((sample) => [JSON.stringify(sample), sample] as const))('%s', (_, sample) => {
    expect(roundTrip(sample)).toEqual(sample)
  })

  it('undefined is not there', () => {
    expect(roundTrip({ a: undefined, b: { c: undefined } })).toEqual({ b: {} })
  })

  it('holds nothing twice', () => {
    expect(toNative({ title: 'x', year: 1, when: new Date(5), nested: { tags: ['a'] } })).toEqual({
      s_title: 'x',
      n_year: 1,
      d_when: 5,
      o_nested: true,
      a_nested_2e_tags: ['a'],
    })
  })

  it.each(['a', 'a.b', '_', '__', 'é_', '_é', 'a_2e_b', '@types/node', '\u{1f680}.x'])(
    'the field of %s is read back',
    (path) => {
      expect(fieldName('s', path)).toMatch(/^s_[A-Za-z0-9_]+$/)
      expect(fieldPath(fieldName('s', path))).toBe(path)
    },
  )
})

describe('names', () => {
  const scopes = [
    { collection: 'docs' },
    { collection: 'docs', tenant: 'acme' },
    { collection: 'Docs-x_1', tenant: 'Acme', incarnation: 12 },
    { collection: 'docs', incarnation: 3 },
  ]
  it.each(scopes)('%j is read back from its namespace', (scope) => {
    expect(parseNamespace('veritas', namespaceOf('veritas', scope))).toEqual(scope)
  })

  it('other namespaces are not ours', () => {
    for (const name of ['__default__', 'veritas', 'veritas.0', 'other.0.docs', 'veritas.x.docs', 'veritas.0.docs.a.b'])
      expect(parseNamespace('veritas', name)).toBeUndefined()
    expect(() => namespaceOf('veritas', { collection: 'a.b' })).toThrow(/no name/)
  })

  it('indexes are named by prefix, dimension and metric', () => {
    expect(indexName('veritas', 1536, 'dot')).toBe('veritas-1536-dotproduct')
    expect(parseIndexName('veritas', 'veritas-1536-dotproduct')).toEqual({ dimensions: 1536, metric: 'dot' })
    for (const name of ['other-8-cosine', 'veritas-8-hamming', 'veritas-08-cosine', 'veritas-x-8-cosine'])
      expect(parseIndexName('veritas', name)).toBeUndefined()
  })

  it('a record id is key, version and ordinal', () => {
    const identity = { key: documentKey({ collection: 'a' }, 'b'), version: version(5, 6, 7), ordinal: 12 }
    expect(parseRecordId(recordId(identity))).toEqual(identity)
    for (const id of ['', 'x', `${identity.key}.${identity.version}`, `${identity.key}.${identity.version}.1.2`])
      expect(() => parseRecordId(id)).toThrow()
  })

  it('halves of versions compare as versions do', () => {
    const versions = [
      version(0),
      version(1, 2, 3),
      version(1, 2, 4),
      version(1, 3, 0),
      version(2),
      version(2 ** 47, 9, 9),
    ]
    const order = (v: readonly [number, number]): number => v[0] * 2 ** 48 + v[1]
    for (let i = 1; i < versions.length; i++) {
      const [a, b] = [versionParts(versions[i - 1] as never), versionParts(versions[i] as never)]
      expect(a[0] < b[0] || (a[0] === b[0] && a[1] < b[1])).toBe(true)
      expect(order(a)).toBeLessThan(order(b))
    }
  })
})

describe('vectors', () => {
  it('of every size come back the same, and their size is not guessed too small', () => {
    const bits = Uint32Array.from({ length: 8000 }, (_, i) => Math.imul(i + 1, 2654435761))
    const numbers = [...new Float32Array(bits.buffer)]
    for (let e = -45; e <= 38; e++) numbers.push(Number(`1e${e}`), Number(`-9.9999999e${e}`))
    const vector = Float32Array.from([0, 1, 16777217, 0.1, 3.4028235e38, ...numbers]).filter(Number.isFinite)
    const key = asKey('0'.repeat(32))
    const { record, bytes } = toNativeRecord({
      ...{ key, documentId: 'a', version: version(1), ordinal: 0, vector, metadata: {} },
    })
    const json = JSON.stringify(record)
    expect(Float32Array.from(JSON.parse(json).values)).toEqual(vector)
    expect(json.length).toBeLessThanOrEqual(bytes)
  })

  it('the size of a record is never guessed too small, and not far too large', () => {
    const record = {
      key: asKey('0'.repeat(32)),
      documentId: '\u{1f680}\n"',
      version: version(1),
      ordinal: 0,
      vector: Float32Array.from({ length: 384 }, (_, i) => Math.sin(i)),
      text: 'é"\n'.repeat(100),
      metadata: { a: 'ü', b: [1, 2], c: { d: null } },
    }
    const native = toNativeRecord(record, 384)
    const size = Buffer.byteLength(JSON.stringify(native.record))
    expect(size).toBeLessThanOrEqual(native.bytes)
    expect(size).toBeGreaterThan(native.bytes * 0.9)
  })
})

describe('check', () => {
  const good = {
    key: asKey('0'.repeat(32)),
    documentId: 'a',
    version: version(1),
    ordinal: 0,
    vector: Float32Array.of(1, 2),
    metadata: {},
  }
  it.each([
    ['an all-zero vector', { vector: new Float32Array(2) }, 'vector', /all zero/],
    ['more than 40 KB of text', { text: 'x'.repeat(41_000) }, 'metadata', /40960/],
    ['more than 40 KB of metadata', { metadata: { x: 'é'.repeat(21_000) } }, 'metadata', /40960/],
  ])('%s', (_, wrong, path, message) => {
    expect(issuesOf([good, { ...good, ...wrong }], (record) => toNativeRecord(record, 2))).toEqual([
      { index: 1, path, message: expect.stringMatching(message) },
    ])
  })
})
