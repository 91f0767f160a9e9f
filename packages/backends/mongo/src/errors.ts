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
export const backendName = 'mongo'

/** As errors say it. */
export const productName = 'MongoDB'

/** The option that takes the certificate of an authority. */
const caOption = 'tlsCAFile'

/**
 * The server's error codes that mean more than a defect.
 * https://github.com/mongodb/mongo/blob/master/src/mongo/base/error_codes.yml
 */
const serverCodes: Readonly<Record<number, ErrorMeaning>> = {
  2: { code: 'VALIDATION' }, // BadValue
  6: { code: 'CONNECTION', inFlight: true }, // HostUnreachable
  7: { code: 'CONNECTION', inFlight: true }, // HostNotFound
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
  64: { code: 'TIMEOUT', inFlight: true }, // WriteConcernFailed
  67: { code: 'VALIDATION' }, // CannotCreateIndex
  68: { code: 'CONFLICT' }, // IndexAlreadyExists: a search index of another definition
  85: { code: 'CONFLICT' }, // IndexOptionsConflict
  86: { code: 'CONFLICT' }, // IndexKeySpecsConflict
  89: { code: 'TIMEOUT', inFlight: true }, // NetworkTimeout
  91: { code: 'UNAVAILABLE', inFlight: true }, // ShutdownInProgress
  100: { code: 'CONFIGURATION' }, // UnsatisfiableWriteConcern
  112: { code: 'CONFLICT', retryable: true }, // WriteConflict
  115: { code: 'UNSUPPORTED' }, // CommandNotSupported
  133: { code: 'UNAVAILABLE' }, // FailedToSatisfyReadPreference
  134: { code: 'UNAVAILABLE', inFlight: true }, // ReadConcernMajorityNotAvailableYet
  189: { code: 'UNAVAILABLE', inFlight: true }, // PrimarySteppedDown
  202: { code: 'TIMEOUT', inFlight: true }, // NetworkInterfaceExceededTimeLimit
  225: { code: 'CONFLICT', retryable: true }, // TransactionTooOld
  246: { code: 'UNAVAILABLE' }, // SnapshotUnavailable
  251: { code: 'CONFLICT', retryable: true }, // NoSuchTransaction
  262: { code: 'TIMEOUT', inFlight: true }, // ExceededTimeLimit
  290: { code: 'VALIDATION' }, // TransactionExceededLifetimeLimitSeconds
  391: { code: 'AUTHENTICATION' }, // ReauthenticationRequired
  462: { code: 'RATE_LIMITED' }, // IngressRequestRateLimitExceeded
  489: { code: 'RATE_LIMITED' }, // SearchRequestRejectedDueToOverload
  8000: { code: 'AUTHENTICATION' }, // AtlasError
  9001: { code: 'CONNECTION', inFlight: true }, // SocketException
  10058: { code: 'UNAVAILABLE', inFlight: true }, // LegacyNotPrimary
  10107: { code: 'UNAVAILABLE', inFlight: true }, // NotWritablePrimary
  10334: { code: 'VALIDATION' }, // BSONObjectTooLarge
  11000: { code: 'CONFLICT' }, // DuplicateKey
  11600: { code: 'UNAVAILABLE', inFlight: true }, // InterruptedAtShutdown
  11601: { code: 'ABORTED', inFlight: true }, // Interrupted
  11602: { code: 'UNAVAILABLE', inFlight: true }, // InterruptedDueToReplStateChange
  13435: { code: 'UNAVAILABLE' }, // NotPrimaryNoSecondaryOk
  13436: { code: 'UNAVAILABLE' }, // NotPrimaryOrSecondary
  16500: { code: 'RATE_LIMITED' }, // of Azure Cosmos DB's API for MongoDB
  17419: { code: 'VALIDATION' }, // the document would be too large after the update
  17420: { code: 'VALIDATION' },
  31082: { code: 'UNSUPPORTED' }, // SearchNotEnabled
  40324: { code: 'UNSUPPORTED' }, // an aggregation stage that the server does not have
}

