import { setTimeout as sleep } from 'node:timers/promises'
import {
  type Backend,
  documentKey,
  type EdgeRecord,
  type NodeRecord,
  parseFilter,
  type VectorRecord,
  version,
} from '@veritas-db/core/contract'
import neo4jDriver, { type Driver } from 'neo4j-driver'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Neo4jRole } from '../src/index.js'
import { open, serverConfig, serverUrl, why } from './server.js'

const scope = { collection: 'writing' }
const prefix = 'writing_test'

const node = (id: string, n: number, properties: NodeRecord['properties'] = {}): NodeRecord => ({
  key: documentKey(scope, id),
  documentId: id,
  version: version(n),
  label: 'Document',
  placeholder: false,
  properties,
})
const edge = (from: string, to: string, n = 1, ordinal = 0, properties: EdgeRecord['properties'] = {}): EdgeRecord => ({
  source: documentKey(scope, from),
  target: documentKey(scope, to),
  type: 'REFERENCES',
  ordinal,
  version: version(n),
  properties,
})
const passage = (id: string, vector: readonly number[], n = 1): VectorRecord => ({
  key: documentKey(scope, id),
  documentId: id,
  version: version(n),
  ordinal: 0,
  vector: Float32Array.from(vector),
  metadata: { n },
})

