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
export const backendName = 'neo4j'

interface Meaning {
  readonly code: ErrorCode
  readonly outcome?: WriteOutcome
  readonly retryable?: boolean
}

/** The driver's or server's code of an error, such as `Neo.ClientError.Security.Unauthorized`; undefined for any other error. */
export const nativeCode = (error: unknown): string | undefined =>
  error instanceof Error && 'gqlStatus' in error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : undefined

// https://neo4j.com/docs/status-codes/current/errors/all-errors/, the longest beginning first.
const meanings: readonly (readonly [string, Meaning])[] = [
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
  ['Neo.DatabaseError.Transaction.TransactionCommitFailed', { code: 'INTERNAL', outcome: 'unknown' }],
  ['Neo.', { code: 'INTERNAL' }],
  ['SessionExpired', { code: 'CONNECTION', outcome: 'unknown' }],
  ['ServiceUnavailable', { code: 'CONNECTION', outcome: 'unknown' }],
  ['ProtocolError', { code: 'CONNECTION', outcome: 'unknown' }],
]

/** What the driver says where it never got as far as sending the query. */
const neverSent =
  /ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|Failed to establish connection|Could not perform discovery|handshake|certificate|self-signed/i

const untrusted =
  'take a URL without "+s" and set encrypted, trust: "TRUST_CUSTOM_CA_SIGNED_CERTIFICATES" and trustedCertificates, the files of the authority that signed it.'

/** A native error as a VeritasError that names the server where it cannot be reached; other errors stay as they are. */
export const toVeritasError = (error: unknown, server: string): unknown => {
  const code = nativeCode(error)
  if (code === undefined || !(error instanceof Error) || VeritasError.is(error)) return error
  const wrap = (meaning: Meaning, message = error.message): VeritasError =>
    new VeritasError({ backend: backendName, ...meaning, message, cause: error })
  if (/Connection acquisition timed out/.test(error.message))
    return wrap({ code: 'UNAVAILABLE' }, `No connection to Neo4j at ${server} became free: ${firstLine(error.message)}`)
  if (/^(Unable to|Cannot) pack/.test(error.message)) return wrap({ code: 'VALIDATION' }, firstLine(error.message))
  const meaning = meanings.find(([start]) => code.startsWith(start))?.[1]
  if (meaning?.code === 'CONNECTION') {
    const outcome = neverSent.test(error.message) ? ('not-applied' as const) : ('unknown' as const)
    return wrap(
      { ...meaning, outcome },
      /certificate/i.test(error.message)
        ? `The certificate of Neo4j at ${server} is not trusted: ${untrusted}`
        : `Neo4j at ${server} cannot be reached: ${firstLine(error.message)}`,
    )
  }
  if (meaning?.code === 'AUTHENTICATION')
    return wrap(meaning, `Neo4j at ${server} refused the credentials: ${firstLine(error.message)}`)
  return wrap(meaning ?? { code: 'INTERNAL', outcome: 'unknown' }, firstLine(error.message))
}

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
