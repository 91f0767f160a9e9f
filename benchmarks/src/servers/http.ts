import { gunzipSync } from 'node:zlib'
import { Pool } from 'undici'

/** Requests over connections that are kept, for servers whose driver is HTTP itself. */
export interface Http {
  send(method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string, body?: string, type?: string): Promise<Answer>
  close(): Promise<void>
}

interface Answer {
  readonly status: number
  readonly text: string
}

export function http(url: string): Http {
  const { origin } = new URL(url)
  const pool = new Pool(origin, { connections: 4, headersTimeout: 300_000, bodyTimeout: 300_000 })
  return {
    async send(method, path, body, type = 'application/json') {
      const headers = { 'content-type': type }
      const answer = await pool.request({ method, path, ...(body !== undefined && { headers, body }) })
      // HugeGraph compresses some answers, asked to or not.
      const packed = answer.headers['content-encoding'] === 'gzip'
      const bytes = Buffer.from(await answer.body.arrayBuffer())
      return { status: answer.statusCode, text: (packed ? gunzipSync(bytes) : bytes).toString('utf8') }
    },
    close: () => pool.close(),
  }
}

/** The answer, where the server did what it was asked to. */
export function succeeded({ status, text }: Answer): string {
  if (status < 200 || status > 299) throw new Error(`${status}: ${text.slice(0, 500)}`)
  return text
}
