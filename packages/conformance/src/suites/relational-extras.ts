import type { Key, RelationalRole } from '@veritas-db/core/contract'
import { applied, assert, rejects, sleep } from '../assert.js'
import type { SuiteContext } from '../context.js'
import { v } from '../data/random.js'
import type { RawSample } from '../options.js'
import type { Item } from '../places/place.js'
import type { RelationalPlace } from '../places/relational.js'
import { check, type Suite } from '../suite.js'

const main = (t: SuiteContext): Promise<RelationalPlace> => t.once('main', () => t.newTable())
const item = (id: string, n = 1): Item => ({ id, version: v(n), data: { n } })
const versionOf = async (place: RelationalPlace, id: string): Promise<string | undefined> =>
  (await place.read([id]))[0]?.version

export const relationalTransactions: Suite = {
  name: 'relational.transactions',
  role: 'relational',
  about: 'transactions commit or roll back as a whole; UNSUPPORTED where they are not declared',
  checks: [
    check('where they are not declared they are UNSUPPORTED', async (t) => {
      const place = await main(t)
      if (place.capabilities.transactions) return t.notApplicable('transactions are declared')
      let ran = false
      const work = async (): Promise<void> => {
        ran = true
      }
      await rejects(() => place.store.transaction({}, work), 'UNSUPPORTED', 'transaction')
      assert.equal(ran, false, 'the work did not run')
    }),
    check('what resolves is committed, sees its own writes, and its value comes back', async (t) => {
      const place = await declared(t)
      const value = await place.store.transaction({}, async (role) => {
        const within = on(place, role)
        applied(await within.write([item('c1')]), 1, 'a write within')
        applied(await within.write([item('c2')]), 1, 'another')
        assert.equal(await versionOf(within, 'c1'), v(1), 'it sees its own writes')
        return 42
      })
      assert.equal(value, 42, 'the value')
      assert.deepEqual([await versionOf(place, 'c1'), await versionOf(place, 'c2')], [v(1), v(1)], 'both are there')
    }),
    check('what rejects is rolled back as a whole', async (t) => {
      const place = await declared(t)
      applied(await place.write([item('kept', 1), item('undeleted', 1)]), 2, 'rows from before')
      const reason = new Error('on purpose')
      const outcome = await place.store
        .transaction({}, async (role) => {
          const within = on(place, role)
          applied(await within.write([item('kept', 2), item('never', 1)]), 2, 'writes within')
          await within.remove(['undeleted'])
          throw reason
        })
        .then(
          () => undefined,
          (error: unknown) => error,
        )
      const right = outcome === reason || (outcome instanceof Error && outcome.cause === reason)
      assert.ok(right, `it rejects with the reason, or has it as its cause; got ${String(outcome)}`)
      assert.equal(await versionOf(place, 'kept'), v(1), 'what was changed is back')
      assert.equal(await versionOf(place, 'undeleted'), v(1), 'what was deleted is back')
      assert.equal(await versionOf(place, 'never'), undefined, 'what was added is gone')
    }),
    check('a write outside does not slip into a transaction that is rolled back', async (t) => {
      const place = await declared(t)
      let outside: ReturnType<RelationalPlace['write']> | undefined
      const work = place.store.transaction({}, async (role) => {
        await on(place, role).write([item('inside')])
        // Not awaited: it may have to wait for the transaction to end.
        outside = place.write([item('outside')])
        outside.catch(() => undefined)
        await sleep(30)
        throw new Error('on purpose')
      })
      await work.then(
        () => assert.fail('the transaction rejects'),
        () => undefined,
      )
      assert.ok(outside, 'the work ran')
      applied(await outside, 1, 'the write outside')
      assert.equal(await versionOf(place, 'outside'), v(1), 'the write outside stays')
      assert.equal(await versionOf(place, 'inside'), undefined, 'the write inside is rolled back')
    }),
    check('transactions at the same time all commit', async (t) => {
      const place = await declared(t)
      const ids = Array.from({ length: 6 }, (_, i) => `t${i}`)
      await Promise.all(
        ids.map((id) =>
          place.store.transaction({}, async (role) => {
            applied(await on(place, role).write([item(id)]), 1, 'a write within')
          }),
        ),
      )
      assert.equal((await place.read(ids)).length, ids.length, 'all are there')
    }),
  ],
}

