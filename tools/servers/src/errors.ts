/** An error for people: what went wrong, what to do next, and where known the last lines of the log. */
export class ServerError extends Error {
  readonly next: string | undefined
  readonly log: string | undefined

  constructor(message: string, options: { next?: string; log?: string; cause?: unknown } = {}) {
    super(message, { cause: options.cause })
    this.name = 'ServerError'
    this.next = options.next
    this.log = options.log
  }
}

export const messageOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error)
  // fetch says only "fetch failed" itself and hides why in its cause
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message
}

/** Whether an error is the system's, with one of these codes. */
export const hasCode = (error: unknown, ...codes: string[]): boolean =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' && codes.includes(error.code)
