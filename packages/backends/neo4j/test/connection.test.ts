import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { inspect } from 'node:util'
import {
  failureOf,
  runProgram,
  socketServer,
  type TlsFront,
  tlsFront,
  unusedPort,
} from '@veritas-db/conformance/network'
import { documentKey, type NodeRecord, type VeritasError, validateConfig, version } from '@veritas-db/core/contract'
import neo4jDriver from 'neo4j-driver'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Neo4jConfigInput, neo4j } from '../src/index.js'
import { refusingServer } from './bolt-stub.js'
import { open, serverConfig, serverUrl, why } from './server.js'

const connect = async (options: NonNullable<Neo4jConfigInput>): Promise<VeritasError> => {
  const backend = neo4j.create(await validateConfig(neo4j.config, options, 'neo4j'), {
    roles: neo4j.roles,
    poolSize: 2,
    queryTimeoutMs: 1000,
  })
  try {
    return await failureOf(backend.connect())
  } finally {
    await backend.close()
  }
}

describe('the configuration', () => {
  it.each([
    [{ url: 'http://127.0.0.1:7474' }, 'bolt://'],
    [{ url: 'bolt://neo4j:hunter22@127.0.0.1' }, 'must hold no user'],
    [{ username: 'neo4j' }, 'belong together'],
    [{ username: 'neo4j', password: 'x', bearerToken: 'y' }, 'give one of the two'],
    [{ url: 'neo4j+s://db.example', encrypted: true }, 'encrypt already'],
    [{ trust: 'TRUST_ALL_CERTIFICATES' }, 'encrypted'],
    [{ encrypted: true, trustedCertificates: ['ca.pem'] }, 'TRUST_CUSTOM_CA_SIGNED_CERTIFICATES'],
    [{ encrypted: true, trust: 'TRUST_CUSTOM_CA_SIGNED_CERTIFICATES' }, 'trustedCertificates'],
    [{ connectTimeoutMs: 20_000 }, 'acquisitionTimeoutMs'],
    [{ prefix: 'a`b' }, 'prefix'],
    [{ unknown: 1 }, 'unknown'],
  ])('%j is refused', async (options, message) => {
    const error = await failureOf(validateConfig(neo4j.config, options, 'neo4j'))
    expect(error.code).toBe('CONFIGURATION')
    expect(error.message).toContain(message)
    expect(error.message).not.toContain('hunter22')
  })

  it('shows no secret', async () => {
    for (const options of [{ username: 'neo4j', password: 'hunter22' }, { bearerToken: 'hunter22' }]) {
      const config = await validateConfig(neo4j.config, options, 'neo4j')
      expect(JSON.stringify(config) + inspect(config, { depth: null, showHidden: true })).not.toContain('hunter22')
    }
  })
})

describe('a server that is not there', () => {
  it('fails at once, with host and port, and applied nothing', async () => {
    const port = await unusedPort()
    const started = performance.now()
    const error = await connect({ url: `bolt://127.0.0.1:${port}` })
    expect([error.code, error.outcome, error.backend]).toEqual(['CONNECTION', 'not-applied', 'neo4j'])
    expect(error.message).toContain(`127.0.0.1:${port}`)
    expect(performance.now() - started).toBeLessThan(4000)
  })

  it('a name that does not exist is CONNECTION too', async () => {
    const error = await connect({ url: 'neo4j://no-such-host.invalid:7687', username: 'neo4j', password: 'hunter22' })
    expect(error.code).toBe('CONNECTION')
    expect(error.message).toContain('no-such-host.invalid:7687')
    expect(`${error.message} ${JSON.stringify(error)}`).not.toContain('hunter22')
  })

  it('one that takes the connection and never answers fails within the time allowed', async () => {
    const silent = await socketServer()
    try {
      const error = await connect({ url: `bolt://127.0.0.1:${silent.port}`, connectTimeoutMs: 300 })
      expect(error.code).toBe('CONNECTION')
      expect(error.message).toContain(`127.0.0.1:${silent.port}`)
    } finally {
      await silent.close()
    }
  })
})

