import { describe, expect, it } from 'vitest'
import { decodeVector, encodeArray, encodeCopy, encodeTimestamp, encodeVector, TYPE_IDS } from '../src/binary.js'
import { clear, make, unless, url } from './server.js'

describe('binary formats', () => {
  it('writes arrays with dimensions, nulls and lengths', () => {
    const bytes = encodeArray({ name: 'a', type: 'int4', values: [1, null] }, TYPE_IDS.int4)
    expect(bytes.toString('hex')).toBe(
      ['00000001', '00000001', '00000017', '00000002', '00000001', '00000004', '00000001', 'ffffffff'].join(''),
    )
    expect(encodeArray({ name: 'a', type: 'text', values: [] }, TYPE_IDS.text).toString('hex')).toBe(
      ['00000000', '00000000', '00000019'].join(''),
    )
  })

  it('writes COPY with its signature and its end', () => {
    const bytes = Buffer.concat([...encodeCopy([{ name: 'a', type: 'bool', values: [true] }])])
    expect(bytes.subarray(0, 11).toString('latin1')).toBe('PGCOPY\n\xff\r\n\0')
    expect(bytes.subarray(19).toString('hex')).toBe(['0001', '00000001', '01', 'ffff'].join(''))
  })

  it('refuses a key that is none', () => {
    const good = '00112233445566778899aabbccddeeff'
    const uuid = (value: string): Buffer => encodeArray({ name: 'a', type: 'uuid', values: [value] }, TYPE_IDS.uuid)
    expect(uuid(good).toString('hex').slice(-32)).toBe(good)
    const bad = ['', good.slice(1), `${good}0`, good.replace('f', 'g'), good.replace('3', '\u0133'), good.toUpperCase()]
    for (const key of bad) expect(() => uuid(key), key).toThrow('32 hexadecimal digits')
  })

  it('writes short and long texts of any alphabet alike', () => {
    for (const text of [
      '',
      'plain',
      'é',
      'short é',
      'x'.repeat(48),
      'x'.repeat(49),
      'ü'.repeat(48),
      '\u{1f600}'.repeat(9),
    ]) {
      const bytes = encodeArray({ name: 'a', type: 'text', values: [text] }, TYPE_IDS.text)
      expect(bytes.readInt32BE(20)).toBe(Buffer.byteLength(text))
      expect(bytes.subarray(24).toString('utf8')).toBe(text)
    }
  })

  it('gives a vector back as it was, also a part of a larger array', () => {
    const vector = Float32Array.of(0, 1.5, -0.1, 3e38, 1e-40, -0).subarray(1)
    expect(decodeVector(`\\x${encodeVector(vector).toString('hex')}`)).toEqual(vector)
  })

  it('takes instants out of range for infinite', () => {
    expect(encodeTimestamp(new Date(946_684_800_001)).readBigInt64BE()).toBe(1000n)
    expect(encodeTimestamp(new Date(8.64e15)).readBigInt64BE()).toBe(8_640_000_000_000_000_000n - 946_684_800_000_000n)
    expect(encodeTimestamp(new Date(-8.64e15)).readBigInt64BE()).toBe(-(2n ** 63n))
  })
})

describe.skipIf(url === undefined)(`the server reads them${unless}`, { timeout: 30_000 }, () => {
  it('as what they were', async () => {
    const backend = await make()
    await backend.connect()
    const texts = ['', 'a', '\u{1f600}é'.repeat(50), null]
    const dates = [new Date(0), new Date(253_402_300_799_999), new Date(-62_135_596_800_001), new Date(8.64e15)]
    const [row] = (await backend.roles.relational.raw({
      scope: { collection: 'any' },
      query: `SELECT $1::text[] AS texts, ARRAY(SELECT (extract(epoch FROM d) * 1000)::text FROM unnest($2::timestamptz[]) d) AS dates,
                $3::jsonb[]::text[] AS json, $4::float8[] AS numbers, $5::uuid[]::text[] AS uuids, $6::bool[] AS bools`,
      parameters: [
        encodeArray({ name: '', type: 'text', values: texts }, TYPE_IDS.text),
        encodeArray({ name: '', type: 'timestamptz', values: dates }, TYPE_IDS.timestamptz),
        encodeArray({ name: '', type: 'jsonb', values: ['{"a": [1]}', null] }, TYPE_IDS.jsonb),
        encodeArray({ name: '', type: 'float8', values: [0.1, -1e300, 5e-324] }, TYPE_IDS.float8),
        encodeArray({ name: '', type: 'uuid', values: ['00112233445566778899aabbccddeeff'] }, TYPE_IDS.uuid),
        encodeArray({ name: '', type: 'bool', values: [true, false, null] }, TYPE_IDS.bool),
      ],
    })) as [Record<string, unknown[]>]
    await backend.close()
    await clear()
    expect(row.texts).toEqual(texts)
    expect(row.dates?.map(Number)).toEqual(dates.map(Number))
    expect(row.json).toEqual(['{"a": [1]}', null])
    expect(row.numbers).toEqual([0.1, -1e300, 5e-324])
    expect(row.uuids).toEqual(['00112233-4455-6677-8899-aabbccddeeff'])
    expect(row.bools).toEqual([true, false, null])
  })
})
