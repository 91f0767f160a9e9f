import { VeritasError } from '@veritas-db/core/contract'
import type { Dispatcher } from 'undici'
import type { CayleyConfig } from './config.js'
import { fromAnswer, StatusError } from './errors.js'

/** Sends requests to one server and reads its answers. */
export class Transport {
  readonly #client: Dispatcher
  readonly #origin: string
  readonly #base: string
  readonly #headers: Readonly<Record<string, string>>

  constructor(client: Dispatcher, { url, username, password, bearerToken }: CayleyConfig) {
    const { origin, pathname } = new URL(url)
    this.#client = client
    this.#origin = origin
    this.#base = pathname.replace(/\/+$/, '')
    const basic =
      username !== undefined && password
        ? `Basic ${Buffer.from(`${username}:${password.reveal()}`, 'utf8').toString('base64')}`
        : undefined
    const authorization = bearerToken ? `Bearer ${bearerToken.reveal()}` : basic
    this.#headers = authorization === undefined ? {} : { authorization }
  }

  /** The `result` of an answer. @throws what the server tells, and what undici throws where there is no answer */
  async post(path: string, body: string, contentType: string, signal: AbortSignal | undefined): Promise<unknown> {
    const {
      statusCode,
      headers,
      body: content,
    } = await this.#client.request({
      origin: this.#origin,
      path: `${this.#base}${path}`,
      method: 'POST',
      headers: { ...this.#headers, 'content-type': contentType },
      body,
      ...(signal && { signal }),
    })
    const answer = parsed(await content.text())
    if (answer !== undefined && 'error' in answer) throw fromAnswer(String(answer.error))
    if (statusCode < 200 || statusCode > 299) throw new StatusError(statusCode, [headers['retry-after']].flat()[0])
    if (answer === undefined || !('result' in answer))
      throw new VeritasError({
        code: 'CONFIGURATION',
        message: `${new URL(this.#origin).host} does not answer as Cayley does: is the URL that of a Cayley server?`,
      })
    return answer.result
  }
}

const parsed = (text: string): object | undefined => {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? value : undefined
  } catch {
    // No JSON: somebody else's page, told by its status.
    return undefined
  }
}
