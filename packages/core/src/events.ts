import { EventEmitter } from 'node:events'
import type { RoleName, VeritasError } from './contract/errors.js'
import type { BreakerState } from './interceptors/breaker.js'
import type { StoreResult } from './store/results.js'

/** What a database tells its listeners. */
export interface DatabaseEvents {
  /** A document was written, or tried to be. */
  readonly store: StoreResult & { readonly collection: string }
  readonly delete: { readonly id: string; readonly collection: string }
  /** A leg of a write or search failed and the rest went on. */
  readonly legFailed: {
    readonly role: RoleName
    readonly backend: string
    readonly operation: string
    readonly error: VeritasError
  }
  readonly breaker: { readonly backend: string; readonly state: BreakerState }
  readonly close: Record<string, never>
}

/** A typed emitter: a listener that throws does not break the work that it listens to. */
export class Events {
  readonly #emitter: EventEmitter = new EventEmitter()

  /** Calls `listener` at each event. Returns the function that stops it. */
  on<E extends keyof DatabaseEvents>(event: E, listener: (detail: DatabaseEvents[E]) => void): () => void {
    this.#emitter.on(event, listener)
    return () => void this.#emitter.off(event, listener)
  }

  has(event: keyof DatabaseEvents): boolean {
    return this.#emitter.listenerCount(event) > 0
  }

  emit<E extends keyof DatabaseEvents>(event: E, detail: DatabaseEvents[E]): void {
    for (const listener of this.#emitter.rawListeners(event)) {
      try {
        Reflect.apply(listener, this.#emitter, [detail])
      } catch (error) {
        // As an uncaught error it is seen, and the write goes on.
        queueMicrotask(() => {
          throw error
        })
      }
    }
  }
}
