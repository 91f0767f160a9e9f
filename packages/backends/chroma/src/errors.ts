import { abortError, type ErrorCode, type RoleName, unsupported, VeritasError } from '@veritas-db/core/contract'

/** The plugin's name, as errors carry it. */
export const backendName = 'chroma'

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
  /** Whether the request may have been carried out all the same. */
  readonly inFlight?: boolean
  readonly message?: string
}

/** The classes of the client, by name: a copy of the package may be another one. */
const meanings: Readonly<Record<string, Meaning>> = {
  ChromaConnectionError: {
    code: 'CONNECTION',
    inFlight: true,
    message: 'cannot be reached: nothing answers there, or the connection broke',
  },
  ChromaAuthError: { code: 'AUTHENTICATION', message: 'refuses the credentials (401): check token and headers' },
  ChromaForbiddenError: { code: 'AUTHENTICATION', message: 'forbids this (403): check what the token may do' },
  ChromaNotFoundError: { code: 'NOT_FOUND', message: 'has no such collection, tenant or database' },
  ChromaUniqueError: { code: 'CONFLICT', message: 'has something of that name already' },
  ChromaQuotaExceededError: { code: 'VALIDATION' },
  ChromaRateLimitError: { code: 'RATE_LIMITED', message: 'asks to be called less often (429)' },
  ChromaClientError: { code: 'VALIDATION' },
  ChromaValueError: { code: 'VALIDATION' },
}

/** What the client makes of every status it does not know: the text of the answer, or status and reason. */
const ofServerError = (message: string): Meaning => {
  const status = Number(/^(\d{3}): /.exec(message)?.[1] ?? 500)
  if (status === 413) return { code: 'VALIDATION' }
  if (status === 408) return { code: 'TIMEOUT', inFlight: true }
  if (status === 503) return { code: 'UNAVAILABLE' }
  if (status === 502 || status === 504) return { code: 'UNAVAILABLE', inFlight: true }
  // The store under a single server is SQLite, whose limits a filter can exceed, and which may be busy.
  if (/too many SQL variables|Expression tree is too large/i.test(message)) return { code: 'VALIDATION' }
  if (/database (table )?is locked/i.test(message)) return { code: 'UNAVAILABLE' }
  return { code: 'INTERNAL', inFlight: true }
}

const meaningOf = (error: Error): Meaning | undefined => {
  if (error.name === 'ChromaServerError') return ofServerError(error.message)
  // An answer that breaks off half-way is no error of the client's own.
  if (error instanceof TypeError && /terminated|fetch failed|other side closed/i.test(error.message))
    return meanings.ChromaConnectionError
  return Object.hasOwn(meanings, error.name) ? meanings[error.name] : undefined
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
  const meaning: Meaning = meaningOf(native) ?? { code: 'INTERNAL', inFlight: true }
  return new VeritasError({
    ...common,
    code: meaning.code,
    message: `Chroma at ${target} ${meaning.message ?? `says: ${native.message}`}.`,
    cause: error,
    ...(meaning.inFlight && inFlight),
  })
}

/** Why a connection could not be made, as `fetch` tells it. */
export const notReached = (cause: Error): { readonly why: string; readonly retryable: boolean } => {
  const code = 'code' in cause && typeof cause.code === 'string' ? cause.code : ''
  const text = `${code} ${cause.message}`.trim()
  // OpenSSL's words for a certificate that is not trusted or not for this host, and Node's for a peer that speaks no TLS.
  if (!/CERT|SELF_SIGNED|UNABLE_TO_|ERR_TLS|ERR_SSL/.test(code)) return { why: `${text}.`, retryable: true }
  const advice =
    'set NODE_EXTRA_CA_CERTS, or a dispatcher in the option fetchOptions, to the authority of its certificate'
  return { why: `${text}: ${advice}, and check that it speaks TLS at this port.`, retryable: false }
}

/** Whether the server does not know the collection. */
export const isNotFound = (error: unknown): boolean =>
  VeritasError.is(error) ? error.code === 'NOT_FOUND' : error instanceof Error && error.name === 'ChromaNotFoundError'

/** The error of something this backend does not do. */
export const refuse = (what: string, instead?: string): VeritasError =>
  unsupported(backendName, 'vector', what, instead)
