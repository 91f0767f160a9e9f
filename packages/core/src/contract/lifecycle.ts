import { CallsUnderWay, untilAborted } from './calls.js'
import { VeritasError } from './errors.js'

/** The life of a backend's connection: opened once for all that ask, and closed once, after the last call has ended. */
export class Lifecycle {
  readonly #product: string
  readonly #calls = new CallsUnderWay()
  #opening: Promise<void> | undefined
  #open = false
  #closing: Promise<void> | undefined

  /** @param product as it is written in errors, such as `Redis` */
  constructor(product: string) {
    this.#product = product
  }

  /** Whether `close` has been called. */
  get closed(): boolean {
    return this.#closing !== undefined
  }

  /**
   * Opens by `work`, once for all that ask, and again after a failure. A caller whose signal fires no longer waits; for the others it goes on.
   * @throws VeritasError CONNECTION after `close`, ABORTED where the signal fires, and what `work` throws
   */
  async open(work: () => Promise<void>, signal?: AbortSignal): Promise<void> {
    if (this.#closing) throw this.#closedError()
    this.#opening ??= work().then(
      () => {
        this.#open = true
      },
      (error: unknown) => {
        this.#opening = undefined
        throw error
      },
    )
    await untilAborted(this.#opening, signal)
  }

  /** Runs a call, which `close` waits for. @throws VeritasError CONNECTION before `open` and after `close` */
  run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#closing) return Promise.reject(this.#closedError())
    if (!this.#open)
      return Promise.reject(
        new VeritasError({ code: 'CONNECTION', message: `${this.#product} is not connected: call connect() first.` }),
      )
    return this.#calls.add(work())
  }

  /** Refuses further calls, waits for those under way, then runs `release`; once, however often it is called. */
  close(release: () => Promise<void> | void): Promise<void> {
    this.#closing ??= this.#close(release)
    return this.#closing
  }

  async #close(release: () => Promise<void> | void): Promise<void> {
    // Whoever opened or called has the error of what fails.
    await Promise.allSettled([this.#opening])
    await this.#calls.ended()
    await release()
  }

  #closedError(): VeritasError {
    return new VeritasError({
      code: 'CONNECTION',
      message: `The connection to ${this.#product} has been closed.`,
      retryable: false,
    })
  }
}

/** Where and how long to connect. */
export interface Connecting {
  /** As it is written in errors, such as `Redis`. */
  readonly product: string
  /** Host and port. */
  readonly target: string
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
}

/**
 * What `work` gives, within the time allowed for connecting. `work` gets a signal that fires when the time is over or the caller's signal
 * fires; where it does not listen, it is no longer waited for.
 * @throws VeritasError CONNECTION that names host, port and time
 */
export async function connectWithin<T>(
  { product, target, timeoutMs, signal }: Connecting,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const limit = AbortSignal.timeout(timeoutMs)
  const ending = signal ? AbortSignal.any([signal, limit]) : limit
  try {
    return await untilAborted(work(ending), ending, (fired) => fired.reason)
  } catch (error) {
    if (!limit.aborted || signal?.aborted) throw error
    const message = `${product} at ${target} did not answer within ${timeoutMs} ms.`
    throw new VeritasError({ code: 'CONNECTION', message, cause: error })
  }
}

const numbers = new WeakMap<object, number>()
let last = 0

/** The number of a client that was handed in, the same for every backend that is given it: for the engine's identity. */
export function clientNumber(client: object): number {
  const number = numbers.get(client) ?? ++last
  numbers.set(client, number)
  return number
}

/**
 * Host and port of a URL, also where the port is the protocol's own.
 * @param ports the default port of each protocol, such as `{ 'bolt:': 7687 }`; `http:` and `https:` are known
 */
export function addressOf(url: string | URL, ports: Readonly<Record<string, number>> = {}): string {
  const { hostname, port, protocol } = new URL(url)
  const known = { 'http:': 80, 'https:': 443, ...ports }[protocol]
  return port || known === undefined ? `${hostname}${port && `:${port}`}` : `${hostname}:${known}`
}
