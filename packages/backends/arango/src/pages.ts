import { invalid, type Page } from '@veritas-db/core/contract'

/** Where the next page starts: the values of its last record that the order goes by. */
export type Position = readonly (string | number | boolean | null)[]

/** The position in a cursor; undefined without one. @throws VeritasError VALIDATION */
export const readCursor = (cursor: string | undefined, length: number): Position | undefined => {
  if (cursor === undefined) return undefined
  try {
    const position: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'))
    if (
      Array.isArray(position) &&
      position.length === length &&
      position.every((value) => value === null || ['string', 'number', 'boolean'].includes(typeof value))
    )
      return position
  } catch {
    // Not one of ours: refused below.
  }
  throw invalid('cursor', 'is not one that an earlier page gave')
}

export const writeCursor = (position: Position): string =>
  Buffer.from(JSON.stringify(position), 'utf8').toString('base64url')

/** A page of at most `limit` records out of up to one more row, which says that there is a next page. */
export const pageOf = <Row, R>(
  rows: readonly Row[],
  limit: number,
  position: (row: Row) => Position,
  toRecord: (row: Row) => R,
): Page<R> => {
  const page = rows.slice(0, limit)
  const last = page.at(-1)
  return { records: page.map(toRecord), cursor: rows.length > limit && last ? writeCursor(position(last)) : null }
}

/** Checks a limit. @throws VeritasError VALIDATION */
export const checkLimit = (limit: number, path = 'limit', least = 0): void => {
  if (!Number.isSafeInteger(limit) || limit < least) throw invalid(path, `needs a whole number of at least ${least}`)
}
