import { describe, expect, it } from 'vitest'
import { pageOf, readCursor, textAt, writeCursor } from '../../src/contract/pages.js'
import { refusal } from './refusal.js'

describe('cursors', () => {
  it('come back as they were written', () => {
    const position = ['ключ', 1.5, true, null]
    expect(writeCursor(position)).toMatch(/^[A-Za-z0-9_-]+$/)
    expect(readCursor(writeCursor(position), 4)).toEqual(position)
    expect(readCursor(undefined, 4)).toBeUndefined()
  })

  it.each([
    '',
    'no cursor',
    writeCursor(['a']),
    writeCursor(['a', 'b', 'c']),
    Buffer.from('["a",{}]').toString('base64url'),
    Buffer.from('{"length":2}').toString('base64url'),
  ])('of another kind are refused: %s', (cursor) => {
    expect(refusal(() => readCursor(cursor, 2))).toBe('cursor: is not one that an earlier page gave')
  })
})

describe('textAt', () => {
  it('reads texts, and refuses what is none', () => {
    expect(textAt(['a', 'b'], 1)).toBe('b')
    for (const position of [[1], [null], [], undefined])
      expect(refusal(() => textAt(position, 0))).toBe('cursor: is not one that an earlier page gave')
  })
})

describe('pageOf', () => {
  const page = (rows: readonly number[], limit: number): unknown =>
    pageOf(
      rows,
      limit,
      (n) => [n],
      (n) => `#${n}`,
    )

  it('has a cursor where there is one row more', () => {
    expect(page([1, 2, 3], 2)).toEqual({ records: ['#1', '#2'], cursor: writeCursor([2]) })
    expect(page([1, 2], 2)).toEqual({ records: ['#1', '#2'], cursor: null })
    expect(page([], 2)).toEqual({ records: [], cursor: null })
  })
})
