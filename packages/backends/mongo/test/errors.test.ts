import { type ErrorCode, VeritasError } from '@veritas-db/core/contract'
import {
  MongoInvalidArgumentError,
  MongoNetworkError,
  MongoNetworkTimeoutError,
  MongoParseError,
  MongoServerError,
  MongoTopologyClosedError,
} from 'mongodb'
import { describe, expect, it } from 'vitest'
import { toVeritasError } from '../src/errors.js'

const server = (code: number, message = 'refused', labels: readonly string[] = []): MongoServerError => {
  const error = new MongoServerError({ ok: 0, code, errmsg: message, message })
  for (const label of labels) error.addErrorLabel(label)
  return error
}
const target = 'db:27017'
const selection = Object.assign(new Error('connect ECONNREFUSED 10.0.0.1:27017'), { name: 'MongoServerSelectionError' })

describe('native errors', () => {
  const cases: readonly (readonly [string, unknown, ErrorCode, boolean, 'not-applied' | 'unknown'])[] = [
    ['no server to select', selection, 'CONNECTION', true, 'not-applied'],
    ['a broken connection', new MongoNetworkError('broken'), 'CONNECTION', true, 'unknown'],
    [
      'a connection that never was',
      new MongoNetworkError('broken', { beforeHandshake: true }),
      'CONNECTION',
      true,
      'not-applied',
    ],
    ['a silent connection', new MongoNetworkTimeoutError('silent'), 'TIMEOUT', true, 'unknown'],
    ['a closed client', new MongoTopologyClosedError('closed'), 'CONNECTION', false, 'not-applied'],
    ['a bad connection string', new MongoParseError('bad'), 'CONFIGURATION', false, 'not-applied'],
    ['a defect', new MongoInvalidArgumentError('defect'), 'INTERNAL', false, 'unknown'],
    ['a wrong password', server(18), 'AUTHENTICATION', false, 'not-applied'],
    ['no right to', server(13), 'AUTHENTICATION', false, 'not-applied'],
    ['out of time', server(50), 'TIMEOUT', true, 'not-applied'],
    ['a taken key', server(11000), 'CONFLICT', false, 'not-applied'],
    ['a write conflict', server(112, 'x', ['TransientTransactionError']), 'CONFLICT', true, 'not-applied'],
    [
      'a commit that may have happened',
      server(91, 'x', ['UnknownTransactionCommitResult']),
      'UNAVAILABLE',
      true,
      'unknown',
    ],
    ['a new primary', server(189), 'UNAVAILABLE', true, 'unknown'],
    ['a document too large', server(10334), 'VALIDATION', false, 'not-applied'],
    ['too many calls', server(16500, 'Error=16500, RetryAfterMs=34, Details'), 'RATE_LIMITED', true, 'not-applied'],
    ['no such command', server(59), 'UNSUPPORTED', false, 'not-applied'],
    ['an unknown code', server(99999), 'INTERNAL', false, 'unknown'],
    [
      'an unknown host',
      Object.assign(new Error('x'), { syscall: 'querySrv', hostname: 'x' }),
      'CONNECTION',
      true,
      'not-applied',
    ],
  ]
  it.each(cases)('%s', (_, native, code, retryable, outcome) => {
    const error = toVeritasError(native, { role: 'graph', operation: 'upsertNodes', target, write: true })
    expect(error).toMatchObject({ code, retryable, outcome, backend: 'mongo', role: 'graph', operation: 'upsertNodes' })
    if (code === 'CONNECTION') expect(error.message).toContain(target)
    if (code === 'RATE_LIMITED') expect(error.retryAfterMs).toBe(34)
  })

  it('of a certificate that is not trusted name the option that helps, and are not worth another try', () => {
    const distrust = Object.assign(new Error('self-signed certificate'), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' })
    const native = new MongoNetworkError('self-signed certificate', { beforeHandshake: true, cause: distrust })
    const error = toVeritasError(Object.assign(new Error('x', { cause: native }), { name: selection.name }), { target })
    expect(error).toMatchObject({ code: 'CONNECTION', retryable: false, outcome: 'not-applied' })
    expect(error.message).toContain('tlsCAFile')
    expect(error.message).toContain(target)
  })

  it('of a pool that was cleared because of another connection leave a write unknown', () => {
    const refused = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED', syscall: 'connect' })
    const native = new MongoNetworkError('cleared', { cause: refused })
    const cleared = Object.defineProperty(native, 'name', { value: 'PoolClearedOnNetworkError' })
    expect(toVeritasError(cleared, { target, write: true })).toMatchObject({ code: 'CONNECTION', outcome: 'unknown' })
  })

  it('are never unknown in a read', () => {
    expect(toVeritasError(new MongoNetworkError('broken'), { target, write: false }).outcome).toBe('not-applied')
  })

  it('that name a connection string do not stay as the cause', () => {
    expect(toVeritasError(new MongoParseError('mongodb://u:secret@h'), { target }).cause).toBeUndefined()
  })

  it('stay what they are where they are VeritasErrors', () => {
    const error = new VeritasError({ code: 'NOT_FOUND', message: 'x' })
    expect(toVeritasError(error, { target, operation: 'get' })).toMatchObject({ code: 'NOT_FOUND', operation: 'get' })
  })

  it('of an abort are ABORTED', () => {
    expect(toVeritasError(new DOMException('x', 'AbortError'), { target }).code).toBe('ABORTED')
  })
})
