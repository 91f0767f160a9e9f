import {
  type FilterNode,
  foreignCursor,
  isMatchAll,
  type Metric,
  readCursor,
  textAt,
  type UpsertMode,
  type VectorQuery,
} from '@veritas-db/core/contract'
import { freshRule } from '../batches.js'
import type { CozoConfig } from '../config.js'
import { compileFilter } from '../filter.js'
import { type Bindings, block } from '../script.js'
import { createTextIndex } from '../text.js'
import { type Collection, distances, isIndexed } from './model.js'

/** The columns of the records. */
export const columns: readonly string[] = ['k', 'o', 'v', 'd', 't', 'm', 'j']

/** With the vector: what a row of `upsertScript` holds. */
const given: readonly string[] = [...columns, 'x']

/** Conditions after an atom that binds `j`. */
export const where = (filter: FilterNode | undefined, bindings: Bindings): string =>
  filter && !isMatchAll(filter) ? `, ${compileFilter(filter, bindings, 'j')}` : ''

/** What a query brings beside keys: variables of the head, and the atoms that bind them. */
export const included = ({
  include = {},
}: Pick<VectorQuery, 'include'>): { readonly head: string; readonly atoms: (c: Collection) => string } => {
  const fields = ['v', 'd', include.text ? 't' : 'no_text', include.metadata ? 'm' : 'no_metadata']
  const unbound = fields.filter((field) => field.startsWith('no_')).map((field) => `, ${field} = null`)
  const bound = fields.filter((field) => !field.startsWith('no_'))
  return {
    head: `, ${fields.join(', ')}${include.vector ? ', x' : ''}`,
    atoms: (c) =>
      `, *${c.records}{k, o, ${bound.join(', ')}}${unbound.join('')}${include.vector ? `, *${c.vectors}{k, o, x}` : ''}`,
  }
}

/** The condition that a page in order of (key, ordinal) starts with; its first part tells the server where to begin. */
export const after = (cursor: string | undefined, bindings: Bindings): string => {
  if (cursor === undefined) return ''
  const position = readCursor(cursor, 2)
  const ordinal = position?.[1]
  if (typeof ordinal !== 'number') throw foreignCursor()
  const key = bindings.add(textAt(position, 0))
  return `, k >= ${key}, (k > ${key} || o > ${bindings.add(ordinal)})`
}

/** What makes the relations and indexes of a collection. */
export const statements = (
  { records, vectors, texts }: Pick<Collection, 'records' | 'vectors' | 'texts'>,
  dimensions: number,
  metric: Metric,
  { m, efConstruction }: CozoConfig['hnsw'],
): string[] => [
  `:create ${records} {k: String, o: Int => v: String, d: String, t: String?, m: String, j: Json}`,
  `:create ${vectors} {k: String, o: Int => x: <F32; ${dimensions}>}`,
  ...(isIndexed(metric)
    ? [
        `::hnsw create ${vectors}:i {dim: ${dimensions}, dtype: F32, fields: [x], distance: ${distances[metric].option}, m: ${m}, ef_construction: ${efConstruction}}`,
      ]
    : []),
  `:create ${texts} {k: String, o: Int => t: String}`,
  createTextIndex(texts),
]

export const upsertScript = ({ records, vectors, texts }: Collection, mode: UpsertMode): string => {
  const fields = 'k, o => v, d, t, m, j'
  return block(
    `${freshRule(mode, records, ['k', 'o'], given)} ?[${given}] := new[${given}] :create _new {${fields}, x}`,
    `?[${columns}] := *_new{${columns}} :put ${records} {${fields}}`,
    `?[k, o, x] := *_new{k, o, x} :put ${vectors} {k, o => x}`,
    // What is put over a text that is there would leave the old words in the index.
    `?[k, o] := *_new{k, o}, *${texts}{k, o} :rm ${texts} {k, o}`,
    `?[k, o, t] := *_new{k, o, t}, is_string(t) :put ${texts} {k, o => t}`,
    '?[k, o] := *_new{k, o}',
  )
}

export const deleteScript = ({ records, vectors, texts }: Collection, choose: string): string =>
  block(
    `${choose} ?[k, o] := gone[k, o] :create _gone {k, o}`,
    `?[k, o] := *_gone{k, o} :rm ${records} {k, o}`,
    `?[k, o] := *_gone{k, o} :rm ${vectors} {k, o}`,
    `?[k, o] := *_gone{k, o} :rm ${texts} {k, o}`,
    '?[count(o)] := *_gone{k, o}',
  )

export const patchScript = ({ records }: Collection): string =>
  block(
    `given[k, o, v, m, j] <- $rows
     ?[${columns}] := given[k, o, v, m, j], *${records}{k, o, v: stored, d, t}, stored <= v :create _new {k, o => v, d, t, m, j}`,
    `?[${columns}] := *_new{${columns}} :put ${records} {k, o => v, d, t, m, j}`,
    '?[k, o] := *_new{k, o}',
  )
