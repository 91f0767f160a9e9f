import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { inspect } from 'node:util'
import { failureOf, runProgram, socketServer, tlsFront, unusedPort } from '@veritas-db/conformance/network'
import { documentKey, validateConfig, version } from '@veritas-db/core/contract'
import { MongoClient } from 'mongodb'
import { afterAll, describe, expect, it } from 'vitest'
import mongo from '../src/index.js'
import { describeProduct, hostsOf, refuseOldServer } from '../src/server.js'
import { dropDatabase, open, testConfig, url } from './server.js'

describe('the configuration', () => {
  it('hides the connection string and passwords, wherever it is shown', async () => {
    const options = {
      url: 'mongodb://me:hunter2-url@h/',
      password: 'hunter2-own',
      tlsCertificateKeyFilePassword: 'hunter2-tls',
    }
    const config = await validateConfig(mongo.config, options, 'mongo')
    const backend = await open(options)
    for (const text of [
      JSON.stringify(config),
      inspect(config, { depth: 5 }),
      inspect(backend, { depth: 5 }),
      backend.engineId,
    ])
      expect(text).not.toContain('hunter2')
    await backend.close()
  })

  it.each([
    { url: 'http://127.0.0.1' },
    { url: 'mongodb://' },
    { database: 'a/b' },
    { prefix: '$x' },
    { poolSize: 0 },
    { unknown: 1 },
    { client: {} },
  ])('refuses %j', async (options) => {
    expect(await failureOf(validateConfig(mongo.config, options, 'mongo'))).toMatchObject({ code: 'CONFIGURATION' })
  })

  it('names hosts with their ports', () => {
    expect(hostsOf('mongodb://u:p%40x@b:27018,a/db?x=1')).toBe('a:27017,b:27018')
    expect(hostsOf('mongodb+srv://u:p@cluster.example.net/db')).toBe('cluster.example.net')
  })

  it('tells engines apart by host and database', async () => {
    const ids = await Promise.all(
      [{}, { url: 'mongodb://127.0.0.1/?appName=x' }, { database: 'other' }, { url: 'mongodb://h2' }].map(
        async (options) => (await open(options)).engineId,
      ),
    )
    expect(ids).toEqual([
      'mongodb://127.0.0.1:27017/veritas',
      'mongodb://127.0.0.1:27017/veritas',
      'mongodb://127.0.0.1:27017/other',
      'mongodb://h2:27017/veritas',
    ])
  })
})

it('says of what speaks the protocol which product it is', () => {
  expect(describeProduct({ version: '8.2.1' })).toEqual({ product: 'MongoDB', version: '8.2.1' })
  expect(describeProduct({ version: '8.2.1', secantusVersion: '0.7' })).toEqual({
    product: 'SecantusDB',
    version: '0.7',
  })
  expect(describeProduct({ version: '7.0.77', ferretdb: { version: 'v2' } })).toMatchObject({ product: 'FerretDB' })
})

it('refuses a MongoDB that lacks what edges are written with, and no other product', () => {
  const product = (version: string, name = 'MongoDB') => ({ product: name, version })
  for (const fine of [product('6.0.1'), product('10.1.0'), product('unknown'), product('0.7.0b3', 'SecantusDB')])
    expect(() => refuseOldServer(fine, 'h:1')).not.toThrow()
  expect(() => refuseOldServer(product('5.0.31'), 'h:1')).toThrow(/h:1 is 5\.0\.31.*6\.0/)
})

describe('a server that cannot be reached', () => {
  it('fails within the time allowed, naming host and port, and again at the next attempt', async () => {
    const port = await unusedPort()
    const backend = await open({ url: `mongodb://me:hunter2@127.0.0.1:${port}/`, connectTimeoutMs: 300 })
    for (let attempt = 0; attempt < 2; attempt++) {
      const start = performance.now()
      const error = await failureOf(backend.connect())
      expect(performance.now() - start).toBeLessThan(3000)
      expect(error).toMatchObject({ code: 'CONNECTION', outcome: 'not-applied', retryable: true, backend: 'mongo' })
      expect(error.message).toContain(`127.0.0.1:${port}`)
      expect(inspect(error, { depth: 8 })).not.toContain('hunter2')
    }
    await backend.close()
  })

  it('fails where a server accepts and says nothing', async () => {
    const server = await socketServer()
    const backend = await open({ url: `mongodb://127.0.0.1:${server.port}/`, connectTimeoutMs: 300 })
    const error = await failureOf(backend.connect())
    expect(error.code).toMatch(/CONNECTION|TIMEOUT/)
    expect(error.message).toContain(`127.0.0.1:${server.port}`)
    await backend.close()
    await server.close()
  })

  it('goes on connecting for others where the signal of one caller fires', async () => {
    const server = await socketServer()
    const backend = await open({ url: `mongodb://127.0.0.1:${server.port}/`, connectTimeoutMs: 300 })
    const impatient = new AbortController()
    const first = failureOf(backend.connect({ signal: impatient.signal }))
    const second = failureOf(backend.connect())
    impatient.abort()
    expect(await first).toMatchObject({ code: 'ABORTED', backend: 'mongo', operation: 'connect' })
    expect((await second).code).toMatch(/CONNECTION|TIMEOUT/)
    await backend.close()
    await server.close()
  })

  it('takes two injected clients for two engines, and one client for one', async () => {
    const clients = [new MongoClient('mongodb://me:hunter2@h1'), new MongoClient('mongodb://me:hunter2@h1')]
    const ids = await Promise.all([...clients, clients[0]].map(async (client) => (await open({ client })).engineId))
    expect(new Set(ids).size).toBe(2)
    expect(ids[2]).toBe(ids[0])
    expect(ids[0]).toContain('h1:27017')
    expect(ids[0]).not.toContain('hunter2')
  })

  it('refuses calls before connect and after close', async () => {
    const backend = await open({})
    const scope = { collection: 'c' }
    expect(await failureOf(backend.roles.graph.count({ scope, of: 'nodes' }))).toMatchObject({ code: 'CONNECTION' })
    await backend.close()
    expect(await failureOf(backend.connect())).toMatchObject({ code: 'CONNECTION', retryable: false })
    expect(await failureOf(backend.probe())).toMatchObject({ code: 'CONNECTION', retryable: false })
  })
})

