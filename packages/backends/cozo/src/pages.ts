import { decodeMetadata, encodeMetadata, invalid, type Metadata, type Page } from '@veritas-db/core/contract'

/** Where the next page starts: the values of its last record that the order goes by. */
export const writeCursor = (position: Metadata): string =>
  Buffer.from(encodeMetadata(position), 'utf8').toString('base64url')

/** The position in a cursor, which holds exactly these fields. @throws VeritasError VALIDATION */
export const readCursor = (cursor: string, fields: readonly string[]): Metadata => {
  try {
    const position = decodeMetadata(Buffer.from(cursor, 'base64url').toString('utf8'))
    if (typeof position === 'object' && position !== null && Object.keys(position).join() === fields.join())
      return position
  } catch {
    // Not one of ours: refused below.
  }
  throw invalid('cursor', 'is not one that an earlier page gave')
}

/** The text in a cursor's field. @throws VeritasError VALIDATION */
export const cursorText = (position: Metadata, field: string): string => {
  const value = position[field]
  if (typeof value === 'string') return value
  throw invalid('cursor', 'is not one that an earlier page gave')
}

/** A page of at most `limit` records out of up to one more document, which says that there is a next page. */
export const pageOf = <D, R>(
  documents: readonly D[],
  limit: number,
  position: (document: D) => Metadata,
  toRecord: (document: D) => R,
): Page<R> => {
  const page = documents.slice(0, limit)
  const last = page.at(-1)
  const cursor = documents.length > limit && last !== undefined ? writeCursor(position(last)) : null
  return { records: page.map(toRecord), cursor }
}
