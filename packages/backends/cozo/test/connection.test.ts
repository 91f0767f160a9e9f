import type { RequestListener } from 'node:http'
import { text } from 'node:stream/consumers'
import { inspect } from 'node:util'
import { failureOf, httpServer, runProgram, socketServer, tlsFront, unusedPort } from '@veritas-db/conformance/network'
import { documentKey, validateConfig, version } from '@veritas-db/core/contract'
import { Pool } from 'undici'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import cozo from '../src/index.js'
import { cleanUp, open, testConfig, url } from './server.js'

const ends: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0)) await end()
})

const fakeServer = async (answer: RequestListener): Promise<string> => {
  const server = await httpServer(answer)
  ends.push(server.close)
  return server.url
}

describe('the configuration', () => {
  it('hides token and key, wherever it is shown', async () => {
    const options = { authToken: 'hunter2-token', tls: { key: 'hunter2-key' } }
    const config = await validateConfig(cozo.config, options, 'cozo')
    const backend = await open(options)
    for (const text of [JSON.stringify(config), inspect(config, { depth: 5 }), inspect(backend, { depth: 5 })])
      expect(text).not.toContain('hunter2')
    expect(backend.engineId).toBe('cozo:http://127.0.0.1:9070')
    await backend.close()
  })

  it('takes two injected clients for two engines, and one for one', async () => {
    const clients = [new Pool('http://127.0.0.1:9070'), new Pool('http://127.0.0.1:9070')] as const
    const ids: string[] = []
    for (const client of [clients[0], clients[0], clients[1]]) ids.push((await open({ client })).engineId)
    expect(ids[0]).toBe(ids[1])
    expect(ids[2]).not.toBe(ids[0])
    await Promise.all(clients.map((client) => client.close()))
  })

  it.each([
    { url: 'ftp://h' },
    { url: 'http://u:p@h' },
    { url: 'http://h?auth=x' },
    { prefix: 'A' },
    { tls: { cacert: 'x' } },
    { prefix: 'a:b' },
    { poolSize: 0 },
    { hnsw: { m: 0 } },
    { unknown: 1 },
    { client: {} },
  ])('refuses %j', async (options) => {
    expect(await failureOf(validateConfig(cozo.config, options, 'cozo'))).toMatchObject({ code: 'CONFIGURATION' })
  })
})

describe('a server that cannot be reached', () => {
  it('fails fast, naming host and port, and again at the next attempt', async () => {
    const port = await unusedPort()
    const backend = await open({ url: `http://127.0.0.1:${port}` })
    for (let attempt = 0; attempt < 2; attempt++) {
      const start = performance.now()
      const error = await failureOf(backend.connect())
      expect(performance.now() - start).toBeLessThan(1500)
      expect(error).toMatchObject({ code: 'CONNECTION', outcome: 'not-applied', retryable: true, backend: 'cozo' })
      expect(error.message).toContain(`127.0.0.1:${port}`)
    }
    await backend.close()
  })

  it('names the host where the name is unknown', async () => {
    const backend = await open({ url: 'http://no-such-host.invalid:9070' })
    const error = await failureOf(backend.connect())
    expect(error.code).toBe('CONNECTION')
    expect(error.message).toContain('no-such-host.invalid:9070')
    await backend.close()
  })

  it('does not hang where the server says nothing', async () => {
    const backend = await open({ url: await fakeServer(() => undefined), queryTimeoutMs: 300 })
    const start = performance.now()
    const error = await failureOf(backend.connect())
    expect(error).toMatchObject({ code: 'TIMEOUT', outcome: 'not-applied' })
    expect(error.message).toMatch(/127\.0\.0\.1:\d+/)
    expect(performance.now() - start).toBeLessThan(5000)
    await backend.close()
  })

  it('does not take longer to connect than it may, and says where and how long', async () => {
    const address = await fakeServer(() => undefined)
    const backend = await open({ url: address, connectTimeoutMs: 200 })
    const error = await failureOf(backend.connect())
    expect(error).toMatchObject({ code: 'CONNECTION', operation: 'connect' })
    for (const part of [new URL(address).host, '200 ms']) expect(error.message).toContain(part)
    await backend.close()
  })

  it('connects for others where one that waits gives up', async () => {
    const address = await fakeServer((_, response) => {
      setTimeout(() => response.end('{"headers": [], "rows": [], "ok": true}'), 200)
    })
    const backend = await open({ url: address })
    const impatient = backend.connect({ signal: AbortSignal.timeout(30) })
    const patient = backend.connect()
    expect(['ABORTED', 'TIMEOUT']).toContain((await failureOf(impatient)).code)
    await patient
    await backend.probe()
    await backend.close()
  })

  it('refuses calls before connect and after close', async () => {
    const backend = await open({})
    expect(await failureOf(backend.roles.vector.listCollections())).toMatchObject({ code: 'CONNECTION' })
    await backend.close()
    expect(await failureOf(backend.connect())).toMatchObject({ code: 'CONNECTION', retryable: false })
    expect(await failureOf(backend.probe())).toMatchObject({ code: 'CONNECTION', retryable: false })
  })
})