describe.skipIf(!url)(url ? 'a connection' : 'a connection: not run, VERITAS_MONGO_URL is not set', () => {
  const config = testConfig()
  afterAll(() => dropDatabase(config.database), 30_000)

  it('uses an injected client and leaves it open', async () => {
    const client = new MongoClient(url ?? '', { retryReads: false, retryWrites: false })
    const backend = await open({ client, database: config.database })
    await backend.connect()
    expect((await backend.probe()).version).not.toBe('')
    await backend.close()
    expect(await client.db(config.database).command({ ping: 1 })).toMatchObject({ ok: 1 })
    await client.close()
  })

  it('refuses credentials that the server does not know with AUTHENTICATION, and shows no password', async () => {
    const backend = await open({ ...config, username: 'nobody', password: 'hunter2-wrong', connectTimeoutMs: 2000 })
    const error = await failureOf(backend.connect())
    expect(error).toMatchObject({ code: 'AUTHENTICATION', retryable: false })
    expect(inspect(error, { depth: 8 })).not.toContain('hunter2')
    await backend.close()
  })

  it('leaves nothing behind that keeps the process alive', async () => {
    const program = `
      import mongo from ${JSON.stringify(new URL('../dist/index.js', import.meta.url).href)}
      import { validateConfig } from '@veritas-db/core/contract'
      const config = await validateConfig(mongo.config, ${JSON.stringify(config)}, 'mongo')
      const backend = mongo.create(config, { roles: ['graph'], poolSize: 2, queryTimeoutMs: 5000 })
      await backend.connect()
      await backend.probe()
      await backend.close()
      console.log('closed')`
    const end = await runProgram(program, { cwd: new URL('..', import.meta.url) })
    expect(end).toEqual({ code: 0, output: 'closed\n' })
  }, 20_000)

  it('TLS: with the authority of its certificate the server is written to and read, without it is refused', async () => {
    const { host } = new URL((url ?? '').replace(/^mongodb/, 'http'))
    const [name = '', port = '27017'] = host.split(':')
    const front = await tlsFront({ host: name, port })
    const folder = await mkdtemp(path.join(tmpdir(), 'veritas-mongo-'))
    const tlsCAFile = path.join(folder, 'ca.pem')
    await writeFile(tlsCAFile, front.ca)
    const address = {
      ...config,
      url: `mongodb://127.0.0.1:${front.port}/?directConnection=true`,
      connectTimeoutMs: 2000,
    }
    try {
      const backend = await open({ ...address, tls: true, tlsCAFile })
      await backend.connect()
      const at = { scope: { collection: 'tls' }, table: 'rows' }
      const { relational } = backend.roles
      await relational.ensureTable({ ...at, columns: { n: { type: 'number' } } })
      const row = { key: documentKey(at.scope, 'a'), documentId: 'a', version: version(1), values: { n: 1 } }
      await relational.upsert({ ...at, records: [row] })
      expect(await relational.get({ ...at, keys: [row.key] })).toEqual([row])
      await backend.close()

      const stranger = await open({ ...address, tls: true })
      const error = await failureOf(stranger.connect())
      expect(error).toMatchObject({ code: 'CONNECTION', retryable: false, outcome: 'not-applied' })
      expect(error.message).toContain(`127.0.0.1:${front.port}`)
      expect(error.message).toContain('tlsCAFile')
      await stranger.close()
      // Without TLS nothing that the server says is understood.
      const plain = await open(address)
      expect((await failureOf(plain.connect())).code).toMatch(/CONNECTION|TIMEOUT/)
      await plain.close()
    } finally {
      await front.close()
      await rm(folder, { recursive: true })
    }
  }, 30_000)

  it('says which file of certificates cannot be read', async () => {
    const backend = await open({ ...config, tls: true, tlsCAFile: '/nowhere/ca.pem' })
    const error = await failureOf(backend.connect())
    expect(error).toMatchObject({ code: 'CONFIGURATION', retryable: false })
    expect(error.message).toContain('/nowhere/ca.pem')
    await backend.close()
  })

  it('has transactions from the start where they are required, else once it is connected', async () => {
    const auto = await open(config)
    expect([auto.unitOfWork, auto.roles.relational.capabilities.transactions]).toEqual([undefined, false])
    await auto.connect()
    const able = auto.roles.relational.capabilities.transactions
    expect(auto.unitOfWork !== undefined).toBe(able)
    await auto.close()
    const required = await open({ ...config, transactions: 'required' })
    expect(required.unitOfWork).toBeDefined()
    await required.close()
    const off = await open({ ...config, transactions: 'off' })
    await off.connect()
    expect([off.unitOfWork, off.roles.relational.capabilities.transactions]).toEqual([undefined, false])
    await off.close()
  })
})
