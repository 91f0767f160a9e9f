import { connect, createServer, type Server, type Socket } from 'node:net'
import type { DatabaseManager, RoleName, StoreResult, VeritasDocument } from '@veritas-db/core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { down, env, kill, restart, SERVERS, type ServerName, status, up } from '../../tools/servers/src/index.ts'
import { open } from './helpers.js'

// Servers of its own, beside those that other tests use at the same time: these are killed.
const SERVER_OF = { vector: 'redis', graph: 'neo4j', relational: 'postgres' } as const
const NAMES: readonly ServerName[] = Object.values(SERVER_OF)
const VARIABLES = SERVERS.flatMap(({ variables }) => variables)
const wanted = NAMES.every((name) => process.env[`VERITAS_${name.toUpperCase()}_URL`])

function ownServers(): void {
  for (const variable of VARIABLES) vi.stubEnv(variable, undefined)
  vi.stubEnv('VERITAS_SERVERS_INSTANCE', 'killed')
}

ownServers()
const installed = (await status(NAMES)).every(({ state }) => state !== 'absent')
vi.unstubAllEnvs()
const reason = wanted
  ? installed
    ? ''
    : ` (not run: redis, neo4j and postgres are not installed by \`npm run servers\`)`
  : ' (not run: start them with `npm run servers -- up redis neo4j postgres`)'

const COLLECTION = 'killed'
const COUNT = 300
const documents: readonly VeritasDocument[] = Array.from({ length: COUNT }, (_, i) => ({
  id: `d${i}`,
  text: `document number ${i} about topic ${i % 7}`,
  references: i > 0 ? [`d${i - 1}`] : [],
  metadata: { n: i },
}))
const ids = documents.map(({ id }) => id as string)

describe.skipIf(!wanted || !installed)(`servers that are killed${reason}`, { timeout: 240_000 }, () => {
  let db: DatabaseManager

  beforeAll(async () => {
    ownServers()
    await up(NAMES, { fresh: true })
  }, 240_000)
  beforeEach(async () => {
    ownServers()
    await up(NAMES)
    const { VERITAS_REDIS_URL, VERITAS_NEO4J_URL, VERITAS_POSTGRES_URL } = await env()
    db = await open({
      vector: { type: 'redis', config: { url: VERITAS_REDIS_URL } },
      graph: { type: 'neo4j', config: { url: VERITAS_NEO4J_URL } },
      relational: { type: 'postgres', config: { url: VERITAS_POSTGRES_URL } },
      journal: false,
      performance: {
        batchSize: 20,
        retries: 1,
        retryDelayMs: 20,
        breakerThreshold: 3,
        breakerResetMs: 200,
        queryTimeoutMs: 10_000,
      },
    })
    await db.dropCollection(COLLECTION)
  })
  afterEach(async () => {
    await db.close()
    vi.unstubAllEnvs()
  })
  afterAll(async () => {
    ownServers()
    await down(NAMES)
    vi.unstubAllEnvs()
  })

  /** Stores all documents; kills the server of a role when a third of them are stored. What the stream ended with is an error or undefined. */
  async function storeThroughCrash(role: RoleName): Promise<{ results: readonly StoreResult[]; error: unknown }> {
    const results: StoreResult[] = []
    let killed: Promise<void> | undefined
    const onResult = (result: StoreResult): void => {
      results.push(result)
      if (results.length >= COUNT / 3) killed ??= kill(SERVER_OF[role])
    }
    const error: unknown = await db.storeDocuments(documents, COLLECTION, { onResult }).then(
      () => undefined,
      (reason: unknown) => reason,
    )
    await killed
    expect(killed).toBeDefined()
    return { results, error }
  }

  async function bringBack(role: RoleName): Promise<void> {
    await restart(SERVER_OF[role])
    await vi.waitFor(async () => expect((await db.healthCheck()).overall).toBe('healthy'), {
      timeout: 60_000,
      interval: 100,
    })
  }

  /** The documents that one role's store finds. */
  async function found(role: RoleName): Promise<ReadonlySet<string>> {
    const common = { collection: COLLECTION, limit: 1000 }
    if (role === 'graph') {
      // Each refers to the one before it.
      const sources = await Promise.all(
        ids.map(async (id, i) => {
          const search = { ...common, mode: 'graph', graph: { from: [id], direction: 'out' } } as const
          const { hits } = await db.searchDocuments(search)
          return hits.some((hit) => hit.id === `d${i - 1}`) ? [id] : []
        }),
      )
      return new Set(sources.flat())
    }
    const { hits, warnings } = await db.searchDocuments(
      role === 'vector'
        ? { ...common, mode: 'semantic', query: 'document' }
        : { ...common, mode: 'metadata', filter: { n: { $gte: 0 } } },
    )
    expect(warnings).toEqual([])
    expect(hits.filter((hit) => hit.unverified)).toEqual([])
    return new Set(hits.map((hit) => hit.id))
  }

  it.each(['vector', 'graph'] as const)(
    'a %s store: what it acknowledged is there, the others go on, and storing again makes all whole',
    async (role) => {
      const { results, error } = await storeThroughCrash(role)
      expect([results.length, error]).toEqual([COUNT, undefined])
      expect(results.every((result) => result.success)).toBe(true)
      const acknowledged = results.filter((result) => result.legs[role] === 'stored').map((result) => result.id)
      expect(acknowledged.length).toBeGreaterThan(0)
      expect(acknowledged.length).toBeLessThan(COUNT)

      const { hits, warnings } = await db.searchDocuments({ query: 'document', collection: COLLECTION })
      expect(hits.length).toBeGreaterThan(0)
      expect(warnings).toMatchObject([{ role }])

      await bringBack(role)
      const there = await found(role)
      expect(acknowledged.filter((id) => !there.has(id) && id !== 'd0')).toEqual([])

      const again = await db.storeDocuments(documents, COLLECTION, { skipUnchanged: true })
      expect(again).toMatchObject({ failed: 0 })
      expect(again.stored).toBeGreaterThan(0)
      expect(again.unchanged).toBeGreaterThan(0)
      const whole = await found(role)
      expect(ids.filter((id) => !whole.has(id) && (role !== 'graph' || id !== 'd0'))).toEqual([])
    },
  )

  it('the authority: what it acknowledged is there, nothing else is shown, and storing again makes all whole', async () => {
    const { results, error } = await storeThroughCrash('relational')
    // Without the authority nothing can be acknowledged, so the stream ends.
    expect(error).toMatchObject({ code: 'CONNECTION', backend: 'postgres' })
    const acknowledged = results.filter((result) => result.legs.relational === 'stored').map((result) => result.id)
    expect(acknowledged.length).toBeGreaterThan(0)
    expect(acknowledged.length).toBeLessThan(COUNT)
    await bringBack('relational')
    const rows = await found('relational')
    expect(acknowledged.filter((id) => !rows.has(id))).toEqual([])
    // The other two stores may know more: the authority decides what is shown.
    expect([...(await found('vector'))].filter((id) => !rows.has(id))).toEqual([])
    expect(await db.storeDocuments(documents, COLLECTION)).toMatchObject({ failed: 0 })
    expect((await found('relational')).size).toBe(COUNT)
    expect((await found('vector')).size).toBe(COUNT)
  })
})

