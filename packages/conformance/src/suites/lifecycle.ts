import { type Backend, type RoleName, VeritasError } from '@veritas-db/core/contract'
import { assert, rejects } from '../assert.js'
import type { SuiteContext } from '../context.js'
import { v } from '../data/random.js'
import type { Place } from '../places/place.js'
import { check, type Suite } from '../suite.js'

const ROLES: readonly RoleName[] = ['vector', 'graph', 'relational']

/** A backend that one check opens for itself; it is closed however the check ends. */
async function withOwn(t: SuiteContext, work: (backend: Backend) => Promise<void>): Promise<void> {
  const backend = await t.run.make()
  try {
    await backend.connect()
    await work(backend)
  } finally {
    await backend.close()
  }
}

/** One cheap call of each role. */
function calls(backend: Backend, collection: string): Record<string, () => Promise<unknown>> {
  const scope = { collection }
  const { vector, graph, relational } = backend.roles
  return {
    ...(vector && { listCollections: () => vector.listCollections(), 'vector count': () => vector.count({ scope }) }),
    ...(graph && {
      ensureSchema: () => graph.ensureSchema({ scope, labels: ['A'], edgeTypes: [] }),
      'graph count': () => graph.count({ scope, of: 'nodes' }),
    }),
    ...(relational && {
      ensureTable: () => relational.ensureTable({ scope, table: 't', columns: { s: { type: 'string' } } }),
      'relational count': () => relational.count({ scope, table: 't' }),
    }),
  }
}

export const lifecycle: Suite = {
  name: 'lifecycle',
  about: 'connect, probe, close; identity of the engine; nothing works after close',
  checks: [
    check('the backend has exactly the roles it declares', async (t) => {
      const there = ROLES.filter((role) => t.backend.roles[role] !== undefined)
      assert.deepEqual(
        there,
        ROLES.filter((role) => t.run.roles.includes(role)),
      )
    }),
    check('the limits that every role declares make sense', async (t) => {
      for (const role of t.run.roles) {
        const capabilities = t.backend.roles[role]?.capabilities
        assert.ok(capabilities, `${role}.capabilities`)
        const { batchRecords, batchBytes } = capabilities.limits
        assert.ok(Number.isInteger(batchRecords) && batchRecords > 0, `${role}: limits.batchRecords`)
        assert.ok(batchBytes === undefined || (Number.isInteger(batchBytes) && batchBytes > 0), `${role}: batchBytes`)
        assert.ok(['atomic', 'guarded', 'none'].includes(capabilities.conditionalUpsert), `${role}: conditionalUpsert`)
        assert.ok(['immediate', 'eventual'].includes(capabilities.readAfterWrite), `${role}: readAfterWrite`)
        assert.ok(['key', 'native'].includes(capabilities.scan.order), `${role}: scan.order`)
        assert.ok(['cursor', 'offset', 'restart'].includes(capabilities.scan.resume), `${role}: scan.resume`)
        assert.equal(typeof capabilities.scan.snapshot, 'boolean', `${role}: scan.snapshot`)
      }
    }),
    check('connecting again does nothing, even at the same time', async (t) => {
      await t.backend.connect()
      await t.backend.probe()
      await withOwn(t, async (backend) => {
        await Promise.all([backend.connect(), backend.connect(), backend.connect()])
        await backend.probe()
      })
    }),
    check('probe says product and version', async (t) => {
      const { product, version } = await t.backend.probe()
      assert.ok(typeof product === 'string' && product.length > 0, 'product')
      assert.ok(typeof version === 'string' && version.length > 0, 'version')
    }),
    check('aborted beforehand, connect and probe fail with ABORTED', async (t) => {
      await rejects(() => t.backend.probe({ signal: AbortSignal.abort() }), 'ABORTED', 'probe')
      const backend = await t.run.make()
      try {
        await rejects(() => backend.connect({ signal: AbortSignal.abort() }), 'ABORTED', 'connect')
        await backend.connect()
        await backend.probe()
      } finally {
        await backend.close()
      }
    }),
    check('engineId is stable, the same on every connection, and holds no secret', async (t) => {
      const id = t.backend.engineId
      assert.ok(typeof id === 'string' && id.length > 0, 'engineId is a text')
      await t.backend.probe()
      assert.equal(t.backend.engineId, id, 'it stays')
      const second = await t.run.second()
      if (second) assert.equal(second.engineId, id, 'it is the same on the second connection')
      assert.ok(!/\/\/[^/@\s]*:[^/@\s]*@/.test(id), 'it holds no user and password')
      for (const secret of t.options.secrets ?? []) assert.ok(!id.includes(secret), 'it holds no secret')
    }),
    check('close twice, also at the same time, and after close everything fails with a VeritasError', async (t) => {
      const backend = await t.run.make()
      await backend.connect()
      const attempts = calls(backend, t.run.name())
      await Promise.all([backend.close(), backend.close()])
      await backend.close()
      await rejects(() => backend.probe(), undefined, 'probe after close')
      for (const [name, call] of Object.entries(attempts)) {
        const error = await rejects(call, undefined, `${name} after close`)
        assert.notEqual(error.code, 'NOT_FOUND', `${name} after close: the collection is not what is missing`)
      }
    }),
    check('closing one connection leaves the others open', async (t) => {
      await withOwn(t, async () => undefined)
      await t.backend.probe()
    }),
    check('close before connect does nothing', async (t) => {
      const backend = await t.run.make()
      await backend.close()
      await backend.close()
    }),
    check('close waits for what is under way', async (t) => {
      const second = t.options.second
      if (!second) return t.notApplicable('needs a second connection to look at what was written')
      const role = t.run.roles[0] as RoleName
      const place = await t.newPlace(role)
      const backend = await second()
      await backend.connect()
      const other: Place = place.through(backend)
      const items = Array.from({ length: 50 }, (_, i) => ({ id: `late-${i}`, version: v(1), data: { n: i } }))
      const writing = other.write(items)
      const [closed, written] = await Promise.allSettled([backend.close(), writing])
      assert.equal(closed.status, 'fulfilled', 'close')
      if (written.status === 'rejected') throw written.reason
      place.wrote(written.value)
      assert.equal((await place.scanAll({ keysOnly: true })).length, 50, 'what was under way was written')
    }),
    check('errors are VeritasErrors that name the backend and hold no secret', async (t) => {
      const secrets = t.options.secrets ?? []
      for (const role of t.run.roles) {
        if (role === 'graph') continue
        const { vector, relational } = t.backend.roles
        const scope = t.run.scope()
        const error = await rejects(
          () => (role === 'vector' ? vector?.count({ scope }) : relational?.count({ scope, table: 't' })),
          'NOT_FOUND',
          `${role}: count where nothing is`,
        )
        assert.ok(error instanceof Error && VeritasError.is(error), 'an Error')
        const text = `${error.message} ${JSON.stringify(error)}`
        for (const secret of secrets) assert.ok(!text.includes(secret), 'the message holds no secret')
      }
    }),
  ],
}
