import { DelegateBackoff, handleWhen, retry as policy } from 'cockatiel'
import { throwIfAborted, VeritasError } from '../contract/errors.js'
import { isBreakerOpen } from './breaker.js'
import type { Interceptor } from './chain.js'

export interface RetryOptions {
  /** How often to try again. */
  readonly retries: number
  /** Milliseconds before the first retry; doubled each time, 30 s at most, with full jitter. */
  readonly delayMs: number
}

const MAX_DELAY_MS = 30_000

/**
 * Tries again what failed for a passing reason: where it certainly was not applied, or applying it twice is harmless.
 * The delay is random up to an exponential limit (full jitter, Brooker 2015), and never shorter than the server asked for.
 */
export function retry(options: RetryOptions): Interceptor {
  const backoff = new DelegateBackoff<{ attempt: number; result: { error: unknown } | { value: unknown } }>(
    ({ attempt, result }) => {
      const limit = Math.min(MAX_DELAY_MS, options.delayMs * 2 ** (attempt - 1))
      const asked = 'error' in result && VeritasError.is(result.error) ? (result.error.retryAfterMs ?? 0) : 0
      return asked + Math.random() * limit
    },
  )
  const attempts = (idempotent: boolean) =>
    policy(
      handleWhen(
        (error) =>
          VeritasError.is(error) &&
          error.retryable &&
          !isBreakerOpen(error) &&
          (idempotent || error.outcome === 'not-applied'),
      ),
      { maxAttempts: options.retries, backoff },
    )
  const repeatable = attempts(true)
  const once = attempts(false)
  return (call, next) =>
    (call.idempotent ? repeatable : once).execute(() => {
      throwIfAborted(call.signal)
      return next(call.signal)
    }, call.signal)
}
