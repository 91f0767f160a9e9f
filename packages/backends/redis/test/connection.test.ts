import { inspect } from 'node:util'
import { failureOf, runProgram, socketServer, tlsFront, unusedPort } from '@veritas-db/conformance/network'
import { type Backend, documentKey, validateConfig, version } from '@veritas-db/core/contract'
import { createClient } from 'redis'
import { afterEach, describe, expect, it } from 'vitest'
import redis, { type RedisConfigInput } from '../src/index.js'

const url = process.env.VERITAS_REDIS_URL
const context = { roles: ['vector'], poolSize: 4, queryTimeoutMs: 2000 } as const

const make = async (input: RedisConfigInput): Promise<Backend<'vector'>> =>
  redis.create(await validateConfig(redis.config, input, 'redis'), context)

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0)) await end()
})

/** A server that answers each chunk it gets; undefined is silence. */
const fakeServer = async (answer: (text: string) => string | undefined): Promise<string> => {
  const server = await socketServer((socket, chunk) => {
    const text = answer(chunk.toString())
    if (text !== undefined) socket.write(text)
  })
  ends.push(() => server.close())
  return `redis://${server.host}:${server.port}`
}

describe('a server that cannot be reached', () => {
  it('fails fast, naming host, port and reason', async () => {
    const port = await unusedPort()
    const backend = await make({ url: `redis://127.0.0.1:${port}` })
    const start = performance.now()
    const error = await failureOf(backend.connect())
    expect(performance.now() - start).toBeLessThan(1500)
    expect(error).toMatchObject({ code: 'CONNECTION', outcome: 'not-applied', retryable: true, backend: 'redis' })
    expect(error.message).toContain(`127.0.0.1:${port}`)
    expect(error.message).toContain('ECONNREFUSED')
    await backend.close()
  })

  it('names the host where the name is unknown', async () => {
    const backend = await make({ url: 'redis://no-such-host.invalid', connectTimeoutMs: 5000 })
    const error = await failureOf(backend.connect())
    expect(error.code).toBe('CONNECTION')
    expect(error.message).toContain('no-such-host.invalid:6379')
  })

  it('does not hang where the server says nothing', async () => {
    const backend = await make({ url: await fakeServer(() => undefined), password: 'p', connectTimeoutMs: 150 })
    const error = await failureOf(backend.connect())
    expect(error).toMatchObject({ code: 'CONNECTION' })
    expect(error.message).toMatch(/127\.0\.0\.1:\d+ did not answer within 150 ms/)
    await backend.close()
  })

  it('a caller who no longer waits does not end the connecting of others', async () => {
    const backend = await make({
      url: await fakeServer((text) => (text.includes('COMMAND') ? undefined : '+OK\r\n')),
      connectTimeoutMs: 300,
    })
    const controller = new AbortController()
    const impatient = failureOf(backend.connect({ signal: controller.signal }))
    const patient = failureOf(backend.connect())
    controller.abort()
    expect(await impatient).toMatchObject({ code: 'ABORTED' })
    expect((await patient).message).toMatch(/did not answer within 300 ms/)
    await backend.close()
  })

  it('close does not wait for the answer to a call that was aborted', async () => {
    const backend = await make({
      url: await fakeServer((text) => (text.includes('HVALS') ? undefined : '+OK\r\n')),
      index: 'flat',
    })
    await backend.connect()
    const signal = AbortSignal.timeout(50)
    expect(await failureOf(backend.roles.vector.listCollections({ signal }))).toMatchObject({ outcome: 'not-applied' })
    await backend.close()
  }, 2000)

  it('says so of every call before connect', async () => {
    const backend = await make({})
    expect(await failureOf(backend.roles.vector.listCollections())).toMatchObject({ code: 'CONNECTION' })
  })
})

describe('authentication', () => {
  it('a wrong password is AUTHENTICATION, and is shown nowhere', async () => {
    const address = (
      await fakeServer(() => '-WRONGPASS invalid username-password pair or user is disabled.\r\n')
    ).slice(8)
    for (const input of [
      { url: `redis://${address}`, username: 'anna', password: 'wrong-secret' },
      { url: `redis://anna:wrong-secret@${address}` },
    ]) {
      const config = await validateConfig(redis.config, input, 'redis')
      const backend = redis.create(config, context)
      const error = await failureOf(backend.connect())
      expect(error.code).toBe('AUTHENTICATION')
      const shown = `${error.message}${JSON.stringify(error)}${inspect(error, { depth: 9 })}${inspect(backend, { depth: 9 })}${inspect(config)}${JSON.stringify(config)}`
      expect(shown).not.toContain('wrong-secret')
      expect(backend.engineId).toBe(`redis:${address}/0`)
      await backend.close()
    }
  })

  it('a server that wants a password says so', async () => {
    const backend = await make({ url: await fakeServer(() => '-NOAUTH Authentication required.\r\n') })
    expect(await failureOf(backend.connect())).toMatchObject({ code: 'AUTHENTICATION' })
    await backend.close()
  })
})

