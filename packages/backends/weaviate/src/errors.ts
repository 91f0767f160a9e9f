import {
  type ErrorMeaning,
  explainWith,
  type FailedCall,
  networkMeaning,
  unsupported,
  VeritasError,
} from '@veritas-db/core/contract'

/** The plugin's name, as errors carry it. */
export const backendName = 'weaviate'

/** An answer of the REST API that is no success, as the client's own error of that kind is. */
export class StatusError extends Error {
  override readonly name: 'WeaviateUnexpectedStatusCodeError' = 'WeaviateUnexpectedStatusCodeError'
  readonly code: number

  constructor(code: number, text: string) {
    super(`${code} ${text.slice(0, 2000)}`.trim())
    this.code = code
  }
}

/** What the server says in words, whatever the protocol: most of its errors have no code of their own. */
const ofText = (text: string): ErrorMeaning | undefined => {
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

const ofStatus = (status: number, text: string): ErrorMeaning => {
  if (status === 401 || status === 403) return { code: 'AUTHENTICATION' }
  if (status === 404) return { code: 'NOT_FOUND' }
  if (status === 408) return { code: 'TIMEOUT', inFlight: true }
  if (status === 429) return { code: 'RATE_LIMITED' }
  // 503 until raft has a leader: nothing has been done then.
  if (status === 503) return { code: 'UNAVAILABLE' }
  if (status === 502 || status === 504) return { code: 'UNAVAILABLE', inFlight: true }
  return ofText(text) ?? (status < 500 ? { code: 'VALIDATION' } : { code: 'INTERNAL', inFlight: true })
}

const grpcCodes: Readonly<Record<string, ErrorMeaning>> = {
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
const ofGrpc = (message: string): ErrorMeaning => {
  const [, status = 'UNKNOWN', text = message] = /\/weaviate\.v1\.\w+\/\w+ ([A-Z_]+): ([\s\S]*)$/.exec(message) ?? []
  if (status === 'RESOURCE_EXHAUSTED')
    return { code: /larger than max|message size/i.test(text) ? 'VALIDATION' : 'RATE_LIMITED' }
  if (status === 'UNAVAILABLE' && /ECONNREFUSED|No connection established|ENOTFOUND|name resolution/i.test(text))
    return { code: 'CONNECTION' }
  if (/unauthori[sz]ed|anonymous access not enabled|invalid api key/i.test(text)) return { code: 'AUTHENTICATION' }
  return ofText(text) ?? grpcCodes[status] ?? { code: 'INTERNAL', inFlight: true }
}

/** Where the certificate of an authority is given. */
const AUTHORITY = 'NODE_EXTRA_CA_CERTS'

const meaningOf = (error: Error): ErrorMeaning | undefined => {
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
      if (!/fetch failed|terminated|other side closed/i.test(error.message)) return undefined
      return networkMeaning(error, AUTHORITY) ?? { code: 'CONNECTION', inFlight: true }
    default:
      return networkMeaning(error, AUTHORITY) ?? ofGrpc(error.message)
  }
}

/** A native error as a VeritasError; one that is a VeritasError already gets what it lacks. */
export const toVeritasError: (error: unknown, call: FailedCall) => VeritasError = explainWith({
  backend: backendName,
  product: 'Weaviate',
  caOption: AUTHORITY,
  meaningOf,
})

/** The same for an attempt to reach gRPC, which has an address of its own. */
export const toGrpcError: (error: unknown, call: FailedCall) => VeritasError = explainWith({
  backend: backendName,
  product: "Weaviate's gRPC",
  meaningOf: (error) => {
    const meaning = networkMeaning(error, `${AUTHORITY} or GRPC_DEFAULT_SSL_ROOTS_FILE_PATH`)
    return meaning && { ...meaning, message: `${meaning.message}; check the options grpc and grpcSecure too` }
  },
})

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
  VeritasError.is(error) ? error.code === 'NOT_FOUND' : error instanceof Error && meaningOf(error)?.code === 'NOT_FOUND'

/** Whether there is something of that name already. */
export const isConflict = (error: unknown): boolean => error instanceof Error && meaningOf(error)?.code === 'CONFLICT'

/** The error of something this backend does not do. */
export const refuse = (what: string, instead?: string): VeritasError =>
  unsupported(backendName, 'vector', what, instead)
