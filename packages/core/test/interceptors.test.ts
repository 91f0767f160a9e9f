import { tracingChannel } from 'node:diagnostics_channel'
import { describe, expect, it } from 'vitest'
import { secret, VeritasError } from '../src/contract/index.js'
import { breaker } from '../src/interceptors/breaker.js'
import { bulkhead } from '../src/interceptors/bulkhead.js'
import { type Call, chain, type Interceptor } from '../src/interceptors/chain.js'
import { describeErrors, hideSecrets } from '../src/interceptors/errors.js'
import { retry } from '../src/interceptors/retry.js'
import { CALL_CHANNEL, telemetry } from '../src/interceptors/telemetry.js'
import { timeout } from '../src/interceptors/timeout.js'

const call: Call = { backend: 'db', role: 'vector', operation: 'query', write: false, idempotent: true }
const connection = (): VeritasError => new VeritasError({ code: 'CONNECTION', message: 'refused' })
const failing = (
  times: number,
  error: () => unknown = connection,
): { next: () => Promise<string>; calls: () => number } => {
  let calls = 0
  return {
    next: async () => {
      if (++calls <= times) throw error()
      return 'ok'
    },
    calls: () => calls,
  }
}
/** Resolves only when its signal fires, as a server that hangs. */
const hang = <T>(signal: AbortSignal | undefined): Promise<T> =>
  new Promise((_, reject) => signal?.addEventListener('abort', () => reject(new Error('stopped'))))

describe('the chain', () => {
  it('runs interceptors from the first to the last', async () => {
    const seen: string[] = []
    const note =
      (name: string): Interceptor =>
      async (c, next) => {
        seen.push(name)
        return next(c.signal)
      }
    expect(await chain([note('a'), note('b')])(call, async () => 1 as never)).toBe(1)
    expect(seen).toEqual(['a', 'b'])
  })
})

describe('retry', () => {
  const quick = retry({ retries: 3, delayMs: 1 })

  it('tries again what failed for a passing reason', async () => {
    const { next, calls } = failing(3)
    expect(await quick(call, next as never)).toBe('ok')
    expect(calls()).toBe(4)
  })

  it('gives up after the configured number', async () => {
    const { next, calls } = failing(9)
    await expect(quick(call, next as never)).rejects.toMatchObject({ code: 'CONNECTION' })
    expect(calls()).toBe(4)
  })

  it('does not repeat what cannot help, nor what is not idempotent and may have happened', async () => {
    const wrong = failing(9, () => new VeritasError({ code: 'VALIDATION', message: 'wrong' }))
    await expect(quick(call, wrong.next as never)).rejects.toMatchObject({ code: 'VALIDATION' })
    expect(wrong.calls()).toBe(1)
    const lost = failing(9, () => new VeritasError({ code: 'TIMEOUT', outcome: 'unknown', message: 'lost' }))
    await expect(quick({ ...call, operation: 'raw', idempotent: false }, lost.next as never)).rejects.toMatchObject({
      code: 'TIMEOUT',
    })
    expect(lost.calls()).toBe(1)
  })

  it('waits at least as long as the server asked', async () => {
    const { next } = failing(
      1,
      () => new VeritasError({ code: 'RATE_LIMITED', retryAfterMs: 40, message: 'slow down' }),
    )
    const started = performance.now()
    await quick(call, next as never)
    expect(performance.now() - started).toBeGreaterThanOrEqual(39)
  })

  it('stops when the caller aborts', async () => {
    const controller = new AbortController()
    const { next, calls } = failing(9, () => {
      controller.abort()
      return connection()
    })
    await expect(quick({ ...call, signal: controller.signal }, next as never)).rejects.toThrow()
    expect(calls()).toBe(1)
  })
})