describe('a server with a token', () => {
  const guarded: RequestListener = (request, response) => {
    const good = request.headers['x-cozo-auth'] === 'right-token'
    response.writeHead(good ? 200 : 401, { 'content-type': 'application/json' })
    // As `cozo server` does: a refusal has no body.
    response.end(good ? '{"headers": [], "rows": [], "ok": true}' : '')
  }

  it('lets in who has it, and refuses others with AUTHENTICATION', async () => {
    const address = await fakeServer(guarded)
    const good = await open({ url: address, authToken: 'right-token' })
    await good.connect()
    await good.close()
    const wrong = await open({ url: `${address}/`, authToken: 'hunter2' })
    const error = await failureOf(wrong.connect())
    expect(error).toMatchObject({ code: 'AUTHENTICATION', retryable: false })
    expect(inspect(error, { depth: 8 })).not.toContain('hunter2')
    await wrong.close()
  })
})

it('asks for the path in front of /text-query', async () => {
  const paths: (string | undefined)[] = []
  const address = await fakeServer((request, response) => {
    paths.push(request.url)
    response.end('{"headers": [], "rows": [], "ok": true}')
  })
  const backend = await open({ url: `${address}/behind/proxy/` })
  await backend.connect()
  await backend.close()
  expect(paths).toEqual(['/behind/proxy/text-query'])
})

it('runs a script again that lost against another write, and tells an aborted one apart', async () => {
  let writes = 0
  const address = await fakeServer(async (request, response) => {
    const { immutable } = JSON.parse(await text(request)) as { immutable?: boolean }
    // The first write makes the catalogue.
    if (!immutable) writes++
    const busy = !immutable && writes > 1 && writes < 4
    response.writeHead(busy ? 400 : 200)
    response.end(
      busy
        ? '{"code": "rocksdb::kBusy::kNone", "message": "busy"}'
        : '{"headers": [], "rows": [["n", "graph", "b", "{}", "{}"]], "ok": true}',
    )
  })
  const backend = await open({ url: address })
  await backend.connect()
  await backend.roles.graph.dropSchema({ scope: { collection: 'c' } })
  expect(writes).toBeGreaterThan(4)
  await backend.close()
  const silent = await fakeServer((request, response) => {
    if (request.headers['content-length'] && Number(request.headers['content-length']) < 200)
      response.end('{"headers": [], "rows": [], "ok": true}')
  })
  const hanging = await open({ url: silent })
  await hanging.connect()
  const controller = new AbortController()
  setTimeout(() => controller.abort(), 30)
  const scope = { collection: 'c' }
  const ensuring = hanging.roles.graph.ensureSchema({ scope, labels: ['A'], edgeTypes: [], signal: controller.signal })
  expect(await failureOf(ensuring)).toMatchObject({ code: 'ABORTED' })
  await hanging.close()
})

