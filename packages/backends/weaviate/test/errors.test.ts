import { VeritasError } from '@veritas-db/core/contract'
import { describe, expect, it } from 'vitest'
import { isConflict, isNotFound, ofObject, StatusError, toVeritasError } from '../src/errors.js'

const context = { target: 'db.example:8080', role: 'vector', operation: 'upsert', write: true } as const

/** An error as the client makes it: its classes are not exported. */
const native = (name: string, message: string, more: object = {}): Error =>
  Object.assign(new Error(message), { name, ...more })
const query = (text: string): Error =>
  native(
    'WeaviateQueryError',
    `Query call with protocol gRPC failed with message: /weaviate.v1.Weaviate/Search ${text}`,
  )
const fetchFailed = (code: string): Error =>
  new TypeError('fetch failed', { cause: Object.assign(new Error('connect'), { code }) })

describe('toVeritasError', () => {
  it.each<[Error, string, 'not-applied' | 'unknown', boolean]>([
    [fetchFailed('ECONNREFUSED'), 'CONNECTION', 'not-applied', true],
    [fetchFailed('ENOTFOUND'), 'CONNECTION', 'not-applied', true],
    [fetchFailed('SELF_SIGNED_CERT_IN_CHAIN'), 'CONNECTION', 'not-applied', false],
    [fetchFailed('ECONNRESET'), 'CONNECTION', 'unknown', true],
    [new TypeError('terminated'), 'CONNECTION', 'unknown', true],
    [new StatusError(503, ''), 'UNAVAILABLE', 'not-applied', true],
    [new StatusError(504, ''), 'UNAVAILABLE', 'unknown', true],
    [new StatusError(500, '{"error":[{"message":"leader not found"}]}'), 'UNAVAILABLE', 'not-applied', true],
    [new StatusError(500, 'x'), 'INTERNAL', 'unknown', false],
    [new StatusError(422, 'class name X already exists'), 'CONFLICT', 'not-applied', false],
    [new StatusError(422, 'x'), 'VALIDATION', 'not-applied', false],
    [new StatusError(413, ''), 'VALIDATION', 'not-applied', false],
    [new StatusError(404, ''), 'NOT_FOUND', 'not-applied', false],
    [new StatusError(429, ''), 'RATE_LIMITED', 'not-applied', true],
    [new StatusError(401, ''), 'AUTHENTICATION', 'not-applied', false],
    [native('WeaviateUnexpectedStatusCodeError', 'x', { code: 503 }), 'UNAVAILABLE', 'not-applied', true],
    [native('WeaviateUnauthenticatedError', 'x'), 'AUTHENTICATION', 'not-applied', false],
    [native('WeaviateInsufficientPermissionsError', 'x', { code: 7 }), 'AUTHENTICATION', 'not-applied', false],
    [native('WeaviateRequestTimeoutError', 'x'), 'TIMEOUT', 'unknown', true],
    [native('AbortError', 'x'), 'TIMEOUT', 'unknown', true],
    [native('WeaviateInvalidInputError', 'x'), 'VALIDATION', 'not-applied', false],
    [query('UNKNOWN: could not find class Nope in schema'), 'NOT_FOUND', 'not-applied', false],
    [query('UNAVAILABLE: No connection established. Last error: ECONNREFUSED'), 'CONNECTION', 'not-applied', true],
    [query('UNAVAILABLE: shutting down'), 'UNAVAILABLE', 'unknown', true],
    [query('UNAUTHENTICATED: x'), 'AUTHENTICATION', 'not-applied', false],
    [query('PERMISSION_DENIED: x'), 'AUTHENTICATION', 'not-applied', false],
    [query('RESOURCE_EXHAUSTED: Received message larger than max (1 vs 0)'), 'VALIDATION', 'not-applied', false],
    [query('RESOURCE_EXHAUSTED: slow down'), 'RATE_LIMITED', 'not-applied', true],
    [query('DEADLINE_EXCEEDED: x'), 'TIMEOUT', 'unknown', true],
    [query('INVALID_ARGUMENT: x'), 'VALIDATION', 'not-applied', false],
    [query("UNKNOWN: vector lengths don't match: 2 vs 3"), 'VALIDATION', 'not-applied', false],
    [query('UNKNOWN: whatever'), 'INTERNAL', 'unknown', false],
    [new Error('whatever'), 'INTERNAL', 'unknown', false],
  ])('%s', (error, code, outcome, retryable) => {
    const mapped = toVeritasError(error, context)
    expect(mapped).toMatchObject({ code, outcome, retryable, backend: 'weaviate', role: 'vector', operation: 'upsert' })
    expect(mapped.message).toContain('db.example:8080')
    expect(mapped.cause).toBe(error)
    expect(toVeritasError(error, { ...context, write: false }).outcome).toBe('not-applied')
  })

  it('says ABORTED where the signal has fired, and the reason where that is an error of the contract', () => {
    const error = native('AbortError', 'x')
    expect(toVeritasError(error, { ...context, signal: AbortSignal.abort() })).toMatchObject({
      code: 'ABORTED',
      outcome: 'unknown',
    })
    const reason = new VeritasError({ code: 'TIMEOUT', message: 'too late' })
    expect(toVeritasError(error, { ...context, signal: AbortSignal.abort(reason) })).toMatchObject({
      code: 'TIMEOUT',
      message: 'too late',
    })
  })

  it('says unknown of whatever ends a call that has written something', () => {
    const aborted = new VeritasError({ code: 'ABORTED', message: 'x' })
    expect(toVeritasError(aborted, { ...context, changed: true })).toMatchObject({
      code: 'ABORTED',
      outcome: 'unknown',
    })
  })
})

it('isNotFound and isConflict know both kinds', () => {
  expect(isNotFound(new StatusError(404, ''))).toBe(true)
  expect(isNotFound(query('UNKNOWN: could not find class X in schema'))).toBe(true)
  expect(isNotFound(new VeritasError({ code: 'NOT_FOUND', message: 'x' }))).toBe(true)
  expect(isNotFound(new StatusError(500, ''))).toBe(false)
  expect(isConflict(new StatusError(422, 'already in use or provided multiple times'))).toBe(true)
  expect(isConflict(new StatusError(422, 'other'))).toBe(false)
})

it('ofObject reads what the server says of one object', () => {
  expect(ofObject("property 'guard': At least one nested property is required").code).toBe('NOT_FOUND')
  expect(ofObject('vector dimensions do not match the index dimensions').code).toBe('VALIDATION')
  expect(ofObject('not enough memory').code).toBe('UNAVAILABLE')
  expect(ofObject('whatever')).toMatchObject({ code: 'INTERNAL', outcome: 'unknown' })
})
