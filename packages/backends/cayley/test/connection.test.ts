import {
  failureOf,
  httpServer,
  runProgram,
  socketServer,
  type TestServer,
  tlsFront,
  unusedPort,
} from '@veritas-db/conformance/network'
import {
  type Backend,
  documentKey,
  type EdgeRecord,
  type NodeRecord,
  type VeritasError,
  validateConfig,
  version,
} from '@veritas-db/core/contract'
import { Agent, request } from 'undici'
import { afterEach, describe, expect, it } from 'vitest'
import { type CayleyConfigInput, cayley } from '../src/index.js'
import { open, serverConfig, serverUrl, why } from './server.js'

const connect = async (options: NonNullable<CayleyConfigInput>): Promise<VeritasError> => {
  const backend = await open(options, 1000)
  try {
    return await failureOf(backend.connect())
  } finally {
    await backend.close()
  }
}

const servers: TestServer[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close()
})
const started = <S extends TestServer>(server: S): S => {
  servers.push(server)
  return server
}

describe('the configuration', () => {
  it.each([
    [{ url: 'bolt://127.0.0.1' }, 'http://'],
    [{ url: 'http://user:hunter22@127.0.0.1' }, 'must hold no user'],
    [{ username: 'x' }, 'belong together'],
    [{ username: 'x', password: 'y', bearerToken: 'z' }, 'give one of the two'],
    [{ prefix: '1' }, 'prefix'],
    [{ unknown: 1 }, 'unknown'],
  ])('%j is refused', async (options, message) => {
    const error = await failureOf(validateConfig(cayley.config, options, 'cayley'))
    expect(error.code).toBe('CONFIGURATION')
    expect(error.message).toContain(message)
    expect(error.message).not.toContain('hunter22')
  })
})

describe('a server that is not there, or is another', () => {
  it('fails at once, with host and port, and applied nothing', async () => {
    const port = await unusedPort()
    const before = performance.now()
    const error = await connect({ url: `http://127.0.0.1:${port}` })
    expect([error.code, error.outcome, error.backend]).toEqual(['CONNECTION', 'not-applied', 'cayley'])
    expect(error.message).toContain(`127.0.0.1:${port}`)
    expect(performance.now() - before).toBeLessThan(4000)
  })

  it('a name that does not exist is CONNECTION too', async () => {
    const error = await connect({ url: 'http://no-such-host.invalid:64210' })
    expect(error.code).toBe('CONNECTION')
    expect(error.message).toContain('no-such-host.invalid:64210')
  })

  it('one that takes the connection and never answers fails within the time allowed', async () => {
    const { port } = started(await socketServer())
    const error = await connect({ url: `http://127.0.0.1:${port}`, connectTimeoutMs: 300 })
    expect(error.code).toBe('CONNECTION')
    expect(error.message).toContain(`127.0.0.1:${port}`)
  })

  it('one that asks for other credentials is AUTHENTICATION, without the password', async () => {
    let seen: string | undefined
    const { url } = started(
      await httpServer((incoming, response) => {
        seen = incoming.headers.authorization
        response.writeHead(401).end('no')
      }),
    )
    const error = await connect({ url, username: 'neo', password: 'hunter22' })
    expect(error.code).toBe('AUTHENTICATION')
    expect(`${error.message} ${JSON.stringify(error)}`).not.toContain('hunter22')
    expect(seen).toBe(`Basic ${Buffer.from('neo:hunter22').toString('base64')}`)
  })

  it('one that is no Cayley says so', async () => {
    const { url } = started(await httpServer((_, response) => response.end('<html>hello</html>')))
    expect((await connect({ url })).code).toBe('CONFIGURATION')
  })
})

const prefix = 'connection_test'
const scope = { collection: 'connections' }
const node = (id: string, n = 1, data: NodeRecord['properties'] = { n }): NodeRecord => ({
  key: documentKey(scope, id),
  documentId: id,
  version: version(n),
  label: 'Document',
  placeholder: false,
  properties: data,
})
const edge = (source: string, target: string, n = 1): EdgeRecord => ({
  source: documentKey(scope, source),
  target: documentKey(scope, target),
  type: 'REFERENCES',
  ordinal: 0,
  version: version(n),
  properties: { n },
})

/** All quads of the scope that the server has. */
const quads = async (): Promise<string[]> => {
  const { body } = await request(`${serverUrl}/api/v2/read?format=nquads`)
  return (await body.text()).split('\n').filter((line) => line.includes(`<${prefix}_`))
}

