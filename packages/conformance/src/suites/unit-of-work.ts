import type { Backend } from '@veritas-db/core/contract'
import { applied, assert, rejects, sleep } from '../assert.js'
import type { SuiteContext } from '../context.js'
import { v } from '../data/random.js'
import type { Place } from '../places/place.js'
import { check, type Suite } from '../suite.js'

type UnitOfWork = NonNullable<Backend['unitOfWork']>

const unitOf = (t: SuiteContext): UnitOfWork => {
  const { backend } = t
  if (!backend.unitOfWork) return t.notApplicable('the backend offers no unitOfWork')
  return backend.unitOfWork.bind(backend)
}

/** A place of each role. */
const places = (t: SuiteContext): Promise<Place[]> => Promise.all(t.run.roles.map((role) => t.place(role)))

const item = (id: string, n = 1): { id: string; version: ReturnType<typeof v>; data: { n: number } } => ({
  id,
  version: v(n),
  data: { n },
})

const there = async (all: readonly Place[], id: string): Promise<number[]> =>
  Promise.all(all.map(async (place) => (await place.read([id])).length))

export const unitOfWork: Suite = {
  name: 'unit-of-work',
  about: 'writes through the roles of one engine commit together or not at all',
  checks: [
    check('what resolves is committed in every role, and its value comes back', async (t) => {
      const unit = unitOf(t)
      const all = await places(t)
      const value = await unit({}, async (roles) => {
        for (const place of all) applied(await place.through({ roles }).write([item('both')]), 1, 'a write within')
        return 'value'
      })
      assert.equal(value, 'value')
      assert.deepEqual(
        await there(all, 'both'),
        all.map(() => 1),
        'all roles have it',
      )
    }),
    check('what rejects is rolled back in every role', async (t) => {
      const unit = unitOf(t)
      const all = await places(t)
      for (const place of all) applied(await place.write([item('kept', 1)]), 1, 'a record from before')
      const reason = new Error('on purpose')
      const outcome = await unit({}, async (roles) => {
        for (const place of all) {
          const within = place.through({ roles })
          applied(await within.write([item('neither'), item('kept', 2)]), 2, 'a write within')
        }
        throw reason
      }).then(
        () => undefined,
        (error: unknown) => error,
      )
      assert.ok(outcome, 'the unit rejects')
      assert.ok(
        outcome === reason || (outcome instanceof Error && outcome.cause === reason),
        `it rejects with the reason, or has it as its cause; rejected with ${String(outcome)}`,
      )
      assert.deepEqual(
        await there(all, 'neither'),
        all.map(() => 0),
        'no role has it',
      )
      for (const place of all) assert.equal((await place.read(['kept']))[0]?.version, v(1), 'what was there is back')
    }),
    check('units at the same time all commit', async (t) => {
      const unit = unitOf(t)
      const all = await places(t)
      const ids = ['u1', 'u2', 'u3', 'u4', 'u5']
      await Promise.all(
        ids.map((id) =>
          unit({}, async (roles) => {
            for (const place of all) applied(await place.through({ roles }).write([item(id)]), 1, `unit ${id}`)
          }),
        ),
      )
      for (const id of ids)
        assert.deepEqual(
          await there(all, id),
          all.map(() => 1),
          `unit ${id}`,
        )
    }),
    check('a write outside does not slip into a unit that is rolled back', async (t) => {
      const unit = unitOf(t)
      const all = await places(t)
      const place = all[0] as Place
      let outside: ReturnType<Place['write']> | undefined
      const work = unit({}, async (roles) => {
        await place.through({ roles }).write([item('inside')])
        // Not awaited: it may have to wait for the unit to end.
        outside = place.write([item('outside')])
        outside.catch(() => undefined)
        await sleep(30)
        throw new Error('on purpose')
      })
      await work.then(
        () => assert.fail('the unit rejects'),
        () => undefined,
      )
      assert.ok(outside, 'the unit ran')
      applied(await outside, 1, 'the write outside')
      assert.deepEqual(await there([place], 'outside'), [1], 'the write outside stays')
      assert.deepEqual(await there([place], 'inside'), [0], 'the write inside is rolled back')
    }),
    check('aborted beforehand, the work does not run', async (t) => {
      const unit = unitOf(t)
      let ran = false
      const signal = AbortSignal.abort()
      await rejects(
        () =>
          unit({ signal }, async () => {
            ran = true
          }),
        'ABORTED',
        'unitOfWork',
      )
      assert.equal(ran, false, 'the work did not run')
    }),
  ],
}
