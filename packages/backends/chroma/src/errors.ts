import { type ErrorMeaning, explainWith, type FailedCall, unsupported, VeritasError } from '@veritas-db/core/contract'

/** The plugin's name, as errors carry it. */
export const backendName = 'chroma'

/** Where the certificate of an authority is given. */
const AUTHORITY = 'NODE_EXTRA_CA_CERTS or to a dispatcher in the option fetchOptions'

/** The classes of the client, by name: a copy of the package may be another one. */
const meanings: Readonly<Record<string, ErrorMeaning>> = {
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
const ofServerError = (message: string): ErrorMeaning => {
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

const meaningOf = (error: Error): ErrorMeaning | undefined => {
  if (error.name === 'ChromaServerError') return ofServerError(error.message)
  // An answer that breaks off half-way is no error of the client's own.
  if (error instanceof TypeError && /terminated|fetch failed|other side closed/i.test(error.message))
    return meanings.ChromaConnectionError
  return Object.hasOwn(meanings, error.name) ? meanings[error.name] : undefined
}

/** A native error as a VeritasError; one that is a VeritasError already gets what it lacks. */
export const toVeritasError: (error: unknown, call: FailedCall) => VeritasError = explainWith({
  backend: backendName,
  product: 'Chroma',
  caOption: AUTHORITY,
  meaningOf,
})

/** Whether the server does not know the collection. */
export const isNotFound = (error: unknown): boolean =>
  VeritasError.is(error) ? error.code === 'NOT_FOUND' : error instanceof Error && error.name === 'ChromaNotFoundError'

/** The error of something this backend does not do. */
export const refuse = (what: string, instead?: string): VeritasError =>
  unsupported(backendName, 'vector', what, instead)