describe.skipIf(serverUrl === undefined)(
  `neo4j: writers beside others (${serverUrl === undefined ? why : 'on the server'})`,
  { timeout: 60_000 },
  () => {
    let backend: Backend<Neo4jRole>
    let second: Backend<Neo4jRole>
    let driver: Driver

    beforeAll(async () => {
      const { username, password } = serverConfig
      const auth = username !== undefined && password !== undefined && neo4jDriver.auth.basic(username, password)
      driver = neo4jDriver.driver(serverUrl as string, auth || undefined, { disableLosslessIntegers: true })
      backend = await open({ prefix })
      second = await open({ prefix })
      await Promise.all([backend.connect(), second.connect()])
      await backend.roles.graph.dropSchema({ scope })
      await backend.roles.graph.ensureSchema({ scope, labels: ['Document'], edgeTypes: ['REFERENCES'] })
    }, 60_000)
    afterAll(async () => {
      await backend.roles.graph.dropSchema({ scope })
      await backend.roles.vector.dropCollection({ scope })
      await Promise.all([backend.close(), second.close(), driver.close()])
    })

    /** While another transaction has changed what `match` finds and not committed. */
    const meanwhile = async <T>(match: string, parameters: object, work: () => Promise<T>): Promise<T> => {
      const session = driver.session()
      const other = await session.beginTransaction()
      await other.run(`${match} SET n._version = $version`, { version: version(5), ...parameters })
      let waiting = true
      const working = work().finally(() => {
        waiting = false
      })
      await sleep(300)
      expect(waiting).toBe(true)
      await other.commit()
      await session.close()
      return working
    }

    it('a node is compared with what the writer before left, not with what was there when the call began', async () => {
      const { graph } = backend.roles
      await graph.upsertNodes({ scope, nodes: [node('a', 1)] })
      const { outcomes } = await meanwhile('MATCH (n:Document {_key: $key})', { key: node('a', 1).key }, () =>
        graph.upsertNodes({ scope, nodes: [node('a', 3)], mode: 'ifNewer' }),
      )
      expect(outcomes).toEqual([{ status: 'stale' }])
    })

    it('a passage too', async () => {
      const { vector } = backend.roles
      await vector.ensureCollection({ scope, dimensions: 2, metric: 'cosine' })
      await vector.upsert({ scope, records: [passage('a', [1, 0])] })
      const { outcomes } = await meanwhile("MATCH (n {_documentId: 'a'}) WHERE n._id IS NOT NULL", {}, () =>
        vector.upsert({ scope, records: [passage('a', [0, 1], 3)], mode: 'ifNewer' }),
      )
      expect(outcomes).toEqual([{ status: 'stale' }])
      await vector.dropCollection({ scope })
    })

    it('replacing writers leave one of their records whole, never a mixture', async () => {
      const { graph } = backend.roles
      const fields = ['a', 'b', 'c', 'd', 'e', 'f'] as const
      for (let round = 0; round < 5; round++) {
        await Promise.all(
          fields.map((field, i) =>
            (i % 2 ? backend : second).roles.graph.upsertNodes({
              scope,
              nodes: [node('whole', i + 1, { [field]: i })],
            }),
          ),
        )
        const [found] = (await graph.raw({
          scope,
          query: "MATCH (n:$($scope)) WHERE n._documentId = 'whole' RETURN properties(n) AS properties",
        })) as { properties: Record<string, unknown> }[]
        expect(fields.filter((field) => field in (found?.properties ?? {}))).toHaveLength(1)
      }
    })

    it('a change of a node keeps what its edges are compared with', async () => {
      const { graph } = backend.roles
      await graph.upsertNodes({ scope, nodes: [node('source', 1), node('target', 1)] })
      const source = node('source', 1).key
      await graph.replaceEdges({ scope, sets: [{ source, version: version(9), edges: [] }] })
      for (const mode of ['replace', 'ifNewer'] as const)
        await graph.upsertNodes({ scope, nodes: [node('source', 10, { mode })], mode })
      const older = [{ source, version: version(8), edges: [edge('source', 'target', 8)] }]
      expect((await graph.replaceEdges({ scope, sets: older })).outcomes).toEqual([{ status: 'stale' }])
    })

    it('edges that cross, written by several at the same time, do not wait for each other for ever', async () => {
      const ids = Array.from({ length: 12 }, (_, i) => `hub-${i}`)
      await backend.roles.graph.upsertNodes({ scope, nodes: ids.map((id) => node(id, 1)) })
      const writes = Array.from({ length: 8 }, (_, writer) => {
        const order = ids.toSorted(
          (a, b) =>
            ((Number.parseInt(a.slice(4), 10) * (writer + 3)) % 13) -
            ((Number.parseInt(b.slice(4), 10) * (writer + 3)) % 13),
        )
        const edges = order.flatMap((from) => order.filter((to) => to !== from).map((to) => edge(from, to, 1, writer)))
        return (writer % 2 ? backend : second).roles.graph.upsertEdges({ scope, edges, mode: 'ifNewer' })
      })
      const outcomes = (await Promise.all(writes)).flatMap((result) => result.outcomes)
      expect(outcomes.filter((outcome) => outcome.status !== 'applied')).toEqual([])
      expect(
        await backend.roles.graph.getEdges({ scope, keys: [node('hub-0', 1).key], direction: 'out' }),
      ).toHaveLength(88)
    })

    it('edges of several types, ordinals and versions in one call are answered one by one', async () => {
      const { graph } = backend.roles
      await graph.upsertNodes({ scope, nodes: [node('x', 1), node('y', 1)] })
      await graph.upsertEdges({ scope, edges: [edge('x', 'y', 5), edge('x', 'y', 5, 7, { a: 1 })] })
      const edges = [
        edge('x', 'y', 4, 0, { late: true }),
        edge('x', 'y', 6, 7, { b: 2 }),
        { ...edge('x', 'y', 4), type: 'CITES' },
        edge('x', 'x', 4),
        edge('x', 'nobody', 4),
        edge('nobody', 'y', 4),
      ]
      const { outcomes } = await graph.upsertEdges({ scope, edges, mode: 'ifNewer' })
      expect(outcomes.map((outcome) => outcome.status)).toEqual([
        'stale',
        'applied',
        'applied',
        'applied',
        'failed',
        'failed',
      ])
      expect(outcomes.slice(4).map((outcome) => 'error' in outcome && outcome.error.message)).toEqual([
        expect.stringContaining('The target'),
        expect.stringContaining('The source'),
      ])
      const there = await graph.getEdges({ scope, keys: [node('x', 1).key], direction: 'out' })
      expect(new Set(there)).toEqual(new Set([edge('x', 'y', 5), ...edges.slice(1, 4)]))
      expect((await graph.upsertEdges({ scope, edges: edges.slice(0, 1), mode: 'ifAbsent' })).outcomes).toEqual([
        { status: 'stale' },
      ])
      expect(await graph.deleteEdges({ scope, edges: [edge('x', 'y'), edge('x', 'y', 1, 3)] })).toEqual({ deleted: 1 })
      expect(await graph.getEdges({ scope, keys: [node('x', 1).key], direction: 'out' })).toHaveLength(3)
    })

    it('a full-text question before any field was declared finds nothing, and leaves a unit of work as it was', async () => {
      await backend.unitOfWork?.({}, async ({ graph }) => {
        expect(await graph.findNodes({ scope, text: 'anything', limit: 5 })).toEqual([])
        await graph.upsertNodes({ scope, nodes: [node('after-the-question', 1)] })
      })
      expect(await backend.roles.graph.getNodes({ scope, keys: [node('after-the-question', 1).key] })).toHaveLength(1)
    })
  },
)