/** A way to a server that can be cut and mended, on one port. */
class Way {
  readonly #to: URL
  #server: Server | undefined
  #port = 0
  readonly #sockets = new Set<Socket>()
  /** Bytes that were asked through it. */
  asked = 0

  constructor(url: string) {
    this.#to = new URL(url)
  }

  async mend(): Promise<string> {
    const server = createServer((near) => {
      const far = connect(Number(this.#to.port), this.#to.hostname)
      for (const socket of [near, far]) {
        this.#sockets.add(socket)
        socket.on('error', () => socket.destroy()).on('close', () => this.#sockets.delete(socket))
      }
      near.on('close', () => far.destroy())
      far.on('close', () => near.destroy())
      near.on('data', (chunk) => {
        this.asked += chunk.length
      })
      near.pipe(far).pipe(near)
    })
    await new Promise<void>((resolve) => server.listen(this.#port, '127.0.0.1', resolve))
    const address = server.address()
    this.#port = typeof address === 'object' && address ? address.port : 0
    this.#server = server
    const url = new URL(this.#to)
    url.port = String(this.#port)
    return url.href
  }

  async cut(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    const closed = new Promise((resolve) => (server ? server.close(resolve) : resolve(undefined)))
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }
}

const postgres = process.env.VERITAS_POSTGRES_URL
const whyNot = postgres === undefined ? ' (not run: VERITAS_POSTGRES_URL names no server)' : ''

describe.skipIf(postgres === undefined)(`an instance that cannot be reached for a while${whyNot}`, () => {
  it('is left out of reads within a breaker’s cycle, and taken back', { timeout: 60_000 }, async () => {
    const way = new Way(postgres as string)
    const prefix = 'replicated'
    const vector = { type: 'sqlite', config: { path: ':memory:' } }
    const db = await open({
      vector,
      relational: {
        type: 'postgres',
        config: { url: postgres, prefix },
        replicas: [{ url: await way.mend(), prefix }],
      },
      journal: false,
      performance: { retries: 0, breakerThreshold: 2, breakerResetMs: 200, queryTimeoutMs: 5000 },
    })
    try {
      await db.dropCollection(COLLECTION)
      await db.storeDocuments(documents.slice(0, 50), COLLECTION)
      const read = async (times: number): Promise<number> => {
        const before = way.asked
        for (let i = 0; i < times; i++) {
          const { hits, warnings } = await db.searchDocuments({
            mode: 'metadata',
            filter: { n: { $lt: 10 } },
            collection: COLLECTION,
            limit: 20,
          })
          expect([hits.length, warnings]).toEqual([10, []])
        }
        return way.asked - before
      }
      const readsOver = async (): Promise<void> => expect(await read(20)).toBeGreaterThan(0)
      await vi.waitFor(readsOver, { timeout: 20_000, interval: 50 })
      await way.cut()
      expect(await read(100)).toBe(0)
      // Writes never went there.
      expect(await db.storeDocument({ id: 'd50', text: 'one more', metadata: { n: 50 } }, COLLECTION)).toMatchObject({
        success: true,
      })
      await way.mend()
      await vi.waitFor(readsOver, { timeout: 20_000, interval: 100 })
      await db.dropCollection(COLLECTION)
    } finally {
      await db.close()
      await way.cut()
    }
  })
})