describe.skipIf(serverUrl === undefined)(`cayley: on the server ${serverUrl === undefined ? `(${why})` : ''}`, () => {
  const opened: Backend<'graph'>[] = []
  const connected = async (options: NonNullable<CayleyConfigInput> = {}): Promise<Backend<'graph'>> => {
    const backend = await open({ prefix, ...options })
    await backend.connect()
    opened.push(backend)
    return backend
  }
  afterEach(async () => {
    await opened[0]?.roles.graph.dropSchema({ scope })
    for (const backend of opened.splice(0)) await backend.close()
  })

  it('an injected client is used and stays open', async () => {
    const client = new Agent()
    const backend = await open({ client, prefix })
    await backend.connect()
    await backend.probe()
    await backend.close()
    const { statusCode } = await client.request({ origin: serverUrl as string, path: '/api/v2/formats', method: 'GET' })
    expect(statusCode).toBe(200)
    await client.close()
  })

  it('deletes are exact: nothing of nodes and edges is left, whatever was written over them', async () => {
    const { graph } = (await connected()).roles
    await graph.upsertNodes({ scope, nodes: [node('a', 1, { s: 'x', tags: ['p', 'q'] }), node('b'), node('c')] })
    const [source, other] = [documentKey(scope, 'a'), documentKey(scope, 'b')]
    await graph.replaceEdges({
      scope,
      sets: [{ source, version: version(1), edges: [edge('a', 'b'), edge('a', 'c')] }],
    })
    await graph.upsertNodes({ scope, nodes: [node('a', 2, { s: 'y', tags: ['q', 'r'] })], mode: 'ifNewer' })
    await graph.replaceEdges({ scope, sets: [{ source, version: version(2), edges: [edge('a', 'b', 2)] }] })
    await graph.upsertNodes({ scope, nodes: [{ ...node('b', 3, {}), placeholder: true }] })
    const lines = await quads()
    expect(lines.filter((line) => line.includes('<property:tags>')).length).toBe(2)
    expect(lines.filter((line) => line.includes('<REFERENCES>')).length).toBe(1)
    expect((await graph.deleteNodes({ scope, keys: [source, other, documentKey(scope, 'c')] })).deleted).toBe(3)
    expect(await quads()).toEqual([])
  })

  it('a direct quad joins the nodes for queries of users, and parallel edges do not share it', async () => {
    const { graph } = (await connected()).roles
    await graph.upsertNodes({ scope, nodes: [node('a'), node('b')] })
    const edges = [edge('a', 'b'), { ...edge('a', 'b'), ordinal: 1 }]
    await graph.upsertEdges({ scope, edges })
    const query =
      "g.emit(g.V('<' + parameters.scope + '/' + parameters.key + '>').Out('<REFERENCES>').Unique().Out('<property:n>').ToArray())"
    const parameters = { key: documentKey(scope, 'a') }
    expect(await graph.raw({ scope, query, parameters })).toEqual([[1]])
    await graph.deleteEdges({ scope, edges: edges.slice(0, 1) })
    expect(await graph.raw({ scope, query, parameters })).toEqual([[1]])
    await graph.deleteEdges({ scope, edges: edges.slice(1) })
    expect(await graph.raw({ scope, query, parameters })).toEqual([[]])
  })

  it('writers of several processes leave the newest, and the next write cleans up after them', async () => {
    const [one, two] = [await connected(), await connected()]
    for (let round = 0; round < 5; round++) {
      const versions = [4, 1, 3, 2].map((n) => round * 10 + n)
      await Promise.all(
        versions.map((n, i) =>
          (i % 2 ? one : two).roles.graph.upsertNodes({ scope, nodes: [node('raced', n)], mode: 'ifNewer' }),
        ),
      )
      const [found] = await one.roles.graph.getNodes({ scope, keys: [documentKey(scope, 'raced')] })
      expect(found?.version).toBe(version(round * 10 + 4))
    }
    await one.roles.graph.upsertNodes({ scope, nodes: [node('raced', 99)], mode: 'ifNewer' })
    const lines = await quads()
    expect(lines.filter((line) => line.includes('<veritas:record>')).length).toBe(1)
    expect(await one.roles.graph.count({ scope, of: 'nodes' })).toBe(1)
    await one.roles.graph.deleteNodes({ scope, keys: [documentKey(scope, 'raced')] })
    expect(await quads()).toEqual([])
  })

  it('TLS works with the authority of a front, and without it is refused with what to set', async () => {
    const { hostname, port } = new URL(String(serverUrl))
    const front = started(await tlsFront({ host: hostname, port }))
    const url = `https://127.0.0.1:${front.port}`
    const backend = await connected({ url, tls: { ca: front.ca } })
    await backend.roles.graph.upsertNodes({ scope, nodes: [node('secure')] })
    const [found] = await backend.roles.graph.getNodes({ scope, keys: [documentKey(scope, 'secure')] })
    expect(found?.documentId).toBe('secure')
    const error = await connect({ url })
    expect(error).toMatchObject({ code: 'CONNECTION', outcome: 'not-applied', retryable: false })
    expect(error.message).toContain(`127.0.0.1:${front.port}`)
    expect(error.message).toContain('tls.ca')
  })

  it('a call whose first requests were done and whose next fails has the outcome unknown', async () => {
    let writes = 0
    const { url } = started(
      await httpServer((incoming, response) => {
        incoming.resume()
        const refused = incoming.url === '/api/v2/write' && ++writes > 1
        response.end(JSON.stringify(refused ? { error: 'database is read-only' } : { result: [[]] }))
      }),
    )
    const backend = await open({ url, prefix }, 5000)
    await backend.connect()
    const nodes = Array.from({ length: 1200 }, (_, i) => node(`n${i}`))
    const error = await failureOf(backend.roles.graph.upsertNodes({ scope, nodes }))
    expect(error).toMatchObject({ code: 'CONFIGURATION', outcome: 'unknown', operation: 'upsertNodes' })
    await backend.close()
  })

  it('a process that closed its backend ends by itself', async () => {
    const program = `
      import { cayley } from ${JSON.stringify(new URL('../dist/index.js', import.meta.url).href)}
      import { validateConfig } from '@veritas-db/core/contract'
      const config = await validateConfig(cayley.config, ${JSON.stringify(serverConfig)}, 'cayley')
      const backend = cayley.create(config, { roles: cayley.roles, poolSize: 2, queryTimeoutMs: 5000 })
      await backend.connect()
      await backend.probe()
      await backend.close()
      process.stdout.write('closed')`
    expect(await runProgram(program, { cwd: new URL('..', import.meta.url) })).toEqual({ code: 0, output: 'closed' })
  })
})
