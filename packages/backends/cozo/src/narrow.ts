import type { FilterNode, Scalar } from '@veritas-db/core/contract'
import { slotParameter, suits } from './filter.js'
import type { Bindings } from './script.js'
import type { Source } from './select.js'
import { indexOf, ridesAlong, type Slot } from './slots.js'

/** A way into a relation by the index over a slot: all that a filter matches is among what it gives, and the filter decides. */
export interface WayIn {
  /** Atoms that bind the relation's keys and the columns `bound`. */
  readonly atoms: string
  /** Slots that the index holds, of those that were asked for. */
  readonly bound: readonly string[]
  /** Whether it looks for one value: what it gives is in order of key then. */
  readonly single: boolean
  /** What is left of the filter to decide. */
  readonly left: readonly FilterNode[]
}

/** Below all numbers: a bound that leaves out nulls, with which nothing can be compared. */
const lowest = `to_float('${-Number.MAX_VALUE}')`

/** The parts of a filter that must all be true. */
export const partsOf = (filter: FilterNode | undefined): readonly FilterNode[] =>
  filter === undefined ? [] : filter.op === 'and' ? filter.nodes : [filter]

/**
 * The best way into a relation for a filter: by one value, by one of several, or by a range. Undefined where no index helps.
 * `columns` are those of which it shall bind what the index holds.
 */
export const wayIn = (
  filter: FilterNode | undefined,
  { relation, keys, slots }: Source,
  columns: (left: readonly FilterNode[]) => readonly string[],
  bindings: Bindings,
): WayIn | undefined => {
  const parts = partsOf(filter)
  const found = one(parts, slots, bindings) ?? oneOf(parts, slots, bindings) ?? between(parts, slots, bindings)
  if (!found) return undefined
  const { column, value, before = '', after = '', decided } = found
  const left = parts.filter((part) => part !== decided)
  const riding = columns(left).filter((other) => ridesAlong(other) && other !== column)
  const entry = [value === undefined ? column : `${column}: ${value}`, ...keys, ...riding].join(', ')
  return {
    atoms: `${before}*${indexOf(relation, column)}{${entry}}${after}`,
    bound: value === undefined ? [column, ...riding] : riding,
    single: value !== undefined,
    left,
  }
}

interface Found {
  readonly column: string
  /** The one value that is looked for. */
  readonly value?: string
  /** Atoms before that of the index, which bind the slot. */
  readonly before?: string
  /** Bounds of the slot. */
  readonly after?: string
  /** The part of the filter that is true of all that is found. */
  readonly decided?: FilterNode
}

const one = (parts: readonly FilterNode[], slots: ReadonlyMap<string, Slot>, bindings: Bindings): Found | undefined => {
  for (const part of parts) {
    if (part.op !== 'eq') continue
    const slot = slots.get(part.path)
    if (part.value === null || !suits(slot, part.value)) continue
    const value = slotParameter(part.value, bindings)
    // A whole number of JSON is none of the fractions that the slot holds: looked for by its bytes, it would not be found.
    return { column: slot.column, value: slot.type === 'string' ? value : `to_float(${value})`, decided: part }
  }
  return undefined
}

const oneOf = (
  parts: readonly FilterNode[],
  slots: ReadonlyMap<string, Slot>,
  bindings: Bindings,
): Found | undefined => {
  for (const part of parts) {
    if (part.op !== 'in') continue
    const slot = slots.get(part.path)
    if (!slot || !part.values.every((value) => suits(slot, value))) continue
    const { column, type } = slot
    if (type === 'string') return { column, before: `${column} in ${bindings.add([...new Set(part.values)])}, ` }
    const texts = new Set(part.values.map((value) => String(Number(value as Scalar))))
    return { column, before: `text in ${bindings.add([...texts])}, ${column} = to_float(text), ` }
  }
  return undefined
}

const between = (
  parts: readonly FilterNode[],
  slots: ReadonlyMap<string, Slot>,
  bindings: Bindings,
): Found | undefined => {
  for (const [path, slot] of slots) {
    const bounds = parts.flatMap((part) => ('path' in part && part.path === path ? boundsOf(part, slot, bindings) : []))
    if (bounds.length === 0) continue
    const least = `${slot.column} >= ${slot.type === 'string' ? "''" : lowest}`
    return { column: slot.column, after: `, ${[least, ...bounds].join(', ')}` }
  }
  return undefined
}

const signs = { gt: '>', gte: '>=', lt: '<', lte: '<=' } as const

/** What a condition says of a slot, as bounds at which the server begins and ends reading. */
const boundsOf = (part: FilterNode, slot: Slot, bindings: Bindings): string[] => {
  switch (part.op) {
    case 'gt':
    case 'gte':
    case 'lt':
    case 'lte':
      return suits(slot, part.value) ? [`${slot.column} ${signs[part.op]} ${slotParameter(part.value, bindings)}`] : []
    case 'startsWith': {
      if (!suits(slot, part.value)) return []
      const end = endOfPrefix(part.value)
      return [
        `${slot.column} >= ${bindings.add(part.value)}`,
        ...(end === undefined ? [] : [`${slot.column} < ${bindings.add(end)}`]),
      ]
    }
    default:
      return []
  }
}

/** The least text above all that start with `prefix`; undefined where there is none. */
export const endOfPrefix = (prefix: string): string | undefined => {
  const points = [...prefix].map((char) => char.codePointAt(0) as number)
  while (points.at(-1) === 0x10ffff) points.pop()
  const last = points.pop()
  if (last === undefined) return undefined
  // Surrogates are no characters: after U+D7FF comes U+E000.
  return String.fromCodePoint(...points, last === 0xd7ff ? 0xe000 : last + 1)
}
