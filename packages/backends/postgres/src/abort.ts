import { throwIfAborted } from '@veritas-db/core/contract'

/** What the promise gives, or an error as soon as the signal fires; `onAbort` makes that error. */
export const orAborted = async <T>(
  promise: Promise<T>,
  signal: AbortSignal | undefined,
  onAbort: () => unknown = () => abortReason(signal),
): Promise<T> => {
  if (!signal) return promise
  let listener: (() => void) | undefined
  const aborted = new Promise<never>((_, reject) => {
    listener = () => reject(onAbort())
    if (signal.aborted) listener()
    else signal.addEventListener('abort', listener, { once: true })
  })
  try {
    return await Promise.race([promise, aborted])
  } finally {
    if (listener) signal.removeEventListener('abort', listener)
  }
}

/** The error of an aborted call that changed nothing. */
const abortReason = (signal: AbortSignal | undefined): unknown => {
  try {
    throwIfAborted(signal)
  } catch (error) {
    return error
  }
  return undefined
}
