import { type ErrorCode, type RoleName, unsupported, VeritasError } from '@veritas-db/core/contract'

/** The plugin's name, as errors carry it. */
export const backendName = 'cozo'

/** What is known of a call when it fails. */
export interface ErrorContext {
  readonly role?: RoleName
  readonly operation?: string
  /** Host and port. */
  readonly target?: string
  /** Whether the call writes: what broke in flight may have been applied. */
  readonly write?: boolean
}

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

interface Meaning {
  readonly code: ErrorCode
  /** The connection broke under way: a write may have been applied. */
  readonly inFlight?: boolean
  readonly retryable?: boolean
  /** What to do about it. */
  readonly hint?: string
}

/** Codes of the server's own errors, by their beginning. */
const serverCodes: readonly (readonly [string, Meaning])[] = [
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

/** Of Node and undici, for connections that were never made: nothing was sent. */
const neverConnected: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ETIMEDOUT',
  'UND_ERR_CONNECT_TIMEOUT',
])
const closed: ReadonlySet<string> = new Set(['UND_ERR_CLOSED', 'UND_ERR_DESTROYED'])
const silent: ReadonlySet<string> = new Set(['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT'])
const broken: ReadonlySet<string> = new Set([
  'UND_ERR_SOCKET',
  'ECONNRESET',
  'EPIPE',
  'UND_ERR_RES_CONTENT_LENGTH_MISMATCH',
])

const ofServer = ({ status, code, message }: CozoError): Meaning => {
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

const ofTransport = (error: Error): Meaning => {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  if (neverConnected.has(code)) return { code: 'CONNECTION' }
  if (closed.has(code)) return { code: 'CONNECTION', retryable: false }
  if (silent.has(code)) return { code: 'TIMEOUT', inFlight: true }
  if (broken.has(code)) return { code: 'CONNECTION', inFlight: true }
  // Node tries every address of a name; what it says then is the sum of them.
  if (
    error instanceof AggregateError &&
    error.errors.every((e) => e instanceof Error && ofTransport(e).code === 'CONNECTION')
  )
    return { code: 'CONNECTION' }
  const told = `${code} ${error.message}`
  if (/certificate|self.signed|CERT_|unable to verify/i.test(told))
    return {
      code: 'CONNECTION',
      retryable: false,
      hint: 'give the certificate of its authority as tls.ca, or set tls.rejectUnauthorized to false where anybody may answer',
    }
  if (/SSL|TLS/.test(told))
    return { code: 'CONNECTION', retryable: false, hint: 'does it speak TLS, as the url says with https:?' }
  if (error.name === 'HTTPParserError')
    return {
      code: 'CONNECTION',
      retryable: false,
      hint: 'what answers there is no HTTP; with TLS, the url starts with https:',
    }
  return { code: 'INTERNAL', inFlight: true }
}

/** Whether two writes met, one of which the server refused without applying any of it. */
export const isContention = (error: unknown): boolean => {
  if (!(error instanceof CozoError)) return false
  const meaning = ofServer(error)
  return meaning.code === 'CONFLICT' && meaning.retryable === true
}

/** A native error as a VeritasError; one that is a VeritasError already gets what it lacks. */
export const toVeritasError = (error: unknown, context: ErrorContext = {}): VeritasError => {
  const { role, operation, target, write = false } = context
  const known = { backend: backendName, ...(role && { role }), ...(operation !== undefined && { operation }) }
  if (VeritasError.is(error) || (error instanceof Error && error.name === 'AbortError'))
    return VeritasError.from(error, known)
  const native = error instanceof Error ? error : new Error(String(error))
  const meaning = native instanceof CozoError ? ofServer(native) : ofTransport(native)
  const text = native.message || ('code' in native ? String(native.code) : native.name)
  const status = native instanceof CozoError && native.status !== 400 ? ` (${native.status})` : ''
  return new VeritasError({
    ...known,
    code: meaning.code,
    message: `CozoDB${target === undefined ? '' : ` at ${target}`}: ${text}${status}${meaning.hint === undefined ? '' : `: ${meaning.hint}`}`,
    cause: error,
    ...(write && meaning.inFlight && { outcome: 'unknown' as const }),
    ...(meaning.retryable !== undefined && { retryable: meaning.retryable }),
    ...(native instanceof CozoError && native.retryAfterMs !== undefined && { retryAfterMs: native.retryAfterMs }),
  })
}

/** The error of a call on something that was never ensured. */
export const missing = (what: string, ensure: string): VeritasError =>
  new VeritasError({ code: 'NOT_FOUND', message: `${what} is not there: make it with ${ensure} first.` })

/** The error of something this backend does not do. */
export const refuse = (role: RoleName, what: string, instead?: string): VeritasError =>
  unsupported(backendName, role, what, instead)
