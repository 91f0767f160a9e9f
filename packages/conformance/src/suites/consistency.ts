import type { RoleName } from '@veritas-db/core/contract'
import { applied, assert } from '../assert.js'
import { v } from '../data/random.js'
import { check, type Suite } from '../suite.js'

/** A finished write is seen: at once where declared, else with its token or after the declared delay. */
export function consistencySuite(role: RoleName): Suite {
  return {
    name: `${role}.consistency`,
    role,
    about: 'a finished write is seen as soon as declared, on every connection',
    checks: [
      check('every read sees the write before it', async (t) => {
        const place = await t.place(role)
        const eventual = place.capabilities.readAfterWrite === 'eventual'
        for (let n = 1; n <= (eventual ? 3 : 15); n++) {
          applied(await place.write([{ id: 'seen', version: v(n), data: { n } }]), 1, `write ${n}`)
          // Of several, where versions stand side by side, the newest is what was written.
          const newest = Math.max(...(await place.read(['seen'])).map((r) => Number(r.data.n)))
          assert.equal(newest, n, `get after write ${n}`)
        }
      }),
      check('queries, counts and scans see writes and deletes', async (t) => {
        const place = await t.newPlace(role)
        for (let n = 1; n <= 3; n++) {
          applied(await place.write([{ id: `seen-${n}`, version: v(n), data: { n } }]), 1, `write ${n}`)
          assert.equal((await place.match({ op: 'and', nodes: [] })).length, n, `the main query after write ${n}`)
          assert.equal(await place.count(), n, `count after write ${n}`)
          assert.equal((await place.scanAll()).length, n, `scan after write ${n}`)
        }
        await place.remove(['seen-1', 'seen-2'])
        assert.equal((await place.match({ op: 'and', nodes: [] })).length, 1, 'the main query after a delete')
        assert.equal(await place.count(), 1, 'count after a delete')
        assert.equal((await place.scanAll()).length, 1, 'scan after a delete')
        assert.deepEqual(await place.read(['seen-1']), [], 'get after a delete')
      }),
      check('another connection sees the write too', async (t) => {
        const second = await t.run.second()
        if (!second) return t.notApplicable('no second connection was given')
        const place = await t.newPlace(role)
        const other = place.through(second)
        for (let n = 1; n <= 3; n++) {
          const result = await place.write([{ id: `across-${n}`, version: v(n), data: { n } }])
          applied(result, 1, `write ${n}`)
          other.wrote(result)
          assert.equal((await other.read([`across-${n}`])).length, 1, `get on the other connection after write ${n}`)
          assert.equal((await other.match({ op: 'and', nodes: [] })).length, n, `query there after write ${n}`)
          assert.equal(await other.count(), n, `count there after write ${n}`)
        }
        const result = await other.remove(['across-1'])
        place.wrote(result)
        assert.deepEqual(await place.read(['across-1']), [], 'a delete by the other connection')
      }),
      check('an eventual backend says how to wait', async (t) => {
        const place = await t.place(role)
        const { readAfterWrite, visibilityDelayMs } = place.capabilities
        if (readAfterWrite === 'immediate') {
          assert.equal(visibilityDelayMs, undefined, 'an immediate backend declares no visibilityDelayMs')
          return
        }
        const result = await place.write([{ id: 'token', version: v(1), data: {} }])
        assert.ok(
          typeof result.token === 'string' || visibilityDelayMs !== undefined || t.options.waitForVisibility,
          'a token, or visibilityDelayMs',
        )
      }),
    ],
  }
}
