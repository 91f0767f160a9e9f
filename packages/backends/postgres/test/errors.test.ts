import { VeritasError } from '@veritas-db/core/contract'
import { describe, expect, it } from 'vitest'
import { isStalePlan, sqlState, toVeritasError } from '../src/errors.js'

const target = 'db.example:5432'

const native = (code: string, message = 'native', more: object = {}): Error =>
  Object.assign(new Error(message), { code, ...more })
const mapped = (code: string): [string, boolean, string] => {
  const error = toVeritasError(native(code), { target, write: true })
  return [error.code, error.retryable, error.outcome]
}

describe('errors of the server', () => {
  it.each([
    ['08006', 'CONNECTION', true, 'unknown'],
    ['08001', 'CONNECTION', true, 'not-applied'],
    ['22003', 'VALIDATION', false, 'not-applied'],
    ['23505', 'CONFLICT', false, 'not-applied'],
    ['25006', 'UNAVAILABLE', true, 'not-applied'],
    ['25P02', 'CONFLICT', false, 'not-applied'],
    ['28P01', 'AUTHENTICATION', false, 'not-applied'],
    ['28000', 'AUTHENTICATION', false, 'not-applied'],
    ['3D000', 'CONFIGURATION', false, 'not-applied'],
    ['40001', 'CONFLICT', true, 'not-applied'],
    ['40P01', 'CONFLICT', true, 'not-applied'],
    ['40003', 'CONFLICT', true, 'unknown'],
    ['42601', 'VALIDATION', false, 'not-applied'],
    ['42501', 'AUTHENTICATION', false, 'not-applied'],
    ['42P01', 'NOT_FOUND', false, 'not-applied'],
    ['53100', 'UNAVAILABLE', true, 'not-applied'],
    ['53300', 'UNAVAILABLE', true, 'not-applied'],
    ['54000', 'VALIDATION', false, 'not-applied'],
    ['55P03', 'CONFLICT', true, 'not-applied'],
    ['57014', 'TIMEOUT', true, 'not-applied'],
    ['57P01', 'CONNECTION', true, 'unknown'],
    ['57P03', 'UNAVAILABLE', true, 'not-applied'],
    ['58030', 'UNAVAILABLE', true, 'unknown'],
    ['XX000', 'INTERNAL', false, 'not-applied'],
  ])('%s is %s', (state, ...expected) => {
    expect(mapped(state)).toEqual(expected)
  })

  it('name the state and the constraint', () => {
    const error = toVeritasError(native('23505', 'duplicate', { constraint: 'x_pkey' }), { target })
    expect(error.message).toBe('PostgreSQL at db.example:5432 says: duplicate (constraint x_pkey) [23505].')
  })

  it('know a plan that no longer fits', () => {
    const stale = native('0A000', 'cached plan must not change result type')
    expect(isStalePlan(stale)).toBe(true)
    expect(toVeritasError(stale, { target })).toMatchObject({ code: 'CONFLICT', retryable: true })
    expect(toVeritasError(native('0A000', 'cannot'), { target })).toMatchObject({ code: 'UNSUPPORTED' })
  })
})

describe('errors of the connection', () => {
  it.each(['ENOENT', 'EADDRNOTAVAIL'])('%s: there was no connection', (code) => {
    expect(toVeritasError(native(code), { target, write: true })).toMatchObject({
      code: 'CONNECTION',
      outcome: 'not-applied',
    })
  })

  it.each(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH'])('%s: nothing was written', (code) => {
    const error = toVeritasError(native(code), { target, write: true })
    expect(error).toMatchObject({ code: 'CONNECTION', outcome: 'not-applied', retryable: true, backend: 'postgres' })
    expect(error.message).toContain('db.example:5432')
  })

  it.each(['ECONNRESET', 'EPIPE', 'ETIMEDOUT'])(
    '%s: a write may have happened, a read or a transaction not',
    (code) => {
      expect(toVeritasError(native(code), { target, write: true })).toMatchObject({
        code: 'CONNECTION',
        outcome: 'unknown',
      })
      expect(toVeritasError(native(code), { target })).toMatchObject({ outcome: 'not-applied' })
    },
  )

  it('of a host with several addresses are those of its first', () => {
    const error = new AggregateError([native('ECONNREFUSED', 'connect ECONNREFUSED ::1:5432')], '')
    const found = toVeritasError(error, { target: 'localhost:5432' })
    expect(found).toMatchObject({
      code: 'CONNECTION',
      message: 'PostgreSQL at localhost:5432 cannot be reached: connect ECONNREFUSED ::1:5432.',
    })
  })

  it.each([
    ['Connection terminated unexpectedly', 'CONNECTION'],
    ['Connection terminated due to connection timeout', 'CONNECTION'],
    ['timeout exceeded when trying to connect', 'TIMEOUT'],
    ['The server does not support SSL connections', 'CONNECTION'],
    ['SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a string', 'AUTHENTICATION'],
    ['Client has encountered a connection error and is not queryable', 'CONNECTION'],
  ])('%s', (message, code) => {
    expect(toVeritasError(new Error(message), { target }).code).toBe(code)
  })

  it('of TLS are of the connection', () => {
    for (const code of ['DEPTH_ZERO_SELF_SIGNED_CERT', 'ERR_TLS_CERT_ALTNAME_INVALID'])
      expect(toVeritasError(native(code), { target })).toMatchObject({ code: 'CONNECTION', retryable: false })
  })
})

it('what is a VeritasError already gets what it lacks; anything else is INTERNAL', () => {
  const own = new VeritasError({ code: 'NOT_FOUND', message: 'gone' })
  expect(toVeritasError(own, { target, role: 'graph', operation: 'count' })).toMatchObject({
    code: 'NOT_FOUND',
    role: 'graph',
    backend: 'postgres',
  })
  expect(toVeritasError(new TypeError('defect'), { target }).code).toBe('INTERNAL')
  expect(sqlState(native('EPIPE'))).toBeUndefined()
})
