import { execFile } from 'node:child_process'
import { createServer } from 'node:net'
import { inspect, promisify } from 'node:util'
import { VeritasError, validateConfig } from '@veritas-db/core/contract'
import { MongoClient } from 'mongodb'
import { afterAll, describe, expect, it } from 'vitest'
import mongo from '../src/index.js'
import { describeProduct, hostsOf } from '../src/server.js'
import { dropDatabase, open, testConfig, url } from './server.js'

const failure = async (work: Promise<unknown>): Promise<VeritasError> => {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (!VeritasError.is(error)) throw new Error(`needs a VeritasError, got ${inspect(error)}`)
  return error
}

const freePort = async (): Promise<number> => {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (typeof address !== 'object' || address === null) throw new Error('no port')
  return address.port
}

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
    expect(await failure(validateConfig(mongo.config, options, 'mongo'))).toMatchObject({ code: 'CONFIGURATION' })
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

describe('a server that cannot be reached', () => {
  it('fails within the time allowed, naming host and port, and again at the next attempt', async () => {
    const port = await freePort()
    const backend = await open({ url: `mongodb://me:hunter2@127.0.0.1:${port}/`, connectTimeoutMs: 300 })
    for (let attempt = 0; attempt < 2; attempt++) {
      const start = performance.now()
      const error = await failure(backend.connect())
      expect(performance.now() - start).toBeLessThan(3000)
      expect(error).toMatchObject({ code: 'CONNECTION', outcome: 'not-applied', retryable: true, backend: 'mongo' })
      expect(error.message).toContain(`127.0.0.1:${port}`)
      expect(inspect(error, { depth: 8 })).not.toContain('hunter2')
    }
    await backend.close()
  })

  it('fails where a server accepts and says nothing', async () => {
    const server = createServer(() => undefined)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    const port = typeof address === 'object' ? address?.port : undefined
    const backend = await open({ url: `mongodb://127.0.0.1:${port}/`, connectTimeoutMs: 300 })
    const error = await failure(backend.connect())
    expect(error.code).toMatch(/CONNECTION|TIMEOUT/)
    expect(error.message).toContain(`127.0.0.1:${port}`)
    await backend.close()
    server.close()
  })

  it('refuses calls before connect and after close', async () => {
    const backend = await open({})
    const scope = { collection: 'c' }
    expect(await failure(backend.roles.graph.count({ scope, of: 'nodes' }))).toMatchObject({ code: 'CONNECTION' })
    await backend.close()
    expect(await failure(backend.connect())).toMatchObject({ code: 'CONNECTION', retryable: false })
    expect(await failure(backend.probe())).toMatchObject({ code: 'CONNECTION', retryable: false })
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
    const error = await failure(backend.connect())
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
    const options = { timeout: 15_000, cwd: new URL('..', import.meta.url) }
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program], options)
    expect(stdout).toBe('closed\n')
  }, 20_000)

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