async function declared(t: SuiteContext): Promise<RelationalPlace> {
  const place = await main(t)
  if (!place.capabilities.transactions) return t.notApplicable('transactions are not declared')
  return place
}

const on = (place: RelationalPlace, role: RelationalRole): RelationalPlace => place.within(role)

export const relationalExtras: Suite = {
  name: 'relational.extras',
  role: 'relational',
  about: 'digest and raw: they work where declared, and are UNSUPPORTED where not',
  checks: [
    check('digest: the same for the same rows, another for others, over the range alone', async (t) => {
      const ids = Array.from({ length: 30 }, (_, i) => `d${i}`)
      const place = await t.newTable()
      const [from, to] = ['0'.repeat(32) as Key, 'f'.repeat(32) as Key]
      if (!place.capabilities.digest) {
        const options = { scope: place.scope, table: place.table, from, to }
        await rejects(() => place.store.digest(options), 'UNSUPPORTED', 'digest')
        return
      }
      const twin = await t.newTable({ table: 'twin' }, place.scope)
      const digest = async (of: RelationalPlace, a = from, b = to): Promise<{ count: number; hash: string }> =>
        of.store.digest({ ...(await of.from()), from: a, to: b })
      const empty = await digest(place)
      assert.equal(empty.count, 0, 'of nothing')
      applied(await place.write(ids.map((id) => item(id))), 30, 'rows')
      // In another order, with other content: only keys and versions count.
      applied(await twin.write(ids.toReversed().map((id) => ({ ...item(id), data: { s: 'other' } }))), 30, 'the twin')
      const whole = await digest(place)
      assert.equal(whole.count, 30, 'count')
      assert.ok(whole.hash.length > 0 && whole.hash !== empty.hash, 'a hash')
      assert.deepEqual(await digest(twin), whole, 'the same for the same keys and versions')
      applied(await twin.write([item('d7', 2)]), 1, 'one row at another version')
      assert.notEqual((await digest(twin)).hash, whole.hash, 'another for another version')
      const keys = ids.map((id) => place.key(id)).sort()
      const middle = keys[15] as Key
      const [low, high] = [await digest(place, from, middle), await digest(place, middle, to)]
      assert.deepEqual([low.count, high.count], [15, 15], 'from is included, to is not')
      assert.notEqual(low.hash, high.hash, 'other ranges, other hashes')
    }),
    check('raw: where declared it works, else it is UNSUPPORTED', async (t) => {
      const place = await main(t)
      const { scope, store } = place
      const language = place.capabilities.raw
      if (language === undefined) {
        await rejects(() => store.raw({ scope, query: 'SELECT 1' }), 'UNSUPPORTED', 'raw')
        return
      }
      const known: Readonly<Record<string, RawSample | undefined>> = {
        sql: { query: 'SELECT 1 AS one' },
        aql: { query: 'RETURN 1' },
      }
      const sample = t.options.raw?.relational ?? known[language]
      assert.ok(sample, `give options.raw.relational: a statement of the language ${language}`)
      const { query, parameters, expected } = sample
      const answer = await store.raw({ scope, query, ...(parameters && { parameters }) })
      assert.ok(Array.isArray(answer), 'raw answers a list')
      if (expected) assert.deepEqual(answer, expected)
      else assert.ok(answer.length > 0, 'the answer is not empty')
      await rejects(() => store.raw({ scope, query: ')( no such language' }), undefined, 'nonsense')
    }),
  ],
}
