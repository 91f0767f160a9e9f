import { VeritasError } from '@veritas-db/core/contract'
import { describe, expect, it } from 'vitest'
import { isExisting, isMissing, isUndefined, Refusal, toVeritasError } from '../src/errors.js'

const context = { target: 'db.example:8080', role: 'graph', operation: 'upsertNodes', write: true } as const
const way = (code: string): Error => Object.assign(new Error(`connect ${code} 10.0.0.1:8080`), { code })
const no = (status: number, exception = '', message = 'x'): Refusal => new Refusal(status, exception, message)

describe('toVeritasError', () => {
  it.each<[Error, string, 'not-applied' | 'unknown', boolean]>([
    [way('ECONNREFUSED'), 'CONNECTION', 'not-applied', true],
    [way('ENOTFOUND'), 'CONNECTION', 'not-applied', true],
    [way('UND_ERR_CONNECT_TIMEOUT'), 'CONNECTION', 'not-applied', true],
    [new AggregateError([way('ECONNREFUSED')]), 'CONNECTION', 'not-applied', true],
    [way('ECONNRESET'), 'CONNECTION', 'unknown', true],
    [way('UND_ERR_SOCKET'), 'CONNECTION', 'unknown', true],
    [way('UND_ERR_HEADERS_TIMEOUT'), 'TIMEOUT', 'unknown', true],
    [no(401), 'AUTHENTICATION', 'not-applied', false],
    [no(403), 'AUTHENTICATION', 'not-applied', false],
    [no(404), 'NOT_FOUND', 'not-applied', false],
    [no(413), 'VALIDATION', 'not-applied', false],
    [no(400, 'java.lang.IllegalArgumentException'), 'VALIDATION', 'not-applied', false],
    [no(400, 'x', 'Could not alias [graph] to [other]'), 'CONFIGURATION', 'not-applied', false],
    [no(503, 'x', 'The server is too busy to process the request'), 'UNAVAILABLE', 'not-applied', true],
    [no(500, '', 'refCnt: 0, decrement: 1'), 'UNAVAILABLE', 'unknown', true],
    [no(504), 'UNAVAILABLE', 'unknown', true],
    [no(500, 'java.util.concurrent.TimeoutException'), 'TIMEOUT', 'unknown', true],
    [no(500, 'class jakarta.ws.rs.ProcessingException'), 'UNAVAILABLE', 'not-applied', true],
    [no(500, 'java.lang.IllegalStateException'), 'INTERNAL', 'unknown', false],
  ])('%s', (error, code, outcome, retryable) => {
    const mapped = toVeritasError(error, context)
    expect(mapped).toMatchObject({ code, outcome, retryable, backend: 'hugegraph', role: 'graph' })
    expect(mapped.message).toContain('db.example:8080')
    expect(mapped.cause).toBe(error)
    expect(toVeritasError(error, { ...context, write: false }).outcome).toBe('not-applied')
    expect(toVeritasError(error, { ...context, changed: true }).outcome).toBe('unknown')
  })

  it('hands on how long to wait', () => {
    expect(toVeritasError(new Refusal(429, '', '', 3000), context)).toMatchObject({
      code: 'RATE_LIMITED',
      retryAfterMs: 3000,
    })
  })

  it('tells an aborted call, and why', () => {
    const aborted = toVeritasError(new Error('x'), { ...context, signal: AbortSignal.abort() })
    expect(aborted).toMatchObject({ code: 'ABORTED', outcome: 'unknown' })
    const reason = new VeritasError({ code: 'TIMEOUT', message: 'too late' })
    expect(toVeritasError(reason, { ...context, signal: AbortSignal.abort(reason) })).toMatchObject({
      code: 'TIMEOUT',
      outcome: 'unknown',
    })
  })
})

it('knows the refusals that mean something to us', () => {
  expect(isUndefined(no(400, 'x', "Undefined vertex label: 'a'"))).toBe(true)
  expect(isUndefined(no(400, 'x', "Undefined edge label: 'a'"))).toBe(true)
  expect(isUndefined(no(400, 'x', 'other'))).toBe(false)
  expect(isExisting(no(400, 'class org.apache.hugegraph.exception.ExistedException'))).toBe(true)
  expect(isMissing(no(404))).toBe(true)
  expect(isMissing(new Error('404'))).toBe(false)
})
