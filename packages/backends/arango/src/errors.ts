import { abortError, type ErrorCode, type RoleName, unsupported, VeritasError } from '@veritas-db/core/contract'

/** The plugin's name, as errors carry it. */
export const backendName = 'arango'

/** What is known of a call that failed. */
export interface FailedCall {
  readonly operation: string
  readonly role?: RoleName
  /** Whether it changes anything: one that broke in flight may have happened. */
  readonly write?: boolean
  readonly signal?: AbortSignal | undefined
  /** Where the server is, for messages. */
  readonly where?: string
}

interface Meaning {
  readonly code: ErrorCode
  readonly mayHaveHappened?: boolean
  readonly retryable?: boolean
  readonly hint?: string
}

const again: Meaning = { code: 'CONFLICT', retryable: true }

// docs.arangodb.com/3.12/develop/error-codes. A failed query or request has changed nothing: it is rolled back.
const byNumber: Readonly<Record<number, Meaning>> = {
  11: { code: 'AUTHENTICATION', hint: 'Check username, password and database.' },
  18: again, // lock timeout
  21: { code: 'ABORTED' }, // request canceled
  28: { code: 'UNAVAILABLE' }, // cluster communication
  30: { code: 'UNAVAILABLE' }, // shutting down
  32: { code: 'VALIDATION', hint: 'The query or transaction is beyond a limit of the server.' }, // resource limit
  1004: { code: 'UNAVAILABLE' }, // read only
  1200: again, // write-write conflict
  1202: { code: 'NOT_FOUND' },
  1203: { code: 'NOT_FOUND', hint: 'Make it with ensureTable or ensureSchema first.' },
  1207: { code: 'CONFLICT' },
  1210: again, // unique constraint: only keys are unique here, so another writer was faster
  1228: { code: 'CONFIGURATION', hint: 'Create the database, or name another in the option database.' },
  1500: { code: 'TIMEOUT' }, // query killed, for us because it ran too long
  1654: again, // transaction aborted
  1655: again, // transaction not found: the server gave it up
  21003: { code: 'UNAVAILABLE' }, // queue full
  21004: { code: 'UNAVAILABLE' }, // queue time violated
}

const byStatus: Readonly<Record<number, Meaning>> = {
  400: { code: 'VALIDATION' },
  401: { code: 'AUTHENTICATION', hint: 'Check username, password and token.' },
  403: { code: 'AUTHENTICATION', hint: 'The user may not do this.' },
  404: { code: 'NOT_FOUND' },
  408: { code: 'TIMEOUT', mayHaveHappened: true },
  409: { code: 'CONFLICT', retryable: true },
  410: again,
  412: again,
  413: { code: 'VALIDATION' },
  429: { code: 'RATE_LIMITED' },
  500: { code: 'INTERNAL', mayHaveHappened: true },
  501: { code: 'UNSUPPORTED' },
  502: { code: 'UNAVAILABLE', mayHaveHappened: true },
  503: { code: 'UNAVAILABLE', mayHaveHappened: true },
  504: { code: 'UNAVAILABLE', mayHaveHappened: true },
}

// Node's and undici's codes of connections that were never made: nothing was sent.
const neverConnected: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
])

/** The error and what caused it, outermost first. */
const chain = (error: unknown): object[] => {
  const found: object[] = []
  for (let at = error; typeof at === 'object' && at !== null && !found.includes(at); ) {
    found.push(at)
    at = 'cause' in at ? at.cause : null
  }
  return found
}

const field = (value: object, name: string): unknown => Reflect.get(value, name)

const numberIn = (errors: readonly object[], name: string): number | undefined =>
  errors.map((e) => field(e, name)).find((value) => typeof value === 'number')

/** ArangoDB's own error number; undefined for any other error. */
export const errorNumber = (error: unknown): number | undefined => numberIn(chain(error), 'errorNum')

const retryAfterMs = (errors: readonly object[]): number | undefined => {
  for (const error of errors) {
    const response = field(error, 'response')
    if (response instanceof Response) {
      const seconds = Number(response.headers.get('retry-after') ?? Number.NaN)
      if (Number.isFinite(seconds)) return Math.max(0, seconds * 1000)
    }
  }
  return undefined
}

/** A native error as a VeritasError; one that is a VeritasError already gets what it lacks. */
export const toVeritasError = (error: unknown, call: FailedCall): VeritasError => {
  const { operation, role, write = false, signal, where = 'ArangoDB' } = call
  const base = { backend: backendName, operation, ...(role && { role }) }
  if (VeritasError.is(error)) return VeritasError.from(error, base)
  const errors = chain(error)
  const make = (meaning: Meaning, message: string): VeritasError => {
    const delay = retryAfterMs(errors)
    return new VeritasError({
      ...base,
      code: meaning.code,
      outcome: write && meaning.mayHaveHappened ? 'unknown' : 'not-applied',
      message: meaning.hint ? `${message} ${meaning.hint}` : message,
      ...(meaning.retryable !== undefined && { retryable: meaning.retryable }),
      ...(delay !== undefined && { retryAfterMs: delay }),
      cause: error,
    })
  }
  if (signal?.aborted) return abortError(signal, { ...base, outcome: write ? 'unknown' : 'not-applied', cause: error })
  const said = error instanceof Error ? error.message : String(error)
  const number = errorNumber(error)
  const status = numberIn(errors, 'code')
  if (number !== undefined && !(status === 429 || (status !== undefined && status >= 500 && !byNumber[number]))) {
    const meaning = byNumber[number] ?? (number >= 1500 && number < 1600 ? byStatus[400] : byStatus[status ?? 500])
    return make(meaning ?? { code: 'INTERNAL' }, `${where} answered with error ${number}: ${said}.`)
  }
  if (status !== undefined)
    return make(
      byStatus[status] ?? (status < 500 ? { code: 'VALIDATION' } : { code: 'INTERNAL', mayHaveHappened: true }),
      `${where} answered ${status}: ${said}.`,
    )
  const names = errors.map((e) => field(e, 'name'))
  const native = errors.map((e) => field(e, 'code')).find((code) => typeof code === 'string')
  if (typeof native === 'string' && neverConnected.has(native))
    return make({ code: 'CONNECTION' }, `${where} could not be reached (${native}).`)
  if (names.includes('ResponseTimeoutError'))
    return make({ code: 'TIMEOUT', mayHaveHappened: true }, `${where} did not answer in time.`)
  if (names.some((name) => name === 'FetchFailedError' || name === 'NetworkError' || name === 'TypeError'))
    return make(
      { code: 'CONNECTION', mayHaveHappened: true },
      `The connection to ${where} broke (${String(native ?? said)}).`,
    )
  return make({ code: 'INTERNAL', mayHaveHappened: true }, said)
}

/** The error of a call on something that was never ensured. */
export const missing = (what: string, ensure: string): VeritasError =>
  new VeritasError({ code: 'NOT_FOUND', message: `${what} is not there: make it with ${ensure} first.` })

/** The error of something that this backend does not do. */
export const refuse = (role: RoleName, what: string, instead?: string): VeritasError =>
  unsupported(backendName, role, what, instead)
