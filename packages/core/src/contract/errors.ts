/** What went wrong, as a closed set that programs can switch on. */
export type ErrorCode =
  /** the configuration is wrong, or a package is missing */
  | 'CONFIGURATION'
  /** the server could not be reached, or the connection broke */
  | 'CONNECTION'
  /** the server refused the credentials */
  | 'AUTHENTICATION'
  /** no answer within the time allowed */
  | 'TIMEOUT'
  /** the caller's `AbortSignal` fired */
  | 'ABORTED'
  /** the input is wrong; sending it again will not help */
  | 'VALIDATION'
  /** the thing asked for is not there */
  | 'NOT_FOUND'
  /** somebody else's state is in the way: a constraint, a lock, another owner */
  | 'CONFLICT'
  /** the server asks to be called less often; see `retryAfterMs` */
  | 'RATE_LIMITED'
  /** the backend does not do this, and says so in its capabilities */
  | 'UNSUPPORTED'
  /** the server is there and cannot serve now (starting, overloaded, breaker open) */
  | 'UNAVAILABLE'
  /** anything else: a defect in the server, the plugin or VERITAS */
  | 'INTERNAL'

/** Whether a failed write may have happened: a refused connection is `not-applied`, a time-out in flight is `unknown`. */
export type WriteOutcome = 'not-applied' | 'unknown'

/** The three things a backend can be used as. */
export type RoleName = 'vector' | 'graph' | 'relational'

export interface VeritasErrorOptions {
  readonly code: ErrorCode
  /** What went wrong, where, and what to do. Must hold no secret. */
  readonly message: string
  /** Default `not-applied`; plugins say `unknown` for a write that broke in flight. */
  readonly outcome?: WriteOutcome
  /** Whether the same call may succeed later. Default by code: CONNECTION, TIMEOUT, RATE_LIMITED, UNAVAILABLE. */
  readonly retryable?: boolean
  /** Milliseconds to wait before the next attempt, where the server said so. */
  readonly retryAfterMs?: number
  /** The plugin's name, such as `neo4j`. */
  readonly backend?: string
  readonly role?: RoleName
  /** The contract's method, such as `query`. */
  readonly operation?: string
  /** Where in the input the mistake is, such as `filter.$or[1].year`. */
  readonly path?: string
  /** The native error. */
  readonly cause?: unknown
}

const MARKER: unique symbol = Symbol.for('@veritas-db/error')
const RETRYABLE: ReadonlySet<ErrorCode> = new Set(['CONNECTION', 'TIMEOUT', 'RATE_LIMITED', 'UNAVAILABLE'])

/** The one error that VERITAS and its backends throw. Recognise it with `VeritasError.is`, not `instanceof`. */
export class VeritasError extends Error {
  override readonly name: 'VeritasError' = 'VeritasError'
  readonly code: ErrorCode
  readonly outcome: WriteOutcome
  readonly retryable: boolean
  // Declared only: what an error was not told it does not have.
  declare readonly retryAfterMs?: number
  declare readonly backend?: string
  declare readonly role?: RoleName
  declare readonly operation?: string
  declare readonly path?: string

  constructor(options: VeritasErrorOptions) {
    super(options.message, options.cause === undefined ? undefined : { cause: options.cause })
    // A shared symbol, so that two installed copies of this package recognise each other's errors.
    Object.defineProperty(this, MARKER, { value: true })
    this.code = options.code
    this.outcome = options.outcome ?? 'not-applied'
    this.retryable = options.retryable ?? RETRYABLE.has(options.code)
    if (options.retryAfterMs !== undefined) this.retryAfterMs = options.retryAfterMs
    if (options.backend !== undefined) this.backend = options.backend
    if (options.role !== undefined) this.role = options.role
    if (options.operation !== undefined) this.operation = options.operation
    if (options.path !== undefined) this.path = options.path
  }

  /** True for a `VeritasError` of this or any other installed copy of the package; with `code`, of that code. */
  static is(error: unknown, code?: ErrorCode): error is VeritasError {
    return (
      typeof error === 'object' &&
      error !== null &&
      MARKER in error &&
      (code === undefined || ('code' in error && error.code === code))
    )
  }

  /** The same error with what was missing filled in (backend, role, operation): what is set already stays, but for a new `message`, and an `outcome` that becomes `unknown`. */
  static from(
    error: unknown,
    context: Omit<VeritasErrorOptions, 'message' | 'code'> & { readonly code?: ErrorCode },
    message?: string,
  ): VeritasError {
    if (VeritasError.is(error))
      return new VeritasError({
        ...context,
        ...toOptions(error),
        ...(context.outcome === 'unknown' && { outcome: 'unknown' }),
        ...(message !== undefined && { message }),
      })
    const text = message ?? (error instanceof Error ? error.message : String(error))
    if (isAbort(error)) return new VeritasError({ ...context, code: 'ABORTED', message: text, cause: error })
    return new VeritasError({ code: 'INTERNAL', ...context, message: text, cause: error })
  }

  /** Plain data for logs; the cause is left out, since native errors may carry connection strings. */
  toJSON(): Record<string, unknown> {
    const { cause: _, ...rest } = toOptions(this)
    return { name: this.name, ...rest }
  }
}

function toOptions(error: VeritasError): VeritasErrorOptions {
  return {
    code: error.code,
    message: error.message,
    outcome: error.outcome,
    retryable: error.retryable,
    ...(error.retryAfterMs !== undefined && { retryAfterMs: error.retryAfterMs }),
    ...(error.backend !== undefined && { backend: error.backend }),
    ...(error.role !== undefined && { role: error.role }),
    ...(error.operation !== undefined && { operation: error.operation }),
    ...(error.path !== undefined && { path: error.path }),
    ...(error.cause !== undefined && { cause: error.cause }),
  }
}

function isAbort(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'name' in error && error.name === 'AbortError'
}

/** A `VALIDATION` error at `path`: the message reads `path: problem`. */
export function invalid(path: string, problem: string): VeritasError {
  return new VeritasError({ code: 'VALIDATION', path, message: `${path}: ${problem}` })
}

/** An `UNSUPPORTED` error: `what` names the feature, `instead` what to do. */
export function unsupported(backend: string, role: RoleName, what: string, instead?: string): VeritasError {
  return new VeritasError({
    code: 'UNSUPPORTED',
    backend,
    role,
    message: `${backend} does not support ${what}${instead ? `: ${instead}` : '.'}`,
  })
}

/** Throws `ABORTED` where the signal has fired. Call it before each batch of a loop. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (!signal?.aborted) return
  throw abortError(signal)
}

/**
 * The error of a call whose signal has fired: `ABORTED`, or the signal's own reason where that is a `VeritasError`, such as a
 * time-out. `context` fills in what is known of the call; a write that was under way has the outcome `unknown`.
 */
export function abortError(signal: AbortSignal, context?: Omit<VeritasErrorOptions, 'code' | 'message'>): VeritasError {
  const reason: unknown = signal.reason
  if (VeritasError.is(reason)) return context ? VeritasError.from(reason, context) : reason
  return new VeritasError({ cause: reason, ...context, code: 'ABORTED', message: 'The operation was aborted.' })
}
