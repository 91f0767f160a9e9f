import { abortError } from './errors.js'

/** The calls of a backend that are under way, which its `close` waits for. */
export class CallsUnderWay {
  readonly #calls = new Set<Promise<unknown>>()

  /** Remembers a call until it has ended, and gives it back. */
  add<T>(call: Promise<T>): Promise<T> {
    this.#calls.add(call)
    const forget = (): void => {
      this.#calls.delete(call)
    }
    call.then(forget, forget)
    return call
  }

  /** Resolves when all that are under way now have ended, however they ended. */
  async ended(): Promise<void> {
    await Promise.allSettled(this.#calls)
  }
}

/**
 * What `work` gives, or an error as soon as the signal fires: for clients that cannot be told of it, whose work goes on behind.
 * @param onAbort makes that error; without it, `abortError(signal)`, which says that nothing was changed
 */
export async function untilAborted<T>(
  work: Promise<T>,
  signal: AbortSignal | undefined,
  onAbort: (signal: AbortSignal) => unknown = (fired) => abortError(fired),
): Promise<T> {
  if (!signal) return work
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  const listener = (): void => reject(onAbort(signal))
  if (signal.aborted) listener()
  else signal.addEventListener('abort', listener, { once: true })
  try {
    return await Promise.race([aborted, work])
  } finally {
    signal.removeEventListener('abort', listener)
  }
}

/**
 * Runs `work` on all items, `width` at a time; answers keep the items' order. After a failure nothing new is started, and what is
 * under way is waited for before the first error is thrown.
 */
export async function inParallel<T, R>(
  items: readonly T[],
  width: number,
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  const answers = new Array<R>(items.length)
  const errors: unknown[] = []
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < items.length && errors.length === 0) {
      const i = next++
      try {
        answers[i] = await work(items[i] as T)
      } catch (error) {
        errors.push(error)
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, worker))
  if (errors.length > 0) throw errors[0]
  return answers
}
