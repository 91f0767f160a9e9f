import { type FieldType, type Metadata, valueAt } from '@veritas-db/core/contract'
import { isExact, numberText } from './metadata.js'
import type { Bindings } from './script.js'

/**
 * A column of a relation that holds the value at an indexed path, with an index of its own: `s…` for texts, `n…` for numbers, dates
 * (milliseconds) and booleans (1 and 0).
 */
export interface Slot {
  readonly column: string
  readonly type: SlotType
  /** Whether what was there before the path was indexed is in it too; until then nothing may look for records by it. */
  readonly ready: boolean
}

export type SlotType = 'string' | 'number' | 'date' | 'boolean'
/** A value as a cell of a row: a text stands for a number that the server's parser of JSON would round. */
export type Cell = string | number | null

/** The slots of a relation. CozoDB cannot add columns to it, so that it has some more than were asked for when it was made. */
export interface Slots {
  /** How many there are of each sort. */
  readonly texts: number
  readonly numbers: number
  /** Those that were given away, by path. */
  readonly paths: Readonly<Record<string, Slot>>
}

/** Slots of each sort that a relation has to give away later. Every column makes every query of it a little slower. */
const SPARE = 2
/** Slots of each sort, at most. */
const MOST = 32

const isSlotType = (type: FieldType): type is SlotType =>
  type === 'string' || type === 'number' || type === 'date' || type === 'boolean'

/**
 * The slots that are there with those that paths of `wanted` get, as long as there are some to give away: filters see all others in
 * the JSON. A path that is declared with another type than before keeps its slot and its type.
 */
export const assignSlots = (before: Slots | undefined, wanted: Readonly<Record<string, FieldType>>): Slots => {
  const paths = new Map(Object.entries(before?.paths ?? {}))
  const indexed = Object.entries(wanted).filter((entry): entry is [string, SlotType] => isSlotType(entry[1]))
  const ofTexts = indexed.filter(([, type]) => type === 'string').length
  const room = (needed: number): number => Math.min(needed + SPARE, MOST)
  const { texts, numbers } = before ?? { texts: room(ofTexts), numbers: room(indexed.length - ofTexts) }
  for (const [path, type] of indexed) {
    if (paths.has(path)) continue
    const taken = new Set([...paths.values()].map((slot) => slot.column))
    const column = columnsOf(type === 'string' ? { texts, numbers: 0 } : { texts: 0, numbers }).find(
      (one) => !taken.has(one),
    )
    if (column !== undefined) paths.set(path, { column, type, ready: before === undefined })
  }
  return { texts, numbers, paths: Object.fromEntries(paths) }
}

const columnsOf = ({ texts, numbers }: Pick<Slots, 'texts' | 'numbers'>): string[] => [
  ...Array.from({ length: texts }, (_, i) => `s${i}`),
  ...Array.from({ length: numbers }, (_, i) => `n${i}`),
]

/** Whether a column is a slot for numbers: those are in the indexes over all slots. */
export const ridesAlong = (column: string): boolean => /^n\d+$/.test(column)

/** What `:create` says of the slots, after other columns. */
export const slotColumns = (slots: Slots | undefined): string =>
  columnsOf(slots ?? { texts: 0, numbers: 0 })
    .map((column) => `, ${column}: ${ridesAlong(column) ? 'Float' : 'String'}? default null`)
    .join('')

/** The slots by path, as a map, which answers for no path that is not in it. */
export const slotMap = (slots: Slots | undefined): ReadonlyMap<string, Slot> =>
  new Map(Object.entries(slots?.paths ?? {}))

/** The slots that records can be looked for by. */
export const readySlots = (slots: Slots | undefined): ReadonlyMap<string, Slot> =>
  new Map([...slotMap(slots)].filter(([, slot]) => slot.ready))

/** The name of the index over a slot. */
export const indexOf = (relation: string, column: string): string => `${relation}:${column}`

/** The statement that indexes a slot. Numbers ride along, so that conditions on them are looked at before records are read. */
export const createIndex = (relation: string, column: string, keys: readonly string[], slots: Slots): string => {
  const others = columnsOf(slots).filter((other) => ridesAlong(other) && other !== column)
  return `::index create ${indexOf(relation, column)} {${[column, ...keys, ...others].join(', ')}}`
}

/** The statements that index the slots in which all is that should be. */
export const createIndexes = (relation: string, slots: Slots | undefined, keys: readonly string[]): string[] =>
  slots ? [...readySlots(slots).values()].map(({ column }) => createIndex(relation, column, keys, slots)) : []

export const dropIndexes = (relation: string, slots: Slots | undefined): string[] =>
  [...slotMap(slots).values()].map(({ column }) => `::index drop ${indexOf(relation, column)}`)

/** What metadata give the slots, in their order. */
export const cellsOf = (slots: ReadonlyMap<string, Slot>, metadata: Metadata): Cell[] =>
  [...slots].map(([path, { type }]) => cellOf(type, valueAt(metadata, path)))

const cellOf = (type: SlotType, value: unknown): Cell => {
  switch (type) {
    case 'string':
      return typeof value === 'string' ? value : null
    case 'number':
      return typeof value !== 'number' ? null : isExact(value) ? value : numberText(value)
    case 'date':
      return value instanceof Date ? value.getTime() : null
    default:
      return typeof value === 'boolean' ? Number(value) : null
  }
}

/** The slots for numbers that some of the rows have a text in place of. The slots are the rows' last cells, from `first` on. */
export const fractions = (
  slots: ReadonlyMap<string, Slot>,
  rows: readonly (readonly unknown[])[],
  first: number,
): string[] =>
  [...slots.values()]
    .filter(({ type }, i) => type === 'number' && rows.some((row) => typeof row[first + i] === 'string'))
    .map(({ column }) => column)

/** An expression for a slot's value, out of the JSON in a variable. */
export const slotValue = (type: SlotType, path: string, bindings: Bindings, json = 'f'): string => {
  const steps = path.split('.')
  const at = (...mark: string[]): string => `get(${json}, ${bindings.add([...steps, ...mark])}, null)`
  const plain = at()
  switch (type) {
    case 'string':
      return `if(is_string(${plain}), ${plain}, null)`
    case 'number': {
      const rounded = at('$number')
      return `if(is_num(${plain}), ${plain}, if(is_string(${rounded}), to_float(${rounded}), null))`
    }
    case 'date':
      return at('$date')
    default:
      return `if(${plain} == true, 1, if(${plain} == false, 0, null))`
  }
}
