import { once } from 'node:events'
import { request } from 'node:https'
import { connect } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { VeritasError } from '@veritas-db/core/contract'
import { describe, expect, it } from 'vitest'
import { failureOf, httpServer, runProgram, socketServer, tlsFront, unusedPort } from '../src/network.js'

const answered = async (socket: NodeJS.ReadableStream): Promise<string> => {
  const [chunk] = (await once(socket, 'data')) as [Buffer]
  return chunk.toString()
}

describe('servers for connection tests', () => {
  it('an unused port refuses', async () => {
    const [error] = await once(connect(await unusedPort(), '127.0.0.1'), 'error')
    expect(error).toMatchObject({ code: 'ECONNREFUSED' })
  })

  it('a socket server says what it is told to, and close ends its connections', async () => {
    const server = await socketServer((socket, chunk) => socket.write(chunk.toString().toUpperCase()))
    const socket = connect(server.port, server.host)
    socket.write('hello')
    expect(await answered(socket)).toBe('HELLO')
    const ended = once(socket, 'close')
    await server.close()
    await server.close()
    await ended
  })

  it('an HTTP server with an open request closes all the same', async () => {
    const server = await httpServer(() => undefined)
    const hanging = fetch(server.url).then(String, (error: Error) => error.message)
    await new Promise((resolve) => setTimeout(resolve, 50))
    await server.close()
    expect(await hanging).toBe('fetch failed')
  })
})

describe('a TLS front', () => {
  const get = (port: number, ca?: string): Promise<string> =>
    new Promise((resolve) => {
      const asked = request({ host: '127.0.0.1', port, ...(ca !== undefined && { ca }) }, async (response) =>
        resolve(await answered(response)),
      )
      asked.on('error', (error: NodeJS.ErrnoException) => resolve(String(error.code))).end()
    })

  it('passes on what a client says that trusts its certificate, and no other gets in', async () => {
    const behind = await httpServer((_, response) => response.end('behind'))
    const [front, other] = [await tlsFront(behind), await tlsFront(behind)]
    expect(await get(front.port, front.ca)).toBe('behind')
    expect(await get(front.port)).toBe('DEPTH_ZERO_SELF_SIGNED_CERT')
    expect(await get(front.port, other.ca)).toBe('DEPTH_ZERO_SELF_SIGNED_CERT')
    await Promise.all([front.close(), other.close(), behind.close()])
  })

  it('lets the client choose HTTP/2', async () => {
    const behind = await socketServer()
    const front = await tlsFront(behind)
    const socket = connectTls({ host: front.host, port: front.port, ca: front.ca, ALPNProtocols: ['h2'] })
    await once(socket, 'secureConnect')
    expect(socket.alpnProtocol).toBe('h2')
    const ended = once(socket, 'close')
    await behind.close()
    await front.close()
    await ended
  })

  it('answers a PostgreSQL client’s request for TLS', async () => {
    const behind = await socketServer((socket, chunk) => socket.write(chunk))
    const front = await tlsFront(behind, { startTls: 'postgres' })
    const plain = connect(front.port, front.host)
    plain.write(Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]))
    expect(await answered(plain)).toBe('S')
    const secure = connectTls({ socket: plain, ca: front.ca, host: 'localhost' })
    secure.write('hello')
    expect(await answered(secure)).toBe('hello')
    await Promise.all([front.close(), behind.close()])
  })

  it('hangs up where the real server is not there', async () => {
    const front = await tlsFront({ host: '127.0.0.1', port: await unusedPort() })
    expect(await get(front.port, front.ca)).toBe('ECONNRESET')
    await front.close()
  })
})

describe('a program of its own', () => {
  it('tells its exit code and what it wrote', async () => {
    const end = await runProgram('console.log("out"); console.error("err"); process.exitCode = 3')
    expect(end.code).toBe(3)
    expect(end.output.split('\n').sort()).toEqual(['', 'err', 'out'])
  })

  it('is killed where it does not end by itself', async () => {
    expect(await runProgram('setInterval(() => undefined, 1000)', { timeoutMs: 500 })).toEqual({
      code: null,
      output: '',
    })
  })
})

describe('failureOf', () => {
  it('gives the VeritasError, and throws for anything else', async () => {
    const error = new VeritasError({ code: 'TIMEOUT', message: 'late' })
    expect(await failureOf(Promise.reject(error))).toBe(error)
    await expect(failureOf(Promise.reject(new Error('native')))).rejects.toThrow(/expected a VeritasError.*native/)
    await expect(failureOf(Promise.resolve(7))).rejects.toThrow(/expected a failure, got 7/)
  })
})
