import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import type { RequestListener } from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { inspect } from 'node:util'
import { failureOf, httpServer, runProgram, tlsFront, unusedPort } from '@veritas-db/conformance/network'
import { type Backend, documentKey, validateConfig, version } from '@veritas-db/core/contract'
import { ChromaClient } from 'chromadb'
import { afterEach, describe, expect, it } from 'vitest'
import chroma, { type ChromaConfigInput } from '../src/index.js'

const url = process.env.VERITAS_CHROMA_URL
const context = { roles: ['vector'], poolSize: 4, queryTimeoutMs: 2000 } as const

const make = async (input: ChromaConfigInput): Promise<Backend<'vector'>> =>
  chroma.create(await validateConfig(chroma.config, input, 'chroma'), context)

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0)) await end()
})

const fakeServer = async (answer: RequestListener): Promise<string> => {
  const server = await httpServer(answer)
  ends.push(() => server.close())
  return server.url
}

describe('a server that cannot be reached', () => {
  it('fails fast, naming host, port and reason', async () => {
    const port = await unusedPort()
    const backend = await make({ url: `http://127.0.0.1:${port}` })
    const start = performance.now()
    const error = await failureOf(backend.connect())
    expect(performance.now() - start).toBeLessThan(1500)
    expect(error).toMatchObject({ code: 'CONNECTION', outcome: 'not-applied', retryable: true, backend: 'chroma' })
    expect(error.message).toContain(`127.0.0.1:${port}`)
    expect(error.message).toContain('ECONNREFUSED')
    await backend.close()
  })

  it('names the host where the name is unknown', async () => {
    const backend = await make({ url: 'http://no-such-host.invalid:8000', connectTimeoutMs: 5000 })
    const error = await failureOf(backend.connect())
    expect(error.code).toBe('CONNECTION')
    expect(error.message).toContain('no-such-host.invalid:8000')
  })

  it('does not hang where the server says nothing', async () => {
    const backend = await make({ url: await fakeServer(() => undefined), connectTimeoutMs: 150 })
    const error = await failureOf(backend.connect())
    expect(error).toMatchObject({ code: 'CONNECTION' })
    expect(error.message).toMatch(/127\.0\.0\.1:\d+ did not answer within 150 ms/)
  })

  it('one who stops connecting stops nobody else', async () => {
    const url = await fakeServer((request, response) => {
      const preflight = request.url?.endsWith('/pre-flight-checks')
      const answer = preflight ? '{"max_batch_size":7,"supports_base64_encoding":true}' : '1'
      setTimeout(() => response.setHeader('content-type', 'application/json').end(answer), 50)
    })
    const backend = await make({ url })
    const leaving = new AbortController()
    const both = [backend.connect({ signal: leaving.signal }), backend.connect()] as const
    leaving.abort()
    expect(await failureOf(both[0])).toMatchObject({ code: 'ABORTED', backend: 'chroma' })
    await both[1]
    await backend.close()
  })

  it('says so of every call before connect', async () => {
    const backend = await make({})
    expect(await failureOf(backend.roles.vector.listCollections())).toMatchObject({ code: 'CONNECTION' })
  })
})

describe('authentication', () => {
  const refusing: RequestListener = (request, response) => {
    const { authorization, 'x-chroma-token': token, 'x-own': own } = request.headers
    const good = authorization === 'Bearer right-token' || token === 'right-token' || own === 'right-token'
    response.writeHead(good ? 200 : 401, { 'content-type': 'application/json' })
    const preflight = request.url?.endsWith('/pre-flight-checks')
    response.end(good ? (preflight ? '{"max_batch_size":7,"supports_base64_encoding":true}' : '1') : '{}')
  }

  it('a wrong token is AUTHENTICATION, and is shown nowhere', async () => {
    const config = await validateConfig(
      chroma.config,
      { url: await fakeServer(refusing), token: 'wrong-token', headers: { 'x-own': 'other-secret' } },
      'chroma',
    )
    const backend = chroma.create(config, context)
    const error = await failureOf(backend.connect())
    expect(error.code).toBe('AUTHENTICATION')
    const shown = `${error.message}${JSON.stringify(error)}${inspect(error, { depth: 9 })}${inspect(backend, { depth: 9 })}${JSON.stringify(config)}`
    expect(shown).not.toMatch(/wrong-token|other-secret/)
    expect(backend.engineId).not.toMatch(/wrong-token/)
  })

  it.each<ChromaConfigInput>([
    { token: 'right-token' },
    { token: 'right-token', tokenHeader: 'x-chroma-token' },
    { headers: { 'x-own': 'right-token' } },
  ])('the right one is sent as configured: %j', async (input) => {
    const backend = await make({ ...input, url: await fakeServer(refusing) })
    await backend.connect()
    expect(backend.roles.vector.capabilities.limits.batchRecords).toBe(7)
    await backend.close()
  })
})

