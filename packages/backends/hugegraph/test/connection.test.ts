import type { IncomingMessage } from 'node:http'
import { inspect } from 'node:util'
import { gzipSync } from 'node:zlib'
import {
  failureOf,
  httpServer,
  runProgram,
  socketServer,
  type TestServer,
  tlsFront,
  unusedPort,
} from '@veritas-db/conformance/network'
import { type Backend, documentKey, type EdgeRecord, validateConfig, version } from '@veritas-db/core/contract'
import { Pool } from 'undici'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import hugegraph, { type HugeGraphConfigInput } from '../src/index.js'
import { removeCommon } from './clean.js'

const url = process.env.VERITAS_HUGEGRAPH_URL
const context = { roles: ['graph'], poolSize: 4, queryTimeoutMs: 20_000 } as const

const make = async (input: HugeGraphConfigInput): Promise<Backend<'graph'>> =>
  hugegraph.create(await validateConfig(hugegraph.config, input, 'hugegraph'), context)

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})
const started = <S extends TestServer>(server: S): S => {
  ends.push(() => server.close())
  return server
}

const bodyOf = async (request: IncomingMessage): Promise<string> => {
  let text = ''
  for await (const chunk of request) text += chunk
  return text
}

/** A server of some version that notes what it is asked, and knows one user. */
const noting = async (core: string): Promise<{ at: string; seen: { path: string; body: string }[] }> => {
  const seen: { path: string; body: string }[] = []
  const { url: at } = started(
    await httpServer(async (request, response) => {
      seen.push({ path: request.url ?? '', body: await bodyOf(request) })
      const { authorization } = request.headers
      const good = [`Basic ${btoa('anna:right-secret')}`, 'Bearer right-secret'].includes(authorization ?? '')
      const body = !good
        ? { exception: '', message: 'Authentication failed', cause: '' }
        : request.url === '/versions'
          ? { versions: { core } }
          : request.url?.includes('/graph/vertices/')
            ? { id: 'x', properties: {} }
            : request.url?.includes('/traversers/') || request.url?.includes('/graph/edges')
              ? { vertices: [], edges: [] }
              : { result: { data: [true] }, status: 'CREATED' }
      response.writeHead(good ? 200 : 401, { 'content-type': 'application/json', 'content-encoding': 'gzip' })
      response.end(gzipSync(JSON.stringify(body)))
    }),
  )
  return { at, seen }
}

describe('a server that cannot be reached', () => {
  it('fails fast, naming host, port and reason', async () => {
    const port = await unusedPort()
    const backend = await make({ url: `http://127.0.0.1:${port}` })
    const start = performance.now()
    const error = await failureOf(backend.connect())
    expect(performance.now() - start).toBeLessThan(1500)
    expect(error).toMatchObject({ code: 'CONNECTION', outcome: 'not-applied', retryable: true, backend: 'hugegraph' })
    expect(error.message).toContain(`127.0.0.1:${port}`)
    expect(error.message).toContain('ECONNREFUSED')
    await backend.close()
  })

  it('names the host where the name is unknown', async () => {
    const backend = await make({ url: 'http://no-such-host.invalid', connectTimeoutMs: 5000 })
    const error = await failureOf(backend.connect())
    expect(error.code).toBe('CONNECTION')
    expect(error.message).toContain('no-such-host.invalid:80')
    await backend.close()
  })

  it('does not hang where the server says nothing', async () => {
    const { port } = started(await socketServer())
    const backend = await make({ url: `http://127.0.0.1:${port}`, connectTimeoutMs: 150 })
    const error = await failureOf(backend.connect())
    expect(error).toMatchObject({ code: 'CONNECTION' })
    expect(error.message).toMatch(/127\.0\.0\.1:\d+ did not answer within 150 ms/)
    await backend.close()
  })

  it('says so of every call before connect', async () => {
    const backend = await make({})
    const scope = { collection: 'c' }
    expect(await failureOf(backend.roles.graph.count({ scope, of: 'nodes' }))).toMatchObject({ code: 'CONNECTION' })
  })
})

