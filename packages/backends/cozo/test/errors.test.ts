import { type ErrorCode, VeritasError } from '@veritas-db/core/contract'
import { describe, expect, it } from 'vitest'
import { readAnswer } from '../src/connection.js'
import { CozoError, isContention, toVeritasError } from '../src/errors.js'

const transport = (code: string): Error => Object.assign(new Error(code), { code })

describe('native errors', () => {
  const cases: readonly (readonly [string, unknown, ErrorCode, boolean, 'not-applied' | 'unknown'])[] = [
    ['nobody there', transport('ECONNREFUSED'), 'CONNECTION', true, 'not-applied'],
    ['an unknown host', transport('ENOTFOUND'), 'CONNECTION', true, 'not-applied'],
    ['a slow connection', transport('UND_ERR_CONNECT_TIMEOUT'), 'CONNECTION', true, 'not-applied'],
    ['several addresses', new AggregateError([transport('ECONNREFUSED')]), 'CONNECTION', true, 'not-applied'],
    ['a broken connection', transport('ECONNRESET'), 'CONNECTION', true, 'unknown'],
    ['a socket closed by the other side', transport('UND_ERR_SOCKET'), 'CONNECTION', true, 'unknown'],
    ['no answer', transport('UND_ERR_HEADERS_TIMEOUT'), 'TIMEOUT', true, 'unknown'],
    ['a closed pool', transport('UND_ERR_DESTROYED'), 'CONNECTION', false, 'not-applied'],
    ['a certificate', transport('DEPTH_ZERO_SELF_SIGNED_CERT'), 'CONNECTION', false, 'not-applied'],
    ['a wrong token', new CozoError(401, undefined, 'x'), 'AUTHENTICATION', false, 'not-applied'],
    ['another server', new CozoError(404, undefined, 'x'), 'CONFIGURATION', false, 'not-applied'],
    ['too much', new CozoError(413, undefined, 'x'), 'VALIDATION', false, 'not-applied'],
    ['too often', new CozoError(429, undefined, 'x', 1500), 'RATE_LIMITED', true, 'not-applied'],
    ['a gateway', new CozoError(502, undefined, 'x'), 'UNAVAILABLE', true, 'unknown'],
    ['no relation', new CozoError(400, 'query::relation_not_found', 'x'), 'NOT_FOUND', false, 'not-applied'],
    ['nonsense', new CozoError(400, 'parser::pest', 'x'), 'VALIDATION', false, 'not-applied'],
    ['a lost race', new CozoError(400, 'rocksdb::kBusy::kNone', 'x'), 'CONFLICT', true, 'not-applied'],
    ['a busy file', new CozoError(400, undefined, 'database is locked'), 'CONFLICT', true, 'not-applied'],
    ['a killed query', new CozoError(400, 'eval::killed', 'x'), 'TIMEOUT', true, 'not-applied'],
    ['a defect', new TypeError('x'), 'INTERNAL', false, 'unknown'],
  ]
  it.each(cases)('%s', (_, native, code, retryable, outcome) => {
    const error = toVeritasError(native, { role: 'graph', operation: 'upsertNodes', target: 'db:9070', write: true })
    expect(error).toMatchObject({ code, retryable, outcome, backend: 'cozo', role: 'graph', operation: 'upsertNodes' })
    expect(error.message).toContain('db:9070')
    if (code === 'RATE_LIMITED') expect(error.retryAfterMs).toBe(1500)
  })

  it('are never unknown in a read', () => {
    expect(toVeritasError(transport('ECONNRESET'), { target: 'db:9070' }).outcome).toBe('not-applied')
  })

  it('stay what they are where they are VeritasErrors', () => {
    const late = new VeritasError({ code: 'TIMEOUT', message: 'late' })
    expect(toVeritasError(late, { target: 'db:9070', operation: 'get' })).toMatchObject({
      code: 'TIMEOUT',
      operation: 'get',
    })
  })

  it('tell two writes that met from other refusals', () => {
    expect(isContention(new CozoError(400, 'rocksdb::kBusy::kNone', 'x'))).toBe(true)
    expect(isContention(new CozoError(400, 'eval::stored_relation_conflict', 'x'))).toBe(false)
    expect(isContention(transport('ECONNRESET'))).toBe(false)
  })
})

describe('answers', () => {
  const refused = (status: number, text: string, retryAfter?: string): CozoError => {
    try {
      readAnswer(status, text, retryAfter)
    } catch (error) {
      if (error instanceof CozoError) return error
    }
    throw new Error('was not refused')
  }

  it('give their rows', () => {
    expect(readAnswer(200, '{"headers": ["a"], "rows": [[1]], "ok": true}')).toEqual([[1]])
  })

  it('of a refusal give code, message and the causes without colours', () => {
    const display = '\u001b[31m×\u001b[0m when executing\n\u001b[31m  ╰─▶ \u001b[0mRocksDB error: Resource busy:\n'
    const error = refused(400, JSON.stringify({ code: 'rocksdb::kBusy::kNone', message: 'when executing', display }))
    expect([error.code, error.message]).toEqual([
      'rocksdb::kBusy::kNone',
      'when executing: RocksDB error: Resource busy:',
    ])
  })

  it('that are no JSON are errors with what was said', () => {
    expect(refused(502, '<html>Bad gateway</html>').message).toContain('Bad gateway')
    expect(refused(200, 'hello').status).toBe(500)
    expect(refused(429, '', '2').retryAfterMs).toBe(2000)
  })
})
