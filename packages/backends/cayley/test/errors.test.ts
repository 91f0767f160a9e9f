import { VeritasError } from '@veritas-db/core/contract'
import { describe, expect, it } from 'vitest'
import { fromAnswer, fromClient, fromStatus, MissingQuadError } from '../src/errors.js'

const native = (code: string, message = 'what the client says'): Error => Object.assign(new Error(message), { code })

describe('errors of the client', () => {
  it.each([
    ['ECONNREFUSED', 'CONNECTION', 'not-applied'],
    ['ENOTFOUND', 'CONNECTION', 'not-applied'],
    ['UND_ERR_CONNECT_TIMEOUT', 'CONNECTION', 'not-applied'],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', 'CONNECTION', 'not-applied'],
    ['ECONNRESET', 'CONNECTION', 'unknown'],
    ['UND_ERR_SOCKET', 'CONNECTION', 'unknown'],
    ['UND_ERR_HEADERS_TIMEOUT', 'TIMEOUT', 'unknown'],
  ])('%s is %s, and what was sent is %s', (code, expected, outcome) => {
    const error = fromClient(native(code), 'db.example:64210')
    expect([error.code, error.outcome, error.retryable]).toEqual([expected, outcome, true])
    expect(error.message).toContain('db.example:64210')
  })

  it('of several addresses the first one tells', () => {
    const error = fromClient(new AggregateError([native('ECONNREFUSED')]), 'localhost:1')
    expect([error.code, error.outcome]).toEqual(['CONNECTION', 'not-applied'])
  })

  it('a closed client is not tried again', () => {
    expect(fromClient(native('UND_ERR_DESTROYED'), 'x:1').retryable).toBe(false)
  })
})

describe('errors by HTTP status', () => {
  it.each([
    [401, 'AUTHENTICATION'],
    [403, 'AUTHENTICATION'],
    [404, 'CONFIGURATION'],
    [429, 'RATE_LIMITED'],
    [500, 'UNAVAILABLE'],
    [503, 'UNAVAILABLE'],
  ])('%d is %s', (status, code) => {
    const error = fromStatus(status, undefined, 'x:1')
    expect(error.code).toBe(code)
    expect(error.message).toContain('x:1')
  })

  it('waits as long as it is asked to', () => {
    expect(fromStatus(429, '2', 'x:1').retryAfterMs).toBe(2000)
  })
})

describe('errors in an answer', () => {
  it('a missing quad is told apart', () => {
    expect(fromAnswer('delete <a> -- <b> -> "x": quad does not exist')).toBeInstanceOf(MissingQuadError)
    expect(fromAnswer('delete <a> -- <b> -> "quad does not exist": other')).toBeInstanceOf(VeritasError)
  })

  it.each([
    ['SyntaxError: (anonymous): Line 1:1 Unexpected token )', 'VALIDATION'],
    ['TypeError: x is not a function', 'VALIDATION'],
    ['context deadline exceeded', 'TIMEOUT'],
    ['database is read-only', 'CONFIGURATION'],
    ['disk is full', 'INTERNAL'],
  ])('%s is %s', (message, code) => {
    expect(VeritasError.is(fromAnswer(message), code as 'INTERNAL')).toBe(true)
  })
})
