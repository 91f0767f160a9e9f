import {
  type CallOptions,
  type ErrorMeaning,
  explainWith,
  type FailedCall,
  networkMeaning,
  type RoleName,
  throwIfAborted,
  unsupported,
  VeritasError,
} from '@veritas-db/core/contract'

/** The plugin's name, as errors carry it. */
export const backendName = 'neo4j'

/** What takes the certificate of an authority. */
const caOption =
  'trustedCertificates (files), with encrypted, trust: "TRUST_CUSTOM_CA_SIGNED_CERTIFICATES" and a URL without "+s"'

/** The driver's or server's code of an error, such as `Neo.ClientError.Security.Unauthorized`; undefined for any other error. */
export const nativeCode = (error: unknown): string | undefined =>
  error instanceof Error && 'gqlStatus' in error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : undefined

// https://neo4j.com/docs/status-codes/current/errors/all-errors/, the longest beginning first.
const meanings: readonly (readonly [string, ErrorMeaning])[] = [
  ['Neo.ClientError.Security.AuthorizationExpired', { code: 'AUTHENTICATION', retryable: true }],
  ['Neo.ClientError.Security.', { code: 'AUTHENTICATION' }],
  ['Neo.ClientError.Database.', { code: 'CONFIGURATION' }],
  ['Neo.ClientError.General.ForbiddenOnReadOnlyDatabase', { code: 'CONFIGURATION' }],
  ['Neo.ClientError.General.TransactionOutOfMemoryError', { code: 'UNAVAILABLE' }],
  ['Neo.ClientError.Cluster.', { code: 'UNAVAILABLE' }],
  ['Neo.ClientError.Transaction.TransactionTimedOut', { code: 'TIMEOUT' }],
  ['Neo.ClientError.Transaction.LockClientStopped', { code: 'CONFLICT', retryable: true }],
  ['Neo.ClientError.Transaction.', { code: 'UNAVAILABLE' }],
  ['Neo.ClientError.Schema.ConstraintValidationFailed', { code: 'CONFLICT' }],
  ['Neo.ClientError.Schema.', { code: 'CONFLICT', retryable: true }],
  // Somebody else deleted what this transaction had just found: the next attempt finds it gone.
  ['Neo.ClientError.Statement.EntityNotFound', { code: 'CONFLICT', retryable: true }],
  ['Neo.ClientError.Statement.', { code: 'VALIDATION' }],
  ['Neo.ClientError.Request.', { code: 'VALIDATION' }],
  ['Neo.ClientError.Procedure.', { code: 'VALIDATION' }],
  ['Neo.TransientError.Transaction.DeadlockDetected', { code: 'CONFLICT', retryable: true }],
  ['Neo.TransientError.Transaction.LockAcquisitionTimeout', { code: 'CONFLICT', retryable: true }],
  ['Neo.TransientError.Transaction.', { code: 'CONFLICT', retryable: true }],
  ['Neo.TransientError.', { code: 'UNAVAILABLE' }],
  ['Neo.DatabaseError.Transaction.TransactionCommitFailed', { code: 'INTERNAL', inFlight: true }],
  ['Neo.', { code: 'INTERNAL' }],
  ['SessionExpired', { code: 'CONNECTION', inFlight: true }],
  ['ServiceUnavailable', { code: 'CONNECTION', inFlight: true }],
  ['ProtocolError', { code: 'CONNECTION', inFlight: true }],
]

/** What the driver says where it never got as far as sending the query. */
const neverSent = /Failed to establish connection|Could not perform discovery|handshake/i

/** The message of the socket stands at the end of the driver's, which does not hand it on otherwise. */
const socketError = /^.*(?:Caused by|Socket responded with): (.*)/
const socketCode = /\b(?:E[A-Z]{3,}|[A-Z]+(?:_[A-Z]+)+)\b/

/** The socket's error that the driver tells of, also behind another of the driver's, as Node had thrown it. */
const socketErrorIn = (error: Error): Error => {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    const text = socketError.exec(at.message)?.[1]
    const code = socketCode.exec(text ?? '')?.[0]
    if (text !== undefined && code !== undefined)
      return Object.assign(new Error(text), { code, ...(text.startsWith('connect ') && { syscall: 'connect' }) })
  }
  return error
}

const brokenConnection = (error: Error, line: string, meaning: ErrorMeaning): ErrorMeaning => {
  const why = networkMeaning(socketErrorIn(error), caOption)
  if (why) return why
  const certificate = /certificate/i.test(line)
  if (certificate || neverSent.test(line))
    return { code: 'CONNECTION', retryable: !certificate, message: `cannot be reached: ${line}` }
  return { ...meaning, message: `broke the connection: ${line}` }
}

/** What an error of the driver or the server means; undefined for any other. */
const meaningOf = (error: Error): ErrorMeaning | undefined => {
  const code = nativeCode(error)
  if (code === undefined) return undefined
  const line = firstLine(error.message)
  if (/Connection acquisition timed out/.test(line))
    return { code: 'UNAVAILABLE', message: `had no connection free: ${line}` }
  if (/^(Unable to|Cannot) pack/.test(line)) return { code: 'VALIDATION', message: `was not asked: ${line}` }
  const meaning = meanings.find(([start]) => code.startsWith(start))?.[1] ?? { code: 'INTERNAL', inFlight: true }
  if (meaning.code === 'CONNECTION') return brokenConnection(error, line, meaning)
  const says = meaning.code === 'AUTHENTICATION' ? 'refused the credentials' : 'says'
  return { ...meaning, message: `${says}: ${line}` }
}

/** A native error as a VeritasError that names the server; one that is a VeritasError already gets what it lacks. */
export const toVeritasError: (error: unknown, call: FailedCall) => VeritasError = explainWith({
  backend: backendName,
  product: 'Neo4j',
  caOption,
  meaningOf,
})

/** Whether a search failed because the index that it names is not there. */
export const isMissingIndex = (error: unknown): boolean =>
  VeritasError.is(error, 'VALIDATION') && /no such (fulltext|vector) schema index/i.test(error.message)

/** The query and a marker under it follow in further lines; they may hold what users wrote. */
const firstLine = (message: string): string => (message.split('\n', 1)[0] as string).slice(0, 500)

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
