import type { RoleName, Scope } from '@veritas-db/core/contract'
import { applied, assert, sameSet } from '../assert.js'
import type { SuiteContext } from '../context.js'
import { v } from '../data/random.js'
import type { Place } from '../places/place.js'
import { check, type Suite } from '../suite.js'

/** Tenants, collections and incarnations never see each other, however alike their names. */
export function isolationSuite(role: RoleName): Suite {
  const places = (t: SuiteContext): Promise<Place[]> =>
    t.once('places', async () => {
      const name = t.run.name()
      const long = `${name}_${'x'.repeat(61 - name.length)}`
      const scopes: Scope[] = [
        { collection: name },
        { collection: name, tenant: 'acme' },
        { collection: name, tenant: 'Acme' },
        { collection: name, incarnation: 1 },
        { collection: name, tenant: 'acme', incarnation: 1 },
        { collection: name.toUpperCase() },
        { collection: name.replace('_', '-') },
        { collection: `${long}a` },
        { collection: `${long}b` },
      ]
      const made: Place[] = []
      for (const scope of scopes) made.push(await t.newPlace(role, scope))
      for (const [i, place] of made.entries())
        applied(
          await place.write([item('same', i), item(`own-${i}`, i)]),
          2,
          `writing in ${JSON.stringify(place.scope)}`,
        )
      return made
    })
  // Ids are the same in every scope: incarnations of a collection even share the keys.
  const item = (id: string, i: number): { id: string; version: ReturnType<typeof v>; data: { n: number } } => ({
    id,
    version: v(i + 1),
    data: { n: i },
  })

  return {
    name: `${role}.isolation`,
    role,
    about: 'tenants, collections and incarnations never see each other',
    checks: [
      check('a read sees its own scope only', async (t) => {
        const made = await places(t)
        for (const [i, place] of made.entries()) {
          const at = JSON.stringify(place.scope)
          const found = await place.read(['same', ...made.map((_, j) => `own-${j}`)])
          sameSet(
            found.map((r) => r.documentId),
            ['same', `own-${i}`],
            `get in ${at}`,
          )
          for (const r of found) assert.equal(r.data.n, i, `get in ${at} gives the record of that scope`)
          const scanned = await place.scanAll({})
          sameSet(
            scanned.map((r) => r.documentId ?? ''),
            ['same', `own-${i}`],
            `scan in ${at}`,
          )
          assert.equal(await place.count(), 2, `count in ${at}`)
          const keys = await place.match({ op: 'and', nodes: [] })
          sameSet(keys, [place.key('same'), place.key(`own-${i}`)], `the main query in ${at}`)
        }
      }),
      check('a delete touches its own scope only', async (t) => {
        const made = await places(t)
        const victim = made[1] as Place
        await victim.remove(['same'])
        for (const place of made) {
          const there = (await place.read(['same'])).length
          assert.equal(there, place === victim ? 0 : 1, `the record in ${JSON.stringify(place.scope)}`)
        }
      }),
      check('dropping a scope leaves the others', async (t) => {
        const made = await places(t)
        const victim = made[0] as Place
        await victim.drop()
        for (const [i, place] of made.entries())
          if (place !== victim)
            assert.equal((await place.read([`own-${i}`])).length, 1, `left: ${JSON.stringify(place.scope)}`)
        await victim.ensure()
        assert.deepEqual(await victim.read(['same', 'own-0']), [], 'made again, it is empty')
        assert.equal(await victim.count(), 0, 'made again, it counts nothing')
      }),
    ],
  }
}
