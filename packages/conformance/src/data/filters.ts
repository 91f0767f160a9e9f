import {
  type Condition,
  canPush,
  type FilterCapabilities,
  type FilterNode,
  MATCH_ALL,
  type Metadata,
  type Scalar,
} from '@veritas-db/core/contract'
import fc from 'fast-check'
import { DATES, NUMBER_LISTS, NUMBERS, ODD_FIELDS, SEED, STRINGS, TAGS } from './records.js'
import { traps } from './traps.js'

/** The fields that filters ask about, before a role puts its prefix there. */
const PATHS: readonly string[] = [
  's',
  'n',
  'b',
  'd',
  'tags',
  'nums',
  'us',
  'un',
  'mixed',
  'nested',
  'nested.x',
  'nested.deep.y',
  'nested.deep.odd name',
  'nested.missing.z',
  'missing',
  ...ODD_FIELDS,
]

const from = <T>(values: readonly T[]): fc.Arbitrary<T> => fc.constantFrom(...values)
const ELEMENTS: readonly (string | number)[] = [...new Set([...TAGS.flat(), ...NUMBER_LISTS.flat(), 'zz', 99])]
const PARTS: readonly string[] = [
  '',
  'a',
  'A',
  'ab',
  ' ',
  '%',
  '_',
  '*',
  "'",
  '"',
  '\\',
  '\u{1f600}',
  '\u00e9',
  'e\u0301',
  '10',
]

/** What a typed field may be compared with; backends may refuse values of another type than the declared one. */
const TYPED: ReadonlyMap<string, readonly Scalar[]> = new Map<string, readonly Scalar[]>([
  ['s', STRINGS],
  ['us', STRINGS],
  ['n', NUMBERS],
  ['un', NUMBERS],
  ['b', [true, false]],
  ['d', DATES],
])
const ANY: readonly Scalar[] = [...STRINGS, ...NUMBERS, true, false, ...DATES]

function scalarsFor(path: string): fc.Arbitrary<Scalar> {
  const typed = TYPED.get(path) ?? (path === 'nested.x' ? NUMBERS : path.endsWith('.y') ? STRINGS : undefined)
  return typed ? fc.oneof({ weight: 5, arbitrary: from(typed) }, { weight: 1, arbitrary: from(ANY) }) : from(ANY)
}

function condition(path: string): fc.Arbitrary<Condition> {
  const scalar = scalarsFor(path)
  const orNull = fc.oneof({ weight: 5, arbitrary: scalar }, { weight: 1, arbitrary: fc.constant(null) })
  const ordered = scalar.filter((x): x is string | number | Date => typeof x !== 'boolean')
  const values = fc.array(orNull, { maxLength: 4 })
  return fc.oneof(
    fc.record({ op: fc.constantFrom('eq', 'ne'), path: fc.constant(path), value: orNull }),
    fc.record({ op: fc.constantFrom('gt', 'gte', 'lt', 'lte'), path: fc.constant(path), value: ordered }),
    fc.record({ op: fc.constantFrom('in', 'nin'), path: fc.constant(path), values }),
    fc.record({ op: fc.constant('exists'), path: fc.constant(path), value: fc.boolean() }),
    fc.record({ op: fc.constant('contains'), path: fc.constant(path), value: fc.oneof(from(ELEMENTS), from(PARTS)) }),
    fc.record({ op: fc.constant('startsWith'), path: fc.constant(path), value: from(PARTS) }),
  )
}

const anyCondition: fc.Arbitrary<FilterNode> = from(PATHS).chain(condition)

const tree: fc.Arbitrary<FilterNode> = fc.letrec<{ node: FilterNode }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    anyCondition,
    fc.record({ op: fc.constantFrom('and', 'or'), nodes: fc.array(tie('node'), { maxLength: 4 }) }),
    fc.record({ op: fc.constant('not'), node: tie('node') }),
  ),
})).node

/** One of each kind of condition on each kind of field, in the order of the written table. */
function systematic(): FilterNode[] {
  const filters: FilterNode[] = [MATCH_ALL, { op: 'or', nodes: [] }, { op: 'not', node: MATCH_ALL }]
  for (const path of PATHS) {
    const values: (Scalar | null)[] = [
      null,
      ...(TYPED.get(path) ?? ANY).filter((_, i, all) => i % Math.ceil(all.length / 5) === 0),
    ]
    filters.push({ op: 'exists', path, value: true }, { op: 'exists', path, value: false })
    for (const value of values) {
      filters.push({ op: 'eq', path, value }, { op: 'ne', path, value })
      filters.push({ op: 'not', node: { op: 'ne', path, value } })
      if (value === null || typeof value === 'boolean') continue
      for (const op of ['gt', 'gte', 'lt', 'lte'] as const) filters.push({ op, path, value })
      filters.push({ op: 'not', node: { op: 'lt', path, value } })
    }
    for (const list of [[], values.slice(0, 3), values.slice(1, 4)])
      filters.push({ op: 'in', path, values: list }, { op: 'nin', path, values: list })
    for (const value of ['a', '', 'A', '\u{1f600}', 1]) {
      filters.push({ op: 'contains', path, value }, { op: 'not', node: { op: 'contains', path, value } })
      if (typeof value === 'string') filters.push({ op: 'startsWith', path, value })
    }
  }
  return filters
}

/** Filters in two parts: those the capabilities cover, and those the backend must refuse. */
export interface FilterSample {
  readonly pushable: readonly FilterNode[]
  readonly refused: readonly FilterNode[]
}

/** All traps, then conditions of the written table and generated filters in equal parts, as far as the backend takes them. */
export function filterSample(
  capabilities: FilterCapabilities,
  records: readonly Metadata[],
  count: number,
): FilterSample {
  const pushable: FilterNode[] = []
  const refused: FilterNode[] = []
  const take = (filters: readonly FilterNode[], most: number): void => {
    const good = filters.filter((f) => canPush(f, capabilities))
    pushable.push(...everyNth(good, most))
    refused.push(
      ...everyNth(
        filters.filter((f) => !canPush(f, capabilities)),
        20,
      ),
    )
  }
  take(traps(records), Number.POSITIVE_INFINITY)
  const room = Math.max(100, count - pushable.length)
  take(systematic(), Math.ceil(room / 2))
  // Many more than needed, since a backend that takes little would be left with a handful.
  take(fc.sample(tree, { seed: SEED, numRuns: count * 4 }), Math.floor(room / 2))
  return { pushable, refused }
}

function everyNth<T>(items: readonly T[], most: number): T[] {
  if (items.length <= most) return items.slice()
  return Array.from({ length: most }, (_, i) => items[Math.floor((i * items.length) / most)] as T)
}

/** The parts of a filter, to find the smallest one that goes wrong. */
export function parts(node: FilterNode): readonly FilterNode[] {
  if (node.op === 'and' || node.op === 'or') return node.nodes
  return node.op === 'not' ? [node.node] : []
}

export function printFilter(node: FilterNode): string {
  return JSON.stringify(node, function (this: Record<string, unknown>, name, value: unknown) {
    const original = this[name]
    return original instanceof Date ? `Date(${original.toISOString()})` : Object.is(original, -0) ? '-0' : value
  })
}
