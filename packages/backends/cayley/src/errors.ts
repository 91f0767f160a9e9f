import {
  type ErrorMeaning,
  explainWith,
  type FailedCall,
  type RoleName,
  unsupported,
  type VeritasError,
} from '@veritas-db/core/contract'

/** The plugin's name, as errors carry it. */
export const backendName = 'cayley'

/** What a delete is answered where a quad is not there: nothing of it has happened then. */
export class MissingQuadError extends Error {}

/** An error that the server tells in its answer, which comes with HTTP 200. */
export class AnswerError extends Error {}

/** An answer that is no success, by its HTTP status. */
export class StatusError extends Error {
  readonly status: number
  readonly retryAfterMs: number | undefined

  constructor(status: number, retryAfter: string | undefined) {
    super(`HTTP ${status}`)
    this.status = status
    const seconds = Number(retryAfter)
    this.retryAfterMs = retryAfter !== undefined && seconds >= 0 ? seconds * 1000 : undefined
  }
}

/** What the server tells in an answer, as an error. */
export const fromAnswer = (message: string): AnswerError | MissingQuadError => {
  const text = message.slice(0, 500)
  return /quad does not exist$/.test(message) ? new MissingQuadError(text) : new AnswerError(text)
}

const ofAnswer = ({ message }: AnswerError): ErrorMeaning => {
  if (/context deadline exceeded|context canceled/.test(message)) return { code: 'TIMEOUT', inFlight: true }
  if (/read-only/.test(message)) return { code: 'CONFIGURATION' }
  // What is left of queries of our own does not throw: this is a query of the caller's.
  if (/^(SyntaxError|ReferenceError|TypeError|RangeError|Error)\b|^expected|unsupported|argument/.test(message))
    return { code: 'VALIDATION' }
  return { code: 'INTERNAL', inFlight: true }
}

const ofStatus = ({ status, retryAfterMs }: StatusError): ErrorMeaning => {
  const later = retryAfterMs === undefined ? {} : { retryAfterMs }
  if (status === 401 || status === 403 || status === 407)
    return { code: 'AUTHENTICATION', message: `refused the credentials (HTTP ${status})` }
  if (status === 429) return { code: 'RATE_LIMITED', message: 'asks to be called less often (HTTP 429)', ...later }
  if (status === 503) return { code: 'UNAVAILABLE', message: 'cannot serve now (HTTP 503)', ...later }
  if (status >= 500) return { code: 'UNAVAILABLE', inFlight: true, message: `failed (HTTP ${status})` }
  return { code: 'CONFIGURATION', message: `has no such API (HTTP ${status}): is the URL that of a Cayley server?` }
}

/** A native error as a VeritasError; one that is a VeritasError already gets what it lacks. */
export const toVeritasError: (error: unknown, call: FailedCall) => VeritasError = explainWith({
  backend: backendName,
  product: 'Cayley',
  meaningOf: (error) => {
    if (error instanceof AnswerError) return ofAnswer(error)
    return error instanceof StatusError ? ofStatus(error) : undefined
  },
})

/** The error of something this backend does not do. */
export const refuse = (role: RoleName, what: string, instead?: string): VeritasError =>
  unsupported(backendName, role, what, instead)
