import { abortError, type ErrorCode, type RoleName, VeritasError } from './errors.js'

/** What a native error means. */
export interface ErrorMeaning {
  readonly code: ErrorCode
  /** Whether the request may have been carried out all the same: the outcome of a write is then `unknown`. Default false. */
  readonly inFlight?: boolean
  /** Default by code, as `VeritasError` has it. */
  readonly retryable?: boolean
  /** Goes on after "Product at host:port "; default `says: ` and the native message. Must hold no secret. */
  readonly message?: string
  /** Milliseconds to wait before the next attempt, where the server said so. */
  readonly retryAfterMs?: number
}

/** What is known of a call whose error is to be explained. */
export interface FailedCall {
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

/** What a call says of itself before it is made, for its errors. */
export type NamedCall = Omit<FailedCall, 'target' | 'changed'> & { readonly operation: string }

/** Makes errors of one product out of native ones. */
export interface Explainer {
  /** The plugin's name, such as `redis`. */
  readonly backend: string
  /** As it is written, such as `Redis`. */
  readonly product: string
  /** The option that takes the certificate of an authority. Default `tls.ca`. */
  readonly caOption?: string
  /** What an error of the client or server means; undefined for one that is neither's own, such as Node's. */
  meaningOf(error: Error): ErrorMeaning | undefined
}

/**
 * The function that makes a `VeritasError` of anything that a call threw. Errors of the contract get what they lack; where the
 * call's signal has fired, that is what went wrong; what the product does not know may be an error of the network
 * (`networkMeaning`); what nobody knows is `INTERNAL`, and perhaps happened.
 */
export function explainWith(explainer: Explainer): (error: unknown, call: FailedCall) => VeritasError {
  const { backend, product, caOption } = explainer
  return (error, { target, role, operation, write = false, changed = false, signal }) => {
    const common = {
      backend,
      ...(role && { role }),
      ...(operation !== undefined && { operation }),
      ...(changed && { outcome: 'unknown' as const }),
    }
    const inFlight = write ? ({ outcome: 'unknown' } as const) : {}
    const own = VeritasError.is(error) && !(signal?.aborted && error === signal.reason)
    if (own) return VeritasError.from(error, common)
    if (signal?.aborted) return abortError(signal, { ...common, cause: error, ...inFlight })
    const native = error instanceof Error ? error : new Error(String(error))
    const meaning = explainer.meaningOf(native) ??
      networkMeaning(native, caOption) ?? { code: 'INTERNAL', inFlight: true }
    return new VeritasError({
      ...common,
      code: meaning.code,
      message: `${product} at ${target} ${(meaning.message ?? `says: ${native.message}`).replace(/\.+$/, '')}.`,
      cause: error,
      ...(meaning.retryable !== undefined && { retryable: meaning.retryable }),
      ...(meaning.retryAfterMs !== undefined && { retryAfterMs: meaning.retryAfterMs }),
      ...(meaning.inFlight && inFlight),
    })
  }
}

/** There was no connection, so nothing was sent. */
const NEVER_SENT = /^(ECONNREFUSED|ENOTFOUND|EAI_|EHOSTUNREACH|ENETUNREACH|UND_ERR_CONNECT_TIMEOUT)/
const BROKE = /^(ECONN|EPIPE|ETIMEDOUT|UND_ERR_SOCKET|UND_ERR_RES_CONTENT_LENGTH|HPE_)/
const CLOSED = /^UND_ERR_(DESTROYED|CLOSED)$/
const SILENT = /^UND_ERR_(HEADERS|BODY)_TIMEOUT$/
/** Codes of Node and OpenSSL: https://nodejs.org/api/tls.html#x509-certificate-error-codes */
const UNTRUSTED = /^(DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_(GET_ISSUER|VERIFY_LEAF))/
const BAD_CERTIFICATE = /^(CERT_|ERR_TLS_CERT_ALTNAME_INVALID|UNABLE_TO_)/
const NO_TLS = /^(ERR_SSL_|ERR_TLS_|EPROTO)/

/**
 * What an error of Node's sockets, TLS, names or HTTP means, also one that stands behind others as their cause; undefined for any other.
 * @param caOption names the option that takes an authority's certificate, for the advice
 */
export function networkMeaning(error: Error, caOption = 'tls.ca'): ErrorMeaning | undefined {
  const found = networkError(error)
  if (!found) return undefined
  const { code, text, connecting } = found
  if (UNTRUSTED.test(code))
    return {
      code: 'CONNECTION',
      retryable: false,
      message: `cannot be reached: its certificate is not trusted (${text}); give that of its authority as ${caOption}`,
    }
  if (BAD_CERTIFICATE.test(code))
    return { code: 'CONNECTION', retryable: false, message: `cannot be reached: its certificate is wrong (${text})` }
  if (NO_TLS.test(code))
    return { code: 'CONNECTION', retryable: false, message: `cannot be reached: TLS failed (${text})` }
  if (NEVER_SENT.test(code) || connecting) return { code: 'CONNECTION', message: `cannot be reached: ${text}` }
  if (CLOSED.test(code)) return { code: 'CONNECTION', retryable: false, message: 'is no longer connected' }
  if (SILENT.test(code)) return { code: 'TIMEOUT', inFlight: true, message: 'was silent for too long' }
  return { code: 'CONNECTION', inFlight: true, message: `broke the connection: ${text}` }
}

/** The first error with a code that is the network's: the error itself, what caused it, or the first of several attempts. */
function networkError(error: Error): { code: string; text: string; connecting: boolean } | undefined {
  const seen = new Set<unknown>()
  for (let at: unknown = error; at instanceof Error && !seen.has(at); ) {
    seen.add(at)
    if ('code' in at && typeof at.code === 'string' && isNetworkCode(at.code)) {
      const first = at instanceof AggregateError && at.errors[0] instanceof Error ? at.errors[0].message : at.message
      return {
        code: at.code,
        text: first.includes(at.code) ? first : `${at.code} ${first}`.trim(),
        connecting: 'syscall' in at && at.syscall === 'connect',
      }
    }
    at = at instanceof AggregateError ? at.errors[0] : at.cause
  }
  return undefined
}

const NETWORK = [NEVER_SENT, BROKE, CLOSED, SILENT, UNTRUSTED, BAD_CERTIFICATE, NO_TLS]

function isNetworkCode(code: string): boolean {
  return NETWORK.some((pattern) => pattern.test(code))
}
