import { invalid, type Page, type RoleCapabilities, type ScanOptions } from '@veritas-db/core/contract'
import type { Engine } from './engine.js'

/** One page of the records, in the declared order and with the declared kind of cursor. `idOf` gives a sortable identity. */
export function pageOf<R>(
  engine: Engine,
  declared: RoleCapabilities['scan'],
  records: readonly R[],
  idOf: (record: R) => string,
  options: Pick<ScanOptions, 'cursor' | 'limit'>,
): Page<R> {
  const limit = options.limit ?? 1000
  if (!Number.isInteger(limit) || limit < 1) throw invalid('limit', 'needs a whole number of at least 1')
  if (declared.snapshot) return fromSnapshot(engine, records, options.cursor, limit)
  if (declared.resume === 'offset') {
    const start = options.cursor === undefined ? 0 : Number(options.cursor)
    const page = records.slice(start, start + limit)
    return { records: page, cursor: start + limit < records.length ? String(start + limit) : null }
  }
  const sorted = records.slice().sort((a, b) => (idOf(a) < idOf(b) ? -1 : 1))
  const { cursor } = options
  const rest = cursor === undefined ? sorted : sorted.filter((r) => idOf(r) > cursor)
  const page = rest.slice(0, limit)
  const last = page.at(-1)
  return { records: page, cursor: rest.length > limit && last ? idOf(last) : null }
}

/** The records of the moment when the first page was asked for are kept by the engine. */
function fromSnapshot<R>(engine: Engine, records: readonly R[], cursor: string | undefined, limit: number): Page<R> {
  const [scan, start] =
    cursor === undefined ? [engine.scans.size, 0] : (cursor.split(':').map(Number) as [number, number])
  if (cursor === undefined) engine.scans.set(scan, records)
  // What is kept under this number was put there by a scan of the same kind.
  const all = (engine.scans.get(scan) ?? []) as readonly R[]
  const page = all.slice(start, start + limit)
  return { records: page, cursor: start + limit < all.length ? `${scan}:${start + limit}` : null }
}
