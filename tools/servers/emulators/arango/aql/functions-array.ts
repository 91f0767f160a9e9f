// docs.arangodb.com/3.12/aql/functions/array and …/numeric (aggregates over an array).
import type { AqlFunction, FunctionTable } from './functions.ts'
import {
  compare,
  equal,
  fingerprint,
  finite,
  isArray,
  isObjectValue,
  toBool,
  toNumber,
  toText,
  type Value,
} from './values.ts'

/** A function whose first argument must be an array; otherwise it warns and gives null. */
const onArray = (min: number, max: number, run: (items: Value[], rest: Value[]) => Value): AqlFunction => ({
  min,
  max,
  run: ([first = null, ...rest], context) => {
    if (first !== null && isArray(first)) return run(first, rest)
    context.warn(1542, 'an array is expected')
    return null
  },
})

const unique = (items: Value[]): Value[] => [...new Map(items.map((v) => [fingerprint(v), v])).values()]

const flatten = (items: Value[], depth: number): Value[] =>
  items.flatMap((v) => (v !== null && isArray(v) && depth > 0 ? flatten(v, depth - 1) : [v]))

const notNull = (items: Value[]): Value[] => items.filter((v) => v !== null)

const extreme = (items: Value[], sign: number): Value =>
  notNull(items).reduce<Value>((best, v) => (best === null || compare(v, best) * sign > 0 ? v : best), null)

const numbers = (items: Value[]): number[] | undefined => {
  const present = notNull(items)
  return present.every((v) => typeof v === 'number') ? present.map(toNumber) : undefined
}

const total = (items: Value[]): Value => {
  const all = numbers(items)
  return all ? finite(all.reduce((sum, v) => sum + v, 0)) : null
}

const average = (items: Value[]): Value => {
  const all = numbers(items)
  return all?.length ? finite(all.reduce((sum, v) => sum + v, 0) / all.length) : null
}

const length: AqlFunction = {
  min: 1,
  max: 1,
  run: ([v = null]) => {
    if (v === null) return 0
    if (isArray(v)) return v.length
    if (isObjectValue(v)) return Object.keys(v).length
    if (typeof v === 'string') return [...v].length
    return typeof v === 'boolean' ? Number(v) : [...toText(v)].length
  },
}

const every = (args: Value[]): Value[][] | undefined => {
  const arrays = args.filter((v): v is Value[] => v !== null && isArray(v))
  return arrays.length === args.length ? arrays : undefined
}

const onArrays = (run: (arrays: Value[][]) => Value): AqlFunction => ({
  min: 2,
  max: 99,
  run: (args, context) => {
    const arrays = every(args)
    if (arrays) return run(arrays)
    context.warn(1542, 'arrays are expected')
    return null
  },
})

const setOf = (items: Value[]): Set<string> => new Set(items.map(fingerprint))

/** With nothing to append, or nothing to append to, the other one comes back as it is. */
const append: AqlFunction = {
  min: 2,
  max: 3,
  run: ([to = null, what = null, distinct = null]) => {
    const base = to === null ? [] : isArray(to) ? to : null
    if (base === null) return null
    const more = what === null ? [] : isArray(what) ? what : [what]
    if (to === null || more.length === 0) return to === null ? what : base
    return toBool(distinct) ? unique([...base, ...more]) : [...base, ...more]
  },
}

const position: AqlFunction = onArray(2, 3, (items, [search = null, asIndex = null]) => {
  const index = items.findIndex((v) => equal(v, search))
  return toBool(asIndex) ? index : index >= 0
})

export const arrayFunctions: FunctionTable = {
  LENGTH: length,
  COUNT: length,
  FIRST: onArray(1, 1, (items) => items[0] ?? null),
  LAST: onArray(1, 1, (items) => items.at(-1) ?? null),
  NTH: onArray(2, 2, (items, [at = null]) => items[toNumber(at)] ?? null),
  MIN: onArray(1, 1, (items) => extreme(items, -1)),
  MAX: onArray(1, 1, (items) => extreme(items, 1)),
  SUM: onArray(1, 1, total),
  AVERAGE: onArray(1, 1, average),
  AVG: onArray(1, 1, average),
  UNIQUE: onArray(1, 1, unique),
  SORTED: onArray(1, 1, (items) => [...items].sort(compare)),
  SORTED_UNIQUE: onArray(1, 1, (items) => unique(items).sort(compare)),
  COUNT_DISTINCT: onArray(1, 1, (items) => unique(items).length),
  COUNT_UNIQUE: onArray(1, 1, (items) => unique(items).length),
  REVERSE: {
    min: 1,
    max: 1,
    run: ([v = null]) =>
      v !== null && isArray(v) ? [...v].reverse() : typeof v === 'string' ? [...v].reverse().join('') : null,
  },
  FLATTEN: onArray(1, 2, (items, [depth = null]) => flatten(items, depth === null ? 1 : toNumber(depth))),
  APPEND: append,
  PUSH: {
    min: 2,
    max: 3,
    run: ([to = null, value = null, distinct = null]) => {
      const base = to === null ? [] : isArray(to) ? to : null
      if (base === null) return null
      return toBool(distinct) && base.some((v) => equal(v, value)) ? base : [...base, value]
    },
  },
  SLICE: onArray(2, 3, (items, [start = null, count = null]) => {
    const from = toNumber(start) < 0 ? Math.max(0, items.length + toNumber(start)) : toNumber(start)
    if (count === null) return items.slice(from)
    return toNumber(count) < 0 ? items.slice(from, toNumber(count)) : items.slice(from, from + toNumber(count))
  }),
  POSITION: position,
  REMOVE_VALUE: onArray(2, 2, (items, [value = null]) => items.filter((v) => !equal(v, value))),
  REMOVE_VALUES: onArray(2, 2, (items, [values = null]) => {
    const gone = setOf(values !== null && isArray(values) ? values : [])
    return items.filter((v) => !gone.has(fingerprint(v)))
  }),
  UNION: onArrays((arrays) => arrays.flat()),
  UNION_DISTINCT: onArrays((arrays) => unique(arrays.flat())),
  INTERSECTION: onArrays(([first = [], ...rest]) => {
    const sets = rest.map(setOf)
    return unique(first).filter((v) => sets.every((set) => set.has(fingerprint(v))))
  }),
  MINUS: onArrays(([first = [], ...rest]) => {
    const gone = setOf(rest.flat())
    return unique(first).filter((v) => !gone.has(fingerprint(v)))
  }),
  RANGE: {
    min: 2,
    max: 3,
    run: ([from = null, to = null, step = null]) => {
      const [a, b] = [toNumber(from), toNumber(to)]
      const by = step === null ? Math.sign(b - a) || 1 : toNumber(step)
      if (by === 0) return null
      const result: Value[] = []
      for (let v = a; by > 0 ? v <= b : v >= b; v += by) result.push(v)
      return result
    },
  },
}
