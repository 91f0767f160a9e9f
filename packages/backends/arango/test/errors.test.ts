import { invalid, VeritasError } from '@veritas-db/core/contract'
import { describe, expect, it } from 'vitest'
import { toVeritasError } from '../src/errors.js'

const target = 'db.example:8529'
/** An error as the client makes it of an answer. */
const answered = (errorNum: number, code: number, write = true, headers: Record<string, string> = {}): VeritasError => {
  const cause = Object.assign(new Error('HTTP'), { name: 'HttpError', code, response: new Response('', { headers }) })
  const native = Object.assign(new Error('said so', { cause }), { name: 'ArangoError', errorNum, code })
  return toVeritasError(native, { operation: 'upsert', write, target })
}

describe('answers', () => {
  it.each([
    [1200, 409, 'CONFLICT', true, 'not-applied'],
    [1200, 412, 'CONFLICT', true, 'not-applied'],
    [1203, 404, 'NOT_FOUND', false, 'not-applied'],
    [1210, 409, 'CONFLICT', true, 'not-applied'],
    [1228, 404, 'CONFIGURATION', false, 'not-applied'],
    [11, 401, 'AUTHENTICATION', false, 'not-applied'],
    [11, 403, 'AUTHENTICATION', false, 'not-applied'],
    [1500, 410, 'TIMEOUT', true, 'not-applied'],
    [1501, 400, 'VALIDATION', false, 'not-applied'],
    [1579, 400, 'VALIDATION', false, 'not-applied'],
    [1654, 410, 'CONFLICT', true, 'not-applied'],
    [1655, 404, 'CONFLICT', true, 'not-applied'],
    [21003, 503, 'UNAVAILABLE', true, 'not-applied'],
    [503, 503, 'UNAVAILABLE', true, 'unknown'],
    [4, 500, 'INTERNAL', false, 'unknown'],
    [600, 400, 'VALIDATION', false, 'not-applied'],
  ])('error %i with status %i', (number, status, code, retryable, outcome) => {
    const error = answered(number, status)
    expect(error).toMatchObject({ code, retryable, outcome, backend: 'arango', operation: 'upsert' })
    expect(error.message).toContain(`ArangoDB at ${target} `)
    expect(answered(number, status, false).outcome).toBe('not-applied')
  })

  it('429 is RATE_LIMITED with its delay', () => {
    expect(answered(503, 429, true, { 'retry-after': '2' })).toMatchObject({ code: 'RATE_LIMITED', retryAfterMs: 2000 })
    expect(answered(503, 429).retryAfterMs).toBeUndefined()
  })

  it('answers that are not from ArangoDB are told by their status', () => {
    const proxy = Object.assign(new Error('Bad Gateway'), { name: 'HttpError', code: 502 })
    expect(toVeritasError(proxy, { operation: 'get', target })).toMatchObject({ code: 'UNAVAILABLE' })
  })
})

describe('connections', () => {
  const network = (code: string, name = 'FetchFailedError'): VeritasError => {
    const cause = new TypeError('fetch failed', { cause: Object.assign(new Error('x'), { code }) })
    return toVeritasError(Object.assign(new Error('x', { cause }), { name }), { operation: 'get', write: true, target })
  }
  it.each([
    ['ECONNREFUSED', 'CONNECTION', 'not-applied'],
    ['ENOTFOUND', 'CONNECTION', 'not-applied'],
    ['ECONNRESET', 'CONNECTION', 'unknown'],
  ])('%s', (native, code, outcome) => {
    const error = network(native)
    expect(error).toMatchObject({ code, outcome, retryable: true })
    expect(error.message).toContain('db.example:8529')
  })

  it('no answer in time is TIMEOUT', () => {
    const error = Object.assign(new Error('x'), { name: 'ResponseTimeoutError' })
    expect(toVeritasError(error, { operation: 'get', write: true, target })).toMatchObject({
      code: 'TIMEOUT',
      outcome: 'unknown',
    })
  })

  it('an aborted call is ABORTED, and the reason of a signal that is one of ours stays', () => {
    const call = { operation: 'upsert', write: true, target }
    expect(toVeritasError(new Error('x'), { ...call, signal: AbortSignal.abort() })).toMatchObject({
      code: 'ABORTED',
      outcome: 'unknown',
    })
    const reason = new VeritasError({ code: 'TIMEOUT', message: 'too slow' })
    expect(toVeritasError(new Error('x'), { ...call, signal: AbortSignal.abort(reason) }).message).toBe('too slow')
  })
})

it('an error of ours gets what it lacks, and anything else is INTERNAL', () => {
  expect(
    toVeritasError(invalid('filter', 'is wrong'), { operation: 'find', role: 'relational', target }),
  ).toMatchObject({
    code: 'VALIDATION',
    role: 'relational',
    backend: 'arango',
  })
  expect(toVeritasError('odd', { operation: 'find', target }).code).toBe('INTERNAL')
})
