import { bulkhead as policy } from 'cockatiel'
import type { Interceptor } from './chain.js'

/** At most `limit` calls under way at once; others wait their turn. */
export function bulkhead(limit: number): Interceptor {
  const slots = policy(limit, Number.POSITIVE_INFINITY)
  return (call, next) => slots.execute(() => next(call.signal), call.signal)
}
