import {
  checkName,
  type FieldType,
  invalid,
  type Key,
  type RecordHead,
  type RowRecord,
  type TableDefinition,
  type Version,
} from '@veritas-db/core/contract'
import { conflict, type Definition, type Layout, type Space } from '../catalog.js'
import { decodeFields } from '../metadata.js'
import type { Source } from '../select.js'
import { assignSlots, createIndexes, dropIndexes, readySlots, slotColumns } from '../slots.js'
import { createTextIndex } from '../text.js'

/** Where a table is: rows `{k => v, d, m, slots}`, that is key, version, document's id, values; texts `{k, c => t}` by column. */
export const tableLayout: Layout = {
  kind: 'table',
  make: (base, { text = [], slots }) => [
    `:create ${base} {k: String => v: String, d: String, m: String${slotColumns(slots)}}`,
    ...createIndexes(base, slots, keys),
    ...(text.length > 0
      ? [`:create ${textsOf(base)} {k: String, c: Int => t: String}`, createTextIndex(textsOf(base))]
      : []),
  ],
  drop: (base, { slots }) => [
    ...dropIndexes(base, slots),
    `::fts drop ${textsOf(base)}:f`,
    `::remove ${base}`,
    `::remove ${textsOf(base)}`,
  ],
}

const keys: readonly string[] = ['k']

export const textsOf = (base: string): string => `${base}_f`

export const columnsOf = (space: Space): Readonly<Record<string, FieldType>> => space.definition.columns ?? {}

export const sourceOf = (space: Space): Source => ({
  relation: space.base,
  keys,
  slots: readySlots(space.definition.slots),
})

export const toRow = ([k, v, d, m]: readonly unknown[]): RowRecord => ({
  key: k as Key,
  documentId: d as string,
  version: v as Version,
  values: decodeFields(m as string),
})

export const toHead = ([k, v]: readonly unknown[]): RecordHead => ({ key: k as Key, version: v as Version })

/** @throws VeritasError VALIDATION */
export const checkDefinition = ({ columns, fullText = [] }: TableDefinition): void => {
  for (const name of Object.keys(columns)) checkName(name, 'columns')
  for (const name of fullText)
    if (!Object.hasOwn(columns, name) || columns[name]?.type !== 'string')
      throw invalid('fullText', `${JSON.stringify(name)} is no declared column of type string`)
}

/** The definition with what is declared now. @throws VeritasError CONFLICT where a column has another type already */
export const mergeTables = (before: Definition | undefined, wanted: TableDefinition): Definition => {
  const columns = new Map(Object.entries(before?.columns ?? {}))
  for (const [column, { type }] of Object.entries(wanted.columns)) {
    const old = columns.get(column)
    if (old !== undefined && old !== type) throw conflict(`columns.${column}`, `of type ${old}`, type)
    columns.set(column, type)
  }
  const texts = wanted.fullText && wanted.fullText.length > 0 ? wanted.fullText : (before?.text ?? [])
  const due = before !== undefined && JSON.stringify(texts) !== JSON.stringify(before.text ?? [])
  return {
    ...before,
    columns: Object.fromEntries(columns),
    text: texts,
    ...(due && { textDue: true }),
    slots: assignSlots(before?.slots, indexedPaths(wanted)),
  }
}

/** The paths that are to be indexed, with their types. */
const indexedPaths = ({ columns }: TableDefinition): Record<string, FieldType> =>
  Object.fromEntries(
    Object.entries(columns).flatMap(([column, { type, index, paths = {} }]) => [
      ...(index ? [[column, type] as const] : []),
      ...Object.entries(paths).map(([path, typeThere]) => [`${column}.${path}`, typeThere] as const),
    ]),
  )
