import { setTimeout as sleep } from 'node:timers/promises'
import { inspect } from 'node:util'
import {
  failureOf,
  runProgram,
  socketServer,
  type TlsFront,
  tlsFront,
  unusedPort,
} from '@veritas-db/conformance/network'
import { documentKey, version } from '@veritas-db/core/contract'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { PostgresBackend } from '../src/index.js'
import { clear, make, own, unless, url } from './server.js'

const SECRET = 'hunter2-very-secret'

/** A message of the server, with its type and length. */
const message = (type: string, body: Buffer): Buffer => {
  const head = Buffer.alloc(5)
  head.write(type)
  head.writeInt32BE(body.length + 4, 1)
  return Buffer.concat([head, body])
}

describe('without a server', () => {
  it('a port that nobody listens on fails fast, and is named', async () => {
    const port = await unusedPort()
    const backend = await make({ url: `postgresql://user:${SECRET}@127.0.0.1:${port}/db` })
    const started = performance.now()
    const error = await failureOf(backend.connect())
    expect(error).toMatchObject({ code: 'CONNECTION', outcome: 'not-applied', retryable: true, backend: 'postgres' })
    expect(error.message).toContain(`127.0.0.1:${port}`)
    expect(performance.now() - started).toBeLessThan(2000)
    expect(inspect(error, { depth: 8 }) + JSON.stringify(error)).not.toContain(SECRET)
    expect(inspect(backend, { depth: 6 }) + backend.engineId).not.toContain(SECRET)
    await backend.close()
  })

  it('a server that never answers fails within the time allowed', async () => {
    const silent = await socketServer()
    const backend = await make({ url: `postgresql://u@127.0.0.1:${silent.port}/db`, connectTimeoutMs: 300 })
    const started = performance.now()
    const error = await failureOf(backend.connect())
    expect(error).toMatchObject({ code: 'CONNECTION', outcome: 'not-applied' })
    expect(error.message).toContain(`127.0.0.1:${silent.port}`)
    expect(performance.now() - started).toBeLessThan(2000)
    await backend.close()
    await silent.close()
  })

  it('connecting can be aborted', async () => {
    const silent = await socketServer()
    const backend = await make({ url: `postgresql://u@127.0.0.1:${silent.port}/db`, connectTimeoutMs: 1500 })
    const started = performance.now()
    expect(await failureOf(backend.connect({ signal: AbortSignal.timeout(50) }))).toMatchObject({ code: 'ABORTED' })
    expect(performance.now() - started).toBeLessThan(1200)
    await backend.close()
    await silent.close()
  })

  it('a refused password is AUTHENTICATION, and shown nowhere', async () => {
    const refusing = await socketServer((socket, data) => {
      // Startup has no type and the length first; then comes the password, of type p.
      if (data[0] === 0) socket.write(message('R', Buffer.from([0, 0, 0, 3])))
      else socket.end(message('E', Buffer.from('SFATAL\0C28P01\0Mpassword authentication failed for user "u"\0\0')))
    })
    const given = { host: '127.0.0.1', port: refusing.port, user: 'u', database: 'db', password: SECRET }
    const backend = await make({ url: undefined, ...given })
    const error = await failureOf(backend.connect())
    expect(error).toMatchObject({ code: 'AUTHENTICATION', retryable: false })
    expect(error.message).toContain(`127.0.0.1:${refusing.port}`)
    expect(inspect(error, { depth: 8 }) + JSON.stringify(error)).not.toContain(SECRET)
    await backend.close()
    await refusing.close()
  })

  it('the password may be given beside the URL', async () => {
    let seen = ''
    const asking = await socketServer((socket, data) => {
      if (data[0] === 0) socket.write(message('R', Buffer.from([0, 0, 0, 3])))
      else {
        seen = data.toString('utf8')
        socket.destroy()
      }
    })
    const backend = await make({ url: `postgresql://u@127.0.0.1:${asking.port}/db`, password: 'p@ss/wörd' })
    await failureOf(backend.connect())
    expect(seen).toContain('p@ss/wörd')
    await backend.close()
    await asking.close()
  })

  it('a server without TLS is refused where TLS is asked for', async () => {
    const plain = await socketServer((socket) => socket.write('N'))
    const backend = await make({ url: `postgresql://u@127.0.0.1:${plain.port}/db`, ssl: { rejectUnauthorized: false } })
    const error = await failureOf(backend.connect())
    expect(error).toMatchObject({ code: 'CONNECTION', retryable: false })
    expect(error.message).toContain(`127.0.0.1:${plain.port} cannot be reached: it offers no TLS`)
    await backend.close()
    await plain.close()
  })

  it('options are checked', async () => {
    const wrong = [
      { url: 'postgresql://x', host: 'y' },
      { prefix: 'Bad-Prefix' },
      { hnswM: 40, hnswEfConstruction: 64 },
      { client: {} as pg.Pool },
      { poolsize: 3 } as object,
    ]
    for (const options of wrong)
      expect(await failureOf(make({ url: undefined, ...options })), inspect(options)).toMatchObject({
        code: 'CONFIGURATION',
      })
    expect(await failureOf(make({ url: 'not a url' }))).toMatchObject({ code: 'CONFIGURATION' })
  })
})

