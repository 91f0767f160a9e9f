// Makes an emulator as unpleasant as the service is on a bad day: slow, rate limited, failing, hanging up.
export interface RateLimit {
  /** Refuse every Nth request. */
  everyNth?: number
  /** Or allow this many requests a second, with `burst` saved up. */
  perSecond?: number
  burst?: number
  /** Seconds in the Retry-After header. */
  retryAfter?: number
}

export interface Fault {
  /** Status to answer with, or `drop`: do the work, then hang up without an answer (an unknown outcome). */
  action: number | 'drop'
  /** How many of the next matching requests meet it. */
  times: number
  /** Part of the path that a request must have. */
  path?: string
  method?: string
}

export interface FaultConfig {
  latencyMs: number
  rateLimit: RateLimit | null
  faults: Fault[]
}

export type Verdict =
  | { kind: 'pass' }
  | { kind: 'limited'; retryAfter: number }
  | { kind: 'fault'; action: number | 'drop' }

export class Faults {
  #requests = 0
  #tokens = 0
  #filledAt = 0
  #limit: RateLimit | null = null

  judge(config: FaultConfig, method: string, path: string): Verdict {
    const fault = config.faults.find(
      (f) => f.times > 0 && path.includes(f.path ?? '') && (f.method === undefined || f.method === method),
    )
    if (fault) {
      fault.times--
      return { kind: 'fault', action: fault.action }
    }
    const limit = config.rateLimit
    if (!limit) return { kind: 'pass' }
    return this.#limited(limit) ? { kind: 'limited', retryAfter: limit.retryAfter ?? 1 } : { kind: 'pass' }
  }

  #limited(limit: RateLimit): boolean {
    const capacity = limit.burst ?? limit.perSecond ?? 1
    const now = performance.now()
    if (this.#limit !== limit) {
      this.#limit = limit
      this.#requests = 0
      this.#tokens = capacity
      this.#filledAt = now
    }
    if (limit.everyNth !== undefined && ++this.#requests % limit.everyNth === 0) return true
    if (limit.perSecond === undefined) return false
    this.#tokens = Math.min(capacity, this.#tokens + ((now - this.#filledAt) / 1000) * limit.perSecond)
    this.#filledAt = now
    if (this.#tokens < 1) return true
    this.#tokens -= 1
    return false
  }
}
