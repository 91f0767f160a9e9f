import { type FieldType, type Metadata, valueAt } from '@veritas-db/core/contract'
import { isExact, numberText } from './metadata.js'
import type { Bindings } from './script.js'

/**
 * A column of a relation that holds the value at an indexed path, with an index of its own. CozoDB cannot add columns to a relation,
 * so that every relation has some to give away: `s…` for texts, `n…` for numbers, dates (milliseconds) and booleans (1 and 0).
 */
export interface Slot {
  readonly column: string
  readonly type: SlotType
  /** Whether what was there before the path was indexed is in it too; until then nothing may look for records by it. */
  readonly ready: boolean
}

export type SlotType = 'string' | 'number' | 'date' | 'boolean'
/** Slots by the paths that they hold. */
export type Slots = Readonly<Record<string, Slot>>
/** A value as a cell of a row: a text stands for a number that the server's parser of JSON would round. */
export type Cell = string | number | null

/** How many paths of each sort can be indexed; filters see all others too, in the JSON. */
const SLOTS_OF_A_SORT = 8
const numbered = (sort: 's' | 'n'): string[] => Array.from({ length: SLOTS_OF_A_SORT }, (_, i) => `${sort}${i}`)
const texts = numbered('s')
const numbers = numbered('n')

const isSlotType = (type: FieldType): type is SlotType =>
  type === 'string' || type === 'number' || type === 'date' || type === 'boolean'

/** What `:create` says of the slots. */
export const slotColumns: string = [
  ...texts.map((column) => `${column}: String? default null`),
  ...numbers.map((column) => `${column}: Float? default null`),
].join(', ')

/**
 * The slots that are there with those that paths of `wanted` get, as long as there are some to give away. A path keeps its slot; one
 * that is declared with another type than before keeps it too, and its type.
 */
export const assignSlots = (
  before: Slots | undefined,
  wanted: Readonly<Record<string, FieldType>>,
  ready: boolean,
): Slots => {
  const slots = new Map(Object.entries(before ?? {}))
  for (const [path, type] of Object.entries(wanted)) {
    if (slots.has(path) || !isSlotType(type)) continue
    const taken = new Set([...slots.values()].map((slot) => slot.column))
    const column = (type === 'string' ? texts : numbers).find((one) => !taken.has(one))
    if (column !== undefined) slots.set(path, { column, type, ready })
  }
  return Object.fromEntries(slots)
}

/** The slots as a map, which answers for no path that is not in it. */
export const slotMap = (slots: Slots | undefined): ReadonlyMap<string, Slot> => new Map(Object.entries(slots ?? {}))

/** The slots that records can be looked for by. */
export const readySlots = (slots: Slots | undefined): ReadonlyMap<string, Slot> =>
  new Map(Object.entries(slots ?? {}).filter(([, slot]) => slot.ready))

/** The name of the index over a slot. */
export const indexOf = (relation: string, column: string): string => `${relation}:${column}`

/** The statement that indexes a slot. The numbers ride along, so that conditions on them are looked at before records are read. */
export const createIndex = (relation: string, column: string, keys: readonly string[]): string =>
  `::index create ${indexOf(relation, column)} {${[column, ...keys, ...ridingAlong(column)].join(', ')}}`

/** The statements that index the slots in which all is that should be. */
export const createIndexes = (relation: string, slots: Slots | undefined, keys: readonly string[]): string[] =>
  [...readySlots(slots).values()].map(({ column }) => createIndex(relation, column, keys))

export const dropIndexes = (relation: string, slots: Slots | undefined): string[] =>
  Object.values(slots ?? {}).map(({ column }) => `::index drop ${indexOf(relation, column)}`)

/** The slots that are in the index over `column` beside it. */
export const ridingAlong = (column: string): readonly string[] => numbers.filter((one) => one !== column)

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
