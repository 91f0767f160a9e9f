import {
  addressOf,
  type ErrorMeaning,
  explainWith,
  type FailedCall,
  networkMeaning,
  redactUrl,
  unsupported,
  VeritasError,
} from '@veritas-db/core/contract'
import type { Exchange, HttpFailure } from './transport.js'

/** The plugin's name, as errors carry it. */
export const backendName = 'pinecone'

/** What is known of a call that failed, and of the request that it failed in. */
export interface FailedRequest extends Omit<FailedCall, 'target' | 'changed'> {
  readonly exchange?: Exchange
}

interface Meaning extends Omit<ErrorMeaning, 'message' | 'retryAfterMs'> {
  readonly hint?: string
}

// docs.pinecone.io, "Errors"; the SDK's own classes give 400 and 403 the same name.
const byStatus: Readonly<Record<number, Meaning>> = {
  400: { code: 'VALIDATION' },
  401: { code: 'AUTHENTICATION', hint: 'Check the option apiKey.' },
  402: { code: 'CONFIGURATION', hint: 'The project has a billing problem.' },
  403: { code: 'AUTHENTICATION', hint: "The key's permissions or the project's quota do not allow it." },
  404: { code: 'NOT_FOUND' },
  408: { code: 'TIMEOUT', inFlight: true },
  409: { code: 'CONFLICT' },
  412: { code: 'CONFLICT' },
  413: { code: 'VALIDATION' },
  414: { code: 'VALIDATION' },
  422: { code: 'VALIDATION' },
  429: { code: 'RATE_LIMITED' },
  500: { code: 'INTERNAL', inFlight: true, retryable: true },
  501: { code: 'UNSUPPORTED' },
  502: { code: 'UNAVAILABLE', inFlight: true },
  503: { code: 'UNAVAILABLE', inFlight: true },
  504: { code: 'UNAVAILABLE', inFlight: true },
}

// Clients of the user's own don't tell statuses; their errors have names.
const byName: Readonly<Record<string, number>> = {
  PineconeBadRequestError: 400,
  PineconeAuthorizationError: 401,
  PineconePaymentRequiredError: 402,
  PineconeNotFoundError: 404,
  PineconeConflictError: 409,
  PineconeFailedPreconditionError: 412,
  PineconeUnprocessableEntityError: 422,
  PineconeInternalServerError: 500,
  PineconeNotImplementedError: 501,
  PineconeUnavailableError: 503,
  PineconeMaxRetriesExceededError: 503,
}

/** Where the certificate of an authority is given. */
const AUTHORITY = 'NODE_EXTRA_CA_CERTS or to a fetch of your own (option fetch)'

/** The error and what caused it, outermost first. */
const chain = (error: unknown): object[] => {
  const found: object[] = []
  for (let at = error; typeof at === 'object' && at !== null && !found.includes(at); ) {
    found.push(at)
    at = 'errors' in at && Array.isArray(at.errors) && !('code' in at) ? at.errors[0] : 'cause' in at ? at.cause : null
  }
  return found
}

const textOf = (value: object, field: 'code' | 'name' | 'message'): string | undefined => {
  const text: unknown = Reflect.get(value, field)
  return typeof text === 'string' ? text : undefined
}

/** What the server says went wrong, out of one of its two shapes of errors. */
const serverMessage = (body: string): string => {
  try {
    const parsed: unknown = JSON.parse(body)
    if (typeof parsed !== 'object' || parsed === null) return body
    const inner: unknown = 'error' in parsed && typeof parsed.error === 'object' ? parsed.error : parsed
    return typeof inner === 'object' && inner !== null ? (textOf(inner, 'message') ?? body) : body
  } catch {
    // Some answers, such as that to a wrong key, are plain text.
    return body
  }
}

/** What the server answered, where it did. */
const ofFailure = ({ status, body, retryAfterMs }: HttpFailure): ErrorMeaning => {
  const { hint, ...meaning } = byStatus[status] ?? { code: 'INTERNAL' as const, inFlight: status >= 500 }
  const said = serverMessage(body).slice(0, 500)
  const message = [`answered ${status}: ${said}`, hint].filter(Boolean).join('; ')
  return { ...meaning, message, ...(retryAfterMs !== undefined && { retryAfterMs }) }
}

/** What the client or Node says. */
const ofNative = (error: Error): ErrorMeaning | undefined => {
  const errors = chain(error)
  const names = errors.map((e) => textOf(e, 'name') ?? '')
  if (names.includes('TimeoutError')) return { code: 'TIMEOUT', inFlight: true, message: 'did not answer in time' }
  const network = networkMeaning(error, AUTHORITY)
  if (network) return network
  const status = names.map((name) => byName[name]).find((s) => s !== undefined)
  if (status !== undefined) return byStatus[status]
  if (names.includes('PineconeArgumentError')) return { code: 'VALIDATION' }
  if (names.some((name) => /^(TypeError|FetchError|PineconeConnectionError|SocketError)$/.test(name)))
    return { code: 'CONNECTION', inFlight: true, message: 'broke the connection' }
  return undefined
}

const explain = (failure: HttpFailure | undefined): ReturnType<typeof explainWith> =>
  explainWith({
    backend: backendName,
    product: 'Pinecone',
    caOption: AUTHORITY,
    meaningOf: (error) => (failure ? ofFailure(failure) : ofNative(error)),
  })

/** A native error as a VeritasError; one that is a VeritasError already gets what it lacks. */
export const toVeritasError = (error: unknown, { exchange, ...call }: FailedRequest): VeritasError => {
  const url = exchange?.url
  const target = url !== undefined && URL.canParse(url) ? addressOf(url) : 'its address'
  return explain(exchange?.failure)(error, { ...call, target })
}

/** The error of a call on a collection that was never ensured. */
export const missing = (collection: string): VeritasError =>
  new VeritasError({
    code: 'NOT_FOUND',
    message: `The collection "${collection}" is not there: make it with ensureCollection first.`,
  })

/** The error of something that this backend does not do. */
export const refuse = (what: string, instead?: string): VeritasError =>
  unsupported(backendName, 'vector', what, instead)

/** The error of an index that does not fit the configuration; its address is shown without secrets. */
export const misconfigured = (message: string, url?: string): VeritasError =>
  new VeritasError({
    code: 'CONFIGURATION',
    backend: backendName,
    message: url === undefined ? message : `${message} (${redactUrl(url)})`,
  })
