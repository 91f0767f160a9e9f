import type { Metadata, MetadataValue } from '@veritas-db/core/contract'
import fc from 'fast-check'
import type { Item } from '../places/place.js'
import { v } from './random.js'

/** Every generated record and filter comes from this seed, so that a failure comes again. */
export const SEED = 20_240_229

/** Texts that lie close together for a careless comparison: case, accents, wildcards, spaces, digits, planes of Unicode. */
export const STRINGS: readonly string[] = [
  '',
  'a',
  'A',
  'ab',
  'Ab',
  'abc',
  'b',
  'a b',
  'a,b',
  'a ',
  ' a',
  'caf\u00e9',
  'cafe\u0301',
  'cafe',
  '\u00df',
  'ss',
  "O'Brien",
  '"a"',
  'a\\b',
  '100%',
  '100 per cent',
  'under_score',
  'underXscore',
  'a*',
  'a?',
  '[a]',
  'a\nb',
  '9',
  '10',
  '2020',
  'true',
  'null',
  '2020-01-01T00:00:00.000Z',
  '\ufffd',
  '\ue000',
  '\u{10000}',
  '\u{1f600}',
  '\u{1f600}\u{1f601}',
  '\u05e9\u05dc\u05d5\u05dd',
  '\u4f60\u597d',
]

const JAN_2020 = 1_577_836_800_000

export const NUMBERS: readonly number[] = [
  0,
  -0,
  1,
  -1,
  2,
  9,
  10,
  1.5,
  -1.5,
  0.1,
  0.30000000000000004,
  0.3,
  1e-7,
  2020,
  JAN_2020,
  Number.MAX_SAFE_INTEGER,
  Number.MAX_SAFE_INTEGER - 1,
  -Number.MAX_SAFE_INTEGER,
  123456789.125,
]

export const DATES: readonly Date[] = [
  0,
  1,
  -1,
  JAN_2020,
  JAN_2020 + 1,
  -2_208_988_800_000,
  253_402_300_799_999,
  1_582_934_400_000,
].map((ms) => new Date(ms))

export const TAGS: readonly (readonly string[])[] = [
  [],
  ['a'],
  ['A'],
  ['ab'],
  ['a', 'b'],
  ['b', 'a'],
  ['a,b'],
  ['a b'],
  ['"a"'],
  ["O'Brien"],
  ['9'],
  [''],
  ['\u{1f600}', 'caf\u00e9'],
  ['a', 'a'],
]

export const NUMBER_LISTS: readonly (readonly number[])[] = [[], [1], [1, 2], [2, 1], [0.5], [-0], [JAN_2020], [10, 9]]

/** Undeclared fields with names that need care in a query. */
export const ODD_FIELDS: readonly string[] = [
  "it's",
  'with "quotes"',
  'back\\slash',
  'with space',
  '@types/node',
  'constructor',
  'a-b',
  '\u{1f680}',
  'key',
  'version',
  'text',
]

const maybe = <T extends MetadataValue>(values: fc.Arbitrary<T>): fc.Arbitrary<T | null | undefined> =>
  fc.oneof({ weight: 6, arbitrary: values }, { weight: 1, arbitrary: fc.constantFrom(null, undefined) })

const from = <T>(values: readonly T[]): fc.Arbitrary<T> => fc.constantFrom(...values)

/** Several types under one name, each value next to one of another type that looks like it. */
const mixed: fc.Arbitrary<MetadataValue> = fc.constantFrom<MetadataValue>(
  'a',
  'A',
  '1',
  'true',
  '2020',
  '2020-01-01T00:00:00.000Z',
  '',
  0,
  1,
  2020,
  JAN_2020,
  true,
  false,
  new Date(0),
  new Date(JAN_2020),
  [],
  ['a'],
  ['1', 'ab'],
  [1],
  [JAN_2020],
  {},
  { x: 1 },
)

const nested: fc.Arbitrary<MetadataValue> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      x: maybe(from(NUMBERS)),
      deep: maybe(fc.record({ y: maybe(from(STRINGS)), 'odd name': maybe(fc.boolean()) })),
    }),
  },
  { weight: 1, arbitrary: fc.constantFrom<MetadataValue>({}, 'x', 1, ['x'], new Date(0)) },
)

const record: fc.Arbitrary<Metadata> = fc
  .record({
    s: maybe(from(STRINGS)),
    n: maybe(from(NUMBERS)),
    b: maybe(fc.boolean()),
    d: maybe(from(DATES)),
    tags: maybe(from(TAGS)),
    nums: maybe(from(NUMBER_LISTS)),
    us: maybe(from(STRINGS)),
    un: maybe(from(NUMBERS)),
    mixed: maybe(mixed),
    nested: maybe(nested),
    odd: fc.tuple(from(ODD_FIELDS), fc.oneof(from(STRINGS), from(NUMBERS), fc.boolean())),
  })
  .map(({ odd: [name, value], ...rest }) => withoutUndefined({ ...rest, [name]: value }))

function withoutUndefined(data: Metadata): Metadata {
  const walk = (value: MetadataValue): MetadataValue =>
    typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date)
      ? withoutUndefined(value as Metadata)
      : value
  return Object.fromEntries(
    Object.entries(data)
      .filter(([, value]) => value !== undefined)
      .map(([field, value]) => [field, walk(value as MetadataValue)]),
  )
}

/** The generated records that filters are tried on. */
export function generatedItems(count: number): Item[] {
  return fc
    .sample(record, { seed: SEED, numRuns: count })
    .map((data, i) => ({ id: `generated-${i}`, version: v(i + 1), data }))
}

/** Data with everything that metadata may hold, which must come back as it went in. */
export const EVERYTHING: Metadata = {
  s: 'text',
  n: -12.25,
  b: false,
  d: new Date(1_582_934_400_123),
  tags: ['b', 'a', 'b'],
  nums: [3, 1, 2.5],
  empty: '',
  zero: 0,
  minusZero: -0,
  no: false,
  nothing: null,
  largest: Number.MAX_SAFE_INTEGER,
  least: -Number.MAX_SAFE_INTEGER,
  small: 1e-7,
  third: 1 / 3,
  undeclaredDate: new Date(-1),
  distantDate: new Date(253_402_300_799_999),
  textLikeDate: '2020-01-01T00:00:00.000Z',
  textLikeNumber: '007',
  textLikeNull: 'null',
  textLikeJson: '{"$date": 0}',
  noStrings: [],
  oneText: ['one'],
  texts: ['', ' ', "'", '"', '\u{1f600}'],
  object: {},
  nested: {
    nothing: null,
    list: [],
    date: new Date(0),
    deep: { deeper: { deepest: ['x'], when: new Date(1), flag: true, number: 1.5 } },
  },
  like: { date: 0, type: 'date', value: 1, absent: undefined },
}
