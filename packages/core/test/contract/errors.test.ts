import { inspect } from 'node:util'
import { describe, expect, it, vi } from 'vitest'
import { type ErrorCode, invalid, throwIfAborted, unsupported, VeritasError } from '../../src/contract/errors.js'

const error = (more: Partial<ConstructorParameters<typeof VeritasError>[0]> = {}): VeritasError =>
  new VeritasError({ code: 'INTERNAL', message: 'broken', ...more })

describe('VeritasError', () => {
  it('fills in outcome and retryable by code', () => {
    const retryable: readonly ErrorCode[] = ['CONNECTION', 'TIMEOUT', 'RATE_LIMITED', 'UNAVAILABLE']
    const final: readonly ErrorCode[] = [
      'CONFIGURATION',
      'AUTHENTICATION',
      'ABORTED',
      'VALIDATION',
      'NOT_FOUND',
      'CONFLICT',
    ]
    for (const code of retryable) expect(error({ code })).toMatchObject({ retryable: true, outcome: 'not-applied' })
    for (const code of [...final, 'UNSUPPORTED', 'INTERNAL'] as const) expect(error({ code }).retryable).toBe(false)
    expect(error({ code: 'TIMEOUT', retryable: false }).retryable).toBe(false)
  })

  it('is an Error with name, message, stack and cause', () => {
    const cause = new Error('native')
    const thrown = error({ cause })
    expect(thrown).toBeInstanceOf(Error)
    expect([thrown.name, thrown.message, thrown.cause]).toEqual(['VeritasError', 'broken', cause])
    expect(thrown.stack).toContain('errors.test.ts')
  })

  // Its optional properties are there and undefined: see what the class fields compile to.
  it('has no properties for what it was not told', () => {
    expect(Object.keys(error()).sort()).toEqual(['code', 'name', 'outcome', 'retryable'])
    expect('cause' in error()).toBe(false)
  })

  it('as JSON leaves out the cause, which may hold a connection string', () => {
    const thrown = error({
      cause: new Error('db://user:hunter2@host'),
      path: 'a.b',
      retryAfterMs: 5,
      backend: 'b',
      role: 'graph',
    })
    expect(JSON.stringify(thrown)).not.toContain('hunter2')
    expect(JSON.parse(JSON.stringify(thrown))).toEqual({
      name: 'VeritasError',
      code: 'INTERNAL',
      message: 'broken',
      outcome: 'not-applied',
      retryable: false,
      retryAfterMs: 5,
      backend: 'b',
      role: 'graph',
      path: 'a.b',
    })
  })

  it('is shown by inspect as an error', () => {
    expect(inspect(error())).toContain('broken')
  })
})

describe('VeritasError.is', () => {
  it('tells by code', () => {
    expect(VeritasError.is(error())).toBe(true)
    expect(VeritasError.is(error(), 'INTERNAL')).toBe(true)
    expect(VeritasError.is(error(), 'TIMEOUT')).toBe(false)
  })

  it.each([undefined, null, 'INTERNAL', 5, {}, { code: 'INTERNAL' }, new Error('x'), []])(
    'is false for %j',
    (value) => {
      expect(VeritasError.is(value)).toBe(false)
    },
  )

  it('recognises the errors of another copy of the package, and is recognised by it', async () => {
    vi.resetModules()
    const other = await import('../../src/contract/errors.js')
    expect(other.VeritasError).not.toBe(VeritasError)
    const theirs = new other.VeritasError({ code: 'CONFLICT', message: 'theirs' })
    expect(theirs instanceof VeritasError).toBe(false)
    expect(VeritasError.is(theirs, 'CONFLICT')).toBe(true)
    expect(other.VeritasError.is(error(), 'INTERNAL')).toBe(true)
    expect(VeritasError.from(theirs, { backend: 'b' })).toMatchObject({
      code: 'CONFLICT',
      message: 'theirs',
      backend: 'b',
    })
  })
})

describe('VeritasError.from', () => {
  it('fills in what is missing and keeps what is set', () => {
    const from = VeritasError.from(error({ backend: 'inner' }), {
      backend: 'outer',
      role: 'vector',
      operation: 'query',
    })
    expect(from).toMatchObject({
      code: 'INTERNAL',
      message: 'broken',
      backend: 'inner',
      role: 'vector',
      operation: 'query',
    })
  })

  it('takes a new message, and an outcome that becomes unknown', () => {
    expect(VeritasError.from(error(), {}, 'said better').message).toBe('said better')
    expect(VeritasError.from(error(), { outcome: 'unknown' }).outcome).toBe('unknown')
    expect(VeritasError.from(error({ outcome: 'unknown' }), { outcome: 'not-applied' }).outcome).toBe('unknown')
  })

  it('turns the errors of AbortSignal into ABORTED', () => {
    const { reason } = AbortSignal.abort()
    expect(VeritasError.from(reason, {})).toMatchObject({ code: 'ABORTED', cause: reason })
  })

  it('takes anything else for INTERNAL, or for what the context says', () => {
    const native = new Error('ECONNREFUSED')
    expect(VeritasError.from(native, {})).toMatchObject({ code: 'INTERNAL', message: 'ECONNREFUSED', cause: native })
    expect(VeritasError.from(native, { code: 'CONNECTION' })).toMatchObject({ code: 'CONNECTION', retryable: true })
    expect(VeritasError.from('text', {})).toMatchObject({ code: 'INTERNAL', message: 'text', cause: 'text' })
    expect(VeritasError.from(undefined, {}).message).toBe('undefined')
  })
})

describe('helpers', () => {
  it('invalid names path and problem', () => {
    expect(invalid('filter.a', 'is wrong')).toMatchObject({
      code: 'VALIDATION',
      path: 'filter.a',
      message: 'filter.a: is wrong',
    })
  })

  it('unsupported names backend, feature and way out', () => {
    expect(unsupported('db', 'graph', 'paths').message).toBe('db does not support paths.')
    expect(unsupported('db', 'graph', 'paths', 'use another.')).toMatchObject({
      code: 'UNSUPPORTED',
      backend: 'db',
      role: 'graph',
      message: 'db does not support paths: use another.',
    })
  })

  it('throwIfAborted throws ABORTED, or the VeritasError that was the reason', () => {
    throwIfAborted(undefined)
    throwIfAborted(new AbortController().signal)
    const thrown = (signal: AbortSignal): unknown => {
      try {
        return throwIfAborted(signal)
      } catch (caught) {
        return caught
      }
    }
    expect(thrown(AbortSignal.abort())).toMatchObject({ code: 'ABORTED' })
    expect(thrown(AbortSignal.abort('why'))).toMatchObject({ code: 'ABORTED', cause: 'why' })
    const timeout = error({ code: 'TIMEOUT' })
    expect(thrown(AbortSignal.abort(timeout))).toBe(timeout)
  })
})
