import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import type { RequestListener } from 'node:http'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { inspect } from 'node:util'
import {
  failureOf,
  httpServer,
  runProgram,
  socketServer,
  type TlsFront,
  tlsFront,
  unusedPort,
} from '@veritas-db/conformance/network'
import { type Backend, documentKey, type VectorRecord, validateConfig, version } from '@veritas-db/core/contract'
import { afterEach, describe, expect, it, vi } from 'vitest'
import weaviateClient from 'weaviate-client'
import weaviate, { type WeaviateConfigInput } from '../src/index.js'

const { VERITAS_WEAVIATE_URL: url, VERITAS_WEAVIATE_GRPC: grpc } = process.env
const context = { roles: ['vector'], poolSize: 4, queryTimeoutMs: 5000 } as const

const make = async (input: WeaviateConfigInput): Promise<Backend<'vector'>> =>
  weaviate.create(await validateConfig(weaviate.config, input, 'weaviate'), context)

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0)) await end()
  vi.restoreAllMocks()
})

const fakeServer = async (answer: RequestListener): Promise<string> => {
  const server = await httpServer(answer)
  ends.push(() => server.close())
  return server.url
}

/** A TLS front before a real address, `host:port`. */
const front = async (address: string): Promise<TlsFront> => {
  const [host = '', port = ''] = address.split(':')
  const made = await tlsFront({ host, port })
  ends.push(() => made.close())
  return made
}

describe('a server that cannot be reached', () => {
  it('fails fast, naming host, port and reason', async () => {
    const port = await unusedPort()
    const backend = await make({ url: `http://127.0.0.1:${port}` })
    const start = performance.now()
    const error = await failureOf(backend.connect())
    expect(performance.now() - start).toBeLessThan(1500)
    expect(error).toMatchObject({ code: 'CONNECTION', outcome: 'not-applied', retryable: true, backend: 'weaviate' })
    expect(error.message).toContain(`127.0.0.1:${port}`)
    expect(error.message).toContain('ECONNREFUSED')
    await backend.close()
  })

  it('names the host where the name is unknown', async () => {
    const error = await failureOf((await make({ url: 'http://no-such-host.invalid:8080' })).connect())
    expect(error.code).toBe('CONNECTION')
    expect(error.message).toContain('no-such-host.invalid:8080')
  })

  it('does not hang where the server says nothing', async () => {
    const backend = await make({ url: await fakeServer(() => undefined), connectTimeoutMs: 150 })
    const error = await failureOf(backend.connect())
    expect(error.code).toBe('CONNECTION')
    expect(error.message).toMatch(/127\.0\.0\.1:\d+ did not answer within 150 ms/)
  })

  it('names the address of gRPC where only that is wrong', async () => {
    const port = await unusedPort()
    const http = await fakeServer((_, response) => response.end('{"classes":[]}'))
    const error = await failureOf((await make({ url: http, grpc: `127.0.0.1:${port}` })).connect())
    expect(error.code).toBe('CONNECTION')
    expect(error.message).toContain(`127.0.0.1:${port}`)
  })

  it('is UNAVAILABLE while raft has no leader', async () => {
    const http = await fakeServer((_, response) =>
      response.writeHead(503).end('{"error":[{"message":"leader not found"}]}'),
    )
    const error = await failureOf((await make({ url: http })).connect())
    expect(error).toMatchObject({ code: 'UNAVAILABLE', retryable: true, outcome: 'not-applied' })
  })

  it('one who stops connecting stops nobody else, and closing waits for it', async () => {
    const listening = await socketServer()
    ends.push(() => listening.close())
    const http = await fakeServer((_, response) => setTimeout(() => response.end('{"classes":[]}'), 50))
    const backend = await make({ url: http, grpc: `127.0.0.1:${listening.port}` })
    const leaving = new AbortController()
    const both = [backend.connect({ signal: leaving.signal }), backend.connect()] as const
    leaving.abort()
    expect(await failureOf(both[0])).toMatchObject({ code: 'ABORTED', backend: 'weaviate' })
    const order: string[] = []
    await Promise.all([both[1].then(() => order.push('connected')), backend.close().then(() => order.push('closed'))])
    expect(order).toEqual(['connected', 'closed'])
  })

  it('says so of every call before connect', async () => {
    const backend = await make({})
    expect(await failureOf(backend.roles.vector.listCollections())).toMatchObject({ code: 'CONNECTION' })
  })
})