describe.skipIf(serverUrl === undefined)(
  `neo4j: passages (${serverUrl === undefined ? why : 'on the server'})`,
  { timeout: 60_000 },
  () => {
    let backend: Backend<Neo4jRole>
    let second: Backend<Neo4jRole>

    beforeAll(async () => {
      backend = await open({ prefix })
      second = await open({ prefix })
      await Promise.all([backend.connect(), second.connect()])
      await backend.roles.vector.dropCollection({ scope })
    }, 60_000)
    afterAll(async () => {
      await backend.roles.vector.dropCollection({ scope })
      await Promise.all([backend.close(), second.close()])
    })

    it('a collection made again by another process is never asked with what was known of the one before', async () => {
      const { vector } = backend.roles
      const east = Float32Array.of(1, 0)
      await vector.ensureCollection({ scope, dimensions: 2, metric: 'cosine' })
      await vector.upsert({ scope, records: [passage('a', [2, 0])] })
      expect(await vector.query({ scope, vector: east, topK: 1 })).toEqual([expect.objectContaining({ score: 1 })])
      const other = second.roles.vector
      await other.dropCollection({ scope })
      await other.ensureCollection({ scope, dimensions: 2, metric: 'euclidean' })
      await other.upsert({ scope, records: [passage('a', [2, 0])] })
      const [match] = await vector.query({ scope, vector: east, topK: 1 })
      expect(match?.score).toBeCloseTo(0.5, 6)
    })

    it('what an interrupted drop left is none of the next collection’s, whatever its dimensions', async () => {
      const { vector } = backend.roles
      await vector.ensureCollection({ scope, dimensions: 2, metric: 'euclidean' })
      await vector.upsert({ scope, records: [passage('left', [1, 1])] })
      // All that an interrupted drop got done: the entry is gone.
      await backend.roles.graph.raw({ scope, query: `MATCH (c:${prefix}_collections) DELETE c` })
      await second.roles.vector.ensureCollection({ scope, dimensions: 3, metric: 'cosine' })
      await second.roles.vector.upsert({ scope, records: [passage('new', [0, 0, 1])] })
      const found = await second.roles.vector.query({ scope, vector: Float32Array.of(0, 0, 1), topK: 5 })
      expect(found.map((match) => match.documentId)).toEqual(['new'])
    })

    it('of equals, the ones with the smallest keys are found, in their order, with a filter too', async () => {
      const { vector } = backend.roles
      await vector.dropCollection({ scope })
      await vector.ensureCollection({ scope, dimensions: 2, metric: 'cosine', fields: { n: 'number' } })
      const records = Array.from({ length: 30 }, (_, i) => passage(`equal-${i}`, [1, 0]))
      await vector.upsert({ scope, records })
      const wanted = records
        .map((record) => record.key)
        .sort()
        .slice(0, 5)
      for (const filter of [undefined, parseFilter({ n: { $gte: 1 } })]) {
        const found = await vector.query({ scope, vector: Float32Array.of(1, 0), topK: 5, ...(filter && { filter }) })
        expect(found.map((match) => match.key)).toEqual(wanted)
      }
    })

    it('a passage written again is found by its new vector, and keeps nothing of the old metadata', async () => {
      const { vector } = backend.roles
      const again = passage('again', [0, 1])
      await vector.upsert({ scope, records: [{ ...again, text: 'old', metadata: { old: 1 } }] })
      await vector.upsert({ scope, records: [{ ...again, metadata: {} }] })
      await vector.upsert({ scope, records: [{ ...again, vector: Float32Array.of(0, -1), metadata: { n: 3 } }] })
      const include = { metadata: true, text: true, vector: true }
      const [found] = await vector.query({ scope, vector: Float32Array.of(0, -1), topK: 1, include })
      expect(found).toEqual({ ...again, vector: Float32Array.of(0, -1), metadata: { n: 3 }, score: 1 })
    })
  },
)
