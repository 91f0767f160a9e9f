import type { NodeRecord, UpsertMode, Version } from '@veritas-db/core/contract'
import type { Script, Space } from '../catalog.js'
import { encodeFields } from '../metadata.js'
import { block } from '../script.js'
import { cellsOf, fractions, slotMap } from '../slots.js'
import { replaceTexts, textsAt } from '../text.js'
import { answerStale, findStale, type Given, putRows, type Target } from '../writes.js'
import { nodeColumns, type Relations, relationsOf } from './model.js'

/** A node with the text that its properties are stored as. */
export interface PreparedNode {
  readonly node: NodeRecord
  readonly version: Version
  readonly text: string
}

export const prepare = (node: NodeRecord): PreparedNode => ({
  node,
  version: node.version,
  text: encodeFields(node.properties),
})

/** What a batch of nodes is written with. Its answer are the keys of those that are stale. */
export const upsertScript = ({ base, definition }: Space, batch: readonly PreparedNode[], mode: UpsertMode): Script => {
  const { nodes, texts: textRelation } = relationsOf(base)
  const slots = slotMap(definition.slots)
  const text = definition.text ?? []
  const rows = batch.map(({ node, text: properties }) => [
    node.key,
    node.version,
    node.documentId,
    node.label,
    node.placeholder,
    properties,
    ...cellsOf(slots, node.properties),
  ])
  const values = [...nodeColumns, ...[...slots.values()].map((slot) => slot.column)]
  const target: Target = { relation: nodes, keys: ['k'], values }
  const given: Given = { mode, columns: ['k', ...values], asTexts: fractions(slots, rows, 6) }
  const texts = batch.flatMap(({ node }) => textsAt(text, node.properties).map((found) => [node.key, ...found]))
  return {
    script: [
      findStale(target, given),
      putRows(target, given),
      text.length > 0 && replaceTexts(textRelation, ['k'], ['k', 'c'], mode),
      answerStale(mode),
    ]
      .filter(Boolean)
      .join('\n'),
    parameters: { rows, ...(text.length > 0 && { texts, keys: batch.map(({ node }) => [node.key]) }) },
  }
}

/** Deletes the nodes of `$keys`, with `below` those of versions below `$below`, and all that hangs on them. Answers how many there were. */
export const deleteScript = ({ nodes, edges, sets, texts }: Relations, below: boolean, searchable: boolean): string =>
  block(
    `?[k] := k in $keys, *${nodes}{k, v}${below ? ', v < $below' : ''} :create _gone {k}`,
    `?[k] := *_gone{k} :rm ${nodes} {k}`,
    `?[s, y, t, o] := *_gone{k: s}, *${edges}{s, y, t, o}
     ?[s, y, t, o] := *_gone{k: t}, *${edges}:r{t, y, s, o} :rm ${edges} {s, y, t, o}`,
    `?[s] := *_gone{k: s} :rm ${sets} {s}`,
    searchable && `?[k, c] := *_gone{k}, *${texts}{k, c} :rm ${texts} {k, c}`,
    '?[count(k)] := *_gone{k}',
  )
