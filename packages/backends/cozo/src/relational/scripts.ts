import { type FieldType, readCursor, textAt, type UpsertMode } from '@veritas-db/core/contract'
import { freshRule } from '../batches.js'
import type { Definition, Space } from '../catalog.js'
import { type Bindings, block } from '../script.js'
import { createTextIndex, gatherTexts } from '../text.js'

/** Writes the rows of `$rows`, with their texts, and answers the keys of those that were written. */
export const upsertScript = (space: Space, mode: UpsertMode): string => {
  const { name, definition } = space
  const columns = ['k', 'v', 'd', 'm', 'j']
  const searchable = (definition.text ?? []).length > 0
  const fields = 'k => v, d, m, j'
  return block(
    `${freshRule(mode, name, ['k'], columns)} ?[${columns}] := new[${columns}] :create _new {${fields}}`,
    `?[${columns}] := *_new{${columns}} :put ${name} {${fields}}`,
    ...(searchable ? gatherTexts('_new', `${name}_f`) : []),
    '?[k] := *_new{k}',
  )
}

/** Deletes the rows whose keys a rule `gone[k]` chooses, and answers how many there were. */
export const deleteScript = ({ name, definition }: Space, choose: string): string =>
  block(
    `${choose} ?[k] := gone[k] :create _gone {k}`,
    `?[k] := *_gone{k} :rm ${name} {k}`,
    (definition.text ?? []).length > 0 && `?[k, c] := *_gone{k}, *${name}_f{k, c} :rm ${name}_f {k, c}`,
    '?[count(k)] := *_gone{k}',
  )

/** What makes the relations and indexes of a table. */
export const tableStatements = (name: string, { text = [] }: Definition): string[] => [
  `:create ${name} {k: String => v: String, d: String, m: String, j: Json}`,
  ...(text.length > 0 ? [`:create ${name}_f {k: String, c: Int => t: String}`, createTextIndex(`${name}_f`)] : []),
]

/** The binding of `x`, the position of a row in an order: null where the column is. */
export const positionOf = (type: FieldType, path: string): string => {
  if (type === 'number') return `number = get(j, [${path}, 'n'], null), x = if(is_null(number), null, to_float(number))`
  return `x = get(j, [${path}, '${type.slice(0, 1)}'], null)`
}

/** The condition that a page in order of `x` starts with. Null comes first when ascending, last when descending. */
export const after = (type: FieldType, down: boolean, cursor: string, bindings: Bindings): string => {
  const position = readCursor(cursor, 2)
  const key = bindings.add(textAt(position, 1))
  const value = position?.[0] ?? null
  if (value === null) return down ? `(is_null(x) && k > ${key})` : `(!is_null(x) || k > ${key})`
  const bound = bindings.add(value)
  const read = type === 'number' || type === 'date' ? `to_float(${bound})` : bound
  return `if(is_null(x), ${down}, x ${down ? '<' : '>'} ${read} || (x == ${read} && k > ${key}))`
}
