import type { RoleName } from '../contract/errors.js'

/** One call of a backend, as interceptors see it. */
export interface Call {
  /** The plugin's name. */
  readonly backend: string
  /** Absent for a unit of work over several roles. */
  readonly role?: RoleName
  readonly operation: string
  /** Whether it changes what is stored. */
  readonly write: boolean
  /** Whether doing it twice is the same as doing it once: true for all of the contract but `raw` and `transaction`. */
  readonly idempotent: boolean
  readonly signal?: AbortSignal
}

/** One cross-cutting concern around every call. It calls `next` once, several times, or not at all. */
export type Interceptor = <T>(call: Call, next: (signal: AbortSignal | undefined) => Promise<T>) => Promise<T>

/** Interceptors as one, the first outermost. */
export function chain(interceptors: readonly Interceptor[]): Interceptor {
  return interceptors.reduceRight<Interceptor>(
    (inner, outer) => (call, next) =>
      outer(call, (signal) => inner(signal === undefined ? call : { ...call, signal }, next)),
    (call, next) => next(call.signal),
  )
}
