import {
  type CallOptions,
  type ErrorCode,
  type RoleName,
  throwIfAborted,
  unsupported,
  VeritasError,
  type WriteOutcome,
} from '@veritas-db/core/contract'

/** The plugin's name, as errors carry it. */
export const backendName = 'cayley'

/** What a delete is answered where a quad is not there: nothing of it has happened then. */
export class MissingQuadError extends Error {}

const codeOf = (error: unknown): string =>
  typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string' ? error.code : ''

const NEVER_SENT: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
])

/** An error of the client as a VeritasError that names the server. */
export const fromClient = (error: unknown, server: string): VeritasError => {
  if (VeritasError.is(error)) return error
  // Several addresses of one name were tried: each failed in a way of its own.
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error
  const code = codeOf(error) || codeOf(first)
  const detail = error instanceof Error && error.message !== '' ? error.message : code || 'the request failed'
  const wrap = (meaning: ErrorCode, outcome: WriteOutcome, message: string): VeritasError =>
    new VeritasError({ backend: backendName, code: meaning, outcome, message, cause: error })
  if (code === 'UND_ERR_HEADERS_TIMEOUT' || code === 'UND_ERR_BODY_TIMEOUT')
    return wrap('TIMEOUT', 'unknown', `Cayley at ${server} did not answer in time.`)
  if (code === 'UND_ERR_DESTROYED' || code === 'UND_ERR_CLOSED')
    return new VeritasError({
      backend: backendName,
      code: 'CONNECTION',
      retryable: false,
      message: `The connection to Cayley at ${server} has been closed.`,
      cause: error,
    })
  const tls = /certificate|self.signed|CERT_|ERR_TLS|ERR_SSL/i.test(`${code} ${detail}`)
  const outcome = NEVER_SENT.has(code) || tls ? 'not-applied' : 'unknown'
  return wrap('CONNECTION', outcome, `Cayley at ${server} cannot be reached: ${detail}`)
}

/** An answer that is no success, by its HTTP status. */
export const fromStatus = (status: number, retryAfter: string | undefined, server: string): VeritasError => {
  const wrap = (code: ErrorCode, message: string, outcome: WriteOutcome = 'not-applied'): VeritasError => {
    const seconds = Number(retryAfter)
    const retryAfterMs = retryAfter !== undefined && seconds >= 0 ? { retryAfterMs: seconds * 1000 } : {}
    return new VeritasError({ backend: backendName, code, outcome, message, ...retryAfterMs })
  }
  const at = `Cayley at ${server}`
  if (status === 401 || status === 403 || status === 407)
    return wrap('AUTHENTICATION', `${at} refused the credentials (HTTP ${status}).`)
  if (status === 429) return wrap('RATE_LIMITED', `${at} asks to be called less often (HTTP 429).`)
  if (status === 503) return wrap('UNAVAILABLE', `${at} cannot serve now (HTTP 503).`)
  if (status >= 500) return wrap('UNAVAILABLE', `${at} failed (HTTP ${status}).`, 'unknown')
  return wrap('CONFIGURATION', `${at} has no such API (HTTP ${status}): is the URL that of a Cayley server?`)
}

/** An error that the server tells in its answer, which comes with HTTP 200. */
export const fromAnswer = (message: string): VeritasError | MissingQuadError => {
  const text = message.slice(0, 500)
  if (/quad does not exist$/.test(message)) return new MissingQuadError(text)
  const wrap = (code: ErrorCode): VeritasError => new VeritasError({ backend: backendName, code, message: text })
  if (/context deadline exceeded|context canceled/.test(message)) return wrap('TIMEOUT')
  if (/read-only/.test(message)) return wrap('CONFIGURATION')
  // What is left of queries of our own does not throw: this is a query of the caller's.
  if (/^(SyntaxError|ReferenceError|TypeError|RangeError|Error)\b|^expected|unsupported|argument/.test(message))
    return wrap('VALIDATION')
  return wrap('INTERNAL')
}

/** How a role runs its calls. */
export type Guard = <T>(operation: string, options: CallOptions | undefined, work: () => Promise<T>) => Promise<T>

/** Runs the calls of a role: refuses one whose signal has fired, and names role and operation in its errors. */
export const guardFor =
  (role: RoleName, call: <T>(work: () => Promise<T>) => Promise<T>): Guard =>
  async (operation, options, work) => {
    try {
      throwIfAborted(options?.signal)
      return await call(work)
    } catch (error) {
      throw VeritasError.from(error, { backend: backendName, role, operation })
    }
  }

/** The error of something this backend does not do. */
export const refuse = (role: RoleName, what: string, instead?: string): VeritasError =>
  unsupported(backendName, role, what, instead)
