import { readCursor, textAt } from '@veritas-db/core/contract'
import type { Query } from './filter.js'

/** The condition that a page of documents in order of key starts with. @throws VeritasError VALIDATION */
export const keyAfter = (cursor: string): Query => ({ _id: { $gt: textAt(readCursor(cursor, 1), 0) } })
