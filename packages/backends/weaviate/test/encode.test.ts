import { documentKey, type VectorRecord, version } from '@veritas-db/core/contract'
import { describe, expect, it } from 'vitest'
import { headOf, recordOf, recordUuid, type StoredObject, toEntry } from '../src/encode.js'

const scope = { collection: 'c' }
const record = (more: Partial<VectorRecord> = {}): VectorRecord => ({
  key: documentKey(scope, 'a'),
  documentId: 'a',
  version: version(7),
  ordinal: 3,
  vector: Float32Array.of(1, 2),
  metadata: {},
  ...more,
})

describe('recordUuid', () => {
  it('is a UUID of version 5, the same for the same record', () => {
    expect(recordUuid(record())).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    expect(recordUuid(record())).toBe(recordUuid(record({ metadata: { a: 1 } })))
  })

  it('is another one for another key, version or ordinal', () => {
    const others = [
      record(),
      record({ key: documentKey(scope, 'b') }),
      record({ version: version(8) }),
      record({ ordinal: 4 }),
    ]
    expect(new Set(others.map(recordUuid)).size).toBe(4)
  })
})

describe('an entry', () => {
  it('comes back as the record', () => {
    const metadata = { s: 'x', n: 1.5, d: new Date(5), t: ['a', 'a'], e: [], o: { p: null, q: true } }
    const whole = record({ metadata, text: 'words' })
    const { id, properties, ranges } = toEntry(whole)
    expect(ranges).toEqual(['n_n', 'd_d'])
    expect(properties).toMatchObject({ n_n: 1.5, d_d: 5, guard: {} })
    const stored: StoredObject = { uuid: id, properties, vectors: { default: [1, 2] } }
    expect(recordOf(stored, { metadata: true, text: true, vector: true })).toEqual(whole)
    const { vector: _, text: __, metadata: ___, ...bare } = whole
    expect(recordOf(stored, {})).toEqual(bare)
    expect(headOf(stored)).toEqual({ key: whole.key, version: whole.version, ordinal: 3 })
  })

  it.each(['a:b', ' spaces ', 'line\nbreak', '\u{1f600}', 'x'.repeat(512)])(
    'keeps the document id: %j',
    (documentId) => {
      const { id, properties } = toEntry(record({ documentId }))
      expect(recordOf({ uuid: id, properties }, {}).documentId).toBe(documentId)
    },
  )

  it('of somebody else is not mistaken for ours', () => {
    for (const head of [undefined, '', 'x.y.0:a', `${record().key}.${record().version}.0:`, 7])
      expect(() => headOf({ uuid: 'u', properties: { head } })).toThrow(/did not write/)
  })

  it('is measured as it is written', () => {
    const plain = toEntry(record()).bytes
    expect(toEntry(record({ text: '"'.repeat(100) })).bytes).toBeGreaterThanOrEqual(plain + 200)
  })
})
