import { abortError, type ErrorCode, type RoleName, unsupported, VeritasError } from '@veritas-db/core/contract'

/** The plugin's name, as errors carry it. */
export const backendName = 'weaviate'

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

/** An answer of the REST API that is no success, as the client's own error of that kind is. */
export class StatusError extends Error {
  override readonly name: 'WeaviateUnexpectedStatusCodeError' = 'WeaviateUnexpectedStatusCodeError'
  readonly code: number

  constructor(code: number, text: string) {
    super(`${code} ${text.slice(0, 2000)}`.trim())
    this.code = code
  }
}

interface Meaning {
  readonly code: ErrorCode
  /** Whether the request may have been carried out all the same. */
  readonly inFlight?: boolean
  readonly message?: string
  readonly retryable?: boolean
}

/** What the server says in words, whatever the protocol: most of its errors have no code of their own. */
const ofText = (text: string): Meaning | undefined => {
  if (/could not find class|class \S+ (was )?not (found|present)|class not found/i.test(text))
    return { code: 'NOT_FOUND' }
  // What the guard of every object provokes where the collection is gone; see encode.ts.
  if (/At least one nested property is required/i.test(text)) return { code: 'NOT_FOUND' }
  if (/already exists|already in use/i.test(text)) return { code: 'CONFLICT' }
  if (/vector (with )?(lengths?|dimensions?)|vector dimensions/i.test(text)) return { code: 'VALIDATION' }
  if (/leader not found|no leader|not ready|memory pressure|not enough memory|read-?only/i.test(text))
    return { code: 'UNAVAILABLE' }
  return undefined
}

const ofStatus = (status: number, text: string): Meaning => {
  if (status === 401 || status === 403) return { code: 'AUTHENTICATION' }
  if (status === 404) return { code: 'NOT_FOUND' }
  if (status === 408) return { code: 'TIMEOUT', inFlight: true }
  if (status === 429) return { code: 'RATE_LIMITED' }
  // 503 until raft has a leader: nothing has been done then.
  if (status === 503) return { code: 'UNAVAILABLE' }
  if (status === 502 || status === 504) return { code: 'UNAVAILABLE', inFlight: true }
  return ofText(text) ?? (status < 500 ? { code: 'VALIDATION' } : { code: 'INTERNAL', inFlight: true })
}

const grpcCodes: Readonly<Record<string, Meaning>> = {
  CANCELLED: { code: 'TIMEOUT', inFlight: true },
  INVALID_ARGUMENT: { code: 'VALIDATION' },
  DEADLINE_EXCEEDED: { code: 'TIMEOUT', inFlight: true },
  NOT_FOUND: { code: 'NOT_FOUND' },
  PERMISSION_DENIED: { code: 'AUTHENTICATION' },
  UNAUTHENTICATED: { code: 'AUTHENTICATION' },
  UNAVAILABLE: { code: 'UNAVAILABLE', inFlight: true },
  UNIMPLEMENTED: { code: 'UNSUPPORTED' },
}

/** `/weaviate.v1.Weaviate/Search UNKNOWN: text`: the client puts the status of gRPC into its message. */
const ofGrpc = (message: string): Meaning => {
  const [, status = 'UNKNOWN', text = message] = /\/weaviate\.v1\.\w+\/\w+ ([A-Z_]+): ([\s\S]*)$/.exec(message) ?? []
  if (status === 'RESOURCE_EXHAUSTED')
    return { code: /larger than max|message size/i.test(text) ? 'VALIDATION' : 'RATE_LIMITED' }
  if (status === 'UNAVAILABLE' && /ECONNREFUSED|No connection established|ENOTFOUND|name resolution/i.test(text))
    return { code: 'CONNECTION' }
  if (/unauthori[sz]ed|anonymous access not enabled|invalid api key/i.test(text)) return { code: 'AUTHENTICATION' }
  return ofText(text) ?? grpcCodes[status] ?? { code: 'INTERNAL', inFlight: true }
}

/** Causes that tell of a connection that never was, so that nothing has been done. */
const neverConnected = /^(ECONNREFUSED|ENOTFOUND|EAI_|EHOSTUNREACH|ENETUNREACH|UND_ERR_CONNECT_TIMEOUT)/

