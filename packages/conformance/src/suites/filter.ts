import {
  evaluateFilter,
  type FilterNode,
  isMatchAll,
  type Key,
  MATCH_ALL,
  mapPaths,
  type RoleName,
} from '@veritas-db/core/contract'
import { assert, inParallel, preview, rejects, setDifference } from '../assert.js'
import type { SuiteContext } from '../context.js'
import { type FilterSample, filterSample, parts, printFilter } from '../data/filters.js'
import { generatedItems } from '../data/records.js'
import type { Item, Place } from '../places/place.js'
import { check, type Suite } from '../suite.js'

const RECORDS = 200

interface Setting {
  readonly place: Place
  readonly items: readonly Item[]
  readonly byKey: ReadonlyMap<Key, Item>
  readonly sample: FilterSample
}

/** One way of asking a role for what a filter matches. */
type Ask = (filter: FilterNode) => Promise<readonly Key[]>

/** Pushed-down filters against the reference evaluator, on generated records. */
export function filterSuite(role: RoleName): Suite {
  const setting = (t: SuiteContext): Promise<Setting> =>
    t.once('setting', async () => {
      const place = await t.newPlace(role)
      const items = generatedItems(RECORDS)
      const result = await place.write(items)
      const failed = result.outcomes.findIndex((o) => o.status !== 'applied')
      if (failed >= 0)
        assert.fail(`record ${preview(items[failed]?.data)} was not applied: ${preview(result.outcomes[failed])}`)
      const byKey = new Map(items.map((item) => [place.key(item.id), item]))
      const inPlace = (node: FilterNode): FilterNode => mapPaths(node, (path) => place.path(path))
      const { pushable, refused } = filterSample(
        place.capabilities.filter,
        items.map((item) => item.data),
        t.options.filters ?? 500,
      )
      return { place, items, byKey, sample: { pushable: pushable.map(inPlace), refused: refused.map(inPlace) } }
    })

  /** Of vectors and rows; a graph counts without filters. */
  const count = check('count counts exactly what the oracle matches', async (t) => {
    const s = await setting(t)
    const every = s.sample.pushable.filter((_, i) => i % 3 === 0)
    await inParallel(every, 4, async (filter) => {
      const wanted = s.items.filter((item) => evaluateFilter(filter, s.place.view(item.data))).length
      assert.equal(await s.place.count(filter), wanted, `count with ${printFilter(filter)}`)
    })
  })

  return {
    name: `${role}.filter`,
    role,
    about: 'hundreds of generated filters on generated records give what the reference evaluator gives',
    checks: [
      check('the main query gives exactly what the oracle gives', async (t) => {
        const s = await setting(t)
        await compare(s, s.sample.pushable, (filter) => s.place.match(filter), s.place.approximate)
      }),
      check('scan gives exactly what the oracle gives', async (t) => {
        const s = await setting(t)
        const every = s.sample.pushable.filter((_, i) => i % 5 === 0)
        await compare(
          s,
          every,
          async (filter) => (await s.place.scanAll({ filter, limit: 1000 })).map((r) => r.key),
          false,
        )
      }),
      ...(role === 'graph' ? [] : [count]),
      check('what is not declared is refused with UNSUPPORTED, never dropped', async (t) => {
        const s = await setting(t)
        if (s.sample.refused.length === 0) return t.notApplicable('all of the filter language is declared')
        await inParallel(s.sample.refused, 4, async (filter) => {
          const text = printFilter(filter)
          await rejects(() => s.place.match(filter), 'UNSUPPORTED', `query with ${text}`)
          await rejects(() => s.place.scan({ filter }), 'UNSUPPORTED', `scan with ${text}`)
          if (role !== 'graph') await rejects(() => s.place.count(filter), 'UNSUPPORTED', `count with ${text}`)
        })
      }),
      check('a filter that matches everything is no filter, whatever is declared', async (t) => {
        const s = await setting(t)
        assert.equal((await s.place.scanAll({ filter: MATCH_ALL })).length, s.items.length)
        await compare(s, [MATCH_ALL], (filter) => s.place.match(filter), s.place.approximate)
      }),
    ],
  }
}

async function compare(s: Setting, filters: readonly FilterNode[], ask: Ask, approximate: boolean): Promise<void> {
  assert.ok(filters.length > 0, 'capabilities.filter leaves no filter to try: skip the suite with a reason')
  let wanted = 0
  let found = 0
  const wrong = async (filter: FilterNode): Promise<string | undefined> => {
    const expected = s.items.filter((item) => evaluateFilter(filter, s.place.view(item.data)))
    const keys = await ask(filter)
    const actual = approximate ? keys : keys.slice()
    wanted += expected.length
    found += actual.length
    const expectedKeys = expected.map((item) => s.place.key(item.id))
    const tolerated = approximate ? expectedKeys.filter((key) => actual.includes(key)) : expectedKeys
    if (!setDifference(actual, tolerated)) return undefined
    const describe = (keyList: readonly Key[]): string =>
      keyList
        .slice(0, 2)
        .map((key) => preview(s.byKey.get(key)?.data ?? key))
        .join(' and ')
    const missing = tolerated.filter((key) => !actual.includes(key))
    const extra = actual.filter((key) => !expectedKeys.includes(key))
    const lines = [`${setDifference(actual, tolerated)} of ${expected.length} with the filter ${printFilter(filter)}`]
    if (missing.length > 0) lines.push(`  must match: ${describe(missing)}`)
    if (extra.length > 0) lines.push(`  must not match: ${describe(extra)}`)
    return lines.join('\n')
  }
  const failures: string[] = []
  await inParallel(filters, 4, async (filter) => {
    if (failures.length >= 5 || !(await wrong(filter))) return
    failures.push(await smallest(filter, wrong))
  })
  if (failures.length > 0)
    assert.fail(`filters differ from the oracle:\n${failures.sort((a, b) => a.length - b.length).join('\n')}`)
  if (approximate) assert.ok(found >= wanted * 0.95, `filtered searches found ${found} of ${wanted}, fewer than 95 %`)
}

/** The smallest part of a failing filter that fails by itself. */
async function smallest(node: FilterNode, wrong: (node: FilterNode) => Promise<string | undefined>): Promise<string> {
  for (const part of parts(node)) {
    if (isMatchAll(part)) continue
    // A part may be beyond what is declared, such as an empty `or`; then the whole filter is what to show.
    const failure = await wrong(part).catch(() => undefined)
    if (failure) return smallest(part, wrong)
  }
  return (await wrong(node)) ?? `only sometimes wrong: ${printFilter(node)}`
}
