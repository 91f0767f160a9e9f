import type { RoleName, UpsertMode } from '@veritas-db/core/contract'
import { applied, assert, outcomes, rejects, sameData } from '../assert.js'
import { random, shuffled, v } from '../data/random.js'
import type { Item, Place } from '../places/place.js'
import { type Check, check, type Suite } from '../suite.js'

const item = (id: string, n: number, data: Item['data'] = { n }): Item => ({ id, version: v(n), data })

/** For vectors alone: where nobody compares versions, they are a part of the record's id. */
const sideBySide: Check = check(
  'without a comparison of versions, records of several versions stand side by side',
  async (t) => {
    const place = await t.place('vector')
    if (place.capabilities.conditionalUpsert !== 'none')
      return t.notApplicable('the backend keeps one record for a document and ordinal')
    applied(await place.write([item('side', 2)]), 1, 'the newer')
    applied(await place.write([item('side', 1)]), 1, 'the older, late')
    const versions = (await place.read(['side'])).map((r) => r.version)
    assert.deepEqual(versions.sort(), [v(1), v(2)], 'a late write adds and never overwrites')
    applied(await place.write([item('side', 2, { s: 'again' })]), 1, 'the same version again')
    const again = (await place.read(['side'])).filter((r) => r.version === v(2))
    assert.equal(again.length, 1, 'the same version again replaces')
    sameData(again[0]?.data, { s: 'again' }, 'the same version again')
  },
)

/** How a write treats what is there: replace, ifNewer, ifAbsent; and writers at the same time. */
export function versionsSuite(role: RoleName): Suite {
  async function holds(place: Place, id: string, n: number, data: Item['data'] = { n }): Promise<void> {
    const found = await place.read([id])
    assert.equal(found.length, 1, `${id}: one record is there`)
    assert.equal(found[0]?.version, v(n), `${id}: version ${n} is there`)
    sameData(found[0]?.data, place.expected(data), id)
  }
  /** Whether records of different versions stand side by side. */
  const coexist = (place: Place): boolean => role === 'vector' && place.capabilities.conditionalUpsert === 'none'

  return {
    name: `${role}.versions`,
    role,
    about: 'upsert modes, versions, tombstones and concurrent writers',
    checks: [
      check('what the capabilities say of versions is consistent', async (t) => {
        const { capabilities } = await t.place(role)
        const { conditionalUpsert, upsertModes } = capabilities
        if (conditionalUpsert === 'none') {
          assert.ok(!upsertModes.includes('ifNewer'), 'ifNewer needs a store or server that compares versions')
        } else assert.ok(upsertModes.includes('ifNewer'), `conditionalUpsert ${conditionalUpsert} means ifNewer`)
        if (role !== 'vector' || conditionalUpsert !== 'none')
          assert.ok(upsertModes.includes('replace'), 'replace is always among upsertModes')
      }),
      check('a mode that is not declared is UNSUPPORTED and writes nothing', async (t) => {
        const place = await t.place(role)
        const modes: readonly UpsertMode[] = ['replace', 'ifNewer', 'ifAbsent']
        const undeclared = modes.filter((mode) => !place.capabilities.upsertModes.includes(mode))
        if (undeclared.length === 0) return t.notApplicable('all modes are declared')
        for (const mode of undeclared) {
          await rejects(() => place.write([item('undeclared', 1)], { mode }), 'UNSUPPORTED', `upsert with mode ${mode}`)
          assert.deepEqual(await place.read(['undeclared']), [], `mode ${mode}: nothing was written`)
        }
      }),
      check('replace replaces the whole record, of whatever version', async (t) => {
        const place = await t.place(role)
        if (coexist(place)) return t.notApplicable('record ids contain the version')
        const before = { s: 'old', n: 1, tags: ['a'], only: 'old', nested: { a: 1, b: 2 } }
        applied(await place.write([item('whole', 5, before)]), 1, 'the first write')
        applied(await place.write([item('whole', 6, { n: 2, nested: { b: 3 } })], modeIn(place)), 1, 'the second write')
        await holds(place, 'whole', 6, { n: 2, nested: { b: 3 } })
        applied(await place.write([item('whole', 4, {})], modeIn(place)), 1, 'an older one with mode replace')
        await holds(place, 'whole', 4, {})
      }),
      check('ifNewer: newer and equal versions replace, older ones are stale', async (t) => {
        const place = await t.place(role)
        if (!place.capabilities.upsertModes.includes('ifNewer')) return t.notApplicable('ifNewer is not declared')
        const mode = 'ifNewer'
        outcomes(await place.write([item('newer', 5)], { mode }), ['applied'], 'where nothing was')
        outcomes(await place.write([item('newer', 4)], { mode }), ['stale'], 'an older version')
        await holds(place, 'newer', 5)
        outcomes(await place.write([item('newer', 5, { s: 'again' })], { mode }), ['applied'], 'an equal version')
        await holds(place, 'newer', 5, { s: 'again' })
        outcomes(await place.write([item('newer', 6, { b: true })], { mode }), ['applied'], 'a newer version')
        await holds(place, 'newer', 6, { b: true })
        const batch = [item('newer', 1), item('fresh', 1), item('newer', 7)]
        const mixed = await place.write(batch, { mode })
        assert.deepEqual(
          [mixed.outcomes[1]?.status, mixed.outcomes[2]?.status],
          ['applied', 'applied'],
          'a mixed batch',
        )
        await holds(place, 'newer', 7)
        await holds(place, 'fresh', 1)
      }),
      check('ifAbsent leaves what is there', async (t) => {
        const place = await t.place(role)
        if (!place.capabilities.upsertModes.includes('ifAbsent')) return t.notApplicable('ifAbsent is not declared')
        if (coexist(place)) return t.notApplicable('record ids contain the version')
        const mode = 'ifAbsent'
        outcomes(await place.write([item('absent', 1)], { mode }), ['applied'], 'where nothing was')
        const both = [item('absent', 9), item('absent-2', 1)]
        outcomes(await place.write(both, { mode }), ['stale', 'applied'], 'where one was')
        await holds(place, 'absent', 1)
        await place.remove(['absent'])
        outcomes(await place.write([item('absent', 2)], { mode }), ['applied'], 'after it was deleted')
        await holds(place, 'absent', 2)
      }),
      check('writers of different versions at the same time end with the newest', async (t) => {
        const place = await t.place(role)
        const { conditionalUpsert } = place.capabilities
        if (conditionalUpsert !== 'atomic')
          return t.notApplicable(`conditionalUpsert is ${conditionalUpsert}: writers may interleave`)
        const second = await t.run.second()
        const places = second ? [place, place.through(second)] : [place]
        const next = random(7)
        const ids = ['race-a', 'race-b', 'race-c']
        for (let round = 0; round < 3; round++) {
          const versions = Array.from({ length: 8 }, (_, i) => round * 10 + i + 1)
          const writes = shuffled(versions, next).map((n, i) => {
            const writer = places[i % places.length] as Place
            return writer.write(
              ids.map((id) => item(id, n)),
              { mode: 'ifNewer' },
            )
          })
          for (const result of await Promise.all(writes)) {
            place.wrote(result)
            for (const o of result.outcomes) if (o.status === 'failed') throw o.error
          }
          for (const id of ids) await holds(place, id, round * 10 + 8)
        }
      }),
      ...(role === 'vector' ? [sideBySide] : []),
    ],
  }
}

/** Mode replace, said where it is declared: where it is not, leaving it out means the same. */
function modeIn(place: Place): { mode?: UpsertMode } {
  return place.capabilities.upsertModes.includes('replace') ? { mode: 'replace' } : {}
}
