import assert from 'node:assert/strict'
import { type ErrorCode, type Metadata, type Outcome, VeritasError, type WriteResult } from '@veritas-db/core/contract'

export { assert }

/** Runs `call`, which must fail with a VeritasError of one of the codes (of any, without codes), and returns that error. */
export async function rejects(
  call: () => Promise<unknown> | undefined,
  codes: ErrorCode | readonly ErrorCode[] | undefined,
  what: string,
): Promise<VeritasError> {
  const wanted = codes === undefined ? undefined : typeof codes === 'string' ? [codes] : codes
  const names = wanted?.join(' or ') ?? 'a VeritasError'
  let answer: unknown
  try {
    answer = await call()
  } catch (error) {
    if (!VeritasError.is(error))
      assert.fail(`${what}: must fail with ${names}, threw another kind of error: ${String(error)}`)
    if (wanted && !wanted.includes(error.code))
      assert.fail(`${what}: must fail with ${names}, failed with ${error.code}: ${error.message}`)
    return error
  }
  assert.fail(`${what}: must fail with ${names}, and answered ${preview(answer)}`)
}

/** All records of a write were applied. */
export function applied(result: WriteResult, count: number, what: string): void {
  outcomes(
    result,
    Array.from({ length: count }, () => 'applied' as const),
    what,
  )
}

/** The outcomes of a write are these. */
export function outcomes(result: WriteResult, expected: readonly Outcome['status'][], what: string): void {
  assert.ok(Array.isArray(result?.outcomes), `${what}: a write answers { outcomes }, got ${preview(result)}`)
  const all = result.outcomes.map((o) => o.status)
  assert.equal(all.length, expected.length, `${what}: needs one outcome a record`)
  const wrong = all.findIndex((status, i) => status !== expected[i])
  if (wrong < 0) return
  const outcome = result.outcomes[wrong]
  const why = outcome?.status === 'failed' ? ` (${outcome.error.code}: ${outcome.error.message})` : ''
  assert.fail(`${what}: record ${wrong} must be ${expected[wrong]}, was ${all[wrong]}${why}`)
}

/** The outcome is `failed` with an error of the code. */
export function failedWith(outcome: Outcome | undefined, code: ErrorCode, what: string): void {
  if (outcome?.status !== 'failed') assert.fail(`${what}: must be failed with ${code}, was ${outcome?.status}`)
  if (!VeritasError.is(outcome.error, code))
    assert.fail(`${what}: must be failed with ${code}, failed with ${preview(outcome.error)}`)
}

/** Two sets of texts are the same, in any order, each once. */
export function sameSet(actual: readonly string[], expected: readonly string[], what: string): void {
  const difference = setDifference(actual, expected)
  if (difference) assert.fail(`${what}: ${difference}`)
}

export function setDifference(actual: readonly string[], expected: readonly string[]): string | undefined {
  const there = new Set(actual)
  const wanted = new Set(expected)
  const missing = expected.filter((x) => !there.has(x))
  const extra = actual.filter((x) => !wanted.has(x))
  const parts: string[] = []
  if (missing.length > 0) parts.push(`${missing.length} missing (${missing.slice(0, 3).join(', ')})`)
  if (extra.length > 0) parts.push(`${extra.length} too many (${extra.slice(0, 3).join(', ')})`)
  if (there.size !== actual.length) parts.push(`${actual.length - there.size} more than once`)
  return parts.length > 0 ? parts.join(', ') : undefined
}

/** Metadata came back as it went in. */
export function sameData(actual: Metadata | undefined, expected: Metadata, what: string): void {
  const found = difference(actual, expected, '')
  if (found) assert.fail(`${what}: ${found}`)
}

/** Where two values differ, in words; undefined where they do not. Fields that are undefined count as not there; -0 equals 0. */
export function difference(actual: unknown, expected: unknown, path: string): string | undefined {
  const at = path === '' ? 'the value' : path
  if (expected instanceof Date)
    return actual instanceof Date && actual.getTime() === expected.getTime()
      ? undefined
      : `${at} must be the date ${expected.toISOString()}, is ${preview(actual)}`
  if (Array.isArray(expected)) {
    if (!Array.isArray(actual)) return `${at} must be an array, is ${preview(actual)}`
    if (actual.length !== expected.length) return `${at} must have ${expected.length} items, is ${preview(actual)}`
    return first(expected.map((item, i) => difference(actual[i], item, `${path}[${i}]`)))
  }
  if (typeof expected === 'object' && expected !== null) {
    if (typeof actual !== 'object' || actual === null || Array.isArray(actual) || actual instanceof Date)
      return `${at} must be an object, is ${preview(actual)}`
    const wanted = present(expected)
    const there = present(actual)
    for (const field of there.keys())
      if (!wanted.has(field)) return `${at} must not have the field ${JSON.stringify(field)}`
    return first(
      [...wanted].map(([field, value]) =>
        there.has(field)
          ? difference(there.get(field), value, `${path}[${JSON.stringify(field)}]`)
          : `${at} lacks the field ${JSON.stringify(field)} (${preview(value)})`,
      ),
    )
  }
  return actual === expected ? undefined : `${at} must be ${preview(expected)}, is ${preview(actual)}`
}

const present = (object: object): Map<string, unknown> =>
  new Map(Object.entries(object).filter(([, value]) => value !== undefined))
const first = (found: readonly (string | undefined)[]): string | undefined => found.find((x) => x !== undefined)

/** A value for an error message. */
export function preview(value: unknown): string {
  if (value instanceof Error) return `${value.name}: ${value.message}`
  if (value instanceof Date) return `the date ${Number.isNaN(value.getTime()) ? 'NaN' : value.toISOString()}`
  const text = typeof value === 'string' ? JSON.stringify(value) : (JSON.stringify(value) ?? String(value))
  return text.length > 160 ? `${text.slice(0, 160)}…` : text
}

/** Runs `work` on all items, a few at a time. */
export async function inParallel<T>(
  items: readonly T[],
  width: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const queue = items.values()
  const worker = async (): Promise<void> => {
    for (const item of queue) await work(item)
  }
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, worker))
}

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
