import {
  abortError,
  type ErrorCode,
  type RoleName,
  redactUrl,
  unsupported,
  VeritasError,
} from '@veritas-db/core/contract'
import type { Exchange } from './transport.js'

/** The plugin's name, as errors carry it. */
export const backendName = 'pinecone'

/** What is known of a call that failed. */
export interface FailedCall {
  readonly operation: string
  readonly role?: RoleName
  /** Whether it changes anything: one that broke in flight may have happened. */
  readonly write?: boolean
  readonly exchange?: Exchange
  /** The caller's own signal. */
  readonly signal?: AbortSignal | undefined
}

interface Meaning {
  readonly code: ErrorCode
  /** Whether a write may have happened. */
  readonly mayHaveHappened?: boolean
  readonly retryable?: boolean
  readonly hint?: string
}

// docs.pinecone.io, "Errors"; the SDK's own classes give 400 and 403 the same name.
const byStatus: Readonly<Record<number, Meaning>> = {
  400: { code: 'VALIDATION' },
  401: { code: 'AUTHENTICATION', hint: 'Check the option apiKey.' },
  402: { code: 'CONFIGURATION', hint: 'The project has a billing problem.' },
  403: { code: 'AUTHENTICATION', hint: "The key's permissions or the project's quota do not allow it." },
  404: { code: 'NOT_FOUND' },
  408: { code: 'TIMEOUT', mayHaveHappened: true },
  409: { code: 'CONFLICT' },
  412: { code: 'CONFLICT' },
  413: { code: 'VALIDATION' },
  414: { code: 'VALIDATION' },
  422: { code: 'VALIDATION' },
  429: { code: 'RATE_LIMITED' },
  500: { code: 'INTERNAL', mayHaveHappened: true, retryable: true },
  501: { code: 'UNSUPPORTED' },
  502: { code: 'UNAVAILABLE', mayHaveHappened: true },
  503: { code: 'UNAVAILABLE', mayHaveHappened: true },
  504: { code: 'UNAVAILABLE', mayHaveHappened: true },
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

// Node's and undici's codes of connections that were never made: nothing was sent.
const neverConnected: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
])

/** Whether an error's code says that a certificate is not trusted or not for this host, or that the peer speaks no TLS. */
const untrusted = (code: string): boolean => /CERT|SELF_SIGNED|UNABLE_TO_|ERR_TLS|ERR_SSL/.test(code)

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

const hostOf = (url: string | undefined): string => {
  if (url === undefined || !URL.canParse(url)) return 'Pinecone'
  const { hostname, port, protocol } = new URL(url)
  return `Pinecone at ${hostname}:${port || (protocol === 'https:' ? 443 : 80)}`
}

/** A native error as a VeritasError; one that is a VeritasError already gets what it lacks. */
export const toVeritasError = (error: unknown, call: FailedCall): VeritasError => {
  const { operation, role, write = false, exchange, signal } = call
  const base = { backend: backendName, operation, ...(role && { role }) }
  if (VeritasError.is(error)) return VeritasError.from(error, base)
  const where = hostOf(exchange?.url)
  const make = (meaning: Meaning, message: string, retryAfterMs?: number): VeritasError =>
    new VeritasError({
      ...base,
      code: meaning.code,
      outcome: write && meaning.mayHaveHappened ? 'unknown' : 'not-applied',
      message: meaning.hint ? `${message} ${meaning.hint}` : message,
      ...(meaning.retryable !== undefined && { retryable: meaning.retryable }),
      ...(retryAfterMs !== undefined && { retryAfterMs }),
      cause: error,
    })

  if (signal?.aborted) return abortError(signal, { ...base, outcome: write ? 'unknown' : 'not-applied', cause: error })
  const failure = exchange?.failure
  if (failure) {
    const meaning = byStatus[failure.status] ?? { code: 'INTERNAL' as const, mayHaveHappened: failure.status >= 500 }
    const said = serverMessage(failure.body).slice(0, 500)
    return make(meaning, `${where} answered ${failure.status}: ${said}`, failure.retryAfterMs)
  }
  const errors = chain(error)
  if (errors.some((e) => textOf(e, 'name') === 'TimeoutError' || /TIMEOUT$/.test(textOf(e, 'code') ?? ''))) {
    const connecting = errors.some((e) => textOf(e, 'code') === 'UND_ERR_CONNECT_TIMEOUT')
    return connecting
      ? make({ code: 'CONNECTION' }, `${where} could not be reached in time.`)
      : make({ code: 'TIMEOUT', mayHaveHappened: true }, `${where} did not answer in time.`)
  }
  const native = errors.map((e) => textOf(e, 'code')).find((code) => code !== undefined)
  if (native !== undefined && neverConnected.has(native))
    return make({ code: 'CONNECTION' }, `${where} could not be reached (${native}).`)
  if (native !== undefined && untrusted(native))
    return make(
      {
        code: 'CONNECTION',
        retryable: false,
        hint: 'Set NODE_EXTRA_CA_CERTS, or the option fetch, to trust the authority of its certificate.',
      },
      `${where} could not be reached (${native}).`,
    )
  const names = errors.map((e) => textOf(e, 'name') ?? '')
  const status = names.map((name) => byName[name]).find((s) => s !== undefined)
  if (status !== undefined) {
    const meaning = byStatus[status] as Meaning
    return make(meaning, textOf(errors[0] as object, 'message') ?? `status ${status}`)
  }
  if (names.includes('PineconeArgumentError'))
    return make({ code: 'VALIDATION' }, textOf(errors[0] as object, 'message') ?? 'invalid argument')
  if (names.some((name) => /^(TypeError|FetchError|PineconeConnectionError|SocketError)$/.test(name)))
    return make(
      { code: 'CONNECTION', mayHaveHappened: true },
      `The connection to ${where} broke (${native ?? 'fetch'}).`,
    )
  return make({ code: 'INTERNAL', mayHaveHappened: true }, error instanceof Error ? error.message : String(error))
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