describe.skipIf(serverUrl === undefined)(
  `neo4j: connections (${serverUrl === undefined ? why : 'on the server'})`,
  { timeout: 60_000 },
  () => {
    const prefix = 'connection_test'
    const scope = { collection: 'connections' }
    const node = (id: string): NodeRecord => ({
      key: documentKey(scope, id),
      documentId: id,
      version: version(1),
      label: 'Document',
      placeholder: false,
      properties: { n: 1 },
    })

    afterAll(async () => {
      const backend = await open({ prefix })
      await backend.connect()
      await backend.roles.graph.dropSchema({ scope })
      await backend.close()
    })

    it('an injected driver, with settings of its own, is used and stays open', async () => {
      const { username, password } = serverConfig
      const auth =
        username !== undefined && password !== undefined ? neo4jDriver.auth.basic(username, password) : undefined
      const client = neo4jDriver.driver(serverUrl as string, auth)
      try {
        const backend = await open({ client, prefix })
        await backend.connect()
        const { graph } = backend.roles
        await graph.upsertNodes({ scope, nodes: [node('a'), node('b')] })
        const [a, b] = [documentKey(scope, 'a'), documentKey(scope, 'b')]
        const edge = { source: a, target: b, type: 'REFERENCES', ordinal: 3, version: version(1), properties: {} }
        await graph.upsertEdges({ scope, edges: [edge] })
        expect(await graph.count({ scope, of: 'nodes' })).toBe(2)
        expect(await graph.getEdges({ scope, keys: [a], direction: 'out' })).toEqual([edge])
        expect(await graph.raw({ scope, query: 'RETURN $n AS n', parameters: { n: 5 } })).toEqual([{ n: 5 }])
        await backend.close()
        expect((await client.executeQuery('RETURN 1 AS one')).records.length).toBe(1)
      } finally {
        await client.close()
      }
    })

    it('two drivers are two engines, and one is one', async () => {
      const [one, other] = [neo4jDriver.driver(serverUrl as string), neo4jDriver.driver(serverUrl as string)]
      try {
        const [a, b, c] = await Promise.all([one, one, other].map((client) => open({ client, prefix })))
        expect(a?.engineId).toBe(b?.engineId)
        expect(a?.engineId).not.toBe(c?.engineId)
      } finally {
        await Promise.all([one.close(), other.close()])
      }
    })

    it('a caller whose signal fires does not end the connecting of others', async () => {
      const backend = await open({ prefix })
      const controller = new AbortController()
      const connecting = [backend.connect({ signal: controller.signal }), backend.connect()]
      controller.abort()
      const [aborted, connected] = await Promise.allSettled(connecting)
      expect(aborted).toMatchObject({ status: 'rejected', reason: { code: 'ABORTED', operation: 'connect' } })
      expect(connected?.status).toBe('fulfilled')
      expect((await backend.probe()).product).toBe('Neo4j')
      await backend.close()
      expect((await failureOf(backend.roles.graph.count({ scope, of: 'nodes' }))).retryable).toBe(false)
    })

    it("what a unit of work's own code throws comes back as it is", async () => {
      const backend = await open({ prefix })
      await backend.connect()
      const mine = new TypeError('mine')
      const failed = backend.unitOfWork?.({}, async ({ graph }) => {
        await graph.upsertNodes({ scope, nodes: [node('never')] })
        throw mine
      })
      await expect(failed).rejects.toBe(mine)
      expect(await backend.roles.graph.getNodes({ scope, keys: [documentKey(scope, 'never')] })).toEqual([])
      await backend.close()
    })

    it('raw finds the scope by its label', async () => {
      const backend = await open({ prefix })
      await backend.connect()
      const { graph } = backend.roles
      await graph.upsertNodes({ scope, nodes: [node('raw')] })
      const query = 'MATCH (n:$($scope)) WHERE n._documentId = $id RETURN n.n AS n LIMIT $limit'
      expect(await graph.raw({ scope, query, parameters: { id: 'raw', limit: 1 } })).toEqual([{ n: 1 }])
      await backend.close()
    })

    it('a node carries its label in the database, and no other one after a change', async () => {
      const backend = await open({ prefix })
      await backend.connect()
      const { graph } = backend.roles
      await graph.upsertNodes({ scope, nodes: [node('labelled')] })
      await graph.upsertNodes({ scope, nodes: [{ ...node('labelled'), label: 'Person' }] })
      const query = "MATCH (n:$($scope)) WHERE n._documentId = 'labelled' RETURN labels(n) AS labels"
      const [row] = (await graph.raw({ scope, query })) as { labels: string[] }[]
      expect(row?.labels.filter((label) => !label.startsWith(prefix))).toEqual(['Person'])
      const reserved = row?.labels.find((label) => label.startsWith(prefix)) ?? ''
      expect(graph.check([{ ...node('x'), label: reserved }], [])).toHaveLength(1)
      await backend.close()
    })

    it('the server ends a query that takes too long: TIMEOUT', async () => {
      const backend = await open({ prefix, queryTimeoutMs: 300 })
      await backend.connect()
      const query = 'UNWIND range(1, 100000000) AS x WITH x WHERE x % 7 = 3 RETURN count(x) AS count'
      expect((await failureOf(backend.roles.graph.raw({ scope, query }))).code).toBe('TIMEOUT')
      await backend.close()
    })

    it('an aborted query ends on the server too', async () => {
      const backend = await open({ prefix })
      await backend.connect()
      const controller = new AbortController()
      const marker = `aborted_${process.pid}`
      const query = `UNWIND range(1, 1000000000) AS ${marker} WITH ${marker} AS x WHERE x % 7 = 3 RETURN count(x) AS count`
      const running = backend.roles.graph.raw({ scope, query, signal: controller.signal })
      setTimeout(() => controller.abort(), 200)
      expect((await failureOf(running)).code).toBe('ABORTED')
      const left = await backend.roles.graph.raw({
        scope,
        query:
          'SHOW TRANSACTIONS YIELD currentQuery, status WHERE currentQuery CONTAINS $marker AND status = "Running" RETURN currentQuery',
        parameters: { marker: `range(1, 1000000000) AS ${marker}` },
      })
      expect(left).toEqual([])
      await backend.close()
    })

    it('a process that closed its backend ends by itself', async () => {
      const program = `
      import { neo4j } from ${JSON.stringify(new URL('../dist/index.js', import.meta.url).href)}
      import { validateConfig } from '@veritas-db/core/contract'
      const config = await validateConfig(neo4j.config, ${JSON.stringify(serverConfig)}, 'neo4j')
      const backend = neo4j.create(config, { roles: neo4j.roles, poolSize: 2, queryTimeoutMs: 5000 })
      await backend.connect()
      await backend.probe()
      await backend.close()
      process.stdout.write('closed')`
      expect(await runProgram(program, { cwd: new URL('..', import.meta.url) })).toEqual({ code: 0, output: 'closed' })
    })
  },
)

