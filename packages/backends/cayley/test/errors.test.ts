import { VeritasError } from '@veritas-db/core/contract'
import { describe, expect, it } from 'vitest'
import { AnswerError, fromAnswer, MissingQuadError, StatusError, toVeritasError } from '../src/errors.js'

const native = (code: string): Error => Object.assign(new Error('what the client says'), { code })
const call = { target: 'db.example:64210', role: 'graph', operation: 'upsertNodes', write: true } as const

describe('errors', () => {
  it.each<[Error, string, 'not-applied' | 'unknown', boolean]>([
    [native('ECONNREFUSED'), 'CONNECTION', 'not-applied', true],
    [new AggregateError([native('ECONNREFUSED')]), 'CONNECTION', 'not-applied', true],
    [native('DEPTH_ZERO_SELF_SIGNED_CERT'), 'CONNECTION', 'not-applied', false],
    [native('ECONNRESET'), 'CONNECTION', 'unknown', true],
    [native('UND_ERR_DESTROYED'), 'CONNECTION', 'not-applied', false],
    [native('UND_ERR_HEADERS_TIMEOUT'), 'TIMEOUT', 'unknown', true],
    [new StatusError(401, undefined), 'AUTHENTICATION', 'not-applied', false],
    [new StatusError(403, undefined), 'AUTHENTICATION', 'not-applied', false],
    [new StatusError(404, undefined), 'CONFIGURATION', 'not-applied', false],
    [new StatusError(429, '2'), 'RATE_LIMITED', 'not-applied', true],
    [new StatusError(500, undefined), 'UNAVAILABLE', 'unknown', true],
    [new StatusError(503, undefined), 'UNAVAILABLE', 'not-applied', true],
    [fromAnswer('SyntaxError: (anonymous): Line 1:1 Unexpected token )'), 'VALIDATION', 'not-applied', false],
    [fromAnswer('TypeError: x is not a function'), 'VALIDATION', 'not-applied', false],
    [fromAnswer('context deadline exceeded'), 'TIMEOUT', 'unknown', true],
    [fromAnswer('database is read-only'), 'CONFIGURATION', 'not-applied', false],
    [fromAnswer('disk is full'), 'INTERNAL', 'unknown', false],
  ])('%s', (error, code, outcome, retryable) => {
    const mapped = toVeritasError(error, call)
    expect(mapped).toMatchObject({ code, outcome, retryable, backend: 'cayley', role: 'graph' })
    expect(mapped.message).toContain('db.example:64210')
    expect(toVeritasError(error, { ...call, write: false }).outcome).toBe('not-applied')
    // What came before it in the same call was done.
    expect(toVeritasError(error, { ...call, changed: true }).outcome).toBe('unknown')
  })

  it('wait as long as asked to', () => {
    expect(toVeritasError(new StatusError(429, '2'), call).retryAfterMs).toBe(2000)
    expect(toVeritasError(new StatusError(429, 'soon'), call).retryAfterMs).toBeUndefined()
  })

  it('of the contract get what they lack', () => {
    const error = new VeritasError({ code: 'VALIDATION', message: 'no' })
    expect(toVeritasError(error, call)).toMatchObject({ code: 'VALIDATION', backend: 'cayley', message: 'no' })
  })
})

it('a missing quad is told apart', () => {
  expect(fromAnswer('delete <a> -- <b> -> "x": quad does not exist')).toBeInstanceOf(MissingQuadError)
  expect(fromAnswer('delete <a> -- <b> -> "quad does not exist": other')).toBeInstanceOf(AnswerError)
})
