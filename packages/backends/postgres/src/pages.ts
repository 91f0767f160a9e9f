import { invalid, type Page } from '@veritas-db/core/contract'
import type { Row } from './session.js'

/** Where the next page starts: the values of its last record that the order goes by. */
export type Position = readonly (string | number | boolean | null)[]

const isScalar = (value: unknown): boolean => value === null || ['string', 'number', 'boolean'].includes(typeof value)

/** The position in a cursor of `length` values; undefined without one. @throws VeritasError VALIDATION */
export const readCursor = (cursor: string | undefined, length: number): Position | undefined => {
  if (cursor === undefined) return undefined
  const position = parse(cursor)
  if (Array.isArray(position) && position.length === length && position.every(isScalar)) return position as Position
  throw invalid('cursor', 'is not one that an earlier page gave')
}

const parse = (cursor: string): unknown => {
  try {
    return JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'))
  } catch {
    // Not one of ours: refused by the caller.
    return undefined
  }
}

/** A page of at most `limit` records out of up to one more row, which says that there is a next page. */
export const pageOf = <R>(
  rows: readonly Row[],
  limit: number,
  position: (row: Row) => Position,
  toRecord: (row: Row) => R,
): Page<R> => {
  const page = rows.slice(0, limit)
  const last = page.at(-1)
  const cursor =
    rows.length > limit && last ? Buffer.from(JSON.stringify(position(last)), 'utf8').toString('base64url') : null
  return { records: page.map(toRecord), cursor }
}
