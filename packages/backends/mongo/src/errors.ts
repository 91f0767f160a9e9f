import {
  type ErrorCode,
  type RoleName,
  unsupported,
  VeritasError,
  type VeritasErrorOptions,
} from '@veritas-db/core/contract'

/** The plugin's name, as errors carry it. */
export const backendName = 'mongo'

/** What is known of a call when it fails. */
export interface ErrorContext {
  readonly role?: RoleName
  readonly operation?: string
  /** Hosts with ports, for errors of the connection. */
  readonly hosts?: string
  /** Whether the call writes: what broke in flight may have been applied. */
  readonly write?: boolean
}

interface Meaning {
  readonly code: ErrorCode
  readonly retryable?: boolean
  /** The server stopped in the middle: a write may have been applied. */
  readonly interrupted?: boolean
}

/**
 * The server's error codes that mean more than a defect.
 * https://github.com/mongodb/mongo/blob/master/src/mongo/base/error_codes.yml
 */
const serverCodes: Readonly<Record<number, Meaning>> = {
  2: { code: 'VALIDATION' }, // BadValue
  6: { code: 'CONNECTION', interrupted: true }, // HostUnreachable
  7: { code: 'CONNECTION', interrupted: true }, // HostNotFound
  9: { code: 'VALIDATION' }, // FailedToParse
  11: { code: 'AUTHENTICATION' }, // UserNotFound
  13: { code: 'AUTHENTICATION' }, // Unauthorized
  14: { code: 'VALIDATION' }, // TypeMismatch
  15: { code: 'VALIDATION' }, // Overflow
  17: { code: 'VALIDATION' }, // ProtocolError
  18: { code: 'AUTHENTICATION' }, // AuthenticationFailed
  20: { code: 'UNSUPPORTED' }, // IllegalOperation: transactions on a standalone server
  24: { code: 'CONFLICT', retryable: true }, // LockTimeout
  26: { code: 'NOT_FOUND' }, // NamespaceNotFound
  27: { code: 'UNSUPPORTED' }, // IndexNotFound
  46: { code: 'CONFLICT', retryable: true }, // LockBusy
  48: { code: 'CONFLICT' }, // NamespaceExists
  50: { code: 'TIMEOUT' }, // MaxTimeMSExpired
  59: { code: 'UNSUPPORTED' }, // CommandNotFound
  64: { code: 'TIMEOUT', interrupted: true }, // WriteConcernFailed
  67: { code: 'VALIDATION' }, // CannotCreateIndex
  68: { code: 'CONFLICT' }, // IndexAlreadyExists: a search index of another definition
  85: { code: 'CONFLICT' }, // IndexOptionsConflict
  86: { code: 'CONFLICT' }, // IndexKeySpecsConflict
  89: { code: 'TIMEOUT', interrupted: true }, // NetworkTimeout
  91: { code: 'UNAVAILABLE', interrupted: true }, // ShutdownInProgress
  100: { code: 'CONFIGURATION' }, // UnsatisfiableWriteConcern
  112: { code: 'CONFLICT', retryable: true }, // WriteConflict
  115: { code: 'UNSUPPORTED' }, // CommandNotSupported
  133: { code: 'UNAVAILABLE' }, // FailedToSatisfyReadPreference
  134: { code: 'UNAVAILABLE', interrupted: true }, // ReadConcernMajorityNotAvailableYet
  189: { code: 'UNAVAILABLE', interrupted: true }, // PrimarySteppedDown
  202: { code: 'TIMEOUT', interrupted: true }, // NetworkInterfaceExceededTimeLimit
  225: { code: 'CONFLICT', retryable: true }, // TransactionTooOld
  246: { code: 'UNAVAILABLE' }, // SnapshotUnavailable
  251: { code: 'CONFLICT', retryable: true }, // NoSuchTransaction
  262: { code: 'TIMEOUT', interrupted: true }, // ExceededTimeLimit
  290: { code: 'VALIDATION' }, // TransactionExceededLifetimeLimitSeconds
  391: { code: 'AUTHENTICATION' }, // ReauthenticationRequired
  462: { code: 'RATE_LIMITED' }, // IngressRequestRateLimitExceeded
  489: { code: 'RATE_LIMITED' }, // SearchRequestRejectedDueToOverload
  8000: { code: 'AUTHENTICATION' }, // AtlasError
  9001: { code: 'CONNECTION', interrupted: true }, // SocketException
  10058: { code: 'UNAVAILABLE', interrupted: true }, // LegacyNotPrimary
  10107: { code: 'UNAVAILABLE', interrupted: true }, // NotWritablePrimary
  10334: { code: 'VALIDATION' }, // BSONObjectTooLarge
  11000: { code: 'CONFLICT' }, // DuplicateKey
  11600: { code: 'UNAVAILABLE', interrupted: true }, // InterruptedAtShutdown
  11601: { code: 'ABORTED', interrupted: true }, // Interrupted
  11602: { code: 'UNAVAILABLE', interrupted: true }, // InterruptedDueToReplStateChange
  13435: { code: 'UNAVAILABLE' }, // NotPrimaryNoSecondaryOk
  13436: { code: 'UNAVAILABLE' }, // NotPrimaryOrSecondary
  16500: { code: 'RATE_LIMITED' }, // of Azure Cosmos DB's API for MongoDB
  17419: { code: 'VALIDATION' }, // the document would be too large after the update
  17420: { code: 'VALIDATION' },
  31082: { code: 'UNSUPPORTED' }, // SearchNotEnabled
  40324: { code: 'UNSUPPORTED' }, // an aggregation stage that the server does not have
}

