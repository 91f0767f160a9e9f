import type { CollectionDefinition, Metric } from '@veritas-db/core/contract'
import { applied, assert, rejects } from '../assert.js'
import type { SuiteContext } from '../context.js'
import { random, randomVector, v, vectorFor } from '../data/random.js'
import { FIELDS } from '../places/place.js'
import { check, type Suite } from '../suite.js'

const ALL_METRICS: readonly Metric[] = ['cosine', 'dot', 'euclidean']

const definitionFor = (t: SuiteContext): CollectionDefinition => ({
  dimensions: 8,
  metric: t.vector.capabilities.metrics[0] ?? 'cosine',
  fields: FIELDS,
})

export const vectorCollections: Suite = {
  name: 'vector.collections',
  role: 'vector',
  about: 'collections are made once by many callers, evolve, are listed and dropped',
  checks: [
    check('ten callers at once make one collection', async (t) => {
      const scope = t.run.scope()
      const second = await t.run.second()
      t.run.cleanup(() => t.vector.dropCollection({ scope }))
      const options = { scope, ...definitionFor(t) }
      await Promise.all(
        Array.from({ length: 10 }, (_, i) => {
          const role = i % 2 && second?.roles.vector ? second.roles.vector : t.vector
          return role.ensureCollection(options)
        }),
      )
      const place = await t.newVectors(options, scope)
      applied(await place.write([{ id: 'a', version: v(1), data: {} }]), 1, 'a write to it')
      assert.equal(await place.count(), 1, 'it is one collection')
    }),
    check('making it again keeps what is in it, and adds fields', async (t) => {
      const place = await t.newVectors({ fields: { s: 'string' } })
      applied(await place.write([{ id: 'a', version: v(1), data: { s: 'x', n: 2, later: 'y' } }]), 1, 'a write')
      await place.ensure()
      const fields = { s: 'string', n: 'number', later: 'string' } as const
      await place.store.ensureCollection({ scope: place.scope, ...place.definition, fields })
      assert.equal((await place.read(['a'])).length, 1, 'the record is still there')
      applied(await place.write([{ id: 'b', version: v(1), data: { later: 'z' } }]), 1, 'a write with a new field')
      // Fewer fields than before take nothing away.
      await place.store.ensureCollection({ scope: place.scope, ...place.definition, fields: {} })
      assert.equal((await place.read(['a', 'b'])).length, 2, 'both records are there')
    }),
    check('other dimensions or another metric are a CONFLICT', async (t) => {
      const place = await t.newVectors()
      const { scope, definition, store } = place
      await rejects(
        () => store.ensureCollection({ scope, ...definition, dimensions: 9 }),
        'CONFLICT',
        'other dimensions',
      )
      const other = store.capabilities.metrics.find((m) => m !== definition.metric)
      if (other)
        await rejects(() => store.ensureCollection({ scope, ...definition, metric: other }), 'CONFLICT', 'metric')
      applied(await place.write([{ id: 'a', version: v(1), data: {} }]), 1, 'the collection is as it was')
    }),
    check('metrics and dimensions beyond what is declared are refused', async (t) => {
      const { metrics, maxDimensions } = t.vector.capabilities
      assert.ok(metrics.length > 0, 'at least one metric')
      for (const metric of ALL_METRICS) {
        const scope = t.run.scope()
        const make = (): Promise<void> => t.vector.ensureCollection({ scope, dimensions: 4, metric })
        if (!metrics.includes(metric)) await rejects(make, 'UNSUPPORTED', `the metric ${metric}`)
      }
      for (const dimensions of [0, -1, 1.5, Number.NaN]) {
        const scope = t.run.scope()
        const make = (): Promise<void> => t.vector.ensureCollection({ ...definitionFor(t), scope, dimensions })
        await rejects(make, 'VALIDATION', `${dimensions} dimensions`)
      }
      if (!Number.isFinite(maxDimensions)) return
      const scope = t.run.scope()
      const make = (): Promise<void> =>
        t.vector.ensureCollection({ ...definitionFor(t), scope, dimensions: maxDimensions + 1 })
      await rejects(make, ['VALIDATION', 'UNSUPPORTED'], `more than ${maxDimensions} dimensions`)
    }),
    check('listCollections names each with its definition', async (t) => {
      const name = t.run.name()
      const places = [
        await t.newVectors({ dimensions: 8 }, { collection: name }),
        await t.newVectors({ dimensions: 16 }, { collection: name, tenant: 'acme' }),
        await t.newVectors({ dimensions: 32 }, { collection: name, incarnation: 2 }),
      ]
      const listed = (await t.vector.listCollections()).filter((c) => c.scope.collection === name)
      assert.equal(listed.length, 3, 'all are listed once')
      for (const place of places) {
        const found = listed.find(
          (c) => c.scope.tenant === place.scope.tenant && (c.scope.incarnation ?? 0) === (place.scope.incarnation ?? 0),
        )
        assert.ok(found, `${JSON.stringify(place.scope)} is listed`)
        assert.equal(found.dimensions, place.definition.dimensions, 'dimensions')
        assert.equal(found.metric, place.definition.metric, 'metric')
      }
      await places[0]?.drop()
      const after = (await t.vector.listCollections()).filter((c) => c.scope.collection === name)
      assert.equal(after.length, 2, 'a dropped one is not listed')
    }),
    check('a dropped collection is gone; dropping it again is no error; made again, it is empty', async (t) => {
      const place = await t.newVectors()
      applied(await place.write([{ id: 'a', version: v(1), data: {} }]), 1, 'a write')
      await place.drop()
      await place.drop()
      await rejects(() => place.count(), 'NOT_FOUND', 'count after drop')
      await place.ensure()
      assert.equal(await place.count(), 0, 'made again, it is empty')
      assert.deepEqual(await place.read(['a']), [], 'made again, it is empty')
    }),
    check('dropped, it may be made again with other dimensions', async (t) => {
      const place = await t.newVectors()
      await place.drop()
      await t.newVectors({ dimensions: 16 }, place.scope)
    }),
    check('a call on a collection that was never ensured fails with NOT_FOUND', async (t) => {
      const scope = t.run.scope()
      const role = t.vector
      const place = await t.newVectors()
      const record = place.record({ id: 'a', version: v(1), data: {} })
      const { key } = record
      const vector = vectorFor('x', 8)
      await rejects(() => role.upsert({ scope, records: [record] }), 'NOT_FOUND', 'upsert')
      await rejects(() => role.get({ scope, keys: [key] }), 'NOT_FOUND', 'get')
      await rejects(() => role.query({ scope, vector, topK: 1 }), 'NOT_FOUND', 'query')
      await rejects(() => role.delete({ scope, keys: [key] }), 'NOT_FOUND', 'delete')
      const documents = [{ key, versionBelow: v(2) }]
      await rejects(() => role.deleteByDocument({ scope, documents }), 'NOT_FOUND', 'deleteByDocument')
      await rejects(() => role.count({ scope }), 'NOT_FOUND', 'count')
      await rejects(() => role.scan({ scope }), 'NOT_FOUND', 'scan')
      if (role.capabilities.fullText)
        await rejects(() => role.searchText({ scope, query: 'x', limit: 1 }), 'NOT_FOUND', 'searchText')
    }),
    check('the largest dimension that is declared works', async (t) => {
      const dimensions = Math.min(t.vector.capabilities.maxDimensions, 4096)
      const place = await t.newVectors({ dimensions })
      const vector = randomVector(dimensions, random(3))
      const record = place.record({ id: 'wide', version: v(1), data: {} }, { vector })
      applied(await place.upsert([record]), 1, `a vector of ${dimensions} dimensions`)
      const [match] = await place.store.query({ ...(await place.reading()), vector, topK: 1 })
      assert.equal(match?.documentId, 'wide', 'it is found')
    }),
  ],
}
