import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect, createServer as createSocketServer } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { describe, expect, it } from 'vitest'
import { explainWith, networkMeaning, VeritasError } from '../../src/contract/index.js'

const coded = (code: string, message = '', more: object = {}): Error =>
  Object.assign(new Error(message), { code }, more)

const explain = explainWith({
  backend: 'mine',
  product: 'Mine',
  meaningOf: (error) =>
    error.message === 'slow down' ? { code: 'RATE_LIMITED', message: 'is busy', retryAfterMs: 70 } : undefined,
})

describe('what an error of the network means', () => {
  it.each([
    ['ECONNREFUSED', 'CONNECTION', undefined],
    ['ENOTFOUND', 'CONNECTION', undefined],
    ['EAI_AGAIN', 'CONNECTION', undefined],
    ['UND_ERR_CONNECT_TIMEOUT', 'CONNECTION', undefined],
    ['ECONNRESET', 'CONNECTION', true],
    ['EPIPE', 'CONNECTION', true],
    ['ETIMEDOUT', 'CONNECTION', true],
    ['HPE_INVALID_CONSTANT', 'CONNECTION', true],
    ['UND_ERR_HEADERS_TIMEOUT', 'TIMEOUT', true],
    ['UND_ERR_BODY_TIMEOUT', 'TIMEOUT', true],
  ])('%s', (code, meaning, inFlight) => {
    expect(networkMeaning(coded(code))).toMatchObject({ code: meaning, ...(inFlight && { inFlight }) })
    expect(networkMeaning(coded(code))?.inFlight).toBe(inFlight)
  })

  it('what failed while connecting never happened', () => {
    expect(networkMeaning(coded('ETIMEDOUT', '', { syscall: 'connect' }))?.inFlight).toBeUndefined()
  })

  it.each(['UND_ERR_CLOSED', 'UND_ERR_DESTROYED', 'CERT_HAS_EXPIRED', 'ERR_SSL_WRONG_VERSION_NUMBER', 'EPROTO'])(
    '%s does not pass by itself',
    (code) => {
      expect(networkMeaning(coded(code))).toMatchObject({ code: 'CONNECTION', retryable: false })
    },
  )

  it('a certificate that is not trusted tells which option takes its authority', () => {
    const meaning = networkMeaning(coded('SELF_SIGNED_CERT_IN_CHAIN', 'self-signed certificate'), 'ssl.ca')
    expect(meaning?.message).toContain('ssl.ca')
    expect(meaning).toMatchObject({ retryable: false })
  })

  it('is found behind other errors, and among several attempts', () => {
    expect(networkMeaning(new TypeError('fetch failed', { cause: coded('ECONNRESET', 'reset') }))).toMatchObject({
      message: 'broke the connection: ECONNRESET reset',
    })
    const both = Object.assign(
      new AggregateError([coded('ECONNREFUSED', 'connect ECONNREFUSED ::1:9'), coded('ECONNREFUSED')]),
      { code: 'ECONNREFUSED' },
    )
    expect(networkMeaning(both)?.message).toBe('cannot be reached: connect ECONNREFUSED ::1:9')
    expect(networkMeaning(new AggregateError([coded('ENOTFOUND', 'getaddrinfo ENOTFOUND x')]))?.message).toContain('x')
  })

  it('is nothing of anybody else’s, and ends where causes go round', () => {
    expect(networkMeaning(new Error('no'))).toBeUndefined()
    expect(networkMeaning(coded('23505'))).toBeUndefined()
    const one = new Error('one')
    one.cause = new Error('two', { cause: one })
    expect(networkMeaning(one)).toBeUndefined()
  })

  it('knows what Node really throws', async () => {
    const web = createServer()
    await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve))
    const { port } = web.address() as AddressInfo
    const [noTls] = (await once(connectTls({ host: '127.0.0.1', port }), 'error')) as [Error]
    expect(networkMeaning(noTls)).toMatchObject({ code: 'CONNECTION', retryable: false })
    await new Promise((resolve) => web.close(resolve))
    const [refused] = (await once(connect(port, '127.0.0.1'), 'error')) as [Error]
    expect(networkMeaning(refused)?.message).toBe(`cannot be reached: connect ECONNREFUSED 127.0.0.1:${port}`)
    const fetched = await fetch(`http://127.0.0.1:${port}`).catch((error: Error) => error)
    expect(networkMeaning(fetched as Error)?.message).toContain(`127.0.0.1:${port}`)
    const rude = createSocketServer((socket) => socket.destroy())
    await new Promise<void>((resolve) => rude.listen(0, '127.0.0.1', resolve))
    const cut = await fetch(`http://127.0.0.1:${(rude.address() as AddressInfo).port}`).catch((error: Error) => error)
    expect(networkMeaning(cut as Error)).toMatchObject({ code: 'CONNECTION', inFlight: true })
    await new Promise((resolve) => rude.close(resolve))
  })
})

describe('explaining an error', () => {
  const call = { target: '10.0.0.1:7', role: 'graph', operation: 'getNodes' } as const

  it('uses what the product says first', () => {
    expect(explain(new Error('slow down'), call)).toMatchObject({
      code: 'RATE_LIMITED',
      message: 'Mine at 10.0.0.1:7 is busy.',
      retryAfterMs: 70,
      backend: 'mine',
      role: 'graph',
      operation: 'getNodes',
      outcome: 'not-applied',
    })
  })

  it('a write that broke in flight may have happened; a read has not', () => {
    const broken = coded('ECONNRESET', 'read ECONNRESET')
    expect(explain(broken, { ...call, write: true })).toMatchObject({ code: 'CONNECTION', outcome: 'unknown' })
    expect(explain(broken, call).outcome).toBe('not-applied')
    expect(explain(coded('ECONNREFUSED'), { ...call, write: true }).outcome).toBe('not-applied')
    expect(explain(coded('ECONNREFUSED'), { ...call, write: true, changed: true }).outcome).toBe('unknown')
  })

  it('what nobody knows is INTERNAL and perhaps happened', () => {
    expect(explain('a text', { ...call, write: true })).toMatchObject({
      code: 'INTERNAL',
      outcome: 'unknown',
      message: 'Mine at 10.0.0.1:7 says: a text.',
    })
    expect(explain(new Error('A sentence.'), call).message).toBe('Mine at 10.0.0.1:7 says: A sentence.')
  })

  it('fills in what an error of the contract lacks', () => {
    const own = new VeritasError({ code: 'NOT_FOUND', message: 'no table' })
    expect(explain(own, call)).toMatchObject({ code: 'NOT_FOUND', message: 'no table', operation: 'getNodes' })
    expect(explain(own, { ...call, changed: true }).outcome).toBe('unknown')
  })

  it('a signal that fired is what went wrong', () => {
    const aborted = explain(new Error('socket hang up'), { ...call, write: true, signal: AbortSignal.abort() })
    expect(aborted).toMatchObject({ code: 'ABORTED', outcome: 'unknown' })
    const late = new VeritasError({ code: 'TIMEOUT', message: 'late' })
    const signal = AbortSignal.abort(late)
    expect(explain(late, { ...call, write: true, signal })).toMatchObject({ code: 'TIMEOUT', outcome: 'unknown' })
    expect(explain(new Error('x'), { ...call, signal })).toMatchObject({ code: 'TIMEOUT', outcome: 'not-applied' })
    // Refused before anything was sent.
    const refused = new VeritasError({ code: 'VALIDATION', message: 'no' })
    expect(explain(refused, { ...call, write: true, signal })).toMatchObject({
      code: 'VALIDATION',
      outcome: 'not-applied',
    })
  })
})
