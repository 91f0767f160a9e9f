import type { Metadata, UpsertMode, Version } from '@veritas-db/core/contract'
import type { Definition, Script } from './catalog.js'
import { cellsOf, fractions, slotMap } from './slots.js'
import { replaceTexts, textsAt } from './text.js'
import { answerStale, findStale, type Given, putRows, type Target } from './writes.js'

/** A row or a node on its way into a relation. */
export interface Prepared {
  readonly key: string
  readonly version: Version
  /** What the relation's columns get before slots: the key first, the metadata as text last. */
  readonly cells: readonly (string | boolean)[]
  /** What slots and texts are taken from. */
  readonly metadata: Metadata
}

/** About how many bytes it is on the wire: texts that are searched are sent twice. */
export const sizeOf = ({ cells }: Prepared): number => 300 + 2 * Buffer.byteLength(String(cells.at(-1)))

/** What a batch is written with. Its answer are the keys of what is stale. */
export const upsertScript = (
  {
    relation,
    values,
    texts,
  }: { readonly relation: string; readonly values: readonly string[]; readonly texts: string },
  { slots: assigned, text: paths = [] }: Definition,
  batch: readonly Prepared[],
  mode: UpsertMode,
): Script => {
  const slots = slotMap(assigned)
  const rows = batch.map(({ cells, metadata }) => [...cells, ...cellsOf(slots, metadata)])
  const columns = [...values, ...[...slots.values()].map((slot) => slot.column)]
  const target: Target = { relation, keys: ['k'], values: columns }
  const given: Given = { mode, columns: ['k', ...columns], asTexts: fractions(slots, rows, values.length + 1) }
  const statements = [findStale(target, given), putRows(target, given)]
  if (paths.length === 0) return { script: [...statements, answerStale(mode)].join('\n'), parameters: { rows } }
  return {
    script: [...statements, replaceTexts(texts, ['k'], ['k', 'c'], mode), answerStale(mode)].join('\n'),
    parameters: {
      rows,
      texts: batch.flatMap(({ key, metadata }) => textsAt(paths, metadata).map((found) => [key, ...found])),
      keys: batch.map(({ key }) => [key]),
    },
  }
}
