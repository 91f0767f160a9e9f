import { VeritasError } from '@veritas-db/core/contract'
import * as native from 'redis'
import { describe, expect, it } from 'vitest'
import { isNoIndex, isNoScript, toVeritasError } from '../src/errors.js'

const context = { target: 'db.example:6379', role: 'vector', operation: 'upsert', write: true } as const
const reply = (text: string): Error => new native.SimpleError(text)
const system = (code: string): Error => Object.assign(new Error(`connect ${code} 10.0.0.1:6379`), { code })

describe('toVeritasError', () => {
  it.each<[Error, string, 'not-applied' | 'unknown', boolean]>([
    [system('ECONNREFUSED'), 'CONNECTION', 'not-applied', true],
    [system('ENOTFOUND'), 'CONNECTION', 'not-applied', true],
    [system('ECONNRESET'), 'CONNECTION', 'unknown', true],
    [new AggregateError([system('ECONNREFUSED'), system('ECONNREFUSED')]), 'CONNECTION', 'not-applied', true],
    [system('SELF_SIGNED_CERT_IN_CHAIN'), 'CONNECTION', 'not-applied', false],
    [new native.SocketClosedUnexpectedlyError(), 'CONNECTION', 'unknown', true],
    [new native.ClientClosedError(), 'CONNECTION', 'not-applied', true],
    [new native.ClientOfflineError(), 'CONNECTION', 'not-applied', true],
    [new native.ConnectionTimeoutError(), 'CONNECTION', 'not-applied', true],
    [reply('NOAUTH Authentication required.'), 'AUTHENTICATION', 'not-applied', false],
    [reply('WRONGPASS invalid username-password pair'), 'AUTHENTICATION', 'not-applied', false],
    [reply("NOPERM User x has no permissions to run the 'get' command"), 'AUTHENTICATION', 'not-applied', false],
    [reply("OOM command not allowed when used memory > 'maxmemory'."), 'UNAVAILABLE', 'not-applied', true],
    [reply('LOADING Redis is loading the dataset in memory'), 'UNAVAILABLE', 'not-applied', true],
    [reply('BUSY Redis is busy running a script.'), 'UNAVAILABLE', 'not-applied', true],
    [reply("READONLY You can't write against a read only replica."), 'UNAVAILABLE', 'not-applied', true],
    [reply('MOVED 3999 127.0.0.1:6381'), 'CONFIGURATION', 'not-applied', false],
    [reply("ERR unknown command 'FT.SEARCH', with args beginning with: "), 'UNSUPPORTED', 'not-applied', false],
    [reply('Schema is limited to 1024 fields'), 'VALIDATION', 'not-applied', false],
    [reply('Timeout limit was reached'), 'TIMEOUT', 'not-applied', true],
    [reply('ERR something else'), 'INTERNAL', 'unknown', false],
  ])('%s', (error, code, outcome, retryable) => {
    const mapped = toVeritasError(error, context)
    expect(mapped).toMatchObject({ code, outcome, retryable, backend: 'redis', role: 'vector', operation: 'upsert' })
    expect(mapped.message).toContain('db.example:6379')
    expect(mapped.cause).toBe(error)
    expect(toVeritasError(error, { ...context, write: false }).outcome).toBe('not-applied')
    expect(toVeritasError(error, { ...context, changed: true }).outcome).toBe('unknown')
  })

  it('keeps the codes of the contract', () => {
    const mine = new VeritasError({ code: 'CONFLICT', message: 'x' })
    expect(toVeritasError(mine, context)).toMatchObject({ code: 'CONFLICT', message: 'x', backend: 'redis' })
  })

  it('tells an aborted call, and why', () => {
    const aborted = toVeritasError(new Error('x'), { ...context, signal: AbortSignal.abort() })
    expect(aborted).toMatchObject({ code: 'ABORTED', outcome: 'unknown' })
    const reason = new VeritasError({ code: 'TIMEOUT', message: 'too late' })
    expect(toVeritasError(reason, { ...context, signal: AbortSignal.abort(reason) })).toMatchObject({
      code: 'TIMEOUT',
      outcome: 'unknown',
      message: 'too late',
    })
  })
})

it('knows the errors that mean something to us', () => {
  expect(isNoIndex(reply('veritas_x:1: no such index'))).toBe(true)
  expect(isNoIndex(reply('Unknown Index name'))).toBe(true)
  expect(isNoIndex('x')).toBe(false)
  expect(isNoScript(reply('NOSCRIPT No matching script.'))).toBe(true)
  expect(isNoScript(reply('ERR no'))).toBe(false)
})
