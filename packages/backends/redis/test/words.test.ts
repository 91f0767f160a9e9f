import { documentKey, version } from '@veritas-db/core/contract'
import { describe, expect, it } from 'vitest'
import { checkLength } from '../src/check.js'
import { parseId, recordId, toEntry } from '../src/records.js'
import { RediSearch, similarity } from '../src/redisearch/engine.js'
import { indexedText, wordQuery, wordsOf } from '../src/redisearch/words.js'

describe('words', () => {
  it.each<[string, readonly string[]]>([
    ['A zebra, stands!', ['a', 'zebra', 'stands']],
    ['КЕНГУРУ «прыгает» — 日本語', ['кенгуру', 'прыгает', '日本語']],
    ['Cafe\u0301 under_score\nnext', ['caf\u00e9', 'under', 'score', 'next']],
    ['"*()-:\\|!', []],
  ])('of %j', (text, words) => {
    expect(wordsOf(text)).toEqual(words)
  })

  it('are indexed as they are where Redis cuts the text alike', () => {
    expect(indexedText("It's (plain) text - 1.5%")).toBe("It's (plain) text - 1.5%")
    expect(indexedText('Käfer_x\nY')).toBe('käfer x y')
    expect(indexedText('\\')).toBe('')
  })

  it('make a query without syntax', () => {
    expect(wordQuery('t', '@x:{zebra} | -zebra ~"Quokka"=>[KNN')).toBe('@t:(x|zebra|quokka|knn)')
    expect(wordQuery('t', ' *|() ')).toBeUndefined()
  })
})

describe('records', () => {
  const key = documentKey({ collection: 'c' }, 'a')
  const record = { key, documentId: 'a', version: version(7), ordinal: 3, vector: Float32Array.of(1, 2), metadata: {} }

  it('have ids in the order of key and ordinal', () => {
    const ids = [0, 1, 9, 10, 99, 100, 12345, Number.MAX_SAFE_INTEGER].map((ordinal) => recordId(key, ordinal))
    expect(ids.slice().sort()).toEqual(ids)
    expect(parseId(recordId(key, 12345))).toEqual({ key, ordinal: 12345 })
    expect(() => parseId('somebody-else')).toThrow(/did not write/)
  })

  const search = new RediSearch('flat', { m: 16, efConstruction: 200, efRuntime: 100 }, 1000)

  it('keep a text that is not indexed as it is beside what is', () => {
    const fieldsOf = (text?: string): unknown =>
      search.encode({ ...record, ...(text !== undefined && { text }) }).fields.slice(6)
    expect(fieldsOf('plain text')).toEqual(['t', 'plain text'])
    expect(fieldsOf('Käfer')).toEqual(['t', 'käfer', 'x', 'Käfer'])
    expect(fieldsOf('—')).toEqual(['x', '—'])
    expect(fieldsOf('')).toEqual(['x', ''])
    expect(fieldsOf()).toEqual([])
  })

  it('hand the vector over without a copy, also one that is a part of another', () => {
    const vector = Float32Array.of(9, 1, 2, 9).subarray(1, 3)
    const bytes = toEntry({ ...record, vector }).fields[5] as Buffer
    expect(bytes.buffer).toBe(vector.buffer)
    expect([bytes.readFloatLE(0), bytes.readFloatLE(4), bytes.length]).toEqual([1, 2, 8])
  })

  it('need a direction where cosine compares them', () => {
    expect(() => checkLength(Float32Array.of(0, 0))).toThrow(/no direction/)
    expect(() => checkLength(Float32Array.of(1e-30, 0))).toThrow(/too short/)
    expect(() => checkLength(Float32Array.of(1e30, 0))).toThrow(/too long/)
    expect(() => checkLength(Float32Array.of(1e-5, 0))).not.toThrow()
  })
})

it('distances become similarities', () => {
  expect(similarity('cosine', 0.25)).toBe(0.75)
  expect(similarity('cosine', -1e-8)).toBe(1)
  expect(similarity('dot', -4)).toBe(5)
  expect(similarity('euclidean', 9)).toBe(0.25)
})