/** The driver's own errors, by class name, which stays the same where two copies of the driver are installed. */
const driverErrors: Readonly<Record<string, Meaning>> = {
  MongoServerSelectionError: { code: 'CONNECTION' },
  MongoNetworkTimeoutError: { code: 'TIMEOUT', interrupted: true },
  MongoNetworkError: { code: 'CONNECTION', interrupted: true },
  MongoPoolClearedError: { code: 'CONNECTION' },
  PoolClearedOnNetworkError: { code: 'CONNECTION', interrupted: true },
  MongoWaitQueueTimeoutError: { code: 'UNAVAILABLE' },
  MongoOperationTimeoutError: { code: 'TIMEOUT', interrupted: true },
  MongoTopologyClosedError: { code: 'CONNECTION', retryable: false },
  MongoNotConnectedError: { code: 'CONNECTION', retryable: false },
  MongoClientClosedError: { code: 'CONNECTION', retryable: false },
  MongoServerClosedError: { code: 'CONNECTION' },
  MongoStalePrimaryError: { code: 'UNAVAILABLE' },
  MongoExpiredSessionError: { code: 'CONFLICT', retryable: true },
  MongoMissingCredentialsError: { code: 'AUTHENTICATION' },
  MongoParseError: { code: 'CONFIGURATION' },
  MongoMissingDependencyError: { code: 'CONFIGURATION' },
  MongoCompatibilityError: { code: 'UNSUPPORTED' },
  BSONError: { code: 'VALIDATION' },
}

const has = <N extends string>(error: unknown, name: N): error is { readonly [K in N]: unknown } =>
  typeof error === 'object' && error !== null && name in error

/** The number of a native error; undefined where it has none. */
export const codeOf = (error: unknown): number | undefined =>
  has(error, 'code') && typeof error.code === 'number' ? error.code : undefined

/** Whether the driver or server gave an error this label. */
export const hasLabel = (error: unknown, label: string): boolean =>
  has(error, 'errorLabels') && Array.isArray(error.errorLabels) && error.errorLabels.includes(label)

const nameOf = (error: unknown): string => (error instanceof Error ? error.name : '')

