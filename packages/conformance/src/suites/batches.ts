import type { RoleName } from '@veritas-db/core/contract'
import { applied, assert, outcomes, sameData, sameSet } from '../assert.js'
import { v } from '../data/random.js'
import type { Item } from '../places/place.js'
import { check, type Suite } from '../suite.js'

/** Empty batches, batches beyond the backend's limits, and several records of one identity within a batch. */
export function batchesSuite(role: RoleName): Suite {
  return {
    name: `${role}.batches`,
    role,
    about: 'empty, oversized and duplicate-ridden batches',
    checks: [
      check('an empty batch does nothing', async (t) => {
        const place = await t.place(role)
        outcomes(await place.write([]), [], 'an empty batch')
        assert.deepEqual(await place.read([]), [], 'a read of no keys answers nothing')
        const before = await place.scanAll({ keysOnly: true })
        const result = await place.remove([])
        assert.ok(!result.deleted, `a delete of no keys deletes nothing, said ${result.deleted}`)
        assert.equal((await place.scanAll({ keysOnly: true })).length, before.length, 'nothing was deleted')
      }),
      check('a batch beyond the limits is split, and every record arrives', async (t) => {
        const place = await t.newPlace(role)
        const { batchRecords } = place.capabilities.limits
        assert.ok(Number.isInteger(batchRecords) && batchRecords >= 1, 'limits.batchRecords is a whole number above 0')
        const size = Math.max(2, Math.min(batchRecords * 3 + 1, t.options.maxBatch ?? 2500))
        const items = Array.from({ length: size }, (_, i) => item(`big-${i}`, i + 1, { n: i }))
        applied(await place.write(items), size, `a batch of ${size} (limits.batchRecords is ${batchRecords})`)
        const scanned = await place.scanAll({ limit: 1000 })
        sameSet(
          scanned.map((r) => r.key),
          items.map((i) => place.key(i.id)),
          `scan after a batch of ${size}`,
        )
        const byKey = new Map(scanned.map((r) => [r.key, r]))
        for (const i of items) {
          const record = byKey.get(place.key(i.id))
          assert.equal(record?.version, i.version, `record ${i.id} has its own version`)
          assert.equal(record?.data?.n, i.data.n, `record ${i.id} has its own data`)
        }
        const ids = items.map((i) => i.id)
        assert.equal((await place.read(ids)).length, size, `a read of ${size} keys finds all`)
        const result = await place.remove(ids.slice(1))
        if (result.deleted !== null) assert.equal(result.deleted, size - 1, `a delete of ${size - 1} keys says so`)
        assert.equal((await place.scanAll({ keysOnly: true })).length, 1, `a delete of ${size - 1} keys deletes them`)
      }),
      check('a batch beyond the limit of bytes is split, and every record arrives', async (t) => {
        const place = await t.newPlace(role)
        const { batchBytes } = place.capabilities.limits
        if (batchBytes === undefined) return t.notApplicable('limits.batchBytes is not declared')
        if (batchBytes > 16_000_000) return t.notApplicable('limits.batchBytes is beyond what a test should send')
        const text = 'x'.repeat(Math.min(20_000, Math.ceil(batchBytes / 4)))
        const size = Math.ceil((batchBytes * 2) / text.length)
        const items = Array.from({ length: size }, (_, i) => item(`wide-${i}`, i + 1, { us: text }))
        applied(await place.write(items), size, `a batch of ${size * text.length} bytes (the limit is ${batchBytes})`)
        assert.equal((await place.scanAll({ keysOnly: true })).length, size, 'all are there')
      }),
      check('duplicates end as if sent one after the other', async (t) => {
        const place = await t.place(role)
        if (role === 'vector' && place.capabilities.conditionalUpsert === 'none')
          return t.notApplicable('record ids contain the version: records of different versions are no duplicates')
        const batch = [item('twice', 1, { n: 1, extra: 1 }), item('other', 1, { n: 5 }), item('twice', 2, { n: 2 })]
        outcomes(await place.write(batch), ['applied', 'applied', 'applied'], 'replace')
        await holds('twice', 2, { n: 2 })
        // Without a condition the last one stays, whatever its version.
        outcomes(
          await place.write([item('last', 2, { n: 2 }), item('last', 1, { n: 1 })]),
          ['applied', 'applied'],
          'replace',
        )
        await holds('last', 1, { n: 1 })
        const { upsertModes } = place.capabilities
        if (upsertModes.includes('ifNewer')) {
          const newer = [item('newer', 1, { n: 1 }), item('newer', 3, { n: 3 }), item('newer', 2, { n: 2 })]
          outcomes(await place.write(newer, { mode: 'ifNewer' }), ['applied', 'applied', 'stale'], 'ifNewer')
          await holds('newer', 3, { n: 3 })
          const equal = [item('equal', 1, { n: 1 }), item('equal', 1, { n: 2 })]
          outcomes(await place.write(equal, { mode: 'ifNewer' }), ['applied', 'applied'], 'ifNewer with equal versions')
          await holds('equal', 1, { n: 2 })
          const older = [item('newer', 1, { n: 1 }), item('newer', 2, { n: 2 })]
          outcomes(await place.write(older, { mode: 'ifNewer' }), ['stale', 'stale'], 'ifNewer below what is stored')
          await holds('newer', 3, { n: 3 })
        }
        if (upsertModes.includes('ifAbsent')) {
          const absent = [item('absent', 1, { n: 1 }), item('absent', 2, { n: 2 })]
          outcomes(await place.write(absent, { mode: 'ifAbsent' }), ['applied', 'stale'], 'ifAbsent')
          await holds('absent', 1, { n: 1 })
        }
        async function holds(id: string, n: number, data: Item['data']): Promise<void> {
          const found = await place.read([id])
          assert.equal(found.length, 1, `${id}: one record stays`)
          assert.equal(found[0]?.version, v(n), `${id}: the right one stays`)
          sameData(found[0]?.data, place.expected(data), id)
        }
      }),
      check('the same record twice in a batch is one record', async (t) => {
        const place = await t.place(role)
        const same = item('same', 1, { n: 1 })
        outcomes(await place.write([same, same]), ['applied', 'applied'], 'the same record twice')
        assert.equal((await place.read(['same'])).length, 1, 'one record is there')
      }),
    ],
  }
}

const item = (id: string, n: number, data: Item['data']): Item => ({ id, version: v(n), data })
