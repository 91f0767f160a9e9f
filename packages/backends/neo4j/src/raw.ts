import { invalid, typeName } from '@veritas-db/core/contract'
import { integer } from './cypher.js'
import type { ToNativeDate } from './properties.js'

/**
 * A parameter as Cypher wants it: whole numbers as INTEGER (LIMIT takes no other), dates as ZONED DATETIME; what the driver makes
 * of values of its own is left to it. What it cannot send is refused, since it would leave half a message behind.
 * @throws VeritasError VALIDATION
 */
export const toParameter = (value: unknown, toDate: ToNativeDate, path = 'parameters'): unknown => {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? integer(value) : value
  if (value instanceof Date) return toDate(value)
  if (Array.isArray(value)) return value.map((item, i) => toParameter(item, toDate, `${path}[${i}]`))
  if (isPlain(value))
    return Object.fromEntries(
      Object.entries(value).map(([name, item]) => [name, toParameter(item, toDate, `${path}.${name}`)]),
    )
  if (typeof value === 'function' || typeof value === 'symbol')
    throw invalid(path, `a ${typeName(value)} cannot be sent`)
  return value
}

/** Integers as numbers where they are exact, else as BigInt; nodes, relationships, paths and dates stay the driver's. */
export const fromAnswer = (value: unknown): unknown => {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : value
  if (isInteger(value)) return fromAnswer(value.toBigInt())
  if (Array.isArray(value)) return value.map(fromAnswer)
  return isPlain(value)
    ? Object.fromEntries(Object.entries(value).map(([name, item]) => [name, fromAnswer(item)]))
    : value
}

const isPlain = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype

/** The driver's own integer, which an injected driver gives unless it was told otherwise. */
const isInteger = (value: unknown): value is { toBigInt(): bigint } =>
  typeof value === 'object' && value !== null && 'toBigInt' in value && typeof value.toBigInt === 'function'
