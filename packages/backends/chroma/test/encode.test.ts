import { documentKey, type Metadata, type VectorRecord, version } from '@veritas-db/core/contract'
import { describe, expect, it } from 'vitest'
import { documentIdOf, leavesRest, metadataOf, parseId, recordId, toEntry } from '../src/encode.js'

const scope = { collection: 'c' }
const record = (documentId: string, metadata: Metadata = {}, more: Partial<VectorRecord> = {}): VectorRecord => ({
  key: documentKey(scope, documentId),
  documentId,
  version: version(7),
  ordinal: 3,
  vector: Float32Array.of(1, 2),
  metadata,
  ...more,
})

describe('record ids', () => {
  it.each(['a', 'a:b.c', '\u{1f600}', 'line\nbreak', 'x'.repeat(60)])('hold short document ids: %j', (id) => {
    const found = parseId(recordId(record(id)))
    expect(found).toEqual({ key: documentKey(scope, id), version: version(7), ordinal: 3, documentId: id })
  })

  it('leave long document ids to the metadata', () => {
    const entry = toEntry(record('x'.repeat(512)))
    expect(Buffer.byteLength(entry.id)).toBeLessThanOrEqual(128)
    expect(parseId(entry.id).documentId).toBeUndefined()
    expect(documentIdOf(parseId(entry.id), entry.metadata)).toBe('x'.repeat(512))
  })

  it('of others are not mistaken for ours', () => {
    expect(() => parseId('somebody-else')).toThrow(/did not write/)
  })
})

describe('metadata', () => {
  it('has a typed field a value and, but for booleans, its type', () => {
    const metadata = { s: 'x', n: 1, b: true, d: new Date(5), o: { p: { q: -0 }, r: {} } }
    const entry = toEntry(record('a', metadata))
    expect(entry.metadata).toEqual({
      key: documentKey(scope, 'a'),
      ...{ t_s: 's', s_s: 'x', t_n: 'n', i_n: 1, b_b: true, t_d: 'd', d_d: 5 },
      ...{ t_o: 'o', 't_o.p': 'o', 't_o.p.q': 'n', 'i_o.p.q': -0, 't_o.r': 'o' },
    })
    // In whatever order they come back.
    for (const fields of [Object.entries(entry.metadata), Object.entries(entry.metadata).reverse()])
      expect(metadataOf(Object.fromEntries(fields))).toEqual(metadata)
    expect(metadataOf(toEntry(record('a')).metadata)).toEqual({})
    expect(metadataOf(null)).toEqual({})
  })

  it('is kept as one text beside, where the fields do not say it all', () => {
    const metadata = { f: 0.5, t: ['x', 'x'], u: [2.5, 1], e: [], o: { p: null, q: 1 } }
    const entry = toEntry(record('a', metadata))
    expect(entry.metadata).toEqual({
      key: documentKey(scope, 'a'),
      metadata: JSON.stringify(metadata),
      ...{ t_f: 'n', f_f: 0.5, t_t: 'a', 'l["t","x"]': 1, t_u: 'a', 'l["u",1]': 1, 'l["u",2.5]': 1, t_e: 'a' },
      ...{ t_o: 'o', 't_o.q': 'n', 'i_o.q': 1 },
    })
    expect(metadataOf(entry.metadata)).toEqual(metadata)
    for (const alone of [{ f: 0.5 }, { t: ['x'] }, { n: null }, { o: { p: { n: null } } }])
      expect(toEntry(record('a', alone)).metadata.metadata).toBe(JSON.stringify(alone))
    expect(toEntry(record('a', { u: undefined })).metadata).toEqual({ key: documentKey(scope, 'a') })
  })

  it('may have names that objects have anyway', () => {
    const metadata = { constructor: { toString: 'x' }, valueOf: 1 }
    expect(metadataOf(toEntry(record('a', metadata)).metadata)).toEqual(metadata)
  })

  it('cannot collide with our own fields', () => {
    const { metadata } = toEntry(record('a', { key: 'x', metadata: 'y', document: 'z' }))
    expect(metadata.key).toBe(documentKey(scope, 'a'))
    expect(metadataOf(metadata)).toEqual({ key: 'x', metadata: 'y', document: 'z' })
  })

  it('tells what a merge would leave', () => {
    const before = toEntry(record('a', { x: 1, y: 2 }, { text: 'old' }))
    expect(leavesRest(before, before.metadata, 'old')).toBe(false)
    expect(leavesRest(toEntry(record('a', { x: 'other' }, { text: 'new' })), before.metadata, 'old')).toBe(true)
    expect(leavesRest(toEntry(record('a', { x: 1, y: 2 })), before.metadata, 'old')).toBe(true)
    expect(leavesRest(toEntry(record('a', { x: 1, y: 2, z: 3 })), before.metadata, null)).toBe(false)
  })

  it('is measured as it is written', () => {
    const plain = toEntry(record('a')).bytes
    expect(toEntry(record('a', {}, { text: '"'.repeat(100) })).bytes).toBeGreaterThanOrEqual(plain + 200)
  })
})