/** Whether an error's code says that a certificate is not trusted or not for this host, or that the peer speaks no TLS. */
export const untrusted = (code: string): boolean => /CERT|SELF_SIGNED|UNABLE_TO_|ERR_TLS|ERR_SSL/.test(code)

const ofFetch = (error: Error): Meaning => {
  const cause = error.cause instanceof Error ? error.cause : undefined
  const code = cause && 'code' in cause && typeof cause.code === 'string' ? cause.code : ''
  const why = cause ? `${code} ${cause.message}`.trim() : error.message
  if (!untrusted(code))
    return { code: 'CONNECTION', inFlight: !neverConnected.test(code), message: `cannot be reached: ${why}` }
  const advice =
    'set NODE_EXTRA_CA_CERTS to the authority of its certificate, and check that it speaks TLS at this port'
  return { code: 'CONNECTION', message: `cannot be reached: ${why}: ${advice}`, retryable: false }
}

const meaningOf = (error: Error): Meaning => {
  const status = 'code' in error && typeof error.code === 'number' ? error.code : undefined
  switch (error.name) {
    case 'WeaviateUnexpectedStatusCodeError':
      return ofStatus(status ?? 500, error.message)
    case 'WeaviateUnauthenticatedError':
      return { code: 'AUTHENTICATION', message: 'refuses the credentials (401)' }
    case 'WeaviateInsufficientPermissionsError':
      return { code: 'AUTHENTICATION', message: 'forbids this (403): check the roles of the user' }
    case 'WeaviateRequestTimeoutError':
    // The client's own time limit, where a signal was given too.
    case 'AbortError':
      return { code: 'TIMEOUT', inFlight: true }
    case 'WeaviateInvalidInputError':
    case 'WeaviateSerializationError':
      return { code: 'VALIDATION' }
    case 'WeaviateUnsupportedFeatureError':
      return { code: 'UNSUPPORTED' }
    case 'WeaviateGRPCUnavailableError':
      return { code: 'CONNECTION', message: 'does not answer gRPC: check the option grpc' }
    case 'WeaviateQueryError':
    case 'WeaviateDeleteManyError':
    case 'WeaviateBatchError':
      return ofGrpc(error.message)
    case 'TypeError':
      if (/fetch failed|terminated|other side closed/i.test(error.message)) return ofFetch(error)
      return { code: 'INTERNAL', inFlight: true }
    default:
      return ofGrpc(error.message)
  }
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
  if (VeritasError.is(error)) return VeritasError.from(error, common)
  if (signal?.aborted) return abortError(signal, { ...common, cause: error, ...inFlight })
  const native = error instanceof Error ? error : new Error(String(error))
  const meaning = meaningOf(native)
  return new VeritasError({
    ...common,
    code: meaning.code,
    message: `Weaviate at ${target} ${meaning.message ?? `says: ${native.message}`}.`,
    cause: error,
    ...(meaning.inFlight && inFlight),
    ...(meaning.retryable !== undefined && { retryable: meaning.retryable }),
  })
}

/** What became of one object of a batch, in the server's words. */
export const ofObject = (text: string): VeritasError => {
  const { code, inFlight = false } = ofText(text) ?? { code: 'INTERNAL' as const, inFlight: true }
  return new VeritasError({
    code,
    backend: backendName,
    role: 'vector',
    operation: 'upsert',
    message: `Weaviate refused the record: ${text}`,
    ...(inFlight && { outcome: 'unknown' as const }),
  })
}

/** Whether the server does not know the collection. */
export const isNotFound = (error: unknown): boolean =>
  VeritasError.is(error) ? error.code === 'NOT_FOUND' : error instanceof Error && meaningOf(error).code === 'NOT_FOUND'

/** Whether there is something of that name already. */
export const isConflict = (error: unknown): boolean => error instanceof Error && meaningOf(error).code === 'CONFLICT'

/** The error of something this backend does not do. */
export const refuse = (what: string, instead?: string): VeritasError =>
  unsupported(backendName, 'vector', what, instead)
