import { spawn } from 'node:child_process'
import { createServer, type IncomingMessage, type RequestListener } from 'node:http'
import { type AddressInfo, createServer as createSocketServer } from 'node:net'
import { inspect } from 'node:util'
import { gzipSync } from 'node:zlib'
import { type Backend, documentKey, VeritasError, validateConfig, version } from '@veritas-db/core/contract'
import { Pool } from 'undici'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import hugegraph, { type HugeGraphConfigInput } from '../src/index.js'
import { removeCommon } from './clean.js'

const url = process.env.VERITAS_HUGEGRAPH_URL
const context = { roles: ['graph'], poolSize: 4, queryTimeoutMs: 20_000 } as const

const make = async (input: HugeGraphConfigInput): Promise<Backend<'graph'>> =>
  hugegraph.create(await validateConfig(hugegraph.config, input, 'hugegraph'), context)

const failure = async (work: Promise<unknown>): Promise<VeritasError> => {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (!VeritasError.is(error)) throw new Error(`expected a VeritasError, got ${inspect(error)}`)
  return error
}

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0)) await end()
})

const fakeServer = async (answer: RequestListener): Promise<string> => {
  const server = createServer(answer)
  ends.push(() => {
    server.closeAllConnections()
    server.close()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const bodyOf = async (request: IncomingMessage): Promise<string> => {
  let text = ''
  for await (const chunk of request) text += chunk
  return text
}

/** A server of some version that notes what it is asked, and knows one user. */
const noting = async (core: string): Promise<{ at: string; seen: { path: string; body: string }[] }> => {
  const seen: { path: string; body: string }[] = []
  const at = await fakeServer(async (request, response) => {
    seen.push({ path: request.url ?? '', body: await bodyOf(request) })
    const { authorization } = request.headers
    const good = [`Basic ${btoa('anna:right-secret')}`, 'Bearer right-secret'].includes(authorization ?? '')
    const body = !good
      ? { exception: '', message: 'Authentication failed', cause: '' }
      : request.url === '/versions'
        ? { versions: { core } }
        : { result: { data: [true] } }
    response.writeHead(good ? 200 : 401, { 'content-type': 'application/json', 'content-encoding': 'gzip' })
    response.end(gzipSync(JSON.stringify(body)))
  })
  return { at, seen }
}

describe('a server that cannot be reached', () => {
  it('fails fast, naming host, port and reason', async () => {
    const server = createSocketServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    await new Promise((resolve) => server.close(resolve))
    const backend = await make({ url: `http://127.0.0.1:${port}` })
    const start = performance.now()
    const error = await failure(backend.connect())
    expect(performance.now() - start).toBeLessThan(1500)
    expect(error).toMatchObject({ code: 'CONNECTION', outcome: 'not-applied', retryable: true, backend: 'hugegraph' })
    expect(error.message).toContain(`127.0.0.1:${port}`)
    expect(error.message).toContain('ECONNREFUSED')
    await backend.close()
  })

  it('names the host where the name is unknown', async () => {
    const backend = await make({ url: 'http://no-such-host.invalid', connectTimeoutMs: 5000 })
    const error = await failure(backend.connect())
    expect(error.code).toBe('CONNECTION')
    expect(error.message).toContain('no-such-host.invalid:80')
    await backend.close()
  })

  it('does not hang where the server says nothing', async () => {
    const backend = await make({ url: await fakeServer(() => undefined), connectTimeoutMs: 150 })
    const error = await failure(backend.connect())
    expect(error).toMatchObject({ code: 'CONNECTION' })
    expect(error.message).toMatch(/127\.0\.0\.1:\d+ did not answer within 150 ms/)
    await backend.close()
  })

  it('says so of every call before connect', async () => {
    const backend = await make({})
    const scope = { collection: 'c' }
    expect(await failure(backend.roles.graph.count({ scope, of: 'nodes' }))).toMatchObject({ code: 'CONNECTION' })
  })
})

describe('authentication', () => {
  it('a wrong password is AUTHENTICATION, and is shown nowhere', async () => {
    const { at } = await noting('1.5.0')
    const input = { url: at, username: 'anna', password: 'wrong-secret' }
    const config = await validateConfig(hugegraph.config, input, 'hugegraph')
    const backend = hugegraph.create(config, context)
    const error = await failure(backend.connect())
    expect(error.code).toBe('AUTHENTICATION')
    const shown = `${error.message}${JSON.stringify(error)}${inspect(error, { depth: 9 })}${inspect(backend, { depth: 9 })}${JSON.stringify(config)}`
    expect(shown).not.toContain('wrong-secret')
    expect(shown).not.toContain(btoa('anna:wrong-secret'))
    await backend.close()
  })

  it('a token works in place of user and password', async () => {
    const { at } = await noting('1.5.0')
    const backend = await make({ url: at, token: 'right-secret' })
    await backend.connect()
    await backend.close()
  })
})

describe('paths', () => {
  const auth = { username: 'anna', password: 'right-secret' }
  it.each<[string, HugeGraphConfigInput, string, string]>([
    ['1.5.0', {}, '/graphs/hugegraph', 'hugegraph'],
    ['1.7.0', {}, '/graphspaces/DEFAULT/graphs/hugegraph', 'DEFAULT-hugegraph'],
    ['1.7.0', { pathStyle: 'graphs', graph: 'mine' }, '/graphs/mine', 'mine'],
    ['1.5.0', { pathStyle: 'graphspaces', graphSpace: 'team' }, '/graphspaces/team/graphs/hugegraph', 'team-hugegraph'],
  ])('of %s with %j', async (core, input, path, alias) => {
    const { at, seen } = await noting(core)
    const backend = await make({ url: at, ...auth, ...input })
    await backend.connect()
    expect(await backend.probe()).toEqual({ product: 'HugeGraph', version: core })
    await failure(backend.roles.graph.dropSchema({ scope: { collection: 'c' }, signal: AbortSignal.abort() }))
    await backend.roles.graph.dropSchema({ scope: { collection: 'c' } })
    expect(seen.at(-1)?.path).toMatch(new RegExp(`^${path}/schema/vertexlabels/veritas_c_[0-9a-f]{16}$`))
    const script = JSON.parse(seen.find((request) => request.path === '/gremlin')?.body ?? '{}')
    expect(script.aliases).toEqual({ graph: alias, g: `__g_${alias}` })
    await backend.close()
  })
})

describe('configuration', () => {
  it.each(['ftp://x', 'http://user:letmein@x', 'http://x/path', 'x', 'http://x?token=letmein'])(
    'refuses the url %s without repeating it',
    async (bad) => {
      const error = await failure(make({ url: bad }))
      expect(error.code).toBe('CONFIGURATION')
      expect(error.message).not.toContain('letmein')
    },
  )

  it('user and password go together', async () => {
    expect(await failure(make({ username: 'anna' }))).toMatchObject({ code: 'CONFIGURATION' })
  })
})

const withServer = describe.skipIf(url === undefined)
const reason = url === undefined ? ': skipped, since VERITAS_HUGEGRAPH_URL names no server' : ''

withServer(`with a server${reason}`, () => {
  afterAll(() => removeCommon(url as string, ['kit_injected', 'kit_long', 'kit_again']), 60_000)
  const scope = { collection: 'connection' }
  const node = (id: string, properties = {}) => ({
    key: documentKey(scope, id),
    documentId: id,
    version: version(1),
    label: 'Document',
    placeholder: false,
    properties,
  })

  it('an injected client works, and is still usable after close', async () => {
    const client = new Pool(url as string)
    ends.push(() => client.close())
    const backend = await make({ url, client, prefix: 'kit_injected' })
    await backend.connect()
    await backend.roles.graph.upsertNodes({ scope, nodes: [node('a')] })
    expect(await backend.roles.graph.count({ scope, of: 'nodes' })).toBe(1)
    await backend.roles.graph.dropSchema({ scope })
    await backend.close()
    const { statusCode, body } = await client.request({ path: '/versions', method: 'GET' })
    await body.dump()
    expect(statusCode).toBe(200)
  }, 30_000)

  it('a graph that is not there is a mistake of the configuration', async () => {
    const backend = await make({ url, graph: 'nosuchgraph' })
    expect(await failure(backend.connect())).toMatchObject({ code: 'CONFIGURATION' })
    await backend.close()
  })

  it('what is too long for a request is handed over as a vertex, which does not stay', async () => {
    const backend = await make({ url, prefix: 'kit_long', poolSize: 1 })
    await backend.connect()
    const { graph } = backend.roles
    const text = 'long \u{1f600} "text" \\ '.repeat(20_000)
    await graph.upsertNodes({ scope, nodes: [node('a', { text }), node('b', { n: 1 })] })
    expect((await graph.getNodes({ scope, keys: [documentKey(scope, 'a')] }))[0]?.properties).toEqual({ text })
    const values = [...Array.from({ length: 9000 }, (_, i) => `value number ${i}`), 1]
    const found = await graph.findNodes({ scope, filter: { op: 'in', path: 'n', values }, limit: 10 })
    expect(found.map((n) => n.documentId)).toEqual(['b'])
    const left = await graph.raw({
      scope,
      query: 'g.V().hasLabel(name).count()',
      parameters: { name: 'kit_long_stage' },
    })
    expect(left).toEqual([0])
    await graph.dropSchema({ scope })
    await backend.close()
  }, 60_000)

  it('a schema that somebody else dropped is made again by a write', async () => {
    const [one, two] = [
      await make({ url, prefix: 'kit_again', poolSize: 1 }),
      await make({ url, prefix: 'kit_again', poolSize: 1 }),
    ]
    await Promise.all([one.connect(), two.connect()])
    await one.roles.graph.upsertNodes({ scope, nodes: [node('a')] })
    await two.roles.graph.dropSchema({ scope })
    expect(await one.roles.graph.findNodes({ scope, limit: 5 })).toEqual([])
    expect(await one.roles.graph.count({ scope, of: 'edges' })).toBe(0)
    await one.roles.graph.upsertNodes({ scope, nodes: [node('b')] })
    expect((await two.roles.graph.findNodes({ scope, limit: 5 })).map((n) => n.documentId)).toEqual(['b'])
    await two.roles.graph.dropSchema({ scope })
    await Promise.all([one.close(), two.close()])
  }, 60_000)

  it('a process that closes its backend ends by itself', async () => {
    const code = `
      const { default: hugegraph } = await import(${JSON.stringify(new URL('../dist/index.js', import.meta.url).href)})
      const { value } = await hugegraph.config['~standard'].validate({ url: ${JSON.stringify(url)} })
      const backend = hugegraph.create(value, { roles: ['graph'], poolSize: 2, queryTimeoutMs: 10000 })
      await backend.connect()
      console.log((await backend.probe()).product)
      await backend.close()
    `
    const child = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'pipe'] })
    ends.push(() => child.kill('SIGKILL'))
    let output = ''
    child.stdout.on('data', (data) => {
      output += data
    })
    child.stderr.on('data', (data) => {
      output += data
    })
    const exit = await new Promise((resolve) => child.on('exit', resolve))
    expect({ exit, output }).toEqual({ exit: 0, output: 'HugeGraph\n' })
  }, 30_000)
})
