// AQL functions with their arities: docs.arangodb.com/3.12/aql/functions. An unknown one is error 1540.
import { arrayFunctions } from './functions-array.ts'
import { documentFunctions } from './functions-document.ts'
import { stringFunctions } from './functions-string.ts'
import {
  compare,
  finite,
  isArray,
  isObjectValue,
  toArray,
  toBool,
  toNumber,
  toText,
  typeName,
  type Value,
} from './values.ts'

export interface FunctionContext {
  /** The document with this `_id`, or null. */
  document(id: string): Value
  warn(code: number, message: string): void
}

export interface AqlFunction {
  min: number
  max: number
  run(args: Value[], context: FunctionContext): Value
}

export type FunctionTable = Record<string, AqlFunction>

const is = (test: (value: Value) => boolean): AqlFunction => ({ min: 1, max: 1, run: ([v = null]) => test(v) })

const numeric = (min: number, max: number, run: (...numbers: number[]) => number): AqlFunction => ({
  min,
  max,
  run: (args) => finite(run(...args.map(toNumber))),
})

const isDate = (value: Value): boolean => dateOf(value) !== undefined

const dateOf = (value: Value): Date | undefined => {
  const date =
    typeof value === 'number'
      ? new Date(value)
      : typeof value === 'string' && /^\d{4}-\d{1,2}(-\d{1,2}([T ].*)?)?$/.test(value)
        ? new Date(/[zZ]|[+-]\d\d:?\d\d$/.test(value) || !/[T ]/.test(value) ? value : `${value}Z`)
        : undefined
  return date && !Number.isNaN(date.getTime()) ? date : undefined
}

const date = (max: number, run: (date: Date) => Value): AqlFunction => ({
  min: 1,
  max,
  run: ([value = null], context) => {
    const found = dateOf(value)
    if (found) return run(found)
    context.warn(1542, 'invalid date value')
    return null
  },
})

const vectors = (a: Value, b: Value): [number[], number[]] | undefined => {
  const numbers = (v: Value): number[] | undefined =>
    isArray(v) && v.every((x) => typeof x === 'number') ? v.map(toNumber) : undefined
  const left = numbers(a)
  const right = numbers(b)
  return left && right && left.length === right.length ? [left, right] : undefined
}

const vectorFunction = (run: (a: number[], b: number[]) => number): AqlFunction => ({
  min: 2,
  max: 2,
  run: ([a = null, b = null], context) => {
    const pair = vectors(a, b)
    if (pair) return finite(run(...pair))
    context.warn(1542, 'expecting two arrays of numbers of the same length')
    return null
  },
})

const sum = (values: number[]): number => values.reduce((total, v) => total + v, 0)
const dot = (a: number[], b: number[]): number => sum(a.map((v, i) => v * (b[i] ?? 0)))

const scalarFunctions: FunctionTable = {
  IS_NULL: is((v) => v === null),
  IS_BOOL: is((v) => typeof v === 'boolean'),
  IS_NUMBER: is((v) => typeof v === 'number'),
  IS_STRING: is((v) => typeof v === 'string'),
  IS_ARRAY: is(isArray),
  IS_LIST: is(isArray),
  IS_OBJECT: is(isObjectValue),
  IS_DOCUMENT: is(isObjectValue),
  IS_DATESTRING: is((v) => typeof v === 'string' && isDate(v)),
  TYPENAME: { min: 1, max: 1, run: ([v = null]) => typeName(v) },
  TO_BOOL: { min: 1, max: 1, run: ([v = null]) => toBool(v) },
  TO_NUMBER: { min: 1, max: 1, run: ([v = null]) => toNumber(v) },
  TO_STRING: { min: 1, max: 1, run: ([v = null]) => toText(v) },
  TO_ARRAY: { min: 1, max: 1, run: ([v = null]) => toArray(v) },
  TO_LIST: { min: 1, max: 1, run: ([v = null]) => toArray(v) },
  NOT_NULL: { min: 1, max: 99, run: (args) => args.find((v) => v !== null) ?? null },
  ABS: numeric(1, 1, (v = 0) => Math.abs(v)),
  CEIL: numeric(1, 1, (v = 0) => Math.ceil(v)),
  FLOOR: numeric(1, 1, (v = 0) => Math.floor(v)),
  ROUND: numeric(1, 1, (v = 0) => Math.floor(v + 0.5)),
  SQRT: numeric(1, 1, (v = 0) => Math.sqrt(v)),
  POW: numeric(2, 2, (a = 0, b = 0) => a ** b),
  EXP: numeric(1, 1, (v = 0) => Math.exp(v)),
  LOG: numeric(1, 1, (v = 0) => Math.log(v)),
  DATE_NOW: { min: 0, max: 0, run: () => Date.now() },
  DATE_TIMESTAMP: date(1, (d) => d.getTime()),
  DATE_ISO8601: date(1, (d) => d.toISOString()),
  COSINE_SIMILARITY: vectorFunction((a, b) => dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b))),
  L2_DISTANCE: vectorFunction((a, b) => Math.sqrt(sum(a.map((v, i) => (v - (b[i] ?? 0)) ** 2)))),
  L1_DISTANCE: vectorFunction((a, b) => sum(a.map((v, i) => Math.abs(v - (b[i] ?? 0))))),
  IN_RANGE: {
    min: 5,
    max: 5,
    run: ([v = null, low = null, high = null, withLow = null, withHigh = null]) =>
      (toBool(withLow) ? compare(v, low) >= 0 : compare(v, low) > 0) &&
      (toBool(withHigh) ? compare(v, high) <= 0 : compare(v, high) < 0),
  },
}

export const functions: FunctionTable = {
  ...scalarFunctions,
  ...stringFunctions,
  ...arrayFunctions,
  ...documentFunctions,
}
