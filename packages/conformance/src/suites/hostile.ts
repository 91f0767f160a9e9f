import {
  type CollectionDefinition,
  canPush,
  documentKey,
  type FilterNode,
  type RoleName,
  type Scope,
} from '@veritas-db/core/contract'
import { applied, assert, difference, inParallel, preview, rejects, sameData, sameSet } from '../assert.js'
import type { SuiteContext } from '../context.js'
import { HOSTILE_FIELDS, HOSTILE_TEXTS, LONGEST_IDS } from '../data/hostile.js'
import { v } from '../data/random.js'
import { EVERYTHING } from '../data/records.js'
import type { Item, Place } from '../places/place.js'
import { check, type Suite } from '../suite.js'

const BAD_NAMES: readonly string[] = [
  '',
  "a'b",
  'a"b',
  'a`b',
  'a;b',
  'a b',
  '1a',
  'a.b',
  'a/b',
  '../a',
  'x'.repeat(64),
  '\u00fc',
  'a\u0000',
  '$a',
  'a\n',
]

/** Quotes, control characters, unicode and injections in ids, names and values; and all that metadata may hold. */
export function hostileSuite(role: RoleName): Suite {
  const ids = [...HOSTILE_TEXTS, ...LONGEST_IDS]
  const texts = (t: SuiteContext): Promise<{ place: Place; items: Item[] }> =>
    t.once('texts', async () => {
      const place = await t.newPlace(role)
      const items = ids.map((id, i) => ({
        id,
        version: v(i + 1),
        data: { s: id, us: id, tags: [id, 'x'], nested: { t: id } },
      }))
      assert.deepEqual(place.check(items), [], 'check has nothing against hostile texts')
      applied(await place.write(items), items.length, 'hostile ids and values')
      return { place, items }
    })
  const fields = (t: SuiteContext): Promise<{ place: Place; items: Item[] }> =>
    t.once('fields', async () => {
      const place = await t.newPlace(role)
      const items: Item[] = HOSTILE_FIELDS.map((field, i) => ({
        id: `field-${i}`,
        version: v(i + 1),
        data: { [field]: `value ${i}`, outer: { [field]: i } },
      }))
      assert.deepEqual(place.check(items), [], 'check has nothing against hostile field names')
      applied(await place.write(items), items.length, 'hostile field names')
      return { place, items }
    })

  async function roundTrip(place: Place, items: readonly Item[]): Promise<void> {
    const found = new Map((await place.read(items.map((item) => item.id))).map((r) => [r.documentId, r]))
    for (const item of items) {
      const record = found.get(item.id)
      assert.ok(record, `the document with id ${preview(item.id)} is there`)
      assert.equal(record.key, place.key(item.id), `its key, id ${preview(item.id)}`)
      sameData(record.data, place.expected(item.data), `id ${preview(item.id)}`)
    }
    assert.equal(found.size, items.length, 'nothing else is there')
    const scanned = new Map((await place.scanAll()).map((r) => [r.documentId, r]))
    for (const item of items) {
      const wrong = difference(scanned.get(item.id)?.data, place.expected(item.data), '')
      if (wrong) assert.fail(`scan, id ${preview(item.id)}: ${wrong}`)
    }
  }

  /** Filters find exactly the items they should; those beyond what is declared are left out. */
  async function finds(
    t: SuiteContext,
    place: Place,
    filters: readonly { node: FilterNode; of: Item[] }[],
  ): Promise<void> {
    const able = filters.filter((f) => canPush(f.node, place.capabilities.filter))
    if (able.length === 0) return t.notApplicable('capabilities.filter covers none of these conditions')
    await inParallel(able, 4, async ({ node, of }) => {
      const found = await place.match(node)
      sameSet(
        found,
        of.map((item) => place.key(item.id)),
        `filter ${preview(node)}`,
      )
    })
  }

  return {
    name: `${role}.hostile`,
    role,
    about: 'quotes, control characters, unicode and injections in ids, names and values come back unharmed',
    checks: [
      check('hostile ids and values come back as they went in', async (t) => {
        const { place, items } = await texts(t)
        await roundTrip(place, items)
      }),
      check('hostile values are found by filters, and find nothing else', async (t) => {
        const { place, items } = await texts(t)
        const filters = items.flatMap((item, i) => {
          const path = place.path(i % 2 === 0 ? 's' : 'us')
          const one: { node: FilterNode; of: Item[] }[] = [{ node: { op: 'eq', path, value: item.id }, of: [item] }]
          if (i % 3 === 0) {
            const of = items.filter((other) => other.id.startsWith(item.id))
            one.push({ node: { op: 'startsWith', path, value: item.id }, of })
          }
          if (i % 3 === 1) one.push({ node: { op: 'contains', path: place.path('tags'), value: item.id }, of: [item] })
          if (i % 3 === 2) {
            const of = items.filter((other) => other.id.includes(item.id))
            one.push({ node: { op: 'contains', path, value: item.id }, of })
          }
          return one
        })
        await finds(t, place, filters)
        assert.equal(await place.count(), items.length, 'all are still there')
      }),
      check('hostile field names come back as they went in', async (t) => {
        const { place, items } = await fields(t)
        await roundTrip(place, items)
      }),
      check('hostile field names are found by filters', async (t) => {
        const { place, items } = await fields(t)
        const filters = items.flatMap((item, i): { node: FilterNode; of: Item[] }[] => {
          const name = HOSTILE_FIELDS[i] as string
          return [
            { node: { op: 'eq', path: place.path(name), value: `value ${i}` }, of: [item] },
            { node: { op: 'eq', path: place.path(`outer.${name}`), value: i }, of: [item] },
          ]
        })
        await finds(t, place, filters)
      }),
      check('everything that metadata may hold comes back as it went in', async (t) => {
        const place = await t.newPlace(role)
        let deep: Item['data'] = { end: [1, 2] }
        for (let i = 0; i < 12; i++) deep = { deeper: deep }
        const many = Object.fromEntries(Array.from({ length: 120 }, (_, i) => [`field ${i}`, i % 2 ? i : `${i}`]))
        const items: Item[] = [
          { id: 'everything', version: v(1), data: EVERYTHING },
          { id: 'nothing', version: v(2), data: {} },
          { id: 'deep', version: v(3), data: { deep } },
          { id: 'many', version: v(4), data: many },
          { id: 'nulls', version: v(5), data: { a: null, o: { c: null } } },
          { id: 'empties', version: v(6), data: { a: [], o: {}, c: '', p: { e: [] } } },
        ]
        assert.deepEqual(place.check(items), [], 'check has nothing against them')
        applied(await place.write(items), items.length, 'metadata of every kind')
        await roundTrip(place, items)
      }),
      check('a very long text comes back whole, or is refused beforehand', async (t) => {
        const place = await t.newPlace(role)
        const sizes = [10_000, 300_000]
        for (const size of sizes) {
          const item = {
            id: `long-${size}`,
            version: v(1),
            data: { us: `${'\u{1f600} it\'s "long" '.repeat(size / 18)}end` },
          }
          const issues = place.check([item])
          if (issues.length > 0) {
            assert.ok(size > 10_000, `10,000 characters are not too long: ${issues[0]?.message}`)
            const result = await place.write([item]).catch(async (error: unknown) => {
              await rejects(() => Promise.reject(error), 'VALIDATION', 'a text that check refuses')
            })
            if (result) assert.equal(result.outcomes[0]?.status, 'failed', 'what check refuses is not written')
          } else {
            applied(await place.write([item]), 1, `a text of ${size} characters`)
            sameData((await place.read([item.id]))[0]?.data, item.data, `a text of ${size} characters`)
          }
        }
      }),
      check('names that are no names are refused with VALIDATION', async (t) => {
        const { collection } = t.run.scope()
        const attempt = async (what: string, call: () => Promise<unknown>): Promise<void> => {
          await rejects(call, 'VALIDATION', what)
        }
        for (const name of BAD_NAMES) {
          const shown = preview(name)
          const ensure = (scope: Scope): Promise<unknown> => ensureIn(t, role, scope)
          await attempt(`collection ${shown}`, () => ensure({ collection: name }))
          await attempt(`tenant ${shown}`, () => ensure({ collection, tenant: name }))
          await attempt(`reading in collection ${shown}`, () => readIn(t, role, { collection: name }))
          await attempt(`reading of tenant ${shown}`, () => readIn(t, role, { collection, tenant: name }))
          if (role === 'relational') {
            const columns = { [name]: { type: 'string' } } as const
            const s = { type: 'string' } as const
            await attempt(`table ${shown}`, () =>
              t.relational.ensureTable({ scope: { collection }, table: name, columns: { s } }),
            )
            await attempt(`column ${shown}`, () =>
              t.relational.ensureTable({ scope: { collection }, table: 't', columns }),
            )
          }
          if (role === 'graph') {
            const scope = { collection }
            await attempt(`label ${shown}`, () => t.graph.ensureSchema({ scope, labels: [name], edgeTypes: [] }))
            await attempt(`edge type ${shown}`, () => t.graph.ensureSchema({ scope, labels: ['A'], edgeTypes: [name] }))
          }
        }
        for (const incarnation of [-1, 1.5, Number.NaN])
          await attempt(`incarnation ${incarnation}`, () => ensureIn(t, role, { collection, incarnation }))
      }),
    ],
  }
}

function ensureIn(t: SuiteContext, role: RoleName, scope: Scope): Promise<void> {
  if (role === 'vector') {
    const metric = t.vector.capabilities.metrics[0] as CollectionDefinition['metric']
    return t.vector.ensureCollection({ scope, dimensions: 4, metric })
  }
  if (role === 'graph') return t.graph.ensureSchema({ scope, labels: ['A'], edgeTypes: [] })
  return t.relational.ensureTable({ scope, table: 't', columns: { s: { type: 'string' } } })
}

function readIn(t: SuiteContext, role: RoleName, scope: Scope): Promise<unknown> {
  const keys = [documentKey({ collection: 'any' }, 'any')]
  if (role === 'vector') return t.vector.get({ scope, keys })
  if (role === 'graph') return t.graph.getNodes({ scope, keys })
  return t.relational.get({ scope, table: 't', keys })
}
