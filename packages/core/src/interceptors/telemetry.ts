import { tracingChannel } from 'node:diagnostics_channel'
import type { Interceptor } from './chain.js'

/** The name of the tracing channel on which every call of a backend is published: `tracing:veritas.call:start`, `…:asyncEnd`, `…:error`. */
export const CALL_CHANNEL = 'veritas.call'

const channel = tracingChannel(CALL_CHANNEL)

/** Publishes each call, with backend, role and operation, to whoever subscribes; costs nothing where nobody does. */
export const telemetry: Interceptor = (call, next) => {
  if (!channel.hasSubscribers) return next(call.signal)
  const { signal: _, ...context } = call
  return channel.tracePromise(() => next(call.signal), { ...context })
}
