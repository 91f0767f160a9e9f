import { abortError, type ErrorCode, type RoleName, unsupported, VeritasError } from '@veritas-db/core/contract'

/** The plugin's name, as errors carry it. */
export const backendName = 'redis'

/** What is known of a call whose error is to be explained. */
export interface ErrorContext {
  /** Host and port, or what else names the server. */
  readonly target: string
  readonly role?: RoleName
  readonly operation?: string
  /** Whether the call changes anything: then what broke in flight may have happened. */
  readonly write?: boolean
  /** Whether a part of the call's work has been done already. */
  readonly changed?: boolean
  readonly signal?: AbortSignal | undefined
}

interface Meaning {
  readonly code: ErrorCode
  /** Whether the command may have been carried out all the same. */
  readonly inFlight?: boolean
  readonly message?: string
}

/** The client's own errors, by class. */
const ofClient: Readonly<Record<string, Meaning>> = {
  ClientClosedError: { code: 'CONNECTION', message: 'is no longer connected' },
  ClientOfflineError: { code: 'CONNECTION', message: 'is not connected' },
  ConnectionTimeoutError: { code: 'CONNECTION', message: 'did not answer in time while connecting' },
  SocketClosedUnexpectedlyError: { code: 'CONNECTION', inFlight: true, message: 'closed the connection' },
  DisconnectsClientError: { code: 'CONNECTION', inFlight: true, message: 'was disconnected' },
  SocketTimeoutError: { code: 'CONNECTION', inFlight: true, message: 'was silent for too long' },
  TimeoutError: { code: 'TIMEOUT', inFlight: true },
}

/** The first word of a refusal, by which Redis tells what is wrong. */
const ofReply: Readonly<Record<string, Meaning>> = {
  NOAUTH: { code: 'AUTHENTICATION', message: 'needs a password: set password (and username)' },
  WRONGPASS: { code: 'AUTHENTICATION', message: 'refuses user and password' },
  NOPERM: { code: 'AUTHENTICATION', message: 'does not let this user do that' },
  DENIED: { code: 'AUTHENTICATION' },
  OOM: { code: 'UNAVAILABLE', message: 'has reached its limit of memory' },
  LOADING: { code: 'UNAVAILABLE', message: 'is still loading its data' },
  BUSY: { code: 'UNAVAILABLE', message: 'is busy with a script' },
  READONLY: { code: 'UNAVAILABLE', message: 'is a read-only replica' },
  MASTERDOWN: { code: 'UNAVAILABLE' },
  CLUSTERDOWN: { code: 'UNAVAILABLE' },
  TRYAGAIN: { code: 'UNAVAILABLE' },
  MISCONF: { code: 'UNAVAILABLE', message: 'cannot write its data to disk' },
  NOREPLICAS: { code: 'UNAVAILABLE' },
  MOVED: { code: 'CONFIGURATION', message: 'is part of a cluster, which this backend does not speak to' },
  CROSSSLOT: { code: 'CONFIGURATION', message: 'is part of a cluster, which this backend does not speak to' },
}

const NETWORK =
  /^(ECONN|ENOTFOUND|EAI_|EPIPE|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|CERT_|ERR_TLS|ERR_SSL|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO)/
/** Nothing was sent: there was no connection. */
const NEVER_SENT =
  /^(ECONNREFUSED|ENOTFOUND|EAI_|EHOSTUNREACH|ENETUNREACH|CERT_|ERR_TLS|ERR_SSL|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO)/

/** The certificate is not one that this machine trusts. */
const UNTRUSTED = /SELF_SIGNED|UNABLE_TO|CERT_UNTRUSTED/

/** The system's code for what went wrong on the way; of several attempts (a host with two addresses) the first one's. */
const networkCode = (error: Error): string | undefined => {
  if ('code' in error && typeof error.code === 'string' && NETWORK.test(error.code)) return error.code
  if (error instanceof AggregateError && error.errors[0] instanceof Error) return networkCode(error.errors[0])
  return undefined
}

const meaningOf = (error: Error): Meaning | undefined => {
  const code = networkCode(error)
  if (code !== undefined)
    return {
      code: 'CONNECTION',
      inFlight: !NEVER_SENT.test(code),
      message: `cannot be reached: ${error.message.includes(code) ? error.message : `${code} ${error.message}`.trim()}${UNTRUSTED.test(code) ? '; where its certificate is right, give the authority that signed it as tls: { ca }' : ''}`,
    }
  const { name } = error.constructor
  if (Object.hasOwn(ofClient, name)) return ofClient[name]
  const word = /^([A-Z]+)\b/.exec(error.message)?.[1] ?? ''
  if (Object.hasOwn(ofReply, word)) return ofReply[word]
  if (isNoEngine(error))
    return {
      code: 'UNSUPPORTED',
      message: `has not what index needs: RediSearch for 'flat' and 'hnsw' (Redis 8, Redis Stack, or load the module), vector sets for 'vectorset' (Redis 8)`,
    }
  if (/index on db != 0/i.test(error.message))
    return { code: 'CONFIGURATION', message: 'indexes database 0 alone, and vectors need an index: set database to 0' }
  if (/too many fields|limited to \d+ fields/i.test(error.message)) return { code: 'VALIDATION' }
  if (/^Timeout limit was reached/i.test(error.message)) return { code: 'TIMEOUT' }
  return undefined
}

/** A native error as a VeritasError; one that is a VeritasError already gets what it lacks. */
export const toVeritasError = (error: unknown, context: ErrorContext): VeritasError => {
  const { target, role, operation, write = false, changed = false, signal } = context
  const common = {
    backend: backendName,
    ...(role && { role }),
    ...(operation !== undefined && { operation }),
    ...(changed && { outcome: 'unknown' as const }),
  }
  const inFlight = write ? ({ outcome: 'unknown' } as const) : {}
  if (signal?.aborted && !(VeritasError.is(error) && error !== signal.reason))
    return abortError(signal, { ...common, cause: error, ...inFlight })
  if (VeritasError.is(error)) return VeritasError.from(error, common)
  const native = error instanceof Error ? error : new Error(String(error))
  const meaning: Meaning = meaningOf(native) ?? { code: 'INTERNAL', inFlight: true }
  return new VeritasError({
    ...common,
    code: meaning.code,
    message: `Redis at ${target} ${meaning.message ?? `says: ${native.message}`}.`,
    cause: error,
    ...(meaning.inFlight && inFlight),
  })
}

/** Whether the index that was asked is not there. */
export const isNoIndex = (error: unknown): boolean =>
  error instanceof Error && /no such index|unknown index name/i.test(error.message)

/** Whether the server knows neither the index that was asked nor any. */
export const isNoEngine = (error: unknown): boolean =>
  error instanceof Error && /unknown (redis )?command '?(FT\.|V)/i.test(error.message)

/** Whether a script has to be sent as a whole. */
export const isNoScript = (error: unknown): boolean => error instanceof Error && error.message.startsWith('NOSCRIPT')

/** The error of something this backend does not do. */
export const refuse = (what: string, instead?: string): VeritasError =>
  unsupported(backendName, 'vector', what, instead)