describe('authentication', () => {
  it('a wrong password is AUTHENTICATION, and is shown nowhere', async () => {
    const { at } = await noting('1.5.0')
    const input = { url: at, username: 'anna', password: 'wrong-secret' }
    const config = await validateConfig(hugegraph.config, input, 'hugegraph')
    const backend = hugegraph.create(config, context)
    const error = await failureOf(backend.connect())
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

const scope = { collection: 'connection' }
const node = (id: string, properties = {}) => ({
  key: documentKey(scope, id),
  documentId: id,
  version: version(1),
  label: 'Document',
  placeholder: false,
  properties,
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
    await failureOf(backend.roles.graph.dropSchema({ scope: { collection: 'c' }, signal: AbortSignal.abort() }))
    await backend.roles.graph.dropSchema({ scope: { collection: 'c' } })
    expect(seen.at(-1)?.path).toMatch(new RegExp(`^${path}/schema/vertexlabels/veritas_c_[0-9a-f]{16}$`))
    const scope = { collection: 'c' }
    const keys = ['a', 'b'].map((id) => documentKey(scope, id))
    await backend.roles.graph.getNodes({ scope, keys })
    const [start = documentKey(scope, 'a')] = keys
    await backend.roles.graph.neighbors({ scope, starts: [start], limit: 5 })
    await backend.roles.graph.upsertNodes({ scope, nodes: [node('a')] })
    const edge = { source: start, target: start, type: 'T', ordinal: 0, version: version(1), properties: {} }
    await backend.roles.graph.upsertEdges({ scope, edges: [edge] })
    const asked = seen.map((request) => request.path.replace(/\?.*/, '')).filter((at) => at.startsWith(path))
    const parts = ['traversers/vertices', 'graph/edges', 'graph/vertices/batch', 'graph/edges/batch']
    for (const part of parts) expect(asked).toContain(`${path}/${part}`)
    const script = JSON.parse(seen.find((request) => request.path === '/gremlin')?.body ?? '{}')
    expect(script.aliases).toEqual({ graph: alias, g: `__g_${alias}` })
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

  it('shows no key of TLS, and takes a token or a user', async () => {
    const tls = { key: 'very-secret-key', passphrase: 'very-secret-word' }
    const config = await validateConfig(hugegraph.config, { tls }, 'hugegraph')
    expect(JSON.stringify(config) + inspect(config, { depth: 9 })).not.toContain('very-secret')
    const both = { username: 'anna', password: 'b', token: 'c' }
    expect(await failureOf(make(both))).toMatchObject({ code: 'CONFIGURATION' })
  })

  it('user and password go together', async () => {
    expect(await failureOf(make({ username: 'anna' }))).toMatchObject({ code: 'CONFIGURATION' })
  })
})

const withServer = describe.skipIf(url === undefined)
const reason = url === undefined ? ': skipped, since VERITAS_HUGEGRAPH_URL names no server' : ''

withServer(`with a server${reason}`, () => {
  afterAll(
    () => removeCommon(url as string, ['kit_injected', 'kit_long', 'kit_again', 'kit_tls', 'kit_many', 'kit_set']),
    60_000,
  )
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
    expect(await failureOf(backend.connect())).toMatchObject({ code: 'CONFIGURATION' })
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

  it('TLS works with the authority of a front, and without it is refused with what to set', async () => {
    const { hostname, port } = new URL(String(url))
    const front = started(await tlsFront({ host: hostname, port }))
    const at = `https://127.0.0.1:${front.port}`
    const backend = await make({ url: at, tls: { ca: front.ca }, prefix: 'kit_tls', poolSize: 1 })
    await backend.connect()
    const { graph } = backend.roles
    await graph.upsertNodes({ scope, nodes: [node('a')] })
    expect((await graph.getNodes({ scope, keys: [documentKey(scope, 'a')] })).map((n) => n.documentId)).toEqual(['a'])
    await graph.dropSchema({ scope })
    await backend.close()
    const stranger = await make({ url: at })
    const error = await failureOf(stranger.connect())
    expect(error).toMatchObject({ code: 'CONNECTION', outcome: 'not-applied', retryable: false })
    expect(error.message).toContain(`127.0.0.1:${front.port}`)
    expect(error.message).toContain('tls.ca')
    await stranger.close()
  }, 30_000)

  it('many edges are written, compared, counted and scanned', async () => {
    const backend = await make({ url, prefix: 'kit_many', poolSize: 1 })
    await backend.connect()
    const { graph } = backend.roles
    const nodes = Array.from({ length: 40 }, (_, i) => node(`n${i}`))
    await graph.upsertNodes({ scope, nodes })
    const edges = nodes.flatMap(({ key: source }, i) =>
      nodes.map(({ key: target }, j): EdgeRecord => {
        const type = j % 2 ? 'EVEN' : 'ODD'
        return { source, target, type, ordinal: i + j, version: version(2), properties: { i } }
      }),
    )
    await graph.upsertEdges({ scope, edges })
    expect(await graph.count({ scope, of: 'edges' })).toBe(1600)
    const older = edges.map((edge) => ({ ...edge, version: version(1) }))
    const { outcomes } = await graph.upsertEdges({ scope, edges: older, mode: 'ifNewer' })
    expect(outcomes.filter(({ status }) => status === 'stale')).toHaveLength(1600)
    const identity = ({ source, type, target, ordinal }: EdgeRecord): string =>
      [source, type, target, ordinal].join(' ')
    const seen: string[] = []
    let cursor: string | undefined
    do {
      const page = await graph.scanEdges({ scope, limit: 333, ...(cursor !== undefined && { cursor }) })
      seen.push(...page.records.map(identity))
      cursor = page.cursor ?? undefined
    } while (cursor !== undefined)
    expect(seen.sort()).toEqual(edges.map(identity).sort())
    await graph.dropSchema({ scope })
    await backend.close()
  }, 60_000)

  it('a node written anew keeps the version of its set of edges', async () => {
    const backend = await make({ url, prefix: 'kit_set', poolSize: 1 })
    await backend.connect()
    const { graph } = backend.roles
    await graph.upsertNodes({ scope, nodes: [node('a'), node('b')] })
    const [source, target] = [documentKey(scope, 'a'), documentKey(scope, 'b')]
    await graph.replaceEdges({ scope, sets: [{ source, version: version(5), edges: [] }] })
    await graph.upsertNodes({ scope, nodes: [node('a')] })
    const edge = { source, target, type: 'T', ordinal: 0, version: version(4), properties: {} }
    const late = await graph.replaceEdges({ scope, sets: [{ source, version: version(4), edges: [edge] }] })
    expect(late.outcomes).toEqual([{ status: 'stale' }])
    expect(await graph.neighbors({ scope, starts: [source], direction: 'both', limit: 5 })).toEqual([])
    await graph.dropSchema({ scope })
    await backend.close()
  }, 30_000)

  it('a process that closes its backend ends by itself', async () => {
    const program = `
      const { default: hugegraph } = await import(${JSON.stringify(new URL('../dist/index.js', import.meta.url).href)})
      const { value } = await hugegraph.config['~standard'].validate({ url: ${JSON.stringify(url)} })
      const backend = hugegraph.create(value, { roles: ['graph'], poolSize: 2, queryTimeoutMs: 10000 })
      await backend.connect()
      process.stdout.write((await backend.probe()).product)
      await backend.close()
    `
    expect(await runProgram(program)).toEqual({ code: 0, output: 'HugeGraph' })
  }, 30_000)
})