describe.skipIf(url === undefined)(`on a real server${unless}`, { timeout: 30_000 }, () => {
  const scope = { collection: 'connections' }
  const table = 'rows'
  let backend: PostgresBackend
  let observer: pg.Client
  const row = (id: string, n = 1) => ({
    key: documentKey(scope, id),
    documentId: id,
    version: version(n),
    values: { n },
  })
  const sleeping = async (): Promise<number> =>
    (
      await observer.query(
        `SELECT count(*)::int AS n FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(17)%' AND state = 'active'`,
      )
    ).rows[0].n

  beforeAll(async () => {
    backend = await make()
    await backend.connect()
    await backend.roles.relational.ensureTable({ scope, table, columns: { n: { type: 'number' } } })
    observer = new pg.Client(url)
    await observer.connect()
  })
  afterAll(async () => {
    await backend.roles.relational.dropTable({ scope, table })
    await backend.close()
    await observer.end()
    await clear()
  })

  it('an unknown user is AUTHENTICATION, an unknown database CONFIGURATION', async () => {
    const there = new URL(url ?? '')
    const nobody = new URL(there)
    nobody.username = 'veritas_nobody'
    const nowhere = new URL(there)
    nowhere.pathname = '/veritas_nowhere'
    for (const [wrong, code] of [
      [nobody, 'AUTHENTICATION'],
      [nowhere, 'CONFIGURATION'],
    ] as const) {
      const other = await make({ url: wrong.href })
      expect(await failureOf(other.connect())).toMatchObject({ code })
      await other.close()
    }
  })

  it('an injected pool is used and not closed', async () => {
    const client = new pg.Pool({ connectionString: url, max: 2 })
    const injected = await make({ client })
    expect(injected.engineId).toBe(backend.engineId)
    await injected.connect()
    expect((await injected.probe()).product).toBe('PostgreSQL')
    await injected.roles.relational.upsert({ scope, table, records: [row('injected')] })
    await injected.close()
    expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
    await client.end()
  })

  it('an abort in flight ends the call at once, and the statement on the server soon', async () => {
    const started = performance.now()
    const query = 'SELECT pg_sleep(17), :n::int'
    const call = backend.roles.relational.raw({ scope, query, parameters: { n: 1 }, signal: AbortSignal.timeout(100) })
    expect(await failureOf(call)).toMatchObject({ code: 'ABORTED', outcome: 'unknown' })
    expect(performance.now() - started).toBeLessThan(3000)
    expect((await backend.probe()).product).toBe('PostgreSQL')
    for (let i = 0; i < 60 && (await sleeping()) > 0; i++) await sleep(100)
    expect(await sleeping()).toBe(0)
  })

  it('the server’s own limit of time is TIMEOUT', async () => {
    const limited = await make({ statementTimeoutMs: 50 })
    await limited.connect()
    expect(await failureOf(limited.roles.graph.raw({ scope, query: 'SELECT pg_sleep(5)' }))).toMatchObject({
      code: 'TIMEOUT',
    })
    await limited.probe()
    await limited.close()
  })

  it('a connection that the server ends fails its call, and the next call gets another', async () => {
    const call = failureOf(backend.roles.relational.raw({ scope, query: 'SELECT pg_sleep(16)' }))
    await sleep(150)
    await observer.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(16)%' AND pid <> pg_backend_pid()`,
    )
    expect(await call).toMatchObject({ code: 'CONNECTION', outcome: 'unknown', retryable: true })
    await backend.probe()
  })

  it('unused connections that the server ends do no harm', async () => {
    const other = await make({ applicationName: 'veritas-idle-test' })
    await other.connect()
    await Promise.all([other.probe(), other.probe()])
    await observer.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'veritas-idle-test'`,
    )
    await sleep(100)
    await other.probe()
    await other.close()
  })

  it('a transaction whose connection breaks was not applied', async () => {
    const unit = backend.unitOfWork?.({}, async ({ relational }) => {
      await relational.upsert({ scope, table, records: [row('never')] })
      await relational.raw({ scope, query: 'SELECT pg_terminate_backend(pg_backend_pid())' })
    })
    expect(await failureOf(unit as Promise<void>)).toMatchObject({ code: 'CONNECTION', outcome: 'not-applied' })
    expect(await backend.roles.relational.get({ scope, table, keys: [row('never').key] })).toEqual([])
  })

  it('a unit of work in which a call failed cannot commit, even where the failure was caught', async () => {
    const unit = backend.unitOfWork?.({}, async ({ relational }) => {
      await relational.upsert({ scope, table, records: [row('half')] })
      await failureOf(relational.raw({ scope, query: 'nonsense' }))
    })
    expect(await failureOf(unit as Promise<void>)).toMatchObject({ code: 'CONFLICT', outcome: 'not-applied' })
    expect(await backend.roles.relational.get({ scope, table, keys: [row('half').key] })).toEqual([])
  })

  it('the roles of a unit of work are of no use after it', async () => {
    const kept = await backend.unitOfWork?.({}, async (roles) => roles.relational)
    expect(await failureOf(kept?.count({ scope, table }) as Promise<number>)).toMatchObject({ code: 'CONFLICT' })
  })

  it('a pool without a free connection says so', async () => {
    const small = await make({ poolSize: 1, connectTimeoutMs: 200 })
    await small.connect()
    const busy = small.roles.relational.raw({ scope, query: 'SELECT pg_sleep(0.6)' })
    const error = await failureOf(small.probe())
    expect(error).toMatchObject({ code: 'TIMEOUT', outcome: 'not-applied' })
    expect(error.message).toContain('raise poolSize')
    await busy
    await small.close()
  })

  it('prepared statements are bounded', async () => {
    const few = await make({ maxPreparedStatements: 3, poolSize: 1 })
    await few.connect()
    const { relational } = few.roles
    const counts = async (): Promise<number> => {
      const query = 'SELECT count(*)::int AS n FROM pg_prepared_statements'
      return ((await relational.raw({ scope, query })) as { n: number }[])[0]?.n ?? 0
    }
    for (let i = 0; i < 12; i++) {
      await relational.ensureTable({ scope, table: `t${i}`, columns: { n: { type: 'number' } } })
      await relational.upsert({ scope, table: `t${i}`, records: [row('a')] })
      expect(await relational.get({ scope, table: `t${i}`, keys: [row('a').key] })).toHaveLength(1)
      expect(await counts()).toBeLessThanOrEqual(3)
      await relational.dropTable({ scope, table: `t${i}` })
    }
    await few.close()
  })

  it('leaves nothing behind that keeps the process alive', async () => {
    const program = `
      import postgres from ${JSON.stringify(new URL('../dist/index.js', import.meta.url).href)}
      import { validateConfig } from '@veritas-db/core/contract'
      const config = await validateConfig(postgres.config, { url: process.env.VERITAS_POSTGRES_URL, prefix: ${JSON.stringify(own('test'))} }, 'postgres')
      const backend = postgres.create(config, { roles: postgres.roles, poolSize: 2, queryTimeoutMs: 5000 })
      await backend.connect()
      await Promise.all([backend.probe(), backend.probe()])
      const aborted = backend.roles.graph.raw({ scope: { collection: 'x' }, query: 'SELECT pg_sleep(15)', signal: AbortSignal.timeout(50) })
      await aborted.catch(() => undefined)
      await backend.close()
      console.log('closed')`
    const end = await runProgram(program, { cwd: new URL('..', import.meta.url) })
    expect(end).toEqual({ code: 0, output: 'closed\n' })
  }, 15_000)
})

describe.skipIf(url === undefined)(`TLS in front of a real server${unless}`, { timeout: 30_000 }, () => {
  const scope = { collection: 'tls' }
  const table = 'rows'
  const record = {
    key: documentKey(scope, 'a'),
    documentId: 'a',
    version: version(1),
    values: { n: 1 },
  }
  let front: TlsFront
  const through = (host = '127.0.0.1'): string => {
    const there = new URL(url ?? '')
    there.hostname = host
    there.port = String(front.port)
    return there.href
  }

  beforeAll(async () => {
    const { hostname, port } = new URL(url ?? '')
    front = await tlsFront({ host: hostname, port: port || 5432 }, { startTls: 'postgres' })
  })
  afterAll(async () => {
    await front.close()
    await clear()
  })

  it.each(['127.0.0.1', 'localhost'])('with its authority it is written to and read from, at %s', async (host) => {
    const backend = await make({ url: through(host), ssl: { ca: front.ca } })
    await backend.connect()
    const { relational } = backend.roles
    await relational.ensureTable({ scope, table, columns: { n: { type: 'number' } } })
    await relational.upsert({ scope, table, records: [record] })
    expect(await relational.get({ scope, table, keys: [record.key] })).toEqual([record])
    await relational.dropTable({ scope, table })
    await backend.close()
  })

  it.each([true, {}])('without its authority it is refused (ssl: %j)', async (ssl) => {
    const backend = await make({ url: through(), ssl })
    const error = await failureOf(backend.connect())
    expect(error).toMatchObject({ code: 'CONNECTION', outcome: 'not-applied', retryable: false })
    expect(error.message).toContain(`127.0.0.1:${front.port}`)
    expect(error.message).toContain('ssl.ca')
    await backend.close()
  })

  it.each(['127.0.0.1', 'localhost'])('a certificate of another name is refused, at %s', async (host) => {
    const backend = await make({ url: through(host), ssl: { ca: front.ca, servername: 'db.example' } })
    expect(await failureOf(backend.connect())).toMatchObject({ code: 'CONNECTION', retryable: false })
    await backend.close()
  })

  it('any certificate will do where that is asked for', async () => {
    const backend = await make({ url: through(), ssl: { rejectUnauthorized: false } })
    await backend.connect()
    expect((await backend.probe()).product).toBe('PostgreSQL')
    await backend.close()
  })
})
