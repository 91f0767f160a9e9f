import { invalid, type VeritasError } from './errors.js'
import type { Page } from './records.js'

/** Where a page starts: the values of the last record before it, those that the order goes by. */
export type Position = readonly (string | number | boolean | null)[]

/** A position as an opaque text. */
export function writeCursor(position: Position): string {
  return Buffer.from(JSON.stringify(position), 'utf8').toString('base64url')
}

/** The position of `length` values in a cursor; undefined without one. @throws VeritasError VALIDATION for one of another kind */
export function readCursor(cursor: string | undefined, length: number): Position | undefined {
  if (cursor === undefined) return undefined
  const position = parsed(cursor)
  if (!Array.isArray(position) || position.length !== length || !position.every(isScalar)) throw foreignCursor()
  return position
}

/** The text at a place of a position. @throws VeritasError VALIDATION where something else is there */
export function textAt(position: Position | undefined, place: number): string {
  const value = position?.[place]
  if (typeof value !== 'string') throw foreignCursor()
  return value
}

/** The error of a cursor that no page of such a scan or search gave. */
export function foreignCursor(): VeritasError {
  return invalid('cursor', 'is not one that an earlier page gave')
}

function parsed(cursor: string): unknown {
  try {
    return JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'))
  } catch {
    // Not one of ours: refused by the caller.
    return undefined
  }
}

function isScalar(value: unknown): boolean {
  return value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
}

/** A page of at most `limit` records out of up to one more row, which says that there is a next page. */
export function pageOf<Row, R>(
  rows: readonly Row[],
  limit: number,
  position: (row: Row) => Position,
  toRecord: (row: Row) => R,
): Page<R> {
  const page = rows.slice(0, limit)
  const last = page.at(-1)
  return {
    records: page.map(toRecord),
    cursor: rows.length > limit && last !== undefined ? writeCursor(position(last)) : null,
  }
}
