import { invalid, VeritasError } from '@veritas-db/core/contract'
import { describe, expect, it } from 'vitest'
import { toVeritasError } from '../src/errors.js'
import { retryAfter } from '../src/transport.js'

const url = 'https://docs-abc.svc.pinecone.io/vectors/upsert'
const answered = (status: number, write: boolean, body = '{"code":3,"message":"said so"}'): VeritasError =>
  toVeritasError(new Error('native'), { operation: 'upsert', write, exchange: { url, failure: { status, body } } })

describe('statuses', () => {
  it.each([
    [400, 'VALIDATION', 'not-applied', false],
    [401, 'AUTHENTICATION', 'not-applied', false],
    [402, 'CONFIGURATION', 'not-applied', false],
    [403, 'AUTHENTICATION', 'not-applied', false],
    [404, 'NOT_FOUND', 'not-applied', false],
    [409, 'CONFLICT', 'not-applied', false],
    [413, 'VALIDATION', 'not-applied', false],
    [429, 'RATE_LIMITED', 'not-applied', true],
    [500, 'INTERNAL', 'unknown', true],
    [503, 'UNAVAILABLE', 'unknown', true],
    [504, 'UNAVAILABLE', 'unknown', true],
    [599, 'INTERNAL', 'unknown', false],
  ])('%i', (status, code, outcome, retryable) => {
    const error = answered(status, true)
    expect(error).toMatchObject({ code, outcome, retryable, backend: 'pinecone', operation: 'upsert' })
    expect(error.message).toContain(`docs-abc.svc.pinecone.io:443 answered ${status}: said so`)
    expect(answered(status, false).outcome).toBe('not-applied')
  })

  it('both shapes of errors and plain text are read', () => {
    expect(answered(404, false, '{"status":404,"error":{"code":"NOT_FOUND","message":"inner"}}').message).toContain(
      'inner',
    )
    expect(answered(401, false, 'Unauthorized').message).toContain('Unauthorized')
    expect(answered(500, false, '').message).toContain('500')
  })
})

describe('connections', () => {
  const network = (code: string, write = true): VeritasError => {
    const cause = Object.assign(new Error('connect'), { code })
    const native = Object.assign(new Error('x'), {
      name: 'PineconeConnectionError',
      cause: new TypeError('fetch failed', { cause }),
    })
    return toVeritasError(native, { operation: 'query', write, exchange: { url: 'http://127.0.0.1:9/query' } })
  }
  it.each([
    ['ECONNREFUSED', 'CONNECTION', 'not-applied'],
    ['ENOTFOUND', 'CONNECTION', 'not-applied'],
    ['UND_ERR_CONNECT_TIMEOUT', 'CONNECTION', 'not-applied'],
    ['UND_ERR_HEADERS_TIMEOUT', 'TIMEOUT', 'unknown'],
    ['ECONNRESET', 'CONNECTION', 'unknown'],
    ['UND_ERR_SOCKET', 'CONNECTION', 'unknown'],
  ])('%s', (native, code, outcome) => {
    const error = network(native)
    expect(error).toMatchObject({ code, outcome, retryable: true })
    expect(error.message).toContain('127.0.0.1:9')
  })

  it('several addresses that all refuse count as one', () => {
    const refused = Object.assign(new Error('connect'), { code: 'ECONNREFUSED' })
    const cause = Object.assign(new AggregateError([refused, refused]), { code: 'ECONNREFUSED' })
    const error = toVeritasError(new TypeError('fetch failed', { cause }), { operation: 'query' })
    expect(error.code).toBe('CONNECTION')
  })

  it('an aborted call is ABORTED, and the reason of a signal that is one of ours stays', () => {
    const call = { operation: 'upsert', write: true }
    const aborted = toVeritasError(new Error('x'), { ...call, signal: AbortSignal.abort() })
    expect(aborted).toMatchObject({ code: 'ABORTED', outcome: 'unknown' })
    const reason = new VeritasError({ code: 'TIMEOUT', message: 'too slow' })
    expect(toVeritasError(new Error('x'), { ...call, signal: AbortSignal.abort(reason) })).toMatchObject({
      code: 'TIMEOUT',
      outcome: 'unknown',
      message: 'too slow',
    })
  })
})

describe('clients that show no statuses', () => {
  it.each([
    ['PineconeAuthorizationError', 'AUTHENTICATION'],
    ['PineconeNotFoundError', 'NOT_FOUND'],
    ['PineconeConflictError', 'CONFLICT'],
    ['PineconeBadRequestError', 'VALIDATION'],
    ['PineconeMaxRetriesExceededError', 'UNAVAILABLE'],
    ['PineconeArgumentError', 'VALIDATION'],
    ['SomethingElse', 'INTERNAL'],
  ])('%s', (name, code) => {
    expect(toVeritasError(Object.assign(new Error('x'), { name }), { operation: 'query' }).code).toBe(code)
  })
})

it('an error of ours gets what it lacks', () => {
  const error = toVeritasError(invalid('filter', 'is wrong'), { operation: 'query', role: 'vector' })
  expect(error).toMatchObject({ code: 'VALIDATION', path: 'filter', role: 'vector', backend: 'pinecone' })
})

it('Retry-After is seconds or a date', () => {
  expect(retryAfter('2')).toBe(2000)
  expect(retryAfter('0.5')).toBe(500)
  expect(retryAfter('Thu, 01 Jan 1970 00:00:10 GMT', 4000)).toBe(6000)
  expect(retryAfter('Thu, 01 Jan 1970 00:00:10 GMT', 40_000)).toBe(0)
  expect(retryAfter('soon')).toBeUndefined()
  expect(retryAfter(null)).toBeUndefined()
})
