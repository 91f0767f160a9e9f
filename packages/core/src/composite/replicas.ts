import {
  type CircuitBreakerPolicy,
  CircuitState,
  ConsecutiveBreaker,
  circuitBreaker,
  handleWhen,
  isBrokenCircuitError,
} from 'cockatiel'
import { type RoleName, VeritasError } from '../contract/errors.js'
import type { Backend, ProbeResult, RolesOf, RoleTypes } from '../contract/plugin.js'
import type { CallOptions } from '../contract/roles/common.js'
import type { Interceptor } from '../interceptors/chain.js'
import { isRead } from '../interceptors/roles.js'
import { timeout } from '../interceptors/timeout.js'

export interface ReplicaOptions {
  /** Failures in a row after which an instance is left out. */
  readonly threshold: number
  /** Milliseconds after which a probe sees whether an instance that was left out is back. */
  readonly resetMs: number
  /** Milliseconds a read may take at one instance before the next is asked. */
  readonly attemptMs: number
}

/** What a composite knows of one of its instances. */
export interface InstanceState {
  readonly engineId: string
  readonly primary: boolean
  readonly healthy: boolean
  /** Milliseconds a read took lately: an exponentially weighted mean; null before the first. */
  readonly latencyMs: number | null
}

/** How much the newest read weighs in the mean. */
const WEIGHT = 0.2
/** One read in so many goes to another instance than the fastest, so that an instance that became faster is noticed. */
const EXPLORE_EVERY = 20

interface Instance {
  readonly backend: Backend
  readonly circuit: CircuitBreakerPolicy
  latencyMs: number | undefined
  probing: boolean
}

const passing = (error: unknown): boolean =>
  VeritasError.is(error) && (error.code === 'CONNECTION' || error.code === 'TIMEOUT' || error.code === 'UNAVAILABLE')

/**
 * Several instances of one database behind one backend. Reads go to the fastest healthy instance and, where it fails for a passing
 * reason, to the next; writes, units of work and reads that ask for it (`fresh`, or `after` a write) go to the primary.
 * An instance that keeps failing is left out, and taken back once a probe succeeds.
 */
export class ReplicatedBackend<R extends RoleName = never> implements Backend<R> {
  readonly engineId: string
  readonly roles: RolesOf<R>
  readonly unitOfWork?: NonNullable<Backend<R>['unitOfWork']>
  readonly services?: NonNullable<Backend['services']>
  readonly #instances: readonly Instance[]
  readonly #resetMs: number
  readonly #limit: Interceptor
  #reads = 0