describe('authentication', () => {
  const refusing: RequestListener = ({ headers }, response) => {
    const good = headers.authorization === 'Bearer right-key' || headers['x-own'] === 'right-key'
    response.writeHead(good ? 200 : 401, { 'content-type': 'application/json' })
    response.end(good ? '{"classes":[]}' : '{"error":"anonymous access not enabled"}')
  }
  const listener = async (): Promise<string> => (await fakeServer(() => undefined)).replace('http://', '')

  it('a wrong key is AUTHENTICATION, and is shown nowhere', async () => {
    const config = await validateConfig(
      weaviate.config,
      { url: await fakeServer(refusing), apiKey: 'wrong-key', headers: { 'x-own': 'other-secret' } },
      'weaviate',
    )
    const backend = weaviate.create(config, context)
    const error = await failureOf(backend.connect())
    expect(error.code).toBe('AUTHENTICATION')
    const shown = `${error.message}${JSON.stringify(error)}${inspect(error, { depth: 9 })}${inspect(backend, { depth: 9 })}${JSON.stringify(config)}`
    expect(shown).not.toMatch(/wrong-key|other-secret/)
    expect(backend.engineId).not.toMatch(/wrong-key/)
  })

  it.each<WeaviateConfigInput>([{ apiKey: 'right-key' }, { headers: { 'x-own': 'right-key' } }])(
    'the right one is sent as configured: %j',
    async (input) => {
      const backend = await make({ ...input, url: await fakeServer(refusing), grpc: await listener() })
      await backend.connect()
      expect(await backend.roles.vector.listCollections()).toEqual([])
      await backend.close()
    },
  )
})

describe('configuration', () => {
  it.each<WeaviateConfigInput>([
    { url: 'ftp://x' },
    { url: 'http://user:letmein@x' },
    { url: 'http://x?token=letmein' },
    { grpc: 'letmein' },
    { apiKey: 'letmein', accessToken: 'letmein' },
    { password: 'letmein' },
  ])('refuses %j without repeating it', async (bad) => {
    const error = await failureOf(make(bad))
    expect(error.code).toBe('CONFIGURATION')
    expect(error.message).not.toContain('letmein')
  })
})

const withServer = describe.skipIf(url === undefined)
const reason = url === undefined ? ': skipped, since VERITAS_WEAVIATE_URL names no server' : ''

