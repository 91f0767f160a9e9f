import type { FilterNode, Metadata, Scalar } from '@veritas-db/core/contract'
import { DATES, ODD_FIELDS } from './records.js'

const JAN_2020 = new Date(1_577_836_800_000)
const MAX = Number.MAX_SAFE_INTEGER

/** Values that lie next to others in the records: what a careless comparison takes for equal, or orders the wrong way. */
const TEXTS: readonly string[] = [
  '',
  'a',
  'A',
  'ab',
  'a ',
  ' a',
  'caf\u00e9',
  'cafe\u0301',
  '\u00df',
  '10',
  '2020',
  'null',
  '100%',
  'under_score',
  'a*',
  "O'Brien",
  '"a"',
  'a\\b',
  'a\nb',
  '\u{1f600}',
  '\ufffd',
]
const TEXT_BOUNDS: readonly string[] = ['', 'a', 'Ab', 'b', '9', '\u00df', '\ue000', '\ufffd', '\u{10000}']
const PREFIXES: readonly string[] = [
  '',
  'a',
  'A',
  '100%',
  'under_',
  'caf',
  'cafe',
  'a*',
  '[',
  '\u{1f600}',
  "O'",
  '2020-01',
]
const PARTS: readonly string[] = [
  '',
  'a',
  'A',
  '%',
  '_',
  '*',
  '?',
  '\u00e9',
  '\u0301',
  "'",
  '"',
  '\\',
  '\n',
  '\u{1f600}',
  'ss',
]
const NUMBERS: readonly number[] = [0, -1, 2, 0.1, 0.3, 2020, JAN_2020.getTime(), MAX, MAX - 1, -MAX, 1e-7]
const NUMBER_BOUNDS: readonly number[] = [0, -1, 2, 9, 0.3, 2020, MAX - 1]
const DATE_BOUNDS: readonly Date[] = [JAN_2020, new Date(-1), new Date(1)]
/** Compared with a field that holds values of every type. */
const MIXED: readonly Scalar[] = [
  'a',
  '1',
  'true',
  '2020',
  '2020-01-01T00:00:00.000Z',
  '',
  1,
  0,
  2020,
  JAN_2020.getTime(),
  true,
  false,
  JAN_2020,
  new Date(0),
]
const MIXED_BOUNDS: readonly (string | number | Date)[] = [
  'a',
  '1',
  '2019',
  0,
  2019,
  JAN_2020.getTime() - 1,
  new Date(-1),
  new Date(JAN_2020.getTime() - 1),
]
const ELEMENTS: readonly (string | number)[] = [
  'a',
  'A',
  'ab',
  'b',
  'a,b',
  'a b',
  '"a"',
  '9',
  '',
  "O'Brien",
  '\u{1f600}',
  1,
  10,
  0,
  0.5,
  JAN_2020.getTime(),
]

/** Conjunctions, disjunctions and negations in which every part matters. */
const some: FilterNode = { op: 'exists', path: 's', value: true }
const large: FilterNode = { op: 'gt', path: 'n', value: 1 }
const tagged: FilterNode = { op: 'contains', path: 'tags', value: 'a' }
const flag: FilterNode = { op: 'eq', path: 'b', value: true }
const word: FilterNode = { op: 'ne', path: 'us', value: 'a' }
const and = (...nodes: FilterNode[]): FilterNode => ({ op: 'and', nodes })
const or = (...nodes: FilterNode[]): FilterNode => ({ op: 'or', nodes })
const not = (node: FilterNode): FilterNode => ({ op: 'not', node })
const COMPOUND: readonly FilterNode[] = [
  and(some, large),
  and(large, some, flag),
  and(flag, { op: 'eq', path: 's', value: 'a' }),
  and({ op: 'gte', path: 'n', value: 0 }, { op: 'lt', path: 'n', value: 10 }),
  or(large, tagged),
  or(flag, { op: 'eq', path: 's', value: 'a' }, tagged),
  or(and(flag, large), and(some, tagged)),
  and(or(flag, large), or(some, tagged), word),
  not(and(flag, large)),
  not(or(flag, large)),
  not(not(large)),
  not(and()),
  not(or()),
  and(not(flag), not(tagged), word),
  or(not(and(some, large)), and(flag, not(or(tagged, word)))),
  and(and(and(flag), or(large)), not(not(some))),
]