describe.skipIf(serverUrl === undefined)(
  `neo4j: TLS (${serverUrl === undefined ? why : 'a front before the server'})`,
  () => {
    const scope = { collection: 'tls' }
    let front: TlsFront
    let folder: string

    beforeAll(async () => {
      const { hostname, port } = new URL(serverUrl as string)
      front = await tlsFront({ host: hostname, port: port === '' ? 7687 : port })
      folder = await mkdtemp(path.join(tmpdir(), 'veritas-neo4j-'))
      await writeFile(path.join(folder, 'ca.pem'), front.ca)
    })
    afterAll(async () => {
      await front.close()
      await rm(folder, { recursive: true })
    })

    it('with the authority: writes and reads', async () => {
      const backend = await open({
        url: `bolt://localhost:${front.port}`,
        encrypted: true,
        trust: 'TRUST_CUSTOM_CA_SIGNED_CERTIFICATES',
        trustedCertificates: [path.join(folder, 'ca.pem')],
        prefix: 'tls_test',
      })
      await backend.connect()
      const { graph } = backend.roles
      const key = documentKey(scope, 'a')
      const node: NodeRecord = {
        key,
        documentId: 'a',
        version: version(1),
        label: 'Document',
        placeholder: false,
        properties: { title: 'über TLS' },
      }
      await graph.upsertNodes({ scope, nodes: [node] })
      expect(await graph.getNodes({ scope, keys: [key] })).toEqual([node])
      await graph.dropSchema({ scope })
      await backend.close()
    })

    it('a file that is not there is CONFIGURATION, and is named', async () => {
      const error = await connect({
        ...serverConfig,
        url: `bolt://localhost:${front.port}`,
        encrypted: true,
        trust: 'TRUST_CUSTOM_CA_SIGNED_CERTIFICATES',
        trustedCertificates: [path.join(folder, 'nowhere.pem')],
      })
      expect([error.code, error.message.includes('nowhere.pem')]).toEqual(['CONFIGURATION', true])
    })

    it.each([
      { url: 'bolt+s' },
      { url: 'bolt', encrypted: true, trust: 'TRUST_SYSTEM_CA_SIGNED_CERTIFICATES' },
    ] as const)('without it: refused, with host, port and what to set (%j)', async ({ url, ...options }) => {
      const error = await connect({ ...serverConfig, ...options, url: `${url}://localhost:${front.port}` })
      expect([error.code, error.outcome, error.retryable]).toEqual(['CONNECTION', 'not-applied', false])
      expect(error.message).toContain(`localhost:${front.port}`)
      expect(error.message).toContain('trustedCertificates')
    })
  },
)

describe('a server that refuses the credentials', () => {
  it('is AUTHENTICATION, without the password', async () => {
    const stub = await refusingServer({
      code: 'Neo.ClientError.Security.Unauthorized',
      message: 'The client is unauthorized due to authentication failure.',
    })
    try {
      const error = await connect({ url: `bolt://127.0.0.1:${stub.port}`, username: 'neo4j', password: 'hunter22' })
      expect([error.code, error.retryable, error.outcome]).toEqual(['AUTHENTICATION', false, 'not-applied'])
      expect(error.message).toContain(`127.0.0.1:${stub.port}`)
      expect(`${error.message} ${JSON.stringify(error)}`).not.toContain('hunter22')
    } finally {
      await stub.close()
    }
  })
})

describe.skipIf(serverUrl === undefined || serverConfig.password === undefined)(
  'neo4j: a wrong password on the server (needs one that asks for it: VERITAS_NEO4J_PASSWORD)',
  () => {
    it('is AUTHENTICATION', async () => {
      const error = await connect({ ...serverConfig, password: 'certainly-wrong' })
      expect(error.code).toBe('AUTHENTICATION')
      expect(`${error.message} ${JSON.stringify(error)}`).not.toContain('certainly-wrong')
    })
  },
)