describe.skipIf(!url)(url ? 'a connection' : 'a connection: not run, VERITAS_COZO_URL is not set', () => {
  const config = testConfig()
  afterAll(() => cleanUp(config))

  it('uses an injected dispatcher and leaves it open', async () => {
    const client = new Pool(url ?? '')
    const backend = await open({ ...config, client })
    await backend.connect()
    expect(await backend.probe()).toEqual({ product: 'CozoDB', version: 'unknown' })
    await backend.close()
    expect(client.destroyed).toBe(false)
    await client.close()
  })

  it('leaves nothing behind that keeps the process alive', async () => {
    const program = `
      import cozo from ${JSON.stringify(new URL('../dist/index.js', import.meta.url).href)}
      import { validateConfig } from '@veritas-db/core/contract'
      const config = await validateConfig(cozo.config, ${JSON.stringify(config)}, 'cozo')
      const backend = cozo.create(config, { roles: ['graph'], poolSize: 2, queryTimeoutMs: 5000 })
      await backend.connect()
      await backend.probe()
      await backend.close()
      console.log('closed')`
    expect(await runProgram(program, { cwd: new URL('..', import.meta.url) })).toEqual({ code: 0, output: 'closed\n' })
  }, 20_000)

  it('is encrypted where the url says so, and made with servers that are trusted alone', async () => {
    const { hostname, port } = new URL(url ?? '')
    const front = await tlsFront({ host: hostname, port })
    ends.push(front.close)
    const secure = { ...config, url: `https://127.0.0.1:${front.port}` }
    const trusting = await open({ ...secure, tls: { ca: front.ca } })
    await trusting.connect()
    const scope = { collection: 'secure' }
    const node = {
      key: documentKey(scope, 'a'),
      documentId: 'a',
      version: version(1),
      label: 'A',
      placeholder: false,
      properties: { said: 'in secret' },
    }
    await trusting.roles.graph.ensureSchema({ scope, labels: ['A'], edgeTypes: [] })
    await trusting.roles.graph.upsertNodes({ scope, nodes: [node] })
    expect(await trusting.roles.graph.getNodes({ scope, keys: [node.key] })).toEqual([node])
    await trusting.roles.graph.dropSchema({ scope })
    await trusting.close()

    const wary = await open(secure)
    const error = await failureOf(wary.connect())
    expect(error).toMatchObject({ code: 'CONNECTION', retryable: false, outcome: 'not-applied' })
    for (const part of [`127.0.0.1:${front.port}`, 'tls.ca']) expect(error.message).toContain(part)
    await wary.close()

    const careless = await open({ ...secure, tls: { rejectUnauthorized: false } })
    await careless.connect()
    await careless.close()
  })

  it('says so where one side encrypts and the other does not', async () => {
    const { hostname, port } = new URL(url ?? '')
    const front = await tlsFront({ host: hostname, port })
    ends.push(front.close)
    for (const [address, target] of [
      [`http://127.0.0.1:${front.port}`, `127.0.0.1:${front.port}`],
      [`https://${hostname}:${port}`, `${hostname}:${port}`],
    ] as const) {
      const backend = await open({ ...config, url: address })
      const error = await failureOf(backend.connect())
      expect(error).toMatchObject({ code: 'CONNECTION' })
      expect(error.message).toContain(target)
      await backend.close()
    }
  })
})

it('says so where something else than HTTP answers', async () => {
  const server = await socketServer((socket) => socket.end('220 mail.example.org ESMTP\r\n'))
  ends.push(server.close)
  const backend = await open({ url: `http://127.0.0.1:${server.port}` })
  const error = await failureOf(backend.connect())
  expect(error).toMatchObject({ code: 'CONNECTION', retryable: false })
  expect(error.message).toContain(`127.0.0.1:${server.port}`)
  await backend.close()
})