withServer(`with a server${reason}`, () => {
  const scope = { collection: 'connection' }
  const key = documentKey(scope, 'a')
  const record: VectorRecord = {
    ...{ key, documentId: 'a', version: version(1), ordinal: 0 },
    ...{ vector: Float32Array.of(1, 0), text: 'words', metadata: { n: 1 } },
  }
  const definition = { dimensions: 2, metric: 'cosine' } as const

  it('an injected client works, and is still usable after close', async () => {
    const { hostname, port } = new URL(url as string)
    const [grpcHost, grpcPort] = (grpc ?? '').split(':')
    const client = await weaviateClient.connectToCustom({
      httpHost: hostname,
      httpPort: Number(port),
      ...(grpcHost !== undefined && { grpcHost }),
      grpcPort: Number(grpcPort),
    })
    const backend = await make({ url, client, prefix: 'injected' })
    await backend.connect()
    const { vector } = backend.roles
    await vector.ensureCollection({ scope, ...definition })
    await vector.upsert({ scope, records: [record] })
    const [found] = await vector.query({ scope, vector: record.vector, topK: 1, include: { vector: true } })
    expect(found).toMatchObject({ documentId: 'a', vector: record.vector })
    expect(found?.score).toBeCloseTo(1, 5)
    await vector.dropCollection({ scope })
    expect((await make({ client })).engineId).toBe(backend.engineId)
    await backend.close()
    expect((await client.getMeta()).version).toBeTruthy()
    await client.close()
  })

  it('a request over gRPC ends soon where nobody listens any more', async () => {
    vi.spyOn(console, 'warn').mockImplementation(() => undefined)
    const [host, port] = (grpc as string).split(':')
    const targets = new Map<Socket, Socket>()
    const proxy = await socketServer((socket, chunk) => {
      let target = targets.get(socket)
      if (!target) {
        target = connect(Number(port), host)
        targets.set(socket, target)
        target.on('error', () => socket.destroy()).pipe(socket)
      }
      target.write(chunk)
    })
    ends.push(() => {
      for (const target of targets.values()) target.destroy()
    })
    const own = `127.0.0.1:${proxy.port}`
    const backend = await make({ url, grpc: own, prefix: 'watched' })
    await backend.connect()
    const { vector } = backend.roles
    await vector.ensureCollection({ scope, ...definition })
    expect(await vector.count({ scope })).toBe(0)
    await proxy.close()
    const start = performance.now()
    const error = await failureOf(vector.query({ scope, vector: record.vector, topK: 1 }))
    expect(error).toMatchObject({ code: 'CONNECTION', retryable: true })
    expect(error.message).toContain(own)
    expect(performance.now() - start).toBeLessThan(2000)
    await vector.dropCollection({ scope })
    await backend.close()
  })

  it('a late write does not bring a dropped collection back', async () => {
    const [one, two] = [await make({ url, grpc, prefix: 'late' }), await make({ url, grpc, prefix: 'late' })]
    await Promise.all([one.connect(), two.connect()])
    await one.roles.vector.ensureCollection({ scope, ...definition })
    await one.roles.vector.upsert({ scope, records: [record] })
    await two.roles.vector.dropCollection({ scope })
    expect(await failureOf(one.roles.vector.upsert({ scope, records: [record] }))).toMatchObject({ code: 'NOT_FOUND' })
    const schema = (await (await fetch(`${url}/v1/schema`)).json()) as { classes: { class: string }[] }
    expect(schema.classes.filter((c) => c.class.startsWith('Late_'))).toEqual([])
    await two.roles.vector.ensureCollection({ scope, dimensions: 3, metric: 'dot' })
    expect(await failureOf(one.roles.vector.upsert({ scope, records: [record] }))).toMatchObject({ code: 'VALIDATION' })
    expect(await one.roles.vector.count({ scope })).toBe(0)
    await two.roles.vector.dropCollection({ scope })
    await Promise.all([one.close(), two.close()])
  })

  it('a number that another connection stores first is found by ranges, and fields are remembered', async () => {
    const [one, two] = [await make({ url, grpc, prefix: 'ranges' }), await make({ url, grpc, prefix: 'ranges' })]
    await Promise.all([one.connect(), two.connect()])
    await one.roles.vector.ensureCollection({ scope, ...definition, fields: { s: 'string' } })
    const filter = { op: 'gt', path: 'n', value: 0 } as const
    expect(await one.roles.vector.count({ scope, filter })).toBe(0)
    await two.roles.vector.upsert({ scope, records: [record] })
    expect(await one.roles.vector.count({ scope, filter })).toBe(1)
    await two.roles.vector.ensureCollection({ scope, ...definition, fields: { n: 'number' } })
    const [info] = await one.roles.vector.listCollections()
    expect(info).toEqual({ scope, ...definition, fields: { s: 'string', n: 'number' } })
    await two.roles.vector.dropCollection({ scope })
    await Promise.all([one.close(), two.close()])
  })

  it.each(['', 'a..b', '$a', 'a.\u0000'])('a field cannot be declared as %j', async (field) => {
    const backend = await make({ url, grpc, prefix: 'fields' })
    await backend.connect()
    const definition = { scope, dimensions: 2, metric: 'cosine', fields: { [field]: 'string' } } as const
    expect(await failureOf(backend.roles.vector.ensureCollection(definition))).toMatchObject({ code: 'VALIDATION' })
    expect(await backend.roles.vector.listCollections()).toEqual([])
    await backend.close()
  })

  it('a collection of somebody else is left alone', async () => {
    const backend = await make({ url, grpc, prefix: 'foreign' })
    await backend.connect()
    await backend.roles.vector.ensureCollection({ scope, ...definition })
    const schema = (await (await fetch(`${url}/v1/schema`)).json()) as { classes: { class: string }[] }
    const mine = schema.classes.find((c) => c.class.startsWith('Foreign_'))
    await fetch(`${url}/v1/schema/${mine?.class}`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...mine, description: 'of somebody else' }),
    })
    const other = await make({ url, grpc, prefix: 'foreign' })
    await other.connect()
    expect(await failureOf(other.roles.vector.count({ scope }))).toMatchObject({ code: 'CONFLICT' })
    await backend.roles.vector.dropCollection({ scope })
    await Promise.all([backend.close(), other.close()])
  })

  it('TLS: with the authority of its certificate the server is written to and read, without it is refused', async () => {
    const rest = await front(new URL(url as string).host)
    const secure = await front(grpc as string)
    const address = { url: `https://127.0.0.1:${rest.port}`, grpc: `localhost:${secure.port}` }
    const stranger = await make(address)
    const error = await failureOf(stranger.connect())
    expect(error).toMatchObject({ code: 'CONNECTION', outcome: 'not-applied', retryable: false })
    expect(error.message).toContain(`127.0.0.1:${rest.port}`)
    expect(error.message).toContain('NODE_EXTRA_CA_CERTS')
    await stranger.close()
    // REST in the clear, so that it is gRPC which is not trusted.
    const half = await make({ url, grpc: address.grpc, grpcSecure: true })
    const other = await failureOf(half.connect())
    expect(other).toMatchObject({ code: 'CONNECTION', outcome: 'not-applied', retryable: false })
    expect(other.message).toContain(address.grpc)
    expect(other.message).toContain('GRPC_DEFAULT_SSL_ROOTS_FILE_PATH')
    await half.close()

    // Node and gRPC read the variables when they start.
    const folder = await mkdtemp(path.join(tmpdir(), 'veritas-weaviate-'))
    ends.push(() => rm(folder, { recursive: true }))
    const env = { NODE_EXTRA_CA_CERTS: rest.ca, GRPC_DEFAULT_SSL_ROOTS_FILE_PATH: secure.ca }
    for (const [name, ca] of Object.entries(env)) await writeFile(path.join(folder, name), ca)
    const paths = Object.fromEntries(Object.keys(env).map((name) => [name, path.join(folder, name)]))
    const { vector: _, ...stored } = record
    const program = `
      const { default: weaviate } = await import(${JSON.stringify(new URL('../dist/index.js', import.meta.url).href)})
      const { value } = await weaviate.config['~standard'].validate(${JSON.stringify({ ...address, prefix: 'tls' })})
      const backend = weaviate.create(value, { roles: ['vector'], poolSize: 2, queryTimeoutMs: 5000 })
      await backend.connect()
      const { vector } = backend.roles
      const [scope, key] = [${JSON.stringify(scope)}, '${key}']
      await vector.ensureCollection({ scope, dimensions: 2, metric: 'cosine' })
      await vector.upsert({ scope, records: [{ ...${JSON.stringify(stored)}, vector: Float32Array.of(1, 0) }] })
      console.log((await vector.get({ scope, keys: [key] }))[0].documentId)
      await vector.dropCollection({ scope })
      await backend.close()
    `
    expect(await runProgram(program, { env: paths })).toEqual({ code: 0, output: 'a\n' })
  }, 20_000)

  it('a process that closes its backend ends by itself', async () => {
    const code = `
      const { default: weaviate } = await import(${JSON.stringify(new URL('../dist/index.js', import.meta.url).href)})
      const { value } = await weaviate.config['~standard'].validate(${JSON.stringify({ url, grpc })})
      const backend = weaviate.create(value, { roles: ['vector'], poolSize: 2, queryTimeoutMs: 5000 })
      await backend.connect()
      console.log((await backend.probe()).product)
      await backend.roles.vector.count({ scope: { collection: 'nothing' } }).catch(() => undefined)
      await backend.close()
    `
    expect(await runProgram(code)).toEqual({ code: 0, output: 'Weaviate\n' })
  }, 15_000)
})
