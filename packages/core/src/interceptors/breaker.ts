import { CircuitState, ConsecutiveBreaker, circuitBreaker, handleWhen, isBrokenCircuitError } from 'cockatiel'
import { type ErrorCode, VeritasError } from '../contract/errors.js'
import type { Interceptor } from './chain.js'

export interface BreakerOptions {
  readonly backend: string
  /** Failures in a row that open it. */
  readonly threshold: number
  /** Milliseconds until an open breaker lets one call through to see. */
  readonly resetMs: number
  readonly onChange?: (state: BreakerState) => void
}

export type BreakerState = 'closed' | 'open' | 'half-open'

/** What says that the server is in trouble, rather than the call. */
const FAILURES: ReadonlySet<ErrorCode> = new Set(['CONNECTION', 'TIMEOUT', 'UNAVAILABLE'])
const STATES: Readonly<Record<CircuitState, BreakerState>> = {
  [CircuitState.Closed]: 'closed',
  [CircuitState.Open]: 'open',
  [CircuitState.HalfOpen]: 'half-open',
  [CircuitState.Isolated]: 'open',
}

/** Answers at once with `UNAVAILABLE` while a backend keeps failing, so that it can recover and callers need not wait. */
export function breaker(options: BreakerOptions): { readonly intercept: Interceptor; state(): BreakerState } {
  const circuit = circuitBreaker(
    handleWhen((error) => VeritasError.is(error) && FAILURES.has(error.code)),
    { halfOpenAfter: options.resetMs, breaker: new ConsecutiveBreaker(options.threshold) },
  )
  circuit.onStateChange((state) => options.onChange?.(STATES[state]))
  return {
    state: () => STATES[circuit.state],
    intercept: async (call, next) => {
      try {
        return await circuit.execute(() => next(call.signal), call.signal)
      } catch (cause) {
        if (!isBrokenCircuitError(cause)) throw cause
        throw new VeritasError({
          code: 'UNAVAILABLE',
          retryAfterMs: options.resetMs,
          message: `${options.backend} failed ${options.threshold} times in a row and is left alone for ${options.resetMs} ms. Run healthCheck() to see why.`,
          cause,
        })
      }
    },
  }
}

/** Whether an error is an open breaker's: trying again at once is pointless. */
export function isBreakerOpen(error: unknown): boolean {
  return VeritasError.is(error, 'UNAVAILABLE') && isBrokenCircuitError(error.cause)
}
