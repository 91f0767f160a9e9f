import type { RoleName } from '../contract/errors.js'
import { VeritasError } from '../contract/errors.js'
import type { BreakerState } from '../interceptors/breaker.js'
import type { ConnectedBackend } from '../store/backends.js'

/** All backends well; some; none, or the authority down. */
export type OverallHealth = 'healthy' | 'degraded' | 'unhealthy'

export interface BackendHealth {
  readonly backend: string
  readonly roles: readonly RoleName[]
  readonly status: 'healthy' | 'unhealthy'
  /** What the server says it is; null where it did not answer. */
  readonly server: string | null
  /** Milliseconds of the probe. */
  readonly latencyMs: number
  readonly breaker: BreakerState
  readonly error: string | null
}

export interface HealthReport {
  readonly overall: OverallHealth
  readonly backends: readonly BackendHealth[]
  /** Documents by collection; null where the authority did not answer in time. */
  readonly counts: Readonly<Record<string, number>> | null
  readonly timestamp: Date
}

/** Asks one backend, for `limitMs` at most. It never throws: what went wrong is in the answer. */
export async function probe(connected: ConnectedBackend, limitMs: number): Promise<BackendHealth> {
  const started = performance.now()
  const head = { backend: connected.name, roles: connected.roles }
  try {
    const { product, version } = await within(limitMs, connected.name, async (signal) => {
      await connected.backend.connect({ signal })
      return connected.backend.probe({ signal })
    })
    return {
      ...head,
      status: 'healthy',
      server: `${product} ${version}`,
      latencyMs: performance.now() - started,
      breaker: connected.breakerState(),
      error: null,
    }
  } catch (cause) {
    const error = VeritasError.from(cause, { backend: connected.name })
    return {
      ...head,
      status: 'unhealthy',
      server: null,
      latencyMs: performance.now() - started,
      breaker: connected.breakerState(),
      error: `${error.code}: ${connected.describe(error.message)}`,
    }
  }
}

/** Work with a limit of its own: it is told to stop, and is not waited for longer. */
export async function within<T>(
  limitMs: number,
  backend: string,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController()
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      controller.abort()
      reject(new VeritasError({ code: 'TIMEOUT', backend, message: `${backend} did not answer within ${limitMs} ms.` }))
    }, limitMs)
  })
  try {
    return await Promise.race([work(controller.signal), late])
  } finally {
    clearTimeout(timer)
  }
}

/** @param authority the backend that holds the documents */
export function overall(backends: readonly BackendHealth[], authority: string): OverallHealth {
  const well = backends.filter((b) => b.status === 'healthy').length
  const authorityDown = backends.some(
    (b) => b.status === 'unhealthy' && b.backend === authority && b.roles.includes('relational'),
  )
  if (well === 0 || authorityDown) return 'unhealthy'
  return well === backends.length ? 'healthy' : 'degraded'
}
