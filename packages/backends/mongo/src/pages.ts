import { foreignCursor, type Position, readCursor } from '@veritas-db/core/contract'
import type { Query } from './filter.js'

/** The text at a place of a position. @throws VeritasError VALIDATION */
export const textAt = (position: Position | undefined, place: number): string => {
  const value = position?.[place]
  if (typeof value === 'string') return value
  throw foreignCursor()
}

/** The condition that a page of documents in order of key starts with. @throws VeritasError VALIDATION */
export const keyAfter = (cursor: string): Query => ({ _id: { $gt: textAt(readCursor(cursor, 1), 0) } })
