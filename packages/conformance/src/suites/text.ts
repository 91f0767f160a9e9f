import type { FilterNode, RoleName } from '@veritas-db/core/contract'
import { applied, assert, rejects, sameSet } from '../assert.js'
import type { SuiteContext } from '../context.js'
import { v } from '../data/random.js'
import { SYNTAX_QUERIES, TEXTS, WORDLESS_QUERIES } from '../data/texts.js'
import type { GraphPlace } from '../places/graph.js'
import type { RelationalPlace } from '../places/relational.js'
import type { VectorPlace } from '../places/vector.js'
import { check, type Suite } from '../suite.js'

interface Hit {
  readonly documentId: string
  readonly score: number | undefined
}

interface Searchable {
  readonly declared: boolean
  search(query: string, options?: { limit?: number; filter?: FilterNode }): Promise<Hit[]>
}

type AnyPlace = VectorPlace | GraphPlace | RelationalPlace

/** Full text where declared: plain words, best first; UNSUPPORTED where not. */
export function textSuite(role: RoleName): Suite {
  const searchable = (t: SuiteContext): Promise<Searchable> =>
    t.once('searchable', async () => {
      const place = (await t.newPlace(role)) as AnyPlace
      const texts = Object.entries(TEXTS)
      const items = texts.map(([id, text], i) => ({ id, version: v(1), data: { s: text, n: i } }))
      if (place.role === 'vector') {
        const records = items.map((item) => place.record(item, { text: item.data.s }))
        applied(await place.upsert(records), texts.length, 'the texts')
      } else applied(await place.write(items), texts.length, 'the texts')
      return {
        declared: place.capabilities.fullText,
        async search(query, { limit = 10, filter } = {}) {
          const options = { ...(await place.reading()), limit, ...(filter && { filter }) }
          const hits =
            place.role === 'vector'
              ? await place.store.searchText({ ...options, query })
              : place.role === 'graph'
                ? await place.store.findNodes({ ...options, text: query })
                : await place.store.searchText({ ...options, table: place.table, query })
          return hits.map((hit) => ({ documentId: hit.documentId, score: hit.score }))
        },
      }
    })
  const declared = async (t: SuiteContext): Promise<Searchable> => {
    const s = await searchable(t)
    if (!s.declared) return t.notApplicable('fullText is not declared')
    return s
  }
  const ids = (hits: readonly Hit[]): string[] => hits.map((hit) => hit.documentId)

  return {
    name: `${role}.text`,
    role,
    about: 'full text: plain words and no syntax, best first; UNSUPPORTED where it is not declared',
    checks: [
      check('where it is not declared it is UNSUPPORTED', async (t) => {
        const s = await searchable(t)
        if (s.declared) return t.notApplicable('fullText is declared')
        await rejects(() => s.search('zebra'), 'UNSUPPORTED', 'full text')
      }),
      check('a hit holds at least one of the words, and what holds one is a hit', async (t) => {
        const s = await declared(t)
        sameSet(ids(await s.search('zebra')), ['zebra', 'both'], 'zebra')
        sameSet(ids(await s.search('quokka')), ['quokka', 'both'], 'quokka')
        sameSet(ids(await s.search('zebra quokka')), ['zebra', 'quokka', 'both'], 'zebra quokka')
        sameSet(ids(await s.search('zebra unheardof')), ['zebra', 'both'], 'a word that nothing holds beside one')
        assert.deepEqual(await s.search('unheardof'), [], 'a word that nothing holds')
      }),
      check('case does not count, and words of other alphabets are words', async (t) => {
        const s = await declared(t)
        sameSet(ids(await s.search('ZEBRA')), ['zebra', 'both'], 'ZEBRA')
        sameSet(ids(await s.search('Кенгуру')), ['cyrillic'], 'Cyrillic')
        sameSet(ids(await s.search('Käfer')), ['umlaut'], 'an umlaut')
      }),
      check('best first, with scores above 0', async (t) => {
        const s = await declared(t)
        const hits = await s.search('zebra quokka')
        assert.equal(hits[0]?.documentId, 'both', 'what holds both words, and one of them thrice, comes first')
        let before = Number.POSITIVE_INFINITY
        for (const { score } of hits) {
          assert.ok(typeof score === 'number' && score > 0 && Number.isFinite(score), `a score above 0, got ${score}`)
          assert.ok(score <= before, `best first: ${score} comes after ${before}`)
          before = score
        }
      }),
      check('limit and filter', async (t) => {
        const s = await declared(t)
        const one = await s.search('zebra quokka', { limit: 1 })
        assert.equal(one.length, 1, 'no more than the limit')
        const filter: FilterNode = { op: 'eq', path: 'n', value: 0 }
        const hits = await s.search('zebra quokka', { filter }).catch(async (error: unknown) => {
          await rejects(() => Promise.reject(error), 'UNSUPPORTED', 'a filter beyond what is declared')
        })
        if (hits) assert.deepEqual(ids(hits), ['zebra'], 'only what the filter matches')
      }),
      check('a query is words, not a syntax', async (t) => {
        const s = await declared(t)
        for (const query of SYNTAX_QUERIES) {
          const found = ids(await s.search(query))
          assert.ok(found.includes('zebra') && found.includes('both'), `${JSON.stringify(query)} finds zebra: ${found}`)
          assert.ok(!found.includes('none'), `${JSON.stringify(query)} finds nothing without the word`)
        }
      }),
      check('a query without words finds nothing', async (t) => {
        const s = await declared(t)
        for (const query of WORDLESS_QUERIES) assert.deepEqual(await s.search(query), [], JSON.stringify(query))
      }),
      check('what is rewritten or deleted is no longer found', async (t) => {
        const s = await declared(t)
        assert.ok(s.declared)
        const place = await t.newPlace(role)
        const words = place as AnyPlace
        const write = async (text: string): Promise<void> => {
          const item = { id: 'a', version: v(1), data: { s: text } }
          if (words.role === 'vector') applied(await words.upsert([words.record(item, { text })]), 1, 'a text')
          else applied(await words.write([item]), 1, 'a text')
        }
        const found = async (query: string): Promise<number> => {
          const options = { ...(await words.reading()), limit: 10 }
          if (words.role === 'vector') return (await words.store.searchText({ ...options, query })).length
          if (words.role === 'graph') return (await words.store.findNodes({ ...options, text: query })).length
          return (await words.store.searchText({ ...options, table: words.table, query })).length
        }
        await write('wombat')
        assert.equal(await found('wombat'), 1, 'written')
        await write('numbat')
        assert.deepEqual([await found('wombat'), await found('numbat')], [0, 1], 'rewritten')
        await words.remove(['a'])
        assert.equal(await found('numbat'), 0, 'deleted')
      }),
    ],
  }
}
