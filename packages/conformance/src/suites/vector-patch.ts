import { applied, assert, outcomes, rejects, sameData } from '../assert.js'
import { v } from '../data/random.js'
import { check, type Suite } from '../suite.js'

export const vectorPatch: Suite = {
  name: 'vector.patch',
  role: 'vector',
  about: 'metadata replaced without sending the vector again; UNSUPPORTED where it is not declared',
  checks: [
    check('where it is not declared it is UNSUPPORTED', async (t) => {
      const place = await t.newVectors()
      if (place.capabilities.patch) return t.notApplicable('patch is declared')
      applied(await place.write([{ id: 'a', version: v(1), data: { n: 1 } }]), 1, 'a record')
      const records = [{ key: place.key('a'), ordinal: 0, version: v(2), metadata: { n: 2 } }]
      await rejects(() => place.store.patch({ scope: place.scope, records }), 'UNSUPPORTED', 'patch')
      sameData((await place.read(['a']))[0]?.data, { n: 1 }, 'nothing was patched')
    }),
    check('where declared it replaces the metadata and leaves vector and text', async (t) => {
      const place = await t.newVectors()
      if (!place.capabilities.patch) return t.notApplicable('patch is not declared')
      const record = place.record({ id: 'a', version: v(1), data: { n: 1, only: 'old' } })
      applied(await place.upsert([record]), 1, 'a record')
      const patch = { key: record.key, ordinal: 0, version: v(2), metadata: { n: 2, when: new Date(0) } }
      applied(place.wrote(await place.store.patch({ scope: place.scope, records: [patch] })), 1, 'patch')
      const include = { vector: true, text: true, metadata: true }
      const found = await place.store.get({ ...(await place.reading()), keys: [record.key], include })
      assert.equal(found.length, 1, 'one record')
      sameData(found[0]?.metadata, patch.metadata, 'the metadata is the new one, not merged')
      assert.equal(found[0]?.version, v(2), 'at its new version')
      assert.equal(found[0]?.text, record.text, 'the text stays')
      found[0]?.vector?.forEach((x, i) => {
        assert.ok(Math.abs(x - (record.vector[i] as number)) < 1e-5, 'the vector stays')
      })
    }),
    check('a patch makes no record, and an older one does not win', async (t) => {
      const place = await t.newVectors()
      if (!place.capabilities.patch) return t.notApplicable('patch is not declared')
      const absent = { key: place.key('absent'), ordinal: 0, version: v(2), metadata: { n: 2 } }
      const answer = place.wrote(await place.store.patch({ scope: place.scope, records: [absent] }))
      outcomes(answer, ['stale'], 'a record that is not there is not patched')
      assert.equal(await place.count(), 0, 'and not made')
      if (place.capabilities.conditionalUpsert === 'none') return
      applied(await place.write([{ id: 'a', version: v(5), data: { n: 5 } }]), 1, 'a record')
      const older = { key: place.key('a'), ordinal: 0, version: v(4), metadata: { n: 4 } }
      outcomes(
        place.wrote(await place.store.patch({ scope: place.scope, records: [older] })),
        ['stale'],
        'an older patch',
      )
      sameData((await place.read(['a']))[0]?.data, { n: 5 }, 'what was there stays')
    }),
  ],
}
