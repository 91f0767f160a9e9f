import { type ErrorCode, type RoleName, unsupported, VeritasError } from '@veritas-db/core/contract'

/** The plugin's name, as errors carry it. */
export const backendName = 'hugegraph'

/** An answer of the server that says no. */
export class Refusal extends Error {
  readonly status: number
  /** The Java class of the server's error, such as `java.lang.IllegalArgumentException`. */
  readonly exception: string
  readonly retryAfterMs: number | undefined

  constructor(status: number, exception: string, message: string, retryAfterMs?: number) {
    super(message)
    this.status = status
    this.exception = exception.replace(/^class /, '')
    this.retryAfterMs = retryAfterMs
  }
}

/** What is known of a call whose error is to be explained. */
export interface ErrorContext {
  /** Host and port, or what else names the server. */
  readonly target: string
  readonly role?: RoleName
  readonly operation?: string
  /** Whether the call changes anything: then what broke in flight may have happened. */
  readonly write?: boolean
  /** Whether a part of the call's work has been done already. */
  readonly changed?: boolean
  readonly signal?: AbortSignal | undefined
}

interface Meaning {
  readonly code: ErrorCode
  /** Whether the request may have been carried out all the same. */
  readonly inFlight?: boolean
  readonly message?: string
  readonly retryAfterMs?: number
}

const ofRefusal = ({ status, exception, message, retryAfterMs }: Refusal): Meaning => {
  if (status === 401)
    return { code: 'AUTHENTICATION', message: 'refuses the credentials (401): check user and password' }
  if (status === 403) return { code: 'AUTHENTICATION', message: 'forbids this (403): check what the user may do' }
  if (status === 429)
    return {
      code: 'RATE_LIMITED',
      message: 'asks to be called less often (429)',
      ...(retryAfterMs !== undefined && { retryAfterMs }),
    }
  if (status === 413)
    return {
      code: 'VALIDATION',
      message: 'takes no request of this size (413): set maxScriptBytes below maxContentLength of gremlin-server.yaml',
    }
  if (status === 502 || status === 504) return { code: 'UNAVAILABLE', inFlight: true }
  if (status === 503) return { code: 'UNAVAILABLE', ...(retryAfterMs !== undefined && { retryAfterMs }) }
  if (/Timeout|Interrupted/i.test(exception) || /evaluation exceeded|timed? ?out/i.test(message))
    return { code: 'TIMEOUT', inFlight: true }
  if (/ProcessingException|ConnectException/.test(exception))
    return { code: 'UNAVAILABLE', message: 'does not reach its Gremlin server' }
  // Left behind by a request before it, on the connection between the two servers.
  if (/^refCnt:/.test(message)) return { code: 'UNAVAILABLE', inFlight: true }
  if (/Could not alias/i.test(message)) return { code: 'CONFIGURATION' }
  if (status === 404) return { code: 'NOT_FOUND' }
  if (status >= 400 && status < 500) return { code: 'VALIDATION' }
  return { code: 'INTERNAL', inFlight: true }
}

/** Nothing was sent: there was no connection. */
const NEVER_SENT =
  /^(ECONNREFUSED|ENOTFOUND|EAI_|EHOSTUNREACH|ENETUNREACH|UND_ERR_CONNECT_TIMEOUT|CERT_|ERR_TLS|ERR_SSL|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO)/
const BROKE = /^(ECONN|EPIPE|ETIMEDOUT|UND_ERR_SOCKET|UND_ERR_RES_CONTENT_LENGTH|UND_ERR_DESTROYED|UND_ERR_CLOSED|HPE_)/

/** The code of what went wrong on the way; of several attempts (a host with two addresses) the first one's. */
const wayCode = (error: Error): string | undefined => {
  if ('code' in error && typeof error.code === 'string') return error.code
  if (error instanceof AggregateError && error.errors[0] instanceof Error) return wayCode(error.errors[0])
  return undefined
}

const meaningOf = (error: Error): Meaning => {
  if (error instanceof Refusal) return ofRefusal(error)
  const code = wayCode(error) ?? ''
  const text = error.message.includes(code) ? error.message : `${code} ${error.message}`.trim()
  if (NEVER_SENT.test(code)) return { code: 'CONNECTION', message: `cannot be reached: ${text}` }
  if (BROKE.test(code)) return { code: 'CONNECTION', inFlight: true, message: `broke the connection: ${text}` }
  if (/^UND_ERR_(HEADERS|BODY)_TIMEOUT/.test(code))
    return { code: 'TIMEOUT', inFlight: true, message: 'was silent for too long' }
  return { code: 'INTERNAL', inFlight: true }
}

/** A native error as a VeritasError; one that is a VeritasError already gets what it lacks. */
export const toVeritasError = (error: unknown, context: ErrorContext): VeritasError => {
  const { target, role, operation, write = false, changed = false, signal } = context
  const common = {
    backend: backendName,
    ...(role && { role }),
    ...(operation !== undefined && { operation }),
    ...(changed && { outcome: 'unknown' as const }),
  }
  const inFlight = write ? ({ outcome: 'unknown' } as const) : {}
  if (signal?.aborted && !(VeritasError.is(error) && error !== signal.reason)) {
    // The reason may be an error of the contract, such as a time-out of the manager's.
    const reason: unknown = signal.reason
    if (VeritasError.is(reason)) return VeritasError.from(reason, { ...common, ...inFlight })
    const message = `${operation ?? 'The call'} was aborted.`
    return new VeritasError({ ...common, code: 'ABORTED', message, cause: error, ...inFlight })
  }
  if (VeritasError.is(error)) return VeritasError.from(error, common)
  const native = error instanceof Error ? error : new Error(String(error))
  const { code, inFlight: perhaps, message, retryAfterMs } = meaningOf(native)
  return new VeritasError({
    ...common,
    code,
    message: `HugeGraph at ${target} ${message ?? `says: ${native.message}`}.`,
    cause: error,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    ...(perhaps && inFlight),
  })
}

/** Whether the server does not know one of our labels: nothing was ever written there, or it was dropped. */
export const isUndefined = (error: unknown): boolean =>
  error instanceof Refusal && /Undefined (vertex|edge) label|(vertex|edge) label .*not exist/i.test(error.message)

/** Whether something of that name is there already. */
export const isExisting = (error: unknown): boolean =>
  error instanceof Refusal && /ExistedException/.test(error.exception)

/** Whether what was asked for by name is not there. */
export const isMissing = (error: unknown): boolean => error instanceof Refusal && error.status === 404

/** The error of something this backend does not do. */
export const refuse = (what: string, instead?: string): VeritasError => unsupported(backendName, 'graph', what, instead)