/** Conditions in which databases are known to differ from the written table; all of them are tried, none is sampled away. */
export function traps(records: readonly Metadata[]): FilterNode[] {
  const filters: FilterNode[] = [{ op: 'or', nodes: [] }]
  const ranges = (path: string, values: readonly (string | number | Date)[]): void => {
    for (const value of values) for (const op of ['gt', 'gte', 'lt', 'lte'] as const) filters.push({ op, path, value })
  }
  // Declared fields and undeclared ones take turns, since engines often treat them apart.
  TEXTS.forEach((value, i) => {
    filters.push({ op: 'eq', path: i % 2 ? 's' : 'us', value })
  })
  ranges('s', TEXT_BOUNDS)
  ranges('us', TEXT_BOUNDS.slice(2, 7))
  PREFIXES.forEach((value, i) => {
    filters.push({ op: 'startsWith', path: i % 2 ? 's' : 'us', value })
  })
  PARTS.forEach((value, i) => {
    filters.push({ op: 'contains', path: i % 2 ? 'us' : 's', value })
  })
  NUMBERS.forEach((value, i) => {
    filters.push({ op: 'eq', path: i % 2 ? 'n' : 'un', value })
  })
  ranges('n', NUMBER_BOUNDS)
  ranges('un', NUMBER_BOUNDS.slice(0, 3))
  for (const value of DATES) filters.push({ op: 'eq', path: 'd', value })
  ranges('d', DATE_BOUNDS)
  for (const value of MIXED) filters.push({ op: 'eq', path: 'mixed', value }, { op: 'ne', path: 'mixed', value })
  ranges('mixed', MIXED_BOUNDS)
  for (const value of ELEMENTS)
    filters.push({ op: 'contains', path: typeof value === 'string' ? 'tags' : 'nums', value })
  // As `parseFilter` marks them on fields that are declared as lists.
  for (const value of ELEMENTS)
    filters.push({ op: 'contains', path: typeof value === 'string' ? 'tags' : 'nums', value, in: 'list' })
  for (const value of ELEMENTS.slice(0, 6)) filters.push({ op: 'contains', path: 'mixed', value })
  for (const path of ['s', 'un', 'b', 'd', 'tags', 'mixed', 'nested.x', 'nested.deep', 'missing']) {
    filters.push({ op: 'exists', path, value: true }, { op: 'exists', path, value: false })
    filters.push({ op: 'eq', path, value: null }, { op: 'ne', path, value: null })
    filters.push(
      { op: 'in', path, values: [] },
      { op: 'nin', path, values: [] },
      { op: 'in', path, values: [null, 'a', 1] },
    )
    filters.push(
      { op: 'nin', path, values: ['a', 1, true] },
      { op: 'ne', path, value: 'a' },
      { op: 'ne', path, value: 1 },
    )
    filters.push({ op: 'not', node: { op: 'eq', path, value: 'a' } }, { op: 'not', node: { op: 'gt', path, value: 1 } })
    filters.push({ op: 'not', node: { op: 'contains', path, value: 'a' } }, { op: 'startsWith', path, value: '' })
  }
  for (const path of ODD_FIELDS) {
    const there = records.find((record) => Object.hasOwn(record, path))?.[path]
    if (there !== undefined)
      filters.push({ op: 'eq', path, value: there as Scalar }, { op: 'ne', path, value: there as Scalar })
    filters.push({ op: 'exists', path, value: true })
  }
  return [...filters, ...COMPOUND]
}