describe('configuration', () => {
  it.each(['http://x', 'redis://user:letmein@x/no', 'redis://x?password=letmein', 'x', 'redis://'])(
    'refuses the url %s without repeating it',
    async (bad) => {
      const error = await failureOf(make({ url: bad }))
      expect(error.code).toBe('CONFIGURATION')
      expect(error.message).not.toContain('letmein')
    },
  )

  it('reads the parts of a url', async () => {
    const config = await validateConfig(redis.config, { url: 'rediss://a%40b:c%2Fd@[::1]:7000/3' }, 'redis')
    expect(config).toMatchObject({ host: '::1', port: 7000, database: 3, username: 'a@b', tls: {} })
    expect(config.password?.reveal()).toBe('c/d')
    expect(redis.create(config, context).engineId).toBe('redis:[::1]:7000/3')
  })

  it('shows the key of a certificate nowhere, and refuses options of TLS that it does not know', async () => {
    const config = await validateConfig(redis.config, { tls: { ca: 'c', key: 'private-key' } }, 'redis')
    expect(config.tls ? config.tls.key?.reveal() : config.tls).toBe('private-key')
    expect(`${JSON.stringify(config)}${inspect(config, { depth: 9 })}`).not.toContain('private-key')
    const wrong = { tls: { kye: 'private-key' } } as RedisConfigInput
    const error = await failureOf(make(wrong))
    expect(error).toMatchObject({ code: 'CONFIGURATION' })
    expect(error.message).not.toContain('private-key')
  })

  it('two injected clients are two engines', async () => {
    const [one, two] = [createClient({ RESP: 2 }), createClient({ RESP: 2 })]
    const id = async (client: typeof one): Promise<string> => (await make({ client })).engineId
    expect(await id(one)).toBe(await id(one))
    expect(await id(one)).not.toBe(await id(two))
  })

  it('refuses a client that speaks RESP 3', async () => {
    const backend = await make({ client: createClient({ RESP: 3 }) })
    expect(await failureOf(backend.connect())).toMatchObject({ code: 'CONFIGURATION' })
  })

  it.each([
    { index: 'flat', lacks: 'FT.CREATE' },
    { index: 'vectorset', lacks: 'VCARD' },
  ] as const)('says what to do where the server has not what $index needs', async ({ index, lacks }) => {
    const server = await fakeServer((text) => {
      if (text.includes(lacks)) return `-ERR unknown command '${lacks}', with args beginning with: 'x'\r\n`
      if (text.includes('HSETNX')) return ':1\r\n'
      return text.includes('HGET') ? '$-1\r\n' : '+OK\r\n'
    })
    const backend = await make({ url: server, index })
    await backend.connect()
    const definition = { scope: { collection: 'c' }, dimensions: 2, metric: 'cosine' } as const
    const error = await failureOf(backend.roles.vector.ensureCollection(definition))
    expect(error).toMatchObject({ code: 'UNSUPPORTED', retryable: false })
    expect(error.message).toMatch(/RediSearch.*Redis 8/)
    await backend.close()
  })

  it('chooses by what the server has, where that is left to it', async () => {
    const choices = [
      { has: '*2\r\n*0\r\n*0\r\n', fullText: true, metrics: 3 },
      { has: '*2\r\n*0\r\n*-1\r\n', fullText: true, metrics: 3 },
      { has: '*2\r\n*-1\r\n*0\r\n', fullText: false, metrics: 1 },
      { has: '*2\r\n*-1\r\n*-1\r\n', fullText: true, metrics: 3 },
      { has: '-NOPERM this user has no permissions to run the command\r\n', fullText: true, metrics: 3 },
    ]
    for (const { has, fullText, metrics } of choices) {
      const backend = await make({ url: await fakeServer((text) => (text.includes('COMMAND') ? has : '+OK\r\n')) })
      await backend.connect()
      const { capabilities } = backend.roles.vector
      expect(capabilities).toMatchObject({ fullText, exact: fullText ? 'always' : 'optional' })
      expect(capabilities.metrics).toHaveLength(metrics)
      await backend.close()
    }
  })
})

const withServer = describe.skipIf(url === undefined)
const reason = url === undefined ? ': skipped, since VERITAS_REDIS_URL names no server' : ''