describe('configuration', () => {
  it.each(['ftp://x', 'http://user:letmein@x', 'http://x/path', 'x', 'http://x?token=letmein'])(
    'refuses the url %s without repeating it',
    async (bad) => {
      const error = await failureOf(make({ url: bad }))
      expect(error.code).toBe('CONFIGURATION')
      expect(error.message).not.toContain('letmein')
    },
  )

  it('knows the port of https', async () => {
    const error = await failureOf((await make({ url: 'https://no-such-host.invalid' })).connect())
    expect(error.message).toContain('no-such-host.invalid:443')
  })
})

const withServer = describe.skipIf(url === undefined)
const reason = url === undefined ? ': skipped, since VERITAS_CHROMA_URL names no server' : ''

withServer(`with a server${reason}`, () => {
  const scope = { collection: 'connection' }
  const key = documentKey(scope, 'a')
  const record = { key, documentId: 'a', version: version(1), ordinal: 0, vector: Float32Array.of(1, 0), metadata: {} }

  it('an injected client works, and is still usable after close', async () => {
    const { hostname, port } = new URL(url as string)
    const client = new ChromaClient({ host: hostname, port: Number(port) })
    const backend = await make({ client, prefix: 'injected' })
    await backend.connect()
    const { vector } = backend.roles
    await vector.ensureCollection({ scope, dimensions: 2, metric: 'cosine' })
    await vector.upsert({ scope, records: [record] })
    const [found] = await vector.query({ scope, vector: record.vector, topK: 1, include: { vector: true } })
    expect(found).toMatchObject({ documentId: 'a', vector: record.vector })
    expect(found?.score).toBeCloseTo(1, 5)
    expect(await failureOf(vector.count({ scope, signal: AbortSignal.abort() }))).toMatchObject({ code: 'ABORTED' })
    await vector.dropCollection({ scope })
    expect((await make({ client })).engineId).toBe(backend.engineId)
    await backend.close()
    expect(await client.heartbeat()).toBeGreaterThan(0)
  })

  it('a database that is not there is a mistake of the configuration', async () => {
    const error = await failureOf((await make({ url, database: 'no_such_database' })).connect())
    expect(error).toMatchObject({ code: 'CONFIGURATION' })
    expect(error.message).toContain('no_such_database')
  })

  it('a collection that was dropped and made again elsewhere is found again', async () => {
    const [one, two] = [await make({ url, prefix: 'again' }), await make({ url, prefix: 'again' })]
    await Promise.all([one.connect(), two.connect()])
    await one.roles.vector.ensureCollection({ scope, dimensions: 2, metric: 'cosine' })
    await one.roles.vector.upsert({ scope, records: [record] })
    await two.roles.vector.dropCollection({ scope })
    expect(await failureOf(one.roles.vector.count({ scope }))).toMatchObject({ code: 'NOT_FOUND' })
    await one.roles.vector.ensureCollection({ scope, dimensions: 2, metric: 'cosine' })
    await two.roles.vector.dropCollection({ scope })
    await two.roles.vector.ensureCollection({ scope, dimensions: 3, metric: 'dot' })
    expect(await one.roles.vector.count({ scope })).toBe(0)
    await two.roles.vector.dropCollection({ scope })
    await Promise.all([one.close(), two.close()])
  })

  it.each(['', 'a..b', '$a', 'a.\u0000'])('a field cannot be declared as %j', async (field) => {
    const backend = await make({ url, prefix: 'fields' })
    await backend.connect()
    const definition = { scope, dimensions: 2, metric: 'cosine', fields: { [field]: 'string' } } as const
    expect(await failureOf(backend.roles.vector.ensureCollection(definition))).toMatchObject({ code: 'VALIDATION' })
    expect(await backend.roles.vector.listCollections()).toEqual([])
    await backend.close()
  })

  it('a scan takes any limit', async () => {
    const backend = await make({ url, prefix: 'pages' })
    await backend.connect()
    const { vector } = backend.roles
    await vector.ensureCollection({ scope, dimensions: 2, metric: 'cosine' })
    await vector.upsert({ scope, records: [record] })
    const page = await vector.scan({ scope, limit: Number.MAX_SAFE_INTEGER })
    expect(page).toMatchObject({ records: [{ documentId: 'a' }], cursor: null })
    await vector.dropCollection({ scope })
    await backend.close()
  })

  it('a collection of somebody else is left alone', async () => {
    const { hostname, port } = new URL(url as string)
    const client = new ChromaClient({ host: hostname, port: Number(port) })
    const backend = await make({ url, prefix: 'foreign' })
    await backend.connect()
    await backend.roles.vector.ensureCollection({ scope, dimensions: 2, metric: 'cosine' })
    const mine = (await client.listCollections({ limit: 1000 })).find((c) => c.name.startsWith('foreign_'))
    await mine?.modify({ metadata: { owner: 'somebody else' } })
    const other = await make({ url, prefix: 'foreign' })
    await other.connect()
    expect(await failureOf(other.roles.vector.count({ scope }))).toMatchObject({ code: 'CONFLICT' })
    await client.deleteCollection({ name: mine?.name ?? '' })
  })

  it('TLS: with the authority of its certificate the server is written to and read, without it is refused', async () => {
    const { hostname, port } = new URL(url as string)
    const front = await tlsFront({ host: hostname, port })
    ends.push(() => front.close())
    const address = `https://127.0.0.1:${front.port}`
    const stranger = await make({ url: address })
    const error = await failureOf(stranger.connect())
    expect(error).toMatchObject({ code: 'CONNECTION', outcome: 'not-applied', retryable: false })
    expect(error.message).toContain(`127.0.0.1:${front.port}`)
    expect(error.message).toMatch(/NODE_EXTRA_CA_CERTS.*fetchOptions/)
    await stranger.close()

    // Node reads the variable when it starts.
    const folder = await mkdtemp(path.join(tmpdir(), 'veritas-chroma-'))
    ends.push(() => rm(folder, { recursive: true }))
    await writeFile(path.join(folder, 'ca.pem'), front.ca)
    const { vector: _, ...rest } = record
    const program = `
      const { default: chroma } = await import(${JSON.stringify(new URL('../dist/index.js', import.meta.url).href)})
      const { value } = await chroma.config['~standard'].validate({ url: '${address}', prefix: 'tls' })
      const backend = chroma.create(value, { roles: ['vector'], poolSize: 2, queryTimeoutMs: 5000 })
      await backend.connect()
      const { vector } = backend.roles
      const [scope, key] = [${JSON.stringify(scope)}, '${key}']
      await vector.ensureCollection({ scope, dimensions: 2, metric: 'cosine' })
      await vector.upsert({ scope, records: [{ ...${JSON.stringify(rest)}, vector: Float32Array.of(1, 0) }] })
      console.log((await vector.get({ scope, keys: [key] }))[0].documentId)
      await vector.dropCollection({ scope })
      await backend.close()
    `
    const env = { NODE_EXTRA_CA_CERTS: path.join(folder, 'ca.pem') }
    expect(await runProgram(program, { env })).toEqual({ code: 0, output: 'a\n' })
  }, 20_000)

  it('a process that closes its backend ends by itself', async () => {
    const code = `
      const { default: chroma } = await import(${JSON.stringify(new URL('../dist/index.js', import.meta.url).href)})
      const { value } = await chroma.config['~standard'].validate({ url: ${JSON.stringify(url)} })
      const backend = chroma.create(value, { roles: ['vector'], poolSize: 2, queryTimeoutMs: 5000 })
      await backend.connect()
      console.log((await backend.probe()).product)
      await backend.close()
    `
    expect(await runProgram(code)).toEqual({ code: 0, output: 'Chroma\n' })
  }, 15_000)
})
