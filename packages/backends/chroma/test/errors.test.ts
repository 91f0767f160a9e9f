import { VeritasError } from '@veritas-db/core/contract'
import * as native from 'chromadb'
import { describe, expect, it } from 'vitest'
import { isNotFound, toVeritasError } from '../src/errors.js'

const context = { target: 'db.example:8000', role: 'vector', operation: 'upsert', write: true } as const

describe('toVeritasError', () => {
  it.each<[Error, string, 'not-applied' | 'unknown', boolean]>([
    [new native.ChromaConnectionError('x'), 'CONNECTION', 'unknown', true],
    [new TypeError('terminated'), 'CONNECTION', 'unknown', true],
    [new native.ChromaUnauthorizedError('x'), 'AUTHENTICATION', 'not-applied', false],
    [new native.ChromaForbiddenError('x'), 'AUTHENTICATION', 'not-applied', false],
    [new native.ChromaNotFoundError('x'), 'NOT_FOUND', 'not-applied', false],
    [new native.ChromaUniqueError('x'), 'CONFLICT', 'not-applied', false],
    [new native.ChromaQuotaExceededError('x'), 'VALIDATION', 'not-applied', false],
    [new native.ChromaRateLimitError('x'), 'RATE_LIMITED', 'not-applied', true],
    [new native.ChromaClientError('x'), 'VALIDATION', 'not-applied', false],
    [new native.ChromaValueError('x'), 'VALIDATION', 'not-applied', false],
    [new native.ChromaServerError('413: Payload Too Large'), 'VALIDATION', 'not-applied', false],
    [new native.ChromaServerError('503: Service Unavailable'), 'UNAVAILABLE', 'not-applied', true],
    [new native.ChromaServerError('504: Gateway Timeout'), 'UNAVAILABLE', 'unknown', true],
    [new native.ChromaServerError('(code: 1) too many SQL variables'), 'VALIDATION', 'not-applied', false],
    [new native.ChromaServerError('(code: 5) database is locked'), 'UNAVAILABLE', 'not-applied', true],
    [new native.ChromaServerError('Internal error'), 'INTERNAL', 'unknown', false],
    [new Error('whatever'), 'INTERNAL', 'unknown', false],
  ])('%s', (error, code, outcome, retryable) => {
    const mapped = toVeritasError(error, context)
    expect(mapped).toMatchObject({ code, outcome, retryable, backend: 'chroma', role: 'vector', operation: 'upsert' })
    expect(mapped.message).toContain('db.example:8000')
    expect(mapped.cause).toBe(error)
    expect(toVeritasError(error, { ...context, write: false }).outcome).toBe('not-applied')
  })

  it('says ABORTED where the signal has fired, and the reason where that is an error of the contract', () => {
    const error = new native.ChromaConnectionError('Failed to connect to Chroma')
    expect(toVeritasError(error, { ...context, signal: AbortSignal.abort() })).toMatchObject({
      code: 'ABORTED',
      outcome: 'unknown',
    })
    const reason = new VeritasError({ code: 'TIMEOUT', message: 'too late' })
    expect(toVeritasError(error, { ...context, signal: AbortSignal.abort(reason) })).toMatchObject({
      code: 'TIMEOUT',
      outcome: 'unknown',
      message: 'too late',
    })
  })

  it('says unknown of whatever ends a call that has written something', () => {
    const aborted = new VeritasError({ code: 'ABORTED', message: 'x' })
    expect(toVeritasError(aborted, { ...context, changed: true })).toMatchObject({
      code: 'ABORTED',
      outcome: 'unknown',
    })
    const refused = new native.ChromaClientError('x')
    expect(toVeritasError(refused, { ...context, changed: true })).toMatchObject({ outcome: 'unknown' })
  })
})

it('isNotFound knows both kinds', () => {
  expect(isNotFound(new native.ChromaNotFoundError('x'))).toBe(true)
  expect(isNotFound(new VeritasError({ code: 'NOT_FOUND', message: 'x' }))).toBe(true)
  expect(isNotFound(new VeritasError({ code: 'CONFLICT', message: 'x' }))).toBe(false)
  expect(isNotFound('x')).toBe(false)
})