/** The driver's own errors, by class name, which stays the same where two copies of the driver are installed. */
const driverErrors: Readonly<Record<string, ErrorMeaning>> = {
  MongoServerSelectionError: { code: 'CONNECTION' },
  MongoNetworkTimeoutError: { code: 'TIMEOUT', inFlight: true },
  MongoNetworkError: { code: 'CONNECTION', inFlight: true },
  MongoPoolClearedError: { code: 'CONNECTION' },
  PoolClearedOnNetworkError: { code: 'CONNECTION', inFlight: true },
  MongoWaitQueueTimeoutError: { code: 'UNAVAILABLE' },
  MongoOperationTimeoutError: { code: 'TIMEOUT', inFlight: true },
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

const meaningOfDriver = (error: Error, driver: ErrorMeaning): ErrorMeaning => {
  // What broke may be another connection than the one that carried the command, so the driver's word on that is the one that holds:
  // a connection that broke before its handshake has carried no command yet.
  const inFlight = driver.inFlight === true && !(has(error, 'beforeHandshake') && error.beforeHandshake === true)
  const why = driver.code === 'CONNECTION' ? networkMeaning(error, caOption) : undefined
  return { ...driver, ...why, inFlight }
}

/** What an error of the driver, the server or the network means; undefined where none of them knows it. */
export const meaningOf = (error: Error): ErrorMeaning | undefined => {
  // https://github.com/mongodb/specifications/blob/master/source/transactions/transactions.md
  if (hasLabel(error, 'UnknownTransactionCommitResult')) return { code: 'UNAVAILABLE', inFlight: true }
  const driver = driverErrors[error.name]
  if (driver) return meaningOfDriver(error, driver)
  if (error.name === 'AbortError') return { code: 'ABORTED', message: `was no longer waited for: ${error.message}` }
  if (hasLabel(error, 'TransientTransactionError')) return { code: 'CONFLICT', retryable: true }
  const code = codeOf(error)
  const server = code === undefined ? undefined : serverCodes[code]
  if (server?.code === 'RATE_LIMITED') return { ...server, ...retryAfter(error.message) }
  if (server) return server
  if (has(error, 'syscall') && has(error, 'hostname')) return { code: 'CONNECTION' } // of the DNS
  if (has(error, 'syscall') && has(error, 'path')) return { code: 'CONFIGURATION' } // a file of certificates
  if (has(error, 'code') && /^ERR_OSSL_/.test(String(error.code))) return { code: 'CONFIGURATION' } // what is in it
  return networkMeaning(error, caOption)
}

const explain = explainWith({ backend: backendName, product: productName, caOption, meaningOf })

/** A native error as a VeritasError; one that is a VeritasError already gets what it lacks. */
export const toVeritasError = (error: unknown, call: FailedCall): VeritasError => {
  if (VeritasError.is(error) || !(error instanceof Error) || meaningOf(error)?.code !== 'CONFIGURATION')
    return explain(error, call)
  // Without its cause: the text of a connection string that cannot be parsed may be in the native error.
  const message = `${productName} at ${call.target} cannot be used as configured: ${error.message}`
  return explain(new VeritasError({ code: 'CONFIGURATION', message }), call)
}

/** Azure Cosmos DB says how long to wait in its message. */
const retryAfter = (text: string): Pick<ErrorMeaning, 'retryAfterMs'> => {
  const found = /RetryAfterMs=(\d+)/.exec(text)?.[1]
  return found === undefined ? {} : { retryAfterMs: Number(found) }
}

/** The error of a call on something that was never ensured. */
export const missing = (what: string, ensure: string): VeritasError =>
  new VeritasError({ code: 'NOT_FOUND', message: `${what} is not there: make it with ${ensure} first.` })

/** The error of something this backend does not do. */
export const refuse = (role: RoleName, what: string, instead?: string): VeritasError =>
  unsupported(backendName, role, what, instead)
