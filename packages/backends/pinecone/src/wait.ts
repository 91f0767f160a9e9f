import { setTimeout as sleep } from 'node:timers/promises'
import { throwIfAborted, VeritasError } from '@veritas-db/core/contract'

const FIRST_PAUSE_MS = 10
const LONGEST_PAUSE_MS = 500

/**
 * Asks again, in pauses that grow, until the answer is not undefined.
 * @throws VeritasError TIMEOUT after `timeoutMs` milliseconds, ABORTED
 */
export const until = async <T>(
  ask: () => Promise<T | undefined>,
  options: { readonly timeoutMs: number; readonly signal: AbortSignal | undefined; readonly what: string },
): Promise<T> => {
  const { timeoutMs, signal, what } = options
  const end = performance.now() + timeoutMs
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 1.6, LONGEST_PAUSE_MS)) {
    const answer = await ask()
    if (answer !== undefined) return answer
    if (performance.now() + pause > end)
      throw new VeritasError({ code: 'TIMEOUT', message: `${what} took longer than ${timeoutMs} ms.` })
    await pausing(pause, signal)
  }
}

/** Waits. @throws VeritasError ABORTED */
const pausing = async (ms: number, signal: AbortSignal | undefined): Promise<void> => {
  try {
    await sleep(ms, undefined, signal ? { signal } : {})
  } catch (error) {
    throwIfAborted(signal)
    throw error
  }
}
