import {
  type ErrorMeaning,
  explainWith,
  type FailedCall,
  networkMeaning,
  type RoleName,
  unsupported,
  VeritasError,
} from '@veritas-db/core/contract'

/** The plugin's name, as errors carry it. */
export const backendName = 'arango'

interface Meaning extends Omit<ErrorMeaning, 'message'> {
  /** What to do. */
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
  408: { code: 'TIMEOUT', inFlight: true },
  409: { code: 'CONFLICT', retryable: true },
  410: again,
  412: again,
  413: { code: 'VALIDATION' },
  429: { code: 'RATE_LIMITED' },
  500: { code: 'INTERNAL', inFlight: true },
  501: { code: 'UNSUPPORTED' },
  502: { code: 'UNAVAILABLE', inFlight: true },
  503: { code: 'UNAVAILABLE', inFlight: true },
  504: { code: 'UNAVAILABLE', inFlight: true },
}

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
    // Not by class: with TLS options the client has undici's own, which is another one than Node's.
    const response = field(error, 'response') as
      | { readonly headers?: { get?(name: string): string | null } }
      | undefined
    const seconds = Number.parseFloat(response?.headers?.get?.('retry-after') ?? '')
    if (Number.isFinite(seconds)) return Math.max(0, seconds * 1000)
  }
  return undefined
}

/** What an error of the client means; undefined where neither the server nor the client knows it. */
const meaningOf = (error: Error): ErrorMeaning | undefined => {
  const errors = chain(error)
  const delay = retryAfterMs(errors)
  const told = ({ hint, ...meaning }: Meaning, message: string): ErrorMeaning => ({
    ...meaning,
    message: hint ? `${message}. ${hint}` : message,
    ...(delay !== undefined && { retryAfterMs: delay }),
  })
  const number = errorNumber(error)
  const status = numberIn(errors, 'code')
  if (number !== undefined && !(status === 429 || (status !== undefined && status >= 500 && !byNumber[number]))) {
    const meaning = byNumber[number] ?? (number >= 1500 && number < 1600 ? byStatus[400] : byStatus[status ?? 500])
    return told(meaning ?? { code: 'INTERNAL' }, `answered with error ${number}: ${error.message}`)
  }
  if (status !== undefined)
    return told(
      byStatus[status] ?? (status < 500 ? { code: 'VALIDATION' } : { code: 'INTERNAL', inFlight: true }),
      `answered ${status}: ${error.message}`,
    )
  if (errors.some((e) => field(e, 'name') === 'ResponseTimeoutError'))
    return { code: 'TIMEOUT', inFlight: true, message: 'did not answer in time' }
  const why = networkMeaning(error)
  if (why) return why
  if (errors.some((e) => ['FetchFailedError', 'NetworkError', 'TypeError'].includes(String(field(e, 'name')))))
    return { code: 'CONNECTION', inFlight: true, message: `broke the connection: ${error.message}` }
  return undefined
}

/** A native error as a VeritasError; one that is a VeritasError already gets what it lacks. */
export const toVeritasError: (error: unknown, call: FailedCall) => VeritasError = explainWith({
  backend: backendName,
  product: 'ArangoDB',
  meaningOf,
})

/** The error of a call on something that was never ensured. */
export const missing = (what: string, ensure: string): VeritasError =>
  new VeritasError({ code: 'NOT_FOUND', message: `${what} is not there: make it with ${ensure} first.` })

/** The error of something that this backend does not do. */
export const refuse = (role: RoleName, what: string, instead?: string): VeritasError =>
  unsupported(backendName, role, what, instead)
