// What both emulators need of HTTP: bodies, JSON answers, a listener on the loopback address.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'

export interface Reply {
  status: number
  body?: unknown
  headers?: Record<string, string>
}

export type JsonObject = Record<string, unknown>

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

export const readBody = async (request: IncomingMessage): Promise<Buffer> => {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks)
}

export const send = (response: ServerResponse, reply: Reply, withBody = true): void => {
  const text = typeof reply.body === 'string'
  const payload = reply.body === undefined ? '' : text ? String(reply.body) : JSON.stringify(reply.body)
  response.writeHead(reply.status, {
    ...(payload === '' ? {} : { 'content-type': text ? 'text/plain' : 'application/json' }),
    'content-length': String(Buffer.byteLength(payload)),
    ...reply.headers,
  })
  response.end(withBody ? payload : '')
}

export interface Listener {
  url: string
  port: number
  close(): Promise<void>
}

export const listen = async (
  handler: (request: IncomingMessage, response: ServerResponse) => Promise<void>,
  port: number,
): Promise<Listener> => {
  // Long id lists travel in the URL, so the default of 16 KB for a request's head is too small.
  const server: Server = createServer({ maxHeaderSize: 1024 * 1024 }, (request, response) => {
    handler(request, response).catch((error: unknown) => {
      if (!response.headersSent) send(response, { status: 500, body: { message: `emulator: ${messageOf(error)}` } })
      else response.destroy()
    })
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => resolve())
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the emulator has no TCP address')
  return {
    url: `http://127.0.0.1:${address.port}`,
    port: address.port,
    close: () =>
      new Promise<void>((resolve, reject) => {
        server.close((error) => (error ? reject(error) : resolve()))
        server.closeAllConnections()
      }),
  }
}

/** `--name value` and `--name=value` pairs of a command line. */
export const commandLine = (args: readonly string[]): Map<string, string> => {
  const options = new Map<string, string>()
  for (let i = 0; i < args.length; i++) {
    const found = /^--([\w-]+)(?:=(.*))?$/.exec(args[i] ?? '')
    if (!found?.[1]) throw new Error(`unknown argument ${args[i]}`)
    options.set(found[1], found[2] ?? args[++i] ?? '')
  }
  return options
}
