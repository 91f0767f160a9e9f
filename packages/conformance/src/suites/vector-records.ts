import { type Key, MATCH_ALL, type VectorRecord } from '@veritas-db/core/contract'
import { applied, assert, outcomes, rejects, sameData, sameSet } from '../assert.js'
import type { SuiteContext } from '../context.js'
import { v, vectorFor } from '../data/random.js'
import type { VectorPlace } from '../places/vector.js'
import { check, type Suite } from '../suite.js'

const main = (t: SuiteContext): Promise<VectorPlace> => t.once('main', () => t.newVectors())

const passages = (place: VectorPlace, id: string, n: number, count: number): VectorRecord[] =>
  Array.from({ length: count }, (_, ordinal) =>
    place.record(
      { id, version: v(n), data: { n, ordinal } },
      { ordinal, vector: vectorFor(`${id} ${n} ${ordinal}`, 8), text: `passage ${ordinal} of ${id}` },
    ),
  )

export const vectorRecords: Suite = {
  name: 'vector.records',
  role: 'vector',
  about: 'records with passages, whole replacement, deletes by key, filter and version, counts',
  checks: [
    check('a document has several passages, told apart by ordinal', async (t) => {
      const place = await main(t)
      applied(await place.upsert(passages(place, 'parts', 1, 5)), 5, 'five passages')
      const keys = [place.key('parts')]
      const found = await place.store.get({ ...(await place.reading()), keys })
      assert.deepEqual(found.map((r) => r.ordinal).sort(), [0, 1, 2, 3, 4], 'all passages of the document')
      for (const r of found) {
        assert.equal(r.text, `passage ${r.ordinal} of parts`, 'each with its text')
        sameData(r.metadata, { n: 1, ordinal: r.ordinal }, 'each with its metadata')
        assert.equal(r.documentId, 'parts')
        assert.equal(r.version, v(1))
      }
    }),
    check('include chooses what comes back', async (t) => {
      const place = await main(t)
      const [record] = passages(place, 'include', 1, 1) as [VectorRecord]
      applied(await place.upsert([record]), 1, 'a record')
      const reading = { ...(await place.reading()), keys: [record.key] }
      const [plain] = await place.store.get(reading)
      assert.equal(plain?.text, record.text, 'text by default')
      sameData(plain?.metadata, record.metadata, 'metadata by default')
      assert.equal(plain?.vector, undefined, 'no vector by default')
      const [full] = await place.store.get({ ...reading, include: { vector: true, text: true, metadata: true } })
      assert.ok(full?.vector instanceof Float32Array, 'the vector is a Float32Array')
      sameVector(full.vector, record.vector)
      const query = { ...(await place.reading()), vector: record.vector, topK: 1, filter: MATCH_ALL }
      const [bare] = await place.store.query(query)
      assert.deepEqual([bare?.text, bare?.metadata, bare?.vector], [undefined, undefined, undefined], 'query: nothing')
      const [match] = await place.store.query({ ...query, include: { vector: true, text: true, metadata: true } })
      assert.equal(match?.text, record.text, 'query: the text')
      sameData(match?.metadata, record.metadata, 'query: the metadata')
      assert.ok(match?.vector, 'query: the vector')
      sameVector(match.vector, record.vector)
    }),
    check('a record without text has none', async (t) => {
      const place = await main(t)
      const { text: _, ...record } = place.record({ id: 'textless', version: v(1), data: {} })
      applied(await place.upsert([record]), 1, 'a record without text')
      const [found] = await place.store.get({ ...(await place.reading()), keys: [record.key] })
      assert.equal(found?.text, undefined)
      applied(
        await place.upsert([place.record({ id: 'emptytext', version: v(1), data: {} }, { text: '' })]),
        1,
        'no words',
      )
      const [empty] = await place.store.get({ ...(await place.reading()), keys: [place.key('emptytext')] })
      assert.ok(empty?.text === '' || empty?.text === undefined, 'an empty text stays empty')
    }),
    check('a write replaces vector, text and metadata as a whole', async (t) => {
      const place = await main(t)
      const same = place.capabilities.conditionalUpsert === 'none' ? v(1) : v(2)
      const before = place.record({ id: 'whole', version: v(1), data: { a: 1, b: { c: 1, d: 2 }, tags: ['x', 'y'] } })
      applied(await place.upsert([before]), 1, 'the first write')
      const { text: _, ...after } = place.record(
        { id: 'whole', version: same, data: { b: { d: 3 } } },
        { vector: vectorFor('another', 8) },
      )
      applied(await place.upsert([after]), 1, 'the second write')
      const include = { vector: true, text: true, metadata: true }
      const found = await place.store.get({ ...(await place.reading()), keys: [before.key], include })
      assert.equal(found.length, 1, 'one record')
      sameData(found[0]?.metadata, { b: { d: 3 } }, 'metadata is replaced, not merged')
      assert.equal(found[0]?.text, undefined, 'the old text is gone')
      assert.ok(found[0]?.vector, 'the vector')
      sameVector(found[0].vector, after.vector)
    }),
    check('a write of one passage leaves the others', async (t) => {
      const place = await main(t)
      applied(await place.upsert(passages(place, 'several', 1, 3)), 3, 'three passages')
      applied(await place.upsert(passages(place, 'several', 1, 3).slice(1, 2)), 1, 'one of them')
      assert.equal((await place.read(['several'])).length, 3, 'three are there')
    }),
    check('get answers what is there and leaves out what is not', async (t) => {
      const place = await main(t)
      applied(await place.upsert([...passages(place, 'g1', 1, 2), ...passages(place, 'g2', 1, 1)]), 3, 'records')
      const found = await place.read(['g1', 'absent', 'g2'])
      sameSet([...new Set(found.map((r) => r.documentId))], ['g1', 'g2'], 'get')
      assert.equal(found.length, 3)
    }),
    check('delete removes all passages of the documents, and says how many', async (t) => {
      const place = await main(t)
      applied(await place.upsert([...passages(place, 'd1', 1, 3), ...passages(place, 'd2', 1, 1)]), 4, 'records')
      const before = await place.count()
      const result = await place.remove(['d1', 'absent'])
      if (result.deleted !== null) assert.equal(result.deleted, 3, 'three records')
      assert.equal(await place.count(), before - 3, 'count')
      assert.deepEqual(await place.read(['d1']), [], 'd1 is gone')
      assert.equal((await place.read(['d2'])).length, 1, 'd2 stays')
      const again = await place.remove(['d1'])
      if (again.deleted !== null) assert.equal(again.deleted, 0, 'nothing the second time')
    }),
    check('delete by filter: where declared it works, else UNSUPPORTED', async (t) => {
      const place = await t.newVectors()
      applied(
        await place.write([
          { id: 'f1', version: v(1), data: { n: 1 } },
          { id: 'f2', version: v(1), data: { n: 2 } },
          { id: 'f3', version: v(1), data: {} },
        ]),
        3,
        'records',
      )
      const filter = { op: 'eq', path: 'n', value: 1 } as const
      if (!place.capabilities.deleteByFilter) {
        await rejects(() => place.store.delete({ scope: place.scope, filter }), 'UNSUPPORTED', 'delete by filter')
        assert.equal(await place.count(), 3, 'nothing was deleted')
        return
      }
      const { deleted } = place.wrote(await place.store.delete({ scope: place.scope, filter }))
      if (deleted !== null) assert.equal(deleted, 1, 'one record')
      const left = await place.scanAll()
      sameSet(
        left.map((r) => r.documentId ?? ''),
        ['f2', 'f3'],
        'what does not match stays',
      )
      place.wrote(await place.store.delete({ scope: place.scope, filter: MATCH_ALL }))
      assert.equal(await place.count(), 0, 'a filter that matches everything deletes everything')
    }),
    check('deleteByDocument removes the versions below the given one', async (t) => {
      const place = await main(t)
      const ids = ['v1', 'v2', 'v3']
      for (const id of ids) applied(await place.upsert(passages(place, id, 5, 4)), 4, `four passages of ${id}`)
      // A shorter newer version: the passages it no longer has are left over.
      applied(await place.upsert(passages(place, 'v1', 6, 2)), 2, 'two newer passages')
      const documents = [
        { key: place.key('v1'), versionBelow: v(6) },
        { key: place.key('v2'), versionBelow: v(5) },
        { key: place.key('absent'), versionBelow: v(9) },
      ]
      const before = await place.count()
      const result = place.wrote(await place.store.deleteByDocument({ scope: place.scope, documents }))
      const rest = await place.read(['v1'])
      assert.deepEqual(
        rest.map((r) => r.version),
        [v(6), v(6)],
        'only the newer passages of v1 are left',
      )
      assert.equal((await place.read(['v2'])).length, 4, 'an equal version is not below')
      assert.equal((await place.read(['v3'])).length, 4, 'other documents stay')
      const removed = before - (await place.count())
      assert.ok(removed === 2 || removed === 4, 'the leftovers were removed')
      if (result.deleted !== null) assert.equal(result.deleted, removed, 'it says how many')
      const nothing = place.wrote(await place.store.deleteByDocument({ scope: place.scope, documents: [] }))
      assert.ok(!nothing.deleted, 'an empty list deletes nothing')
      assert.equal(await place.count(), before - removed, 'an empty list deletes nothing')
    }),
    check(
      'a tombstone stays: after deleteByDocument a late write of the old version is found and removed again',
      async (t) => {
        const place = await main(t)
        applied(await place.upsert(passages(place, 'late', 3, 2)), 2, 'a document')
        const documents = [{ key: place.key('late'), versionBelow: v(4) }]
        place.wrote(await place.store.deleteByDocument({ scope: place.scope, documents }))
        assert.deepEqual(await place.read(['late']), [], 'deleted')
        outcomes(await place.upsert(passages(place, 'late', 3, 2)), ['applied', 'applied'], 'a late write')
        const heads = (await place.scanAll({ keysOnly: true })).filter((r) => r.key === place.key('late'))
        assert.deepEqual(
          heads.map((h) => h.version),
          [v(3), v(3)],
          'a scan finds what came late, with its version',
        )
        place.wrote(await place.store.deleteByDocument({ scope: place.scope, documents }))
        assert.deepEqual(await place.read(['late']), [], 'removed again')
      },
    ),
    check('count counts records, and with a filter those that match', async (t) => {
      const place = await t.newVectors()
      assert.equal(await place.count(), 0, 'an empty collection')
      applied(await place.upsert([...passages(place, 'c1', 1, 3), ...passages(place, 'c2', 2, 2)]), 5, 'records')
      assert.equal(await place.count(), 5)
      if (place.capabilities.filter.eq) assert.equal(await place.count({ op: 'eq', path: 'n', value: 2 }), 2)
    }),
    check('ordinals beyond one digit are kept apart and in place', async (t) => {
      const place = await main(t)
      applied(await place.upsert(passages(place, 'many', 1, 23)), 23, '23 passages')
      const scanned = (await place.scanAll()).filter((r) => r.key === place.key('many'))
      sameSet(
        scanned.map((r) => String(r.ordinal)),
        Array.from({ length: 23 }, (_, i) => String(i)),
        'ordinals',
      )
      const keys: Key[] = [place.key('many')]
      assert.equal((await place.store.get({ ...(await place.reading()), keys })).length, 23, 'get')
    }),
  ],
}

function sameVector(actual: Float32Array, expected: Float32Array): void {
  assert.equal(actual.length, expected.length, 'the length of the vector')
  actual.forEach((x, i) => {
    const wanted = expected[i] as number
    assert.ok(Math.abs(x - wanted) <= 1e-5 * Math.max(1, Math.abs(wanted)), `vector[${i}] must be ${wanted}, is ${x}`)
  })
}
