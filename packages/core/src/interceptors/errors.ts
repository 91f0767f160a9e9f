import { VeritasError } from '../contract/errors.js'
import type { Secret } from '../contract/secret.js'
import type { Interceptor } from './chain.js'

/** Takes known secrets out of a text, plain and URL-encoded. */
export function hideSecrets(secrets: readonly Secret[]): (text: string) => string {
  const hidden = secrets.map((s) => s.reveal()).filter((value) => value.length >= 4)
  return (text) =>
    hidden.reduce(
      (clean, value) => clean.replaceAll(value, '[secret]').replaceAll(encodeURIComponent(value), '[secret]'),
      text,
    )
}

/** Gives every error its backend, role and operation, and takes known secrets out of its message. */
export function describeErrors(hide: (text: string) => string): Interceptor {
  return async (call, next) => {
    try {
      return await next(call.signal)
    } catch (cause) {
      const error = VeritasError.from(cause, {
        backend: call.backend,
        operation: call.operation,
        ...(call.role !== undefined && { role: call.role }),
        // An error that the plugin did not map tells nothing of whether a write happened.
        ...(!VeritasError.is(cause) && call.write && { outcome: 'unknown' as const }),
      })
      const message = hide(error.message)
      throw message === error.message ? error : VeritasError.from(error, {}, message)
    }
  }
}