/** Whether an error comes from the driver or the server, and not from the caller's own work. */
export const isNative = (error: unknown): boolean => nameOf(error).startsWith('Mongo') || nameOf(error) === 'BSONError'

const meaningOf = (error: unknown): Meaning => {
  const name = nameOf(error)
  // https://github.com/mongodb/specifications/blob/master/source/transactions/transactions.md
  if (hasLabel(error, 'UnknownTransactionCommitResult')) return { code: 'UNAVAILABLE', interrupted: true }
  const driver = driverErrors[name]
  if (driver) {
    // A connection that broke before its handshake has carried no command yet.
    if (driver.interrupted && has(error, 'beforeHandshake') && error.beforeHandshake === true)
      return { code: driver.code }
    return driver
  }
  if (hasLabel(error, 'TransientTransactionError')) return { code: 'CONFLICT', retryable: true }
  const code = codeOf(error)
  const server = code === undefined ? undefined : serverCodes[code]
  if (server) return server
  if (has(error, 'syscall') && has(error, 'hostname')) return { code: 'CONNECTION' } // of the DNS
  if (has(error, 'syscall') && has(error, 'path')) return { code: 'CONFIGURATION' } // a file of certificates
  if (has(error, 'code') && /^ERR_OSSL_/.test(String(error.code))) return { code: 'CONFIGURATION' } // what is in it
  return { code: 'INTERNAL', interrupted: true }
}

/** Whether an error was caused by a certificate that is not trusted: Node's codes for what OpenSSL finds. */
const isDistrust = (error: unknown, depth = 0): boolean => {
  const code = has(error, 'code') ? String(error.code) : ''
  if (/SELF_SIGNED|UNABLE_TO_(VERIFY|GET_ISSUER)|CERT_(HAS_EXPIRED|UNTRUSTED)|TLS_CERT_ALTNAME/.test(code)) return true
  return depth < 5 && has(error, 'cause') && isDistrust(error.cause, depth + 1)
}

/** A native error as a VeritasError; one that is a VeritasError already gets what it lacks. */
export const toVeritasError = (error: unknown, context: ErrorContext = {}): VeritasError => {
  const { role, operation, hosts, write = false } = context
  const known = { backend: backendName, ...(role && { role }), ...(operation && { operation }) }
  if (VeritasError.is(error) || nameOf(error) === 'AbortError') return VeritasError.from(error, known)
  const { code, retryable, interrupted } = meaningOf(error)
  const text = error instanceof Error ? error.message : String(error)
  const retryAfterMs = code === 'RATE_LIMITED' ? retryAfter(text) : undefined
  const atHost = hosts !== undefined && (code === 'CONNECTION' || code === 'AUTHENTICATION' || code === 'TIMEOUT')
  const options: VeritasErrorOptions = {
    ...known,
    code,
    message: `${atHost ? `MongoDB at ${hosts}: ` : ''}${text}${isDistrust(error) ? '; where its certificate is right, give the file of its authority as tlsCAFile' : ''}`,
    ...(write && interrupted && { outcome: 'unknown' as const }),
    ...(retryable !== undefined && { retryable }),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    // The text of a connection string that cannot be parsed may be in the native error.
    ...(code !== 'CONFIGURATION' && { cause: error }),
  }
  return new VeritasError(options)
}

/** Azure Cosmos DB says how long to wait in its message. */
const retryAfter = (text: string): number | undefined => {
  const found = /RetryAfterMs=(\d+)/.exec(text)?.[1]
  return found === undefined ? undefined : Number(found)
}

/** The error of a call on something that was never ensured. */
export const missing = (what: string, ensure: string): VeritasError =>
  new VeritasError({ code: 'NOT_FOUND', message: `${what} is not there: make it with ${ensure} first.` })

/** The error of something this backend does not do. */
export const refuse = (role: RoleName, what: string, instead?: string): VeritasError =>
  unsupported(backendName, role, what, instead)