describe('breaker', () => {
  it('opens after failures in a row, answers at once, and closes again', async () => {
    const states: string[] = []
    const circuit = breaker({ backend: 'db', threshold: 2, resetMs: 20, onChange: (s) => states.push(s) })
    const { next, calls } = failing(2)
    for (let i = 0; i < 2; i++)
      await expect(circuit.intercept(call, next as never)).rejects.toMatchObject({ code: 'CONNECTION' })
    await expect(circuit.intercept(call, next as never)).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      outcome: 'not-applied',
      retryAfterMs: 20,
    })
    expect(calls()).toBe(2)
    await new Promise((resolve) => setTimeout(resolve, 40))
    expect(await circuit.intercept(call, next as never)).toBe('ok')
    expect(states).toEqual(['open', 'half-open', 'closed'])
  })

  it("does not count the caller's mistakes", async () => {
    const circuit = breaker({ backend: 'db', threshold: 1, resetMs: 1000 })
    const { next } = failing(1, () => new VeritasError({ code: 'VALIDATION', message: 'wrong' }))
    await expect(circuit.intercept(call, next as never)).rejects.toMatchObject({ code: 'VALIDATION' })
    expect(circuit.state()).toBe('closed')
  })
})

describe('timeout', () => {
  it('ends a call that takes too long; a write may then have happened', async () => {
    await expect(timeout(20)(call, hang)).rejects.toMatchObject({ code: 'TIMEOUT', outcome: 'not-applied' })
    await expect(timeout(20)({ ...call, write: true }, hang)).rejects.toMatchObject({
      code: 'TIMEOUT',
      outcome: 'unknown',
    })
  })

  it('ends a call at once when the caller aborts, even where the backend does not listen', async () => {
    const controller = new AbortController()
    setTimeout(() => controller.abort(), 10)
    const deaf = <T>(): Promise<T> => new Promise(() => undefined)
    await expect(timeout(60_000)({ ...call, signal: controller.signal }, deaf)).rejects.toMatchObject({
      code: 'ABORTED',
    })
  })

  it('does not start a call that is already aborted', async () => {
    let started = false
    const next = async (): Promise<never> => {
      started = true
      throw new Error('started')
    }
    await expect(timeout(1000)({ ...call, signal: AbortSignal.abort() }, next)).rejects.toMatchObject({
      code: 'ABORTED',
    })
    expect(started).toBe(false)
  })
})

describe('bulkhead', () => {
  it('lets no more calls through than it has places', async () => {
    const limited = bulkhead(2)
    let inside = 0
    let most = 0
    const next = async (): Promise<never> => {
      most = Math.max(most, ++inside)
      await new Promise((resolve) => setTimeout(resolve, 5))
      inside--
      return undefined as never
    }
    await Promise.all(Array.from({ length: 8 }, () => limited(call, next)))
    expect(most).toBe(2)
  })
})

describe('errors', () => {
  const intercept = describeErrors(hideSecrets([secret('hunter2secret')]))

  it('say which backend, role and operation they come from', async () => {
    const next = async (): Promise<never> => {
      throw new TypeError('odd')
    }
    await expect(intercept({ ...call, write: true }, next)).rejects.toMatchObject({
      code: 'INTERNAL',
      backend: 'db',
      role: 'vector',
      operation: 'query',
      outcome: 'unknown',
    })
  })

  it('never show a secret', async () => {
    const next = async (): Promise<never> => {
      throw new VeritasError({ code: 'AUTHENTICATION', message: 'bad password hunter2secret for u' })
    }
    const error = await intercept(call, next).catch((e: unknown) => e)
    expect(JSON.stringify(error)).not.toContain('hunter2secret')
    expect(error).toMatchObject({ message: 'bad password [secret] for u', code: 'AUTHENTICATION' })
  })
})

describe('telemetry', () => {
  it('publishes start, end and error of each call', async () => {
    const seen: unknown[] = []
    const handlers = {
      start: (m: object) => seen.push({ ...m }),
      asyncEnd: () => seen.push('end'),
      error: () => seen.push('error'),
    }
    const channel = tracingChannel(CALL_CHANNEL)
    channel.subscribe(handlers as never)
    await telemetry(call, async () => 1 as never)
    await expect(telemetry(call, failing(1).next as never)).rejects.toThrow('refused')
    channel.unsubscribe(handlers as never)
    expect(seen).toEqual([call, 'end', call, 'error', 'end'])
  })
})
