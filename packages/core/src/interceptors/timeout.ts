import { isTaskCancelledError, timeout as policy, TimeoutStrategy } from 'cockatiel'
import { throwIfAborted, VeritasError } from '../contract/errors.js'
import type { Interceptor } from './chain.js'

/** Ends a call after `limitMs` milliseconds, or at once when its signal fires, whether the backend heeds the signal or not. */
export function timeout(limitMs: number): Interceptor {
  const limited = policy(limitMs, { strategy: TimeoutStrategy.Aggressive, abortOnReturn: false })
  return async (call, next) => {
    throwIfAborted(call.signal)
    let own: AbortSignal | undefined
    try {
      return await limited.execute((_, signal) => {
        own = signal
        return next(signal)
      }, call.signal)
    } catch (cause) {
      // A backend that heeds the signal may answer with an error of its own before the limit's: what ended the call is the same.
      if (!own?.aborted && !isTaskCancelledError(cause)) throw cause
      const outcome = call.write ? ('unknown' as const) : ('not-applied' as const)
      if (call.signal?.aborted)
        throw new VeritasError({
          code: 'ABORTED',
          outcome,
          message: `${call.operation} was aborted.`,
          cause: call.signal.reason,
        })
      throw new VeritasError({
        code: 'TIMEOUT',
        outcome,
        message: `${call.backend} did not answer ${call.operation} within ${limitMs} ms. Raise performance.queryTimeoutMs where that is expected.`,
        cause,
      })
    }
  }
}
