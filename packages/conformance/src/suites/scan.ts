import type { RoleName } from '@veritas-db/core/contract'
import { applied, assert, sameData, sameSet } from '../assert.js'
import type { SuiteContext } from '../context.js'
import { v } from '../data/random.js'
import type { Item, Place, Scanned } from '../places/place.js'
import { check, type Suite } from '../suite.js'

const COUNT = 57

/** Scans: complete, in pages, in the declared order, resumable as declared. */
export function scanSuite(role: RoleName): Suite {
  const items = (prefix: string): Item[] =>
    Array.from({ length: COUNT }, (_, i) => ({ id: `${prefix}-${i}`, version: v(i + 1), data: { n: i, s: `s${i}` } }))
  const filled = (t: SuiteContext, name: string): Promise<{ place: Place; all: Item[] }> =>
    t.once(name, async () => {
      const place = await t.newPlace(role)
      const all = items(name)
      applied(await place.write(all), COUNT, 'the records to scan')
      return { place, all }
    })
  const keys = (records: readonly Scanned[]): string[] => records.map((r) => r.key)

  return {
    name: `${role}.scan`,
    role,
    about: 'every record once, in pages, in the declared order, resumed as declared',
    checks: [
      check('every record exactly once, whatever the page size', async (t) => {
        const { place, all } = await filled(t, 'still')
        const expected = all.map((item) => place.key(item.id))
        for (const limit of [1, 10, COUNT, 1000]) {
          const scanned = await place.scanAll({ limit }, COUNT + 2)
          sameSet(keys(scanned), expected, `pages of ${limit}`)
        }
        sameSet(keys(await place.scanAll()), expected, 'pages of the default size')
      }),
      check('a page holds no more than its limit, and the last one says so', async (t) => {
        const { place } = await filled(t, 'still')
        const page = await place.scan({ limit: 10 })
        assert.ok(page.records.length <= 10, `a page of at most 10 held ${page.records.length}`)
        assert.ok(page.cursor !== null, 'there is more after the first page')
        const empty = await t.newPlace(role)
        assert.deepEqual(await empty.scan({}), { records: [], cursor: null }, 'the scan of an empty place')
      }),
      check('whole records come back whole', async (t) => {
        const { place, all } = await filled(t, 'still')
        const byKey = new Map((await place.scanAll({ limit: 20 })).map((r) => [r.key, r]))
        for (const item of all) {
          const record = byKey.get(place.key(item.id))
          assert.equal(record?.documentId, item.id, 'documentId')
          assert.equal(record?.version, item.version, 'version')
          sameData(record?.data, place.expected(item.data), item.id)
        }
      }),
      check('with fields: keys, only keys and versions come back', async (t) => {
        const { place, all } = await filled(t, 'still')
        const heads = await place.scanAll({ keysOnly: true, limit: 20 })
        const byKey = new Map(heads.map((r) => [r.key, r]))
        for (const item of all) assert.equal(byKey.get(place.key(item.id))?.version, item.version, 'version')
        const allowed = new Set(['key', 'version', 'ordinal'])
        for (const head of heads) {
          const more = Object.entries(head).filter(([name, value]) => !allowed.has(name) && value !== undefined)
          assert.deepEqual(more, [], 'nothing but key, version and ordinal')
          if (role === 'vector') assert.equal(head.ordinal, 0, 'vector records have an ordinal')
        }
      }),
      check('order: where declared as by key, it is', async (t) => {
        const { place } = await filled(t, 'still')
        if (place.capabilities.scan.order !== 'key') return t.notApplicable('order is native')
        const scanned = keys(await place.scanAll({ limit: 10 }))
        assert.deepEqual(scanned, scanned.slice().sort(), 'keys ascend')
        const heads = keys(await place.scanAll({ limit: 7, keysOnly: true }))
        assert.deepEqual(heads, scanned, 'with fields: keys too')
      }),
      check('resume: the same cursor gives the same rest', async (t) => {
        const { place } = await filled(t, 'still')
        const { resume } = place.capabilities.scan
        if (resume === 'restart') return t.notApplicable('a broken scan starts again')
        const first = await place.scan({ limit: 20 })
        assert.ok(first.cursor !== null, 'there is more')
        const rest = keys(await place.scanAll({ limit: 20, cursor: first.cursor }))
        assert.deepEqual(keys(await place.scanAll({ limit: 20, cursor: first.cursor })), rest, 'the same cursor again')
        sameSet([...keys(first.records), ...rest], keys(await place.scanAll()), 'before and after the break')
        const second = await t.run.second()
        if (second) {
          const elsewhere = place.through(second)
          const after = keys(await elsewhere.scanAll({ limit: 20, cursor: first.cursor }))
          assert.deepEqual(after, rest, 'the cursor is good on another connection')
        }
      }),
      check('resume by cursor skips nothing when what was seen is deleted meanwhile', async (t) => {
        const place = await t.newPlace(role)
        const { resume, snapshot } = place.capabilities.scan
        if (resume !== 'cursor') return t.notApplicable(`resume is ${resume}`)
        const all = items('moving')
        applied(await place.write(all), COUNT, 'the records to scan')
        const first = await place.scan({ limit: 20 })
        assert.ok(first.cursor !== null, 'there is more')
        const seen = new Set(keys(first.records))
        await place.remove(all.filter((item) => seen.has(place.key(item.id))).map((item) => item.id))
        const rest = await place.scanAll({ limit: 20, cursor: first.cursor })
        const unseen = all.map((item) => place.key(item.id)).filter((key) => !seen.has(key))
        if (snapshot) for (const key of unseen) assert.ok(keys(rest).includes(key), 'what was not seen still comes')
        else sameSet(keys(rest), unseen, 'what was not seen still comes')
      }),
      check('snapshot: where declared, a scan sees one moment', async (t) => {
        const place = await t.newPlace(role)
        if (!place.capabilities.scan.snapshot) return t.notApplicable('snapshot is not declared')
        const all = items('moment')
        applied(await place.write(all), COUNT, 'the records to scan')
        const first = await place.scan({ limit: 10 })
        assert.ok(first.cursor !== null, 'there is more')
        const seen = new Set(keys(first.records))
        const gone = all.filter((item) => !seen.has(place.key(item.id))).slice(0, 5)
        await place.remove(gone.map((item) => item.id))
        applied(await place.write([{ id: 'late', version: v(99), data: {} }]), 1, 'a late record')
        const rest = await place.scanAll({ limit: 10, cursor: first.cursor })
        sameSet(
          [...seen, ...keys(rest)],
          all.map((item) => place.key(item.id)),
          'the moment of the first page',
        )
      }),
    ],
  }
}
