import type { FilterNode, Scalar } from '@veritas-db/core/contract'
import { slotParameter, suits } from './filter.js'
import type { Bindings } from './script.js'
import { indexOf, ridesAlong, type Slot } from './slots.js'

/** A way into a relation by the index over a slot: all that a filter matches is among what it gives, and the filter decides. */
export interface WayIn {
  /** Atoms that bind the relation's keys and the columns `bound`. */
  readonly atoms: string
  /** Slots that the index holds, of those that were asked for. */
  readonly bound: readonly string[]
  /** Whether it looks for one value: what it gives is in order of key then. */
  readonly single: boolean
}

/** Below all numbers: a bound that leaves out nulls, with which nothing can be compared. */
const lowest = `to_float('${-Number.MAX_VALUE}')`

/**
 * The best way into a relation by the parts of a filter that must all be true: by one value, by one of several, or by a range.
 * Undefined where no index helps.
 */
export const wayIn = (
  filter: FilterNode | undefined,
  slots: ReadonlyMap<string, Slot>,
  relation: string,
  keys: readonly string[],
  columns: readonly string[],
  bindings: Bindings,
): WayIn | undefined => {
  const parts = filter === undefined ? [] : filter.op === 'and' ? filter.nodes : [filter]
  const found = one(parts, slots, bindings) ?? oneOf(parts, slots, bindings) ?? between(parts, slots, bindings)
  if (!found) return undefined
  const { column, before = '', after = '', single } = found
  const bound = columns.filter((other) => ridesAlong(other) && other !== column)
  const entry = `*${indexOf(relation, column)}{${[column, ...keys, ...bound].join(', ')}}`
  return { atoms: `${before}${entry}${after}`, bound: [column, ...bound], single }
}

interface Found {
  readonly column: string
  /** Atoms before that of the index, which bind the slot. */
  readonly before?: string
  /** Bounds of the slot. */
  readonly after?: string
  readonly single: boolean
}

const one = (parts: readonly FilterNode[], slots: ReadonlyMap<string, Slot>, bindings: Bindings): Found | undefined => {
  for (const part of parts) {
    if (part.op !== 'eq') continue
    const slot = slots.get(part.path)
    if (part.value === null || !suits(slot, part.value)) continue
    const value = slotParameter(part.value, bindings)
    // A whole number of JSON is none of the fractions that the slot holds: looked for by its bytes, it would not be found.
    const before = `${slot.column} = ${slot.type === 'string' ? value : `to_float(${value})`}, `
    return { column: slot.column, before, single: true }
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
    if (type === 'string')
      return { column, before: `${column} in ${bindings.add([...new Set(part.values)])}, `, single: false }
    const texts = new Set(part.values.map((value) => String(Number(value as Scalar))))
    return { column, before: `text in ${bindings.add([...texts])}, ${column} = to_float(text), `, single: false }
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
    return { column: slot.column, after: `, ${[least, ...bounds].join(', ')}`, single: false }
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
