import { invalid, type Page } from '@veritas-db/core/contract'
import type { SqlRow } from './session.js'
import type { SqlValue } from './sql.js'

/** Where the next page starts: the values of its last record that the order goes by. */
type Position = readonly (string | number | null)[]

/** The position in a cursor; without one, `start`. @throws VeritasError VALIDATION */
export const readCursor = <P extends Position>(cursor: string | undefined, start: P): P => {
  if (cursor === undefined) return start
  try {
    const position: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'))
    const scalar = (value: unknown): boolean => value === null || typeof value === 'string' || typeof value === 'number'
    if (Array.isArray(position) && position.length === start.length && position.every(scalar))
      return position as Position as P
  } catch {
    // Not one of ours: refused below.
  }
  throw invalid('cursor', 'is not one that an earlier page gave')
}

/** A page of at most `limit` records out of up to one more row, which says that there is a next page. */
export const pageOf = <R>(
  rows: readonly SqlRow[],
  limit: number,
  position: (row: SqlRow) => readonly SqlValue[],
  toRecord: (row: SqlRow) => R,
): Page<R> => {
  const page = rows.slice(0, limit)
  const last = page.at(-1)
  const cursor =
    rows.length > limit && last ? Buffer.from(JSON.stringify(position(last)), 'utf8').toString('base64url') : null
  return { records: page.map(toRecord), cursor }
}
