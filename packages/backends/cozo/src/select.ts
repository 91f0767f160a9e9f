import type { FilterNode } from '@veritas-db/core/contract'
import { type Conditions, compileFilter } from './filter.js'
import { partsOf, type WayIn, wayIn } from './narrow.js'
import { Bindings, block } from './script.js'
import { indexOf, ridesAlong, type Slot } from './slots.js'

/** A relation of records as queries see it. */
export interface Source {
  readonly relation: string
  readonly keys: readonly string[]
  /** Those that records can be looked for by. */
  readonly slots: ReadonlyMap<string, Slot>
}

/** What a query asks of a relation. */
export interface Selection {
  readonly filter: FilterNode | undefined
  /** Columns to bind, beside the keys. */
  readonly columns: readonly string[]
  /** Further atoms, each with a comma in front. */
  readonly more?: string
}

/** So many entries of an index are read before records are read in order of key instead, until there are enough that match. */
const FEW = 10_000

/** How a query finds records: by an index where one helps, and conditions that decide. */
const plan = (
  source: Source,
  filter: FilterNode | undefined,
  bindings: Bindings,
): { readonly way: WayIn | undefined; readonly conditions: Conditions } => {
  const { slots } = source
  const compiled = (parts: readonly FilterNode[], into: Bindings): Conditions =>
    compileFilter({ op: 'and', nodes: parts }, into, slots)
  const way = wayIn(filter, source, (left) => compiled(left, new Bindings()).columns, bindings)
  return { way, conditions: compiled(way?.left ?? partsOf(filter), bindings) }
}

/** The body of a rule that gives all records which a filter matches, by an index where one helps. */
export const matching = (source: Source, { filter, columns, more = '' }: Selection, bindings: Bindings): string => {
  const { relation, keys } = source
  const { way, conditions } = plan(source, filter, bindings)
  const needed = distinct([...columns, ...conditions.columns]).filter((column) => !way?.bound.includes(column))
  const records = `*${relation}{${[...keys, ...needed].join(', ')}}`
  // Where the index holds all that is asked for, the records need not be read.
  const from = way ? [way.atoms, ...(needed.length > 0 ? [records] : [])].join(', ') : records
  return `${from}${more}${conditions.atoms}`
}

/**
 * A script that gives at most `limit` records in order of their keys, with which `head` begins: rows are read in that order, so that
 * `:limit` ends the reading. `after` are conditions on the keys alone.
 */
export const inKeyOrder = (
  source: Source,
  {
    filter,
    columns,
    more = '',
    head,
    after,
    limit,
  }: Selection & { readonly head: string; readonly after: string; readonly limit: number },
  bindings: Bindings,
): string => {
  const { relation, keys } = source
  const { way, conditions } = plan(source, filter, bindings)
  const all = distinct([...columns, ...conditions.columns])
  const query = (from: string, bound: readonly string[] = []): string => {
    const needed = all.filter((column) => !bound.includes(column))
    return `?[${head}] := ${from}*${relation}{${[...keys, ...needed].join(', ')}}${after}${more}${conditions.atoms} :limit ${limit}`
  }
  if (!way) return query('')
  if (way.single) return query(`${way.atoms}, `, way.bound)
  // What a range or a list gives is not in order of key: all of it has to be read, unless that is too much.
  const key = keys.join(', ')
  return `${block(
    `?[${key}] := ${way.atoms}${after} :limit ${FEW} :create _some {${key}}`,
    `n[count(${keys[0]})] := *_some{${key}} ?[n] := n[n], n >= ${FEW} :create _many {n}`,
  )}
%if _many %then { ${query('')} } %else { ${query(`*_some{${key}}, `)} } %end`
}

/**
 * A script that gives at most `limit` records in the order of the index over a slot, with which `head` begins; undefined where the
 * filter looks for one value of another slot, so that few records are left to sort.
 */
export const inSlotOrder = (
  source: Source,
  slot: string,
  { filter, columns, more = '', head, limit }: Selection & { readonly head: string; readonly limit: number },
  bindings: Bindings,
): string | undefined => {
  const { relation, keys, slots } = source
  if (wayIn(filter, source, () => [], new Bindings())?.single) return undefined
  const conditions = compileFilter(filter, bindings, slots)
  const needed = distinct([...columns, ...conditions.columns])
  const inIndex = [slot, ...needed.filter((column) => ridesAlong(column) && column !== slot)]
  const left = needed.filter((column) => !inIndex.includes(column))
  const entry = `*${indexOf(relation, slot)}{${[...inIndex, ...keys].join(', ')}}`
  const records = left.length > 0 ? `, *${relation}{${[...keys, ...left].join(', ')}}` : ''
  return `?[${head}] := ${entry}${records}${more}${conditions.atoms} :limit ${limit}`
}

const distinct = (columns: readonly string[]): string[] => [...new Set(columns)]
