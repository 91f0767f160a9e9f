import type { UpsertMode } from '@veritas-db/core/contract'
import { block } from './script.js'

/** A relation that a write puts rows into. */
export interface Target {
  readonly relation: string
  readonly keys: readonly string[]
  readonly values: readonly string[]
}

/** How rows become what relations hold. */
export interface Given {
  readonly mode: UpsertMode
  /** The columns of `$rows`. */
  readonly columns: readonly string[]
  /** Of those the ones that hold texts here and there in place of numbers. */
  readonly asTexts?: readonly string[]
}

/**
 * The statement that finds out which rows of `$rows` are not to be written, by the versions that are stored, and remembers their keys
 * as `_stale`. It runs in the transaction that writes, and the server refuses that where another one wrote meanwhile.
 */
export const findStale = ({ relation, keys }: Target, { mode, columns }: Given): string => {
  if (mode === 'replace') return ''
  const key = keys.join(', ')
  const all = columns.join(', ')
  const stored = mode === 'ifAbsent' ? `*${relation}{${key}}` : `*${relation}{${key}, v: stored}, stored > v`
  return block(`given[${all}] <- $rows ?[${key}] := given[${all}], ${stored} :create _stale {${key}}`)
}

/** The statement that puts the rows of `$rows` that are not stale into a relation; with `:update`, other values of theirs stay. */
export const putRows = (
  { relation, keys, values }: Target,
  { mode, columns, asTexts = [] }: Given,
  how: ':put' | ':update' = ':put',
): string => {
  const head = [...keys, ...values].join(', ')
  const put = `${how} ${relation} {${keys.join(', ')} => ${values.join(', ')}}`
  const given = columns.map((column) => (asTexts.includes(column) ? `${column}_` : column)).join(', ')
  const read = asTexts.map((column) => `, ${column} = if(is_null(${column}_), null, to_float(${column}_))`).join('')
  const rule = (also: string): string => `given[${given}] <- $rows ?[${head}] := given[${given}]${read}${also} ${put}`
  // Rows that are put as they come are not copied into a rule.
  const asTheyAre = head === columns.join(', ') && asTexts.length === 0 ? `?[${head}] <- $rows ${put}` : rule('')
  if (mode === 'replace') return block(asTheyAre)
  return `%if _stale %then ${block(rule(`, not *_stale{${keys.join(', ')}}`))} %else ${block(asTheyAre)} %end`
}

/** The end of a script that writes: its answer are the keys in `_stale`. */
export const answerStale = (mode: UpsertMode): string => (mode === 'replace' ? '' : '%return _stale')
