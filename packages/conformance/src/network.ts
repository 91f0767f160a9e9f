import { spawn } from 'node:child_process'
import { createServer as createHttpServer, type RequestListener } from 'node:http'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { TLSSocket, type TLSSocketOptions } from 'node:tls'
import { inspect } from 'node:util'
import { VeritasError } from '@veritas-db/core/contract'
import { generate } from 'selfsigned'

/** A server on 127.0.0.1 that a test started. */
export interface TestServer {
  readonly host: '127.0.0.1'
  readonly port: number
  /** Ends it, with all its connections. Further calls do nothing. */
  close(): Promise<void>
}

const HOST = '127.0.0.1'

/** The error of a call that must fail with a `VeritasError`; throws where it fails otherwise, or does not fail. */
export async function failureOf(work: Promise<unknown>): Promise<VeritasError> {
  const error: unknown = await work.then(
    (value) => new Error(`expected a failure, got ${inspect(value)}`),
    (reason: unknown) => reason,
  )
  if (!VeritasError.is(error)) throw new Error(`expected a VeritasError, got ${inspect(error)}`, { cause: error })
  return error
}

/** A port of 127.0.0.1 on which nobody listens. */
export async function unusedPort(): Promise<number> {
  const { port, close } = await listen(createServer(), new Set())
  await close()
  return port
}

/** A server that hears every chunk with its connection, and says only what `answer` writes; without it, nothing ever. */
export async function socketServer(answer?: (socket: Socket, chunk: Buffer) => void): Promise<TestServer> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    keep(sockets, socket)
    socket.on('data', (chunk) => answer?.(socket, chunk as Buffer))
  })
  return listen(server, sockets)
}

/** An HTTP server with this listener, and its address. */
export async function httpServer(listener: RequestListener): Promise<TestServer & { readonly url: string }> {
  const sockets = new Set<Socket>()
  const server = createHttpServer(listener).on('connection', (socket) => keep(sockets, socket))
  const listening = await listen(server, sockets)
  return { ...listening, url: `http://${HOST}:${listening.port}` }
}

/** A TLS front, and the certificate, in PEM, that a client must be given to trust it. */
export interface TlsFront extends TestServer {
  readonly ca: string
}

/**
 * A server that ends TLS and passes everything on to a real server that has none, for tests of a client's TLS options. Its
 * certificate is made anew, is its own authority, and is valid for 127.0.0.1 and localhost.
 * @param target where the real server is; port as in `new URL(…).port`
 * @param options.startTls what comes before the handshake: nothing, or PostgreSQL's SSLRequest
 */
export async function tlsFront(
  target: { readonly host: string; readonly port: number | string },
  options: { readonly startTls?: 'postgres' } = {},
): Promise<TlsFront> {
  const { cert, private: key } = await generate([{ name: 'commonName', value: 'localhost' }], {
    keyType: 'ec',
    algorithm: 'sha256',
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      {
        name: 'subjectAltName',
        altNames: [
          { type: 2, value: 'localhost' },
          { type: 7, ip: HOST },
        ],
      },
    ],
  })
  // HTTP/2 alone is what gRPC offers; others get what they speak where they offer both.
  const secure: TLSSocketOptions = { isServer: true, cert, key, ALPNProtocols: ['http/1.1', 'h2'] }
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    keep(sockets, socket)
    const pass = (): void => {
      const plain = new TLSSocket(socket, secure)
      const behind = connect({ host: target.host, port: Number(target.port) })
      for (const side of [plain, behind]) keep(sockets, side)
      plain.on('close', () => behind.destroy())
      behind.on('close', () => plain.destroy())
      plain.pipe(behind).pipe(plain)
    }
    if (options.startTls === 'postgres')
      socket.once('data', () => {
        socket.write('S')
        pass()
      })
    else pass()
  })
  return { ...(await listen(server, sockets)), ca: cert }
}

/** How a program ended. */
export interface ProgramEnd {
  /** Its exit code; a program that had to be killed has none. */
  readonly code: number | null
  /** What it wrote to both outputs. */
  readonly output: string
}

/**
 * Runs a program (the text of an ES module) in a Node process of its own, to show that it ends by itself.
 * @param options.cwd where bare imports are looked up; default the working folder
 * @param options.timeoutMs milliseconds after which the process is killed; default 15,000
 */
export async function runProgram(
  program: string,
  options: {
    readonly cwd?: string | URL
    readonly timeoutMs?: number
    /** Variables beside those of this process, such as NODE_EXTRA_CA_CERTS. */
    readonly env?: Readonly<Record<string, string>>
  } = {},
): Promise<ProgramEnd> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    ...(options.cwd !== undefined && { cwd: options.cwd }),
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: options.timeoutMs ?? 15_000,
    killSignal: 'SIGKILL',
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()))
  const code = await new Promise<number | null>((resolve, reject) => child.on('close', resolve).on('error', reject))
  return { code, output }
}

/** A peer that goes away in the middle is what these tests do on purpose. */
function keep(sockets: Set<Socket>, socket: Socket): void {
  sockets.add(socket)
  socket.on('error', () => socket.destroy()).on('close', () => sockets.delete(socket))
}

async function listen(server: Server, sockets: Set<Socket>): Promise<TestServer> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, HOST, resolve)
  })
  const { port } = server.address() as AddressInfo
  let closed: Promise<void> | undefined
  return {
    host: HOST,
    port,
    close: () => {
      closed ??= new Promise((resolve) => {
        server.close(() => resolve())
        for (const socket of sockets) socket.destroy()
      })
      return closed
    },
  }
}
