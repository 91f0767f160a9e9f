import {
  type ErrorMeaning,
  explainWith,
  type FailedCall,
  unsupported,
  type VeritasError,
} from '@veritas-db/core/contract'

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

const ofRefusal = ({ status, exception, message, retryAfterMs }: Refusal): ErrorMeaning => {
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
  if (/too busy to (write|process)/.test(message)) return { code: 'UNAVAILABLE' }
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

/** A native error as a VeritasError; one that is a VeritasError already gets what it lacks. */
export const toVeritasError: (error: unknown, call: FailedCall) => VeritasError = explainWith({
  backend: backendName,
  product: 'HugeGraph',
  meaningOf: (error) => (error instanceof Refusal ? ofRefusal(error) : undefined),
})

/** Whether the server does not know one of our labels: nothing was ever written there, or it was dropped. */
export const isUndefined = (error: unknown): boolean =>
  error instanceof Refusal && /Undefined (vertex|edge) label|(vertex|edge) label .*not exist/i.test(error.message)

/** Whether something of that name is there already. */
export const isExisting = (error: unknown): boolean =>
  error instanceof Refusal && /ExistedException/.test(error.exception)

/** Whether what was asked for by name is not there. */
export const isMissing = (error: unknown): boolean => error instanceof Refusal && error.status === 404

/** Whether an edge was refused because one of its ends is not there. */
export const isMissingEnd = (error: unknown): boolean =>
  error instanceof Refusal && /Invalid vertex id/.test(error.message)

/** The error of something this backend does not do. */
export const refuse = (what: string, instead?: string): VeritasError => unsupported(backendName, 'graph', what, instead)
