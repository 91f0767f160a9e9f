import { AsyncLocalStorage } from 'node:async_hooks'

/** What the server answered that is no success. */
export interface HttpFailure {
  readonly status: number
  /** The body, as text. */
  readonly body: string
  readonly retryAfterMs?: number
}

/** What one call of ours and the HTTP requests that the client makes for it tell each other: the client itself passes on neither signals nor headers. */
export interface Exchange {
  /** Ends the request. */
  readonly signal?: AbortSignal
  /** The sequence number that the server gave a write. */
  requestLsn?: number
  /** The newest write that the answered query has seen. */
  indexedLsn?: number
  failure?: HttpFailure
  /** Where the last request went. */
  url?: string
}

const exchanges = new AsyncLocalStorage<Exchange>()

/** Runs a call of the client, of which the requests take part in the exchange. */
export const during = <T>(exchange: Exchange, work: () => Promise<T>): Promise<T> => exchanges.run(exchange, work)

/**
 * The `fetch` that the client is made with: it attaches signals and reads the headers that the client hides.
 * @param base what does the work, default the global `fetch`
 */
export const pineconeFetch =
  (base: typeof globalThis.fetch = globalThis.fetch): typeof globalThis.fetch =>
  async (input, init) => {
    const exchange = exchanges.getStore()
    if (!exchange) return base(input, init)
    exchange.url = input instanceof Request ? input.url : String(input)
    const response = await base(input, exchange.signal ? { ...init, signal: exchange.signal } : init)
    note(exchange, 'requestLsn', response.headers.get('x-pinecone-request-lsn'))
    note(exchange, 'indexedLsn', response.headers.get('x-pinecone-max-indexed-lsn'))
    if (response.ok) return response
    // The client drops the status of 5xx answers, so what is to be known of a failure is kept here.
    const body = await response.text()
    const retryAfterMs = retryAfter(response.headers.get('retry-after'))
    exchange.failure = { status: response.status, body, ...(retryAfterMs !== undefined && { retryAfterMs }) }
    return new Response(body, { status: response.status, headers: response.headers })
  }

const note = (exchange: Exchange, field: 'requestLsn' | 'indexedLsn', header: string | null): void => {
  const lsn = header === null ? Number.NaN : Number(header)
  if (Number.isSafeInteger(lsn)) exchange[field] = lsn
}

/** Milliseconds until the time that a Retry-After header names, in seconds or as a date. */
export const retryAfter = (header: string | null, now: number = Date.now()): number | undefined => {
  if (header === null || header === '') return undefined
  const seconds = Number(header)
  if (Number.isFinite(seconds)) return Math.max(0, Math.round(seconds * 1000))
  const at = Date.parse(header)
  return Number.isNaN(at) ? undefined : Math.max(0, at - now)
}
