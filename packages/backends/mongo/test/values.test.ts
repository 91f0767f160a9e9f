import { BSON } from 'mongodb'
import { describe, expect, it } from 'vitest'
import { textQuery } from '../src/text.js'
import { bsonSize, decodeValues, encodeValues } from '../src/values.js'

const { calculateObjectSize, deserialize, serialize } = BSON

const data = {
  s: 'text \u{1f600}',
  n: -12.25,
  whole: 7,
  large: Number.MAX_SAFE_INTEGER,
  b: false,
  nothing: null,
  date: new Date(-1),
  tags: ['a', 'b'],
  nums: [1, 2.5],
  empty: [],
  nested: { object: {}, constructor: 1, '0': 'zero', a$b: 1 },
}

describe('values', () => {
  it('come back from BSON as they went in', () => {
    expect(decodeValues(deserialize(serialize(encodeValues(data))))).toEqual(data)
  })

  it('may have fields that the driver would take for types of its own', () => {
    const odd = { _bsontype: 'ObjectId', in: { __bsontype: 'Binary', sub_bsontype: 1, list: ['_bsontype'] } }
    expect(encodeValues(odd)).toEqual({
      __bsontype: 'ObjectId',
      in: { ___bsontype: 'Binary', sub_bsontype: 1, list: ['_bsontype'] },
    })
    expect(decodeValues(deserialize(serialize(encodeValues(odd))))).toEqual(odd)
  })

  it('are not copied where nothing is to be changed', () => {
    expect(encodeValues(data)).toBe(data)
  })

  it('are never larger than the size that is reckoned with', () => {
    for (const value of [data, {}, { list: Array.from({ length: 1000 }, (_, i) => `${i}`) }]) {
      expect(bsonSize(value)).toBeGreaterThanOrEqual(calculateObjectSize(value))
      expect(bsonSize(value)).toBeLessThan(calculateObjectSize(value) * 2 + 100)
    }
  })
})

describe('textQuery', () => {
  it('keeps words and drops what means something to $search', () => {
    expect(textQuery('zebra -quokka "two words"')).toBe('zebra quokka two words')
    expect(textQuery('zebra zebra')).toBe('zebra')
    expect(textQuery(' -"" ')).toBeUndefined()
    expect(textQuery(' ?! ... ')).toBeUndefined()
  })

  it('leaves it to the server what is one word', () => {
    expect(textQuery('snake_case, \u{1f600} pre-market')).toBe('snake_case, \u{1f600} pre market')
  })
})
