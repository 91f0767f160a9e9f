import { readCursor } from '@veritas-db/core/contract'
import type { SqlValue } from './sql.js'

/** The position in a cursor, as parameters; without one, `start`. @throws VeritasError VALIDATION */
export const positionOf = <const Start extends readonly SqlValue[]>(
  cursor: string | undefined,
  start: Start,
): { readonly [Place in keyof Start]: SqlValue } | Start => {
  const position = readCursor(cursor, start.length)
  if (!position) return start
  return position.map((value) => (typeof value === 'boolean' ? Number(value) : value)) as {
    readonly [Place in keyof Start]: SqlValue
  }
}
