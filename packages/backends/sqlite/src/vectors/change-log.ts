import type { Session } from '../session.js'

/** Ascending, distinct slots as pairs of first slot and count. */
export const packSlots = (slots: Iterable<number>): Uint8Array => {
  const sorted = Int32Array.from(new Set(slots)).sort()
  const pairs: number[] = []
  for (let i = 0; i < sorted.length; ) {
    const first = sorted[i] as number
    let count = 1
    while (sorted[i + count] === first + count) count++
    pairs.push(first, count)
    i += count
  }
  return new Uint8Array(Int32Array.from(pairs).buffer)
}

/** The reverse of `packSlots`. */
export function* unpackSlots(blob: Uint8Array): Generator<number> {
  const pairs = new Int32Array(blob.slice().buffer)
  for (let i = 0; i < pairs.length; i += 2) {
    const first = pairs[i] as number
    const count = pairs[i + 1] as number
    for (let n = 0; n < count; n++) yield first + n
  }
}

/** Calls `visit` for every slot that was changed after `seq`, in the order of the changes. */
export const changesAfter = (
  session: Session,
  space: number,
  seq: number,
  visit: (slot: number, seq: number) => void,
): number => {
  const entries = session.all(
    'SELECT seq, slots FROM veritas_vector_log WHERE space = ? AND seq > ? ORDER BY seq',
    space,
    seq,
  )
  for (const entry of entries) {
    for (const slot of unpackSlots(entry.slots as Uint8Array)) visit(slot, entry.seq as number)
  }
  return entries.length
}