  /** @param primary takes the writes @param replicas are kept up to date by the database itself */
  constructor(primary: Backend<R>, replicas: readonly Backend[], options: ReplicaOptions) {
    this.#resetMs = options.resetMs
    this.#limit = timeout(options.attemptMs)
    this.#instances = [primary, ...replicas].map((backend) => ({
      backend,
      circuit: circuitBreaker(handleWhen(passing), {
        halfOpenAfter: options.resetMs,
        breaker: new ConsecutiveBreaker(options.threshold),
      }),
      latencyMs: undefined,
      probing: false,
    }))
    this.engineId = primary.engineId
    if (primary.unitOfWork)
      this.unitOfWork = (call, work) =>
        Reflect.apply(primary.unitOfWork as NonNullable<Backend<R>['unitOfWork']>, primary, [call, work])
    if (primary.services) this.services = primary.services
    const names: RoleName[] = ['vector', 'graph', 'relational']
    const roles = Object.fromEntries(
      names.flatMap((name) => (primary.roles[name] ? [[name, this.#spread(name, primary.roles[name])]] : [])),
    )
    this.roles = roles as RolesOf<R>
  }

  /** The instances as reads see them now. */
  instances(): readonly InstanceState[] {
    return this.#instances.map((instance, i) => ({
      engineId: instance.backend.engineId,
      primary: i === 0,
      healthy: instance.circuit.state === CircuitState.Closed,
      latencyMs: instance.latencyMs ?? null,
    }))
  }

  /** Connects all; replicas may be down. @throws VeritasError what the primary throws */
  async connect(options?: CallOptions): Promise<void> {
    const [primary, ...replicas] = await Promise.allSettled(this.#instances.map((i) => i.backend.connect(options)))
    if (primary?.status === 'rejected') throw primary.reason
    for (const [i, replica] of replicas.entries())
      if (replica.status === 'rejected' && !passing(replica.reason))
        throw VeritasError.from(replica.reason, { backend: this.#instances[i + 1]?.backend.engineId ?? '' })
  }

  /** Probes all at once; answers as the primary does. */
  async probe(options?: CallOptions): Promise<ProbeResult> {
    const [primary] = await Promise.allSettled(
      this.#instances.map((i) => i.circuit.execute(() => i.backend.probe(options))),
    )
    if (primary?.status === 'rejected') throw unwrapped(primary.reason)
    return (primary as PromiseFulfilledResult<ProbeResult>).value
  }

  async close(): Promise<void> {
    const closings = await Promise.allSettled(this.#instances.map((i) => i.backend.close()))
    for (const closing of closings) if (closing.status === 'rejected') throw closing.reason
  }

  #spread<N extends RoleName>(name: N, primary: RoleTypes[N]): RoleTypes[N] {
    return new Proxy(primary, {
      get: (target, property) => {
        const value: unknown = Reflect.get(target, property, target)
        if (typeof value !== 'function' || typeof property !== 'string') return value
        if (property === 'check') return value.bind(target)
        return (options: object = {}, ...rest: readonly unknown[]): Promise<unknown> => {
          const pinned =
            ('after' in options && options.after !== undefined) || ('fresh' in options && options.fresh === true)
          const spread = isRead(property) && !pinned
          return this.#try(spread ? this.#order() : this.#instances.slice(0, 1), async (instance) => {
            const role: object = instance.backend.roles[name] ?? target
            const method = Reflect.get(role, property) as (...args: readonly unknown[]) => Promise<unknown>
            if (!spread) return Reflect.apply(method, role, [options, ...rest])
            const signal = 'signal' in options && options.signal instanceof AbortSignal ? options.signal : undefined
            const call = {
              backend: instance.backend.engineId,
              role: name,
              operation: property,
              write: false,
              idempotent: true,
            }
            return this.#limit(signal ? { ...call, signal } : call, async (inner) => {
              // An instance that was down at the start connects with its first read.
              await instance.backend.connect()
              return Reflect.apply(method, role, [inner ? { ...options, signal: inner } : options, ...rest])
            })
          })
        }
      },
    })
  }

  /** Healthy instances, the fastest first, then those that are left out, as a last resort. */
  #order(): readonly Instance[] {
    const healthy = this.#instances.filter((i) => i.circuit.state === CircuitState.Closed)
    const others = this.#instances.filter((i) => i.circuit.state !== CircuitState.Closed)
    for (const instance of others) this.#probeLater(instance)
    const order = healthy.toSorted((a, b) => (a.latencyMs ?? 0) - (b.latencyMs ?? 0))
    this.#reads++
    const explored =
      this.#reads % EXPLORE_EVERY === 0 ? order.at((this.#reads / EXPLORE_EVERY) % order.length) : undefined
    return explored ? [explored, ...order.filter((i) => i !== explored), ...others] : [...order, ...others]
  }

  async #try(order: readonly Instance[], call: (instance: Instance) => Promise<unknown>): Promise<unknown> {
    let failure: unknown
    for (const instance of order) {
      const started = performance.now()
      try {
        const result = await instance.circuit.execute(() => call(instance))
        // Writes take longer by nature and say nothing of how fast reads are.
        if (order.length > 1) instance.latencyMs = mean(instance.latencyMs, performance.now() - started)
        return result
      } catch (error) {
        failure ??= error
        if (!passing(error) && !isBrokenCircuitError(error)) throw error
        if (passing(error)) failure = error
      }
    }
    throw unwrapped(failure)
  }

  /** Looks after an instance that is left out, beside the reads: none of them waits for it. */
  #probeLater(instance: Instance): void {
    if (instance.probing) return
    instance.probing = true
    const timer = setTimeout(async () => {
      try {
        await instance.circuit.execute(async () => {
          await instance.backend.connect()
          await instance.backend.probe()
        })
      } catch (error) {
        // Still down: the next read asks for another probe. What is no outage is a defect and must be seen.
        if (!passing(error) && !isBrokenCircuitError(error)) queueMicrotask(() => Promise.reject(error))
      } finally {
        instance.probing = false
      }
    }, this.#resetMs)
    timer.unref()
  }
}

/** An exponentially weighted mean: recent reads count more. */
function mean(before: number | undefined, latest: number): number {
  return before === undefined ? latest : before * (1 - WEIGHT) + latest * WEIGHT
}

function unwrapped(error: unknown): unknown {
  if (!isBrokenCircuitError(error)) return error
  return new VeritasError({
    code: 'UNAVAILABLE',
    message: 'Every instance that could answer is left alone after failures in a row.',
    cause: error,
  })
}
