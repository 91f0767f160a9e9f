import {
  type FieldType,
  foreignCursor,
  type Position,
  type RowRecord,
  readCursor,
  textAt,
  type UpsertMode,
} from '@veritas-db/core/contract'
import type { Script, Space } from '../catalog.js'
import { numberParameter } from '../filter.js'
import { encodeFields } from '../metadata.js'
import { type Prepared, upsertScript as upsertRecords } from '../records.js'
import { type Bindings, block } from '../script.js'
import { inSlotOrder, matching, type Selection, type Source } from '../select.js'
import { type SlotType, slotValue } from '../slots.js'
import { textsOf } from './model.js'

export const prepare = ({ key, version, documentId, values }: RowRecord): Prepared => ({
  key,
  version,
  cells: [key, version, documentId, encodeFields(values)],
  metadata: values,
})

/** What a batch of rows is written with. Its answer are the keys of those that are stale. */
export const upsertScript = ({ base, definition }: Space, batch: readonly Prepared[], mode: UpsertMode): Script =>
  upsertRecords({ relation: base, values: ['v', 'd', 'm'], texts: textsOf(base) }, definition, batch, mode)

/** Deletes the rows whose keys a rule `gone[k]` chooses, and answers how many there were. */
export const deleteScript = ({ base, definition }: Space, choose: string): string =>
  block(
    `${choose} ?[k] := gone[k] :create _gone {k}`,
    `?[k] := *_gone{k} :rm ${base} {k}`,
    (definition.text ?? []).length > 0 && `?[k, c] := *_gone{k}, *${textsOf(base)}{k, c} :rm ${textsOf(base)} {k, c}`,
    '?[count(k)] := *_gone{k}',
  )

/** Where a row stands in an order: a variable, and the atoms that bind it; it is null where the column is. */
interface Place {
  readonly variable: string
  /** What the atoms look at. */
  readonly columns: readonly string[]
  readonly atoms: string
}

/** A query for rows in order of a column and then of their keys. */
export const orderedScript = (
  source: Source,
  order: { readonly column: string; readonly type: SlotType; readonly down: boolean },
  page: Selection & { readonly head: string; readonly cursor: string | undefined; readonly limit: number },
  bindings: Bindings,
): string => {
  const { type, down } = order
  const slot = source.slots.get(order.column)
  const place: Place = slot
    ? { variable: slot.column, columns: [slot.column], atoms: '' }
    : {
        variable: 'x',
        columns: ['m'],
        atoms: `, fields = parse_json(m), x = ${slotValue(type, order.column, bindings, 'fields')}`,
      }
  const position = readPosition(page.cursor, type, bindings)
  const selection: Selection = {
    filter: page.filter,
    columns: [...page.columns, ...place.columns],
    more: `${place.atoms}${page.more ?? ''}${after(position, place.variable, down)}`,
  }
  const head = `${place.variable}, ${page.head}`
  if (slot && !down) {
    const from = position?.value === undefined ? '' : `, ${slot.column} >= ${position.value}`
    const script = inSlotOrder(
      source,
      slot.column,
      { ...selection, more: `${from}${selection.more}`, head, limit: page.limit },
      bindings,
    )
    if (script !== undefined) return script
  }
  return `?[${head}] := ${matching(source, selection, bindings)} :order ${down ? '-' : ''}${place.variable}, k :limit ${page.limit}`
}

/** Whether rows can be in order of such a column. */
export const isOrdered = (type: FieldType): type is SlotType =>
  type === 'string' || type === 'number' || type === 'date' || type === 'boolean'

/** The position of a row of an answer, which begins with its place in the order and its key. */
export const positionOf = ([x, k]: readonly unknown[]): Position => [(x ?? null) as string | number | null, k as string]

interface Bound {
  /** Parameters. */
  readonly key: string
  /** Undefined where the column is null. */
  readonly value?: string
}

const readPosition = (cursor: string | undefined, type: SlotType, bindings: Bindings): Bound | undefined => {
  const position = readCursor(cursor, 2)
  if (!position) return undefined
  const key = bindings.add(textAt(position, 1))
  const value = position[0]
  if (value === null) return { key }
  if (type === 'string' && typeof value === 'string') return { key, value: bindings.add(value) }
  if (type !== 'string' && typeof value === 'number') return { key, value: numberParameter(value, bindings) }
  throw foreignCursor()
}

/** Conditions that a page starts with. Null comes first when ascending, last when descending. */
const after = (position: Bound | undefined, x: string, down: boolean): string => {
  if (!position) return ''
  const { key, value } = position
  if (value === undefined) return down ? `, is_null(${x}), k > ${key}` : `, (!is_null(${x}) || k > ${key})`
  return `, if(is_null(${x}), ${down}, ${x} ${down ? '<' : '>'} ${value} || (${x} == ${value} && k > ${key}))`
}
