import { execFile } from 'node:child_process'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createSilent } from 'node:net'
import { promisify } from 'node:util'
import {
  type Backend,
  documentKey,
  type EdgeRecord,
  type NodeRecord,
  VeritasError,
  validateConfig,
  version,
} from '@veritas-db/core/contract'
import { Agent, request } from 'undici'
import { afterEach, describe, expect, it } from 'vitest'
import { type CayleyConfigInput, cayley } from '../src/index.js'
import { open, serverConfig, serverUrl, why } from './server.js'

const failure = async (promise: Promise<unknown>): Promise<VeritasError> => {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (!VeritasError.is(error)) throw new Error(`no VeritasError: ${String(error)}`)
  return error
}

const connect = async (options: NonNullable<CayleyConfigInput>): Promise<VeritasError> => {
  const backend = await open(options, 1000)
  try {
    return await failure(backend.connect())
  } finally {
    await backend.close()
  }
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
    const error = await failure(validateConfig(cayley.config, options, 'cayley'))
    expect(error.code).toBe('CONFIGURATION')
    expect(error.message).toContain(message)
    expect(error.message).not.toContain('hunter22')
  })
})

describe('a server that is not there, or is another', () => {
  const closing: (() => void)[] = []
  afterEach(() => {
    for (const close of closing.splice(0)) close()
  })

  const listen = async (answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> => {
    const server: Server = createServer((incoming, response) => {
      incoming.resume()
      incoming.on('end', () => answer(incoming, response))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    closing.push(() => {
      server.closeAllConnections()
      server.close()
    })
    const address = server.address()
    return `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`
  }

  it('fails at once, with host and port, and applied nothing', async () => {
    const started = performance.now()
    const error = await connect({ url: 'http://127.0.0.1:9' })
    expect([error.code, error.outcome, error.backend]).toEqual(['CONNECTION', 'not-applied', 'cayley'])
    expect(error.message).toContain('127.0.0.1:9')
    expect(performance.now() - started).toBeLessThan(4000)
  })

  it('a name that does not exist is CONNECTION too', async () => {
    const error = await connect({ url: 'http://no-such-host.invalid:64210' })
    expect(error.code).toBe('CONNECTION')
    expect(error.message).toContain('no-such-host.invalid:64210')
  })

  it('one that takes the connection and never answers fails within the time allowed', async () => {
    const sockets: { destroy(): void }[] = []
    const silent = createSilent((socket) => sockets.push(socket))
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    closing.push(() => {
      for (const socket of sockets) socket.destroy()
      silent.close()
    })
    const address = silent.address()
    const port = typeof address === 'object' && address ? address.port : 0
    const error = await connect({ url: `http://127.0.0.1:${port}`, connectTimeoutMs: 300 })
    expect(error.code).toBe('CONNECTION')
    expect(error.message).toContain(`127.0.0.1:${port}`)
  })

  it('one that asks for other credentials is AUTHENTICATION, without the password', async () => {
    let seen: string | undefined
    const url = await listen((incoming, response) => {
      seen = incoming.headers.authorization
      response.writeHead(401).end('no')
    })
    const error = await connect({ url, username: 'neo', password: 'hunter22' })
    expect(error.code).toBe('AUTHENTICATION')
    expect(`${error.message} ${JSON.stringify(error)}`).not.toContain('hunter22')
    expect(seen).toBe(`Basic ${Buffer.from('neo:hunter22').toString('base64')}`)
  })

  it('one that is no Cayley says so', async () => {
    const url = await listen((_, response) => response.end('<html>hello</html>'))
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

  it('a process that closed its backend ends by itself', async () => {
    const script = `
      import { cayley } from ${JSON.stringify(new URL('../dist/index.js', import.meta.url).href)}
      import { validateConfig } from '@veritas-db/core/contract'
      const config = await validateConfig(cayley.config, ${JSON.stringify(serverConfig)}, 'cayley')
      const backend = cayley.create(config, { roles: cayley.roles, poolSize: 2, queryTimeoutMs: 5000 })
      await backend.connect()
      await backend.probe()
      await backend.close()
      process.stdout.write('closed')`
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
      cwd: new URL('..', import.meta.url),
      timeout: 20_000,
    })
    expect(stdout).toBe('closed')
  })
})
