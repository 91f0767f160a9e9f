import type { NodeRecord, UpsertMode } from '@veritas-db/core/contract'
import type { Script, Space } from '../catalog.js'
import { encodeFields } from '../metadata.js'
import { type Prepared, upsertScript as upsertRecords } from '../records.js'
import { block } from '../script.js'
import { nodeColumns, type Relations, relationsOf } from './model.js'

export const prepare = ({ key, version, documentId, label, placeholder, properties }: NodeRecord): Prepared => ({
  key,
  version,
  cells: [key, version, documentId, label, placeholder, encodeFields(properties)],
  metadata: properties,
})

/** What a batch of nodes is written with. Its answer are the keys of those that are stale. */
export const upsertScript = ({ base, definition }: Space, batch: readonly Prepared[], mode: UpsertMode): Script => {
  const { nodes, texts } = relationsOf(base)
  return upsertRecords({ relation: nodes, values: nodeColumns, texts }, definition, batch, mode)
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
