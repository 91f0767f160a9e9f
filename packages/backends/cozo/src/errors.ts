import {
  type ErrorMeaning,
  explainWith,
  type FailedCall,
  type RoleName,
  unsupported,
  VeritasError,
} from '@veritas-db/core/contract'

/** The plugin's name, as errors carry it. */
export const backendName = 'cozo'

/** What the server answered in place of rows. */
export class CozoError extends Error {
  override readonly name: 'CozoError' = 'CozoError'
  readonly status: number
  /** Such as `query::relation_not_found`; some refusals have none. */
  readonly code: string | undefined
  readonly retryAfterMs: number | undefined

  constructor(status: number, code: string | undefined, message: string, retryAfterMs?: number) {
    super(message)
    this.status = status
    this.code = code
    this.retryAfterMs = retryAfterMs
  }
}

/** Codes of the server's own errors, by their beginning. */
const serverCodes: readonly (readonly [string, ErrorMeaning])[] = [
  ['query::relation_not_found', { code: 'NOT_FOUND' }],
  ['eval::stored_relation_conflict', { code: 'CONFLICT' }],
  ['tx::index_already_exists', { code: 'CONFLICT' }],
  ['transact::assertion_failure', { code: 'CONFLICT' }],
  ['rocksdb::kBusy', { code: 'CONFLICT', retryable: true }],
  ['rocksdb::kTryAgain', { code: 'CONFLICT', retryable: true }],
  ['rocksdb::kTimedOut', { code: 'CONFLICT', retryable: true }],
  ['eval::killed', { code: 'TIMEOUT' }],
  ['parser::', { code: 'VALIDATION' }],
  ['eval::', { code: 'VALIDATION' }],
]

const ofServer = ({ status, code, message }: CozoError): ErrorMeaning => {
  if (status === 401 || status === 403) return { code: 'AUTHENTICATION' }
  if (status === 404) return { code: 'CONFIGURATION' }
  if (status === 408) return { code: 'TIMEOUT', inFlight: true }
  if (status === 413) return { code: 'VALIDATION' }
  if (status === 429) return { code: 'RATE_LIMITED' }
  if (status === 503) return { code: 'UNAVAILABLE' }
  if (status >= 500) return { code: 'UNAVAILABLE', inFlight: true }
  const known = serverCodes.find(([start]) => code?.startsWith(start))
  if (known) return known[1]
  // The engine on SQLite lets one write at a time.
  if (/database( table)? is locked/i.test(message)) return { code: 'CONFLICT', retryable: true }
  return { code: status === 400 ? 'VALIDATION' : 'INTERNAL', inFlight: status !== 400 }
}

/** Whether two writes met, one of which the server refused without applying any of it. */
export const isContention = (error: unknown): boolean => {
  if (!(error instanceof CozoError)) return false
  const meaning = ofServer(error)
  return meaning.code === 'CONFLICT' && meaning.retryable === true
}

/** What an error of the server or of undici means; undefined for one of the network. */
const meaningOf = (error: Error): ErrorMeaning | undefined => {
  if (error instanceof CozoError) {
    const { status, message, retryAfterMs } = error
    return {
      ...ofServer(error),
      message: `says: ${message}${status === 400 ? '' : ` (${status})`}`,
      ...(retryAfterMs !== undefined && { retryAfterMs }),
    }
  }
  if (error.name === 'HTTPParserError')
    return {
      code: 'CONNECTION',
      retryable: false,
      inFlight: true,
      message: `does not speak HTTP (${error.message}); with TLS, the url starts with https:`,
    }
  return undefined
}

/** A native error as a VeritasError; one that is a VeritasError already gets what it lacks. */
export const toVeritasError: (error: unknown, call: FailedCall) => VeritasError = explainWith({
  backend: backendName,
  product: 'CozoDB',
  meaningOf,
})

/** The error of a call on something that was never ensured. */
export const missing = (what: string, ensure: string): VeritasError =>
  new VeritasError({ code: 'NOT_FOUND', message: `${what} is not there: make it with ${ensure} first.` })

/** The error of something this backend does not do. */
export const refuse = (role: RoleName, what: string, instead?: string): VeritasError =>
  unsupported(backendName, role, what, instead)
