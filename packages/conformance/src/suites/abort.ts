import { MATCH_ALL, type RoleName, VeritasError } from '@veritas-db/core/contract'
import { applied, assert, rejects, sameSet, sleep } from '../assert.js'
import type { SuiteContext } from '../context.js'
import { v, vectorFor } from '../data/random.js'
import type { Item, Place } from '../places/place.js'
import { check, type Suite } from '../suite.js'

/** An aborted signal ends a call with ABORTED, and one aborted beforehand leaves nothing behind. */
export function abortSuite(role: RoleName): Suite {
  const item = (id: string, n = 1): Item => ({ id, version: v(n), data: { s: id } })
  const filled = (t: SuiteContext): Promise<Place> =>
    t.once('filled', async () => {
      const place = await t.newPlace(role)
      applied(await place.write(Array.from({ length: 20 }, (_, i) => item(`there-${i}`))), 20, 'records that are there')
      return place
    })

  return {
    name: `${role}.abort`,
    role,
    about: 'an aborted signal ends calls with ABORTED; aborted beforehand, nothing is written',
    checks: [
      check('a signal aborted beforehand: ABORTED, and nothing is changed', async (t) => {
        const place = await filled(t)
        const signal = AbortSignal.abort()
        const before = await place.scanAll({ keysOnly: true })
        for (const mode of place.capabilities.upsertModes)
          await rejects(() => place.write([item('new')], { mode, signal }), 'ABORTED', `upsert with mode ${mode}`)
        await rejects(() => place.write([item('new')], { signal }), 'ABORTED', 'upsert')
        await rejects(() => place.remove(['there-0'], signal), 'ABORTED', 'delete')
        await rejects(() => place.read(['there-0'], signal), 'ABORTED', 'get')
        await rejects(() => place.match(MATCH_ALL, signal), 'ABORTED', 'the main query')
        await rejects(() => place.count(undefined, signal), 'ABORTED', 'count')
        await rejects(() => place.scan({ signal }), 'ABORTED', 'scan')
        for (const [name, call] of Object.entries(others(t, place, signal))) await rejects(call, 'ABORTED', name)
        await sleep(20)
        const after = await place.scanAll({ keysOnly: true })
        sameSet(
          after.map((r) => r.key),
          before.map((r) => r.key),
          'what is there',
        )
      }),
      check('a scan can be aborted between pages', async (t) => {
        const place = await filled(t)
        const controller = new AbortController()
        const first = await place.scan({ limit: 5, signal: controller.signal })
        assert.ok(first.cursor !== null, 'there is more')
        const cursor = first.cursor
        controller.abort()
        await rejects(() => place.scan({ limit: 5, cursor, signal: controller.signal }), 'ABORTED', 'the next page')
      }),
      check('a write aborted in flight ends soon, and the backend goes on', async (t) => {
        const place = await t.newPlace(role)
        const size = Math.min(place.capabilities.limits.batchRecords * 3, 600)
        const items = Array.from({ length: Math.max(size, 2) }, (_, i) => item(`flight-${i}`))
        const controller = new AbortController()
        const writing = place.write(items, { signal: controller.signal }).then(
          () => undefined,
          (error: unknown) => error,
        )
        setTimeout(() => controller.abort(), 1)
        const error = await writing
        if (error !== undefined)
          assert.ok(
            VeritasError.is(error, 'ABORTED'),
            `an aborted write fails with ABORTED, failed with ${String(error)}`,
          )
        applied(await place.write([item('after')]), 1, 'the next write')
        assert.equal((await place.read(['after'])).length, 1, 'the next read')
      }),
    ],
  }
}

/** The role's further methods, each with the aborted signal. */
function others(t: SuiteContext, place: Place, signal: AbortSignal): Record<string, () => Promise<unknown>> {
  const { scope } = place
  const keys = [place.key('there-0')]
  if (place.role === 'vector') {
    const role = t.vector
    const fresh = t.run.scope()
    const metric = role.capabilities.metrics[0] ?? 'cosine'
    return {
      ensureCollection: () => role.ensureCollection({ scope: fresh, dimensions: 4, metric, signal }),
      dropCollection: () => role.dropCollection({ scope, signal }),
      listCollections: () => role.listCollections({ signal }),
      query: () => role.query({ scope, vector: vectorFor('x', 8), topK: 1, signal }),
      deleteByDocument: () =>
        role.deleteByDocument({ scope, documents: [{ key: place.key('there-0'), versionBelow: v(99) }], signal }),
      ...(role.capabilities.fullText && { searchText: () => role.searchText({ scope, query: 'x', limit: 1, signal }) }),
      ...(role.capabilities.patch && {
        patch: () =>
          role.patch({
            scope,
            records: [{ key: place.key('there-0'), ordinal: 0, version: v(2), metadata: {} }],
            signal,
          }),
      }),
    }
  }
  if (place.role === 'graph') {
    const role = t.graph
    const edge = { source: place.key('there-0'), target: place.key('there-1'), type: 'REFERENCES', ordinal: 0 }
    const [from, to] = [edge.source, edge.target]
    const full = { ...edge, version: v(1), properties: {} }
    return {
      ensureSchema: () => role.ensureSchema({ scope, labels: ['Other'], edgeTypes: [], signal }),
      dropSchema: () => role.dropSchema({ scope, signal }),
      upsertEdges: () => role.upsertEdges({ scope, edges: [full], signal }),
      replaceEdges: () => role.replaceEdges({ scope, sets: [{ source: from, version: v(1), edges: [full] }], signal }),
      deleteEdges: () => role.deleteEdges({ scope, edges: [edge], signal }),
      getEdges: () => role.getEdges({ scope, keys, direction: 'both', signal }),
      neighbors: () => role.neighbors({ scope, starts: keys, limit: 1, signal }),
      scanEdges: () => role.scanEdges({ scope, signal }),
      'count of edges': () => role.count({ scope, of: 'edges', signal }),
      ...(role.capabilities.shortestPath && {
        shortestPath: () => role.shortestPath({ scope, from, to, maxDepth: 1, signal }),
      }),
    }
  }
  const role = t.relational
  const table = 'documents'
  const columns = { s: { type: 'string' } } as const
  return {
    ensureTable: () => role.ensureTable({ scope, table: 'other', columns, signal }),
    dropTable: () => role.dropTable({ scope, table, signal }),
    'delete by filter': () => role.delete({ scope, table, filter: MATCH_ALL, signal }),
    ...(role.capabilities.fullText && {
      searchText: () => role.searchText({ scope, table, query: 'x', limit: 1, signal }),
    }),
    ...(role.capabilities.transactions && { transaction: () => role.transaction({ signal }, async () => 1) }),
  }
}