withServer(`with a server${reason}`, () => {
  const scope = { collection: 'connection' }
  const key = documentKey(scope, 'a')
  const record = { key, documentId: 'a', version: version(1), ordinal: 0, vector: Float32Array.of(1, 0), metadata: {} }
  const definition = { scope, dimensions: 2, metric: 'cosine' } as const
  /** A client of our own to look into the server with. */
  const own = async () => {
    const client = createClient({ url: url as string, RESP: 2 })
    ends.push(() => client.close())
    await client.connect()
    return client
  }

  it('an injected client works, and is still usable after close', async () => {
    const client = await own()
    const backend = await make({ client, prefix: 'kit_injected' })
    await backend.connect()
    const { vector } = backend.roles
    await vector.ensureCollection(definition)
    await vector.upsert({ scope, records: [record] })
    const [found] = await vector.query({ scope, vector: record.vector, topK: 1, include: { vector: true } })
    expect(found).toMatchObject({ documentId: 'a', vector: record.vector })
    expect(found?.score).toBeCloseTo(1, 5)
    expect(await failureOf(vector.count({ scope, signal: AbortSignal.abort() }))).toMatchObject({ code: 'ABORTED' })
    await vector.dropCollection({ scope })
    expect((await make({ client })).engineId).toBe(backend.engineId)
    await backend.close()
    expect(await client.ping()).toBe('PONG')
  })

  it('a connection that broke is made again by the next call, and a forgotten script sent again', async () => {
    const backend = await make({ url, prefix: 'kit_broken' })
    await backend.connect()
    const { vector } = backend.roles
    await vector.ensureCollection(definition)
    await vector.upsert({ scope, records: [record] })
    const client = await own()
    await client.sendCommand(['SCRIPT', 'FLUSH'])
    const me = String(await client.sendCommand(['CLIENT', 'LIST']))
    const ours = /id=(\d+)[^\n]*cmd=exec/.exec(me)?.[1]
    expect(ours).toBeDefined()
    await client.sendCommand(['CLIENT', 'KILL', 'ID', ours as string])
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(await vector.count({ scope })).toBe(1)
    await vector.dropCollection({ scope })
    await backend.close()
  })

  it('a collection that was dropped and made again elsewhere is found again, and nothing of it is left', async () => {
    const [one, two] = [await make({ url, prefix: 'kit_again' }), await make({ url, prefix: 'kit_again' })]
    await Promise.all([one.connect(), two.connect()])
    await one.roles.vector.ensureCollection(definition)
    await one.roles.vector.upsert({ scope, records: [record] })
    await two.roles.vector.dropCollection({ scope })
    const { vector } = one.roles
    const calls = [
      () => vector.count({ scope }),
      () => vector.get({ scope, keys: [key] }),
      () => vector.upsert({ scope, records: [record] }),
      () => vector.upsert({ scope, records: [record], mode: 'ifNewer' }),
      () => vector.patch({ scope, records: [record] }),
      () => vector.query({ scope, vector: record.vector, topK: 1 }),
    ]
    for (const call of calls) expect(await failureOf(call())).toMatchObject({ code: 'NOT_FOUND' })
    await two.roles.vector.ensureCollection({ ...definition, dimensions: 3, metric: 'dot' })
    expect(await one.roles.vector.count({ scope })).toBe(0)
    await two.roles.vector.dropCollection({ scope })
    const client = await own()
    expect(await client.keys('kit_again*')).toEqual([])
    expect(String(await client.sendCommand(['FT._LIST']))).not.toContain('kit_again')
    await Promise.all([one.close(), two.close()])
  })

  it('a record that its owner changes while it is being written is written as it was checked', async () => {
    const backend = await make({ url, prefix: 'kit_changed' })
    await backend.connect()
    const { vector } = backend.roles
    await vector.ensureCollection(definition)
    // Each time a field of numbers is new to the index, which is waited for.
    for (let i = 0; i < 20; i++) {
      const changing = { [`n${i}`]: 1 }
      const next = vector.upsert({ scope, records: [{ ...record, metadata: changing }] })
      await new Promise<void>((resolve) => setImmediate(resolve))
      changing[`n${i}`] = 2
      await next
      const [found] = await vector.get({ scope, keys: [key] })
      expect(found?.metadata).toEqual({ [`n${i}`]: 1 })
    }
    await vector.dropCollection({ scope })
    await backend.close()
  })

  it('TLS: with the authority of its certificate the server is written to and read, without it is refused', async () => {
    const { hostname, port } = new URL(url as string)
    const front = await tlsFront({ host: hostname, port: port || 6379 })
    ends.push(() => front.close())
    const address = `rediss://127.0.0.1:${front.port}`
    const backend = await make({ url: address, tls: { ca: front.ca }, prefix: 'kit_tls' })
    await backend.connect()
    const { vector } = backend.roles
    await vector.ensureCollection(definition)
    await vector.upsert({ scope, records: [record] })
    expect(await vector.get({ scope, keys: [key] })).toMatchObject([{ documentId: 'a' }])
    await vector.dropCollection({ scope })
    await backend.close()

    const stranger = await make({ url: address })
    const error = await failureOf(stranger.connect())
    expect(error).toMatchObject({ code: 'CONNECTION', outcome: 'not-applied', retryable: false })
    expect(error.message).toContain(`127.0.0.1:${front.port}`)
    expect(error.message).toContain('tls.ca')
    await stranger.close()
    // A client that speaks plainly to it gets an error in time, too.
    const plain = await make({ url: `redis://127.0.0.1:${front.port}`, connectTimeoutMs: 1000 })
    expect(await failureOf(plain.connect())).toMatchObject({ code: 'CONNECTION' })
    await plain.close()
  })

  it('numbers and dates of undeclared fields are found by range, written and asked by different connections', async () => {
    const [one, two] = [await make({ url, prefix: 'kit_range' }), await make({ url, prefix: 'kit_range', poolSize: 3 })]
    await Promise.all([one.connect(), two.connect()])
    await one.roles.vector.ensureCollection(definition)
    const filter = { op: 'gt', path: 'new.field', value: 1 } as const
    expect(await two.roles.vector.count({ scope, filter })).toBe(0)
    const write = (id: string, value: number): Promise<unknown> => {
      const metadata = { new: { field: value } }
      const other = { ...record, key: documentKey(scope, id), documentId: id, metadata }
      return (value % 2 ? one : two).roles.vector.upsert({ scope, records: [other] })
    }
    await Promise.all(Array.from({ length: 20 }, (_, i) => write(`n${i}`, i)))
    expect(await two.roles.vector.count({ scope, filter })).toBe(18)
    expect(await one.roles.vector.count({ scope, filter: { op: 'not', node: filter } })).toBe(2)
    await one.roles.vector.dropCollection({ scope })
    await Promise.all([one.close(), two.close()])
  })

  it('a process that closes its backend ends by itself', async () => {
    const code = `
      const { default: redis } = await import(${JSON.stringify(new URL('../dist/index.js', import.meta.url).href)})
      const { value } = await redis.config['~standard'].validate({ url: ${JSON.stringify(url)} })
      const backend = redis.create(value, { roles: ['vector'], poolSize: 2, queryTimeoutMs: 5000 })
      await backend.connect()
      console.log((await backend.probe()).product)
      await backend.close()
    `
    expect(await runProgram(code)).toEqual({ code: 0, output: 'Redis\n' })
  }, 15_000)

  it('the cache keeps bytes until they expire, apart from other prefixes', async () => {
    const [mine, other] = [await make({ url, prefix: 'kit_cache' }), await make({ url, prefix: 'kit_cache2' })]
    await Promise.all([mine.connect(), other.connect()])
    const cache = mine.services?.cache
    if (!cache || !other.services?.cache) throw new Error('there is no cache')
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i)
    const entries = [
      { key: 'a', value: bytes },
      { key: 'b*\r\n', value: bytes.subarray(3, 5) },
      { key: 'empty', value: new Uint8Array() },
    ]
    await cache.set({ entries, ttlMs: 60_000 })
    const found = await cache.get({ keys: ['b*\r\n', 'none', 'a', 'empty'] })
    expect(found.map((value) => value && [...value])).toEqual([[3, 4], null, [...bytes], []])
    expect(await other.services.cache.get({ keys: ['a'] })).toEqual([null])
    await cache.delete({ keys: ['a', 'none'] })
    expect((await cache.get({ keys: ['a', 'empty'] })).map(Boolean)).toEqual([false, true])

    await cache.set({ entries: [{ key: 'short', value: bytes }], ttlMs: 20.5 })
    await new Promise((resolve) => setTimeout(resolve, 60))
    expect(await cache.get({ keys: ['short'] })).toEqual([null])

    const many = Array.from({ length: 1200 }, (_, i) => ({ key: `k${i}`, value: Uint8Array.of(i % 256) }))
    const keys = many.map((entry) => entry.key)
    await cache.set({ entries: many, ttlMs: 60_000 })
    expect((await cache.get({ keys })).every((value, i) => value?.[0] === i % 256)).toBe(true)
    await cache.delete({ keys: [...keys, 'b*\r\n', 'empty'] })
    expect(await (await own()).keys('kit_cache*')).toEqual([])

    expect(await cache.get({ keys: [] })).toEqual([])
    await cache.set({ entries: [], ttlMs: 1 })
    await cache.delete({ keys: [] })
    expect(await failureOf(cache.set({ entries, ttlMs: 0 }))).toMatchObject({ code: 'VALIDATION' })
    expect(await failureOf(cache.get({ keys: ['a'], signal: AbortSignal.abort() }))).toMatchObject({ code: 'ABORTED' })
    await Promise.all([mine.close(), other.close()])
    expect(await failureOf(cache.get({ keys: ['a'] }))).toMatchObject({ code: 'CONNECTION' })
  })
})
