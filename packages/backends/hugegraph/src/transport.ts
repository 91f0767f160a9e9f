import { gunzipSync, inflateSync } from 'node:zlib'
import type { Dispatcher } from 'undici'
import type { HugeGraphConfig } from './config.js'
import { Refusal } from './errors.js'

export type Method = 'GET' | 'POST' | 'PUT' | 'DELETE'

/** Sends requests to one server and reads its answers. */
export class Transport {
  readonly #dispatcher: Dispatcher
  readonly #origin: string
  readonly #config: HugeGraphConfig

  constructor(dispatcher: Dispatcher, config: HugeGraphConfig) {
    this.#dispatcher = dispatcher
    this.#origin = new URL(config.url).origin
    this.#config = config
  }

  /** @throws Refusal where the server says no, and what undici throws where there is no answer */
  async send(method: Method, path: string, body: unknown, signal: AbortSignal | undefined): Promise<unknown> {
    const answer = await this.#dispatcher.request({
      origin: this.#origin,
      path,
      method,
      headers: {
        accept: 'application/json',
        'accept-encoding': 'gzip',
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...this.#authorization(),
      },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      ...(signal && { signal }),
    })
    const bytes = Buffer.from(await answer.body.arrayBuffer())
    const text = decoded(bytes, String(answer.headers['content-encoding'] ?? ''))
    const value = parsed(text)
    if (answer.statusCode < 400) return value
    throw refusal(answer.statusCode, value, text, answer.headers['retry-after'])
  }

  #authorization(): Record<string, string> {
    const { username, password, token } = this.#config
    if (token) return { authorization: `Bearer ${token.reveal()}` }
    if (username === undefined || !password) return {}
    return { authorization: `Basic ${Buffer.from(`${username}:${password.reveal()}`).toString('base64')}` }
  }
}

/** The server packs its answers also where it was not asked to. */
const decoded = (bytes: Buffer, encoding: string): string => {
  if (bytes.length === 0) return ''
  if (/gzip/i.test(encoding)) return gunzipSync(bytes).toString()
  return /deflate/i.test(encoding) ? inflateSync(bytes).toString() : bytes.toString()
}

const parsed = (text: string): unknown => {
  if (text === '') return null
  try {
    return JSON.parse(text)
  } catch {
    // An answer of a proxy, or of a server that is starting: the text itself tells more than that it is no JSON.
    return text
  }
}

const refusal = (status: number, value: unknown, text: string, retryAfter: unknown): Refusal => {
  const field = (name: string): string =>
    typeof value === 'object' && value !== null && name in value
      ? String((value as Record<string, unknown>)[name] ?? '')
      : ''
  const message = field('message') || (typeof value === 'string' ? text.slice(0, 300) : '') || `status ${status}`
  // Some messages repeat the whole script.
  const brief = message.replace(/ (for|due to) request \[[\s\S]*$/, '').slice(0, 500)
  const seconds = typeof retryAfter === 'string' ? Number(retryAfter) : Number.NaN
  return new Refusal(status, field('exception'), brief, Number.isFinite(seconds) ? seconds * 1000 : undefined)
}
