import type { Metric, VectorMatch } from '@veritas-db/core/contract'
import { applied, assert, rejects } from '../assert.js'
import type { SuiteContext } from '../context.js'
import { random, randomVector, v, vectorFor } from '../data/random.js'
import type { VectorPlace } from '../places/vector.js'
import { check, type Suite } from '../suite.js'

const DIMENSIONS = 32
const COUNT = 250
const TOP = 10

interface Corpus {
  readonly place: VectorPlace
  readonly vectors: ReadonlyMap<string, Float32Array>
  readonly queries: readonly Float32Array[]
}

/** Vectors around a few centres and some anywhere, of different lengths, so that the metrics disagree about the nearest. */
function corpus(t: SuiteContext, metric: Metric): Promise<Corpus> {
  return t.once(`corpus ${metric}`, async () => {
    const next = random(42)
    const centres = Array.from({ length: 6 }, () => randomVector(DIMENSIONS, next))
    const near = (centre: Float32Array): Float32Array => {
      const length = 0.5 + next()
      return centre.map((x) => (x + (next() - 0.5) * 0.8) * length)
    }
    const pick = (): Float32Array => centres[Math.floor(next() * centres.length)] as Float32Array
    const vectors = new Map<string, Float32Array>()
    for (let i = 0; i < COUNT; i++) vectors.set(`p${i}`, i % 3 === 0 ? randomVector(DIMENSIONS, next) : near(pick()))
    const place = await t.newVectors({ dimensions: DIMENSIONS, metric })
    const records = [...vectors].map(([id, vector], i) =>
      place.record({ id, version: v(1), data: { n: i, s: i % 50 === 0 ? 'rare' : 'common' } }, { vector }),
    )
    applied(await place.upsert(records), COUNT, 'the corpus')
    return {
      place,
      vectors,
      queries: Array.from({ length: 12 }, (_, i) => (i % 2 ? near(pick()) : randomVector(DIMENSIONS, next))),
    }
  })
}

/** The similarity as the contract defines it, in double precision. */
export function similarity(metric: Metric, a: Float32Array, b: Float32Array): number {
  let dot = 0
  let aa = 0
  let bb = 0
  let distance = 0
  a.forEach((x, i) => {
    const y = b[i] as number
    dot += x * y
    aa += x * x
    bb += y * y
    distance += (x - y) ** 2
  })
  if (metric === 'dot') return dot
  return metric === 'cosine' ? dot / Math.sqrt(aa * bb) : 1 / (1 + Math.sqrt(distance))
}

function bruteForce(
  c: Corpus,
  metric: Metric,
  query: Float32Array,
  accept: (id: string) => boolean = () => true,
): { id: string; score: number }[] {
  return [...c.vectors]
    .filter(([id]) => accept(id))
    .map(([id, vector]) => ({ id, score: similarity(metric, vector, query) }))
    .sort((a, b) => b.score - a.score)
}

const close = (a: number, b: number): boolean => Math.abs(a - b) <= 1e-3 * Math.max(1, Math.abs(b))

/** Answers of queries against brute force: all of them exactly, or 95 % of them. */
async function against(
  t: SuiteContext,
  metric: Metric,
  exact: boolean,
  accept?: (id: string) => boolean,
): Promise<void> {
  const c = await corpus(t, metric)
  let found = 0
  let wanted = 0
  for (const vector of c.queries) {
    const truth = bruteForce(c, metric, vector, accept)
    const matches = await c.place.store.query({
      ...(await c.place.reading()),
      vector,
      topK: TOP,
      ...(accept && { filter: { op: 'eq', path: 's', value: 'rare' } }),
      ...(exact && c.place.capabilities.exact === 'optional' && { exact: true }),
    })
    const best = truth.slice(0, TOP)
    wanted += best.length
    assert.ok(matches.length <= TOP, `topK ${TOP} gives at most ${TOP}, gave ${matches.length}`)
    assert.equal(new Set(matches.map((m) => m.documentId)).size, matches.length, 'each record once')
    checkScores(c, metric, vector, matches)
    // Equally good ones are as good: what counts is that the scores are the best there are.
    const last = best.at(-1)?.score ?? 0
    found += matches.filter((m) => m.score >= last - 1e-4 * Math.max(1, Math.abs(last))).length
    if (exact) {
      assert.equal(matches.length, best.length, 'as many as there are, up to topK')
      matches.forEach((m, i) => {
        const right = best[i]?.score ?? 0
        assert.ok(close(m.score, right), `exact search, ${metric}: place ${i} must score ${right}, scores ${m.score}`)
      })
    }
  }
  const recall = found / wanted
  assert.ok(
    recall >= (exact ? 1 : 0.95),
    `recall@${TOP} with ${metric} is ${recall.toFixed(3)}, below ${exact ? 1 : 0.95}`,
  )
}

function checkScores(c: Corpus, metric: Metric, query: Float32Array, matches: readonly VectorMatch[]): void {
  let before = Number.POSITIVE_INFINITY
  for (const m of matches) {
    const vector = c.vectors.get(m.documentId)
    assert.ok(vector, `${m.documentId} is one of the records`)
    assert.equal(m.key, c.place.key(m.documentId), 'the key belongs to the document')
    const right = similarity(metric, vector, query)
    assert.ok(close(m.score, right), `${metric}: the score of ${m.documentId} must be ${right}, is ${m.score}`)
    assert.ok(m.score <= before, `best first: ${m.score} comes after ${before}`)
    before = m.score
  }
}

export const vectorQuery: Suite = {
  name: 'vector.query',
  role: 'vector',
  about: 'nearest neighbours against brute force: recall, direction and range of scores, ties, exactness',
  checks: [
    check('the nearest come first, for every declared metric', async (t) => {
      for (const metric of t.vector.capabilities.metrics)
        await against(t, metric, t.vector.capabilities.exact === 'always')
    }),
    check('exact: where optional it is exact, where never it is UNSUPPORTED', async (t) => {
      const { exact, metrics } = t.vector.capabilities
      for (const metric of metrics) {
        if (exact !== 'never') await against(t, metric, true)
        else {
          const { place } = await corpus(t, metric)
          const query = { scope: place.scope, vector: vectorFor('x', DIMENSIONS), topK: 1 }
          await rejects(() => place.store.query({ ...query, exact: true }), 'UNSUPPORTED', 'an exact query')
        }
      }
    }),
    check('a rare filter still finds as many as there are', async (t) => {
      const { capabilities } = t.vector
      if (!capabilities.filter.eq) return t.notApplicable('eq is not declared')
      const [metric] = capabilities.metrics
      if (!metric) return
      await against(t, metric, capabilities.exact !== 'never', (id) => Number(id.slice(1)) % 50 === 0)
    }),
    check('scores are similarities in their range, higher is better', async (t) => {
      for (const metric of t.vector.capabilities.metrics) {
        const place = await t.newVectors({ dimensions: 8, metric })
        const base = vectorFor('base', 8)
        const variants: Readonly<Record<string, Float32Array>> = {
          same: base,
          // Not thrice as long: that is as far from it as the opposite.
          longer: base.map((x) => x * 2),
          opposite: base.map((x) => -x),
          other: vectorFor('other', 8),
        }
        const records = Object.entries(variants).map(([id, vector]) =>
          place.record({ id, version: v(1), data: {} }, { vector }),
        )
        applied(await place.upsert(records), 4, 'four vectors')
        const matches = await place.store.query({ ...(await place.reading()), vector: base, topK: 4 })
        const score = (id: string): number => matches.find((m) => m.documentId === id)?.score ?? Number.NaN
        for (const [id, vector] of Object.entries(variants)) {
          const right = similarity(metric, vector, base)
          assert.ok(close(score(id), right), `${metric}: the score of ${id} must be ${right}, is ${score(id)}`)
        }
        for (const m of matches) {
          if (metric === 'cosine') assert.ok(m.score >= -1 && m.score <= 1, `cosine is in [-1, 1], is ${m.score}`)
          if (metric === 'euclidean') assert.ok(m.score > 0 && m.score <= 1, `euclidean is in (0, 1], is ${m.score}`)
        }
        assert.equal(matches.at(-1)?.documentId, 'opposite', `${metric}: the opposite comes last`)
      }
    }),
    check('equal scores come in order of key', async (t) => {
      const place = await t.newVectors()
      const vector = vectorFor('tie', 8)
      const ids = Array.from({ length: 12 }, (_, i) => `tie-${i}`)
      applied(
        await place.upsert(ids.map((id) => place.record({ id, version: v(1), data: {} }, { vector }))),
        12,
        'ties',
      )
      const matches = await place.store.query({ ...(await place.reading()), vector, topK: 20 })
      const keys = matches.map((m) => m.key)
      assert.deepEqual(keys, ids.map((id) => place.key(id)).sort(), 'in order of key')
    }),
    check('topK: fewer where there are fewer, none from an empty collection, as many as declared', async (t) => {
      const place = await t.newVectors()
      const vector = vectorFor('x', 8)
      assert.deepEqual(
        await place.store.query({ ...(await place.reading()), vector, topK: 5 }),
        [],
        'an empty collection',
      )
      applied(await place.write([{ id: 'a', version: v(1), data: {} }]), 1, 'one record')
      assert.equal((await place.store.query({ ...(await place.reading()), vector, topK: 5 })).length, 1, 'one of five')
      const { maxTopK } = place.capabilities
      assert.ok(Number.isInteger(maxTopK) && maxTopK > 0, 'maxTopK is a whole number above 0')
      await rejects(() => place.store.query({ scope: place.scope, vector, topK: maxTopK + 1 }), 'VALIDATION', 'more')
      for (const topK of [0, -1, 1.5, Number.NaN])
        await rejects(() => place.store.query({ scope: place.scope, vector, topK }), 'VALIDATION', `${topK}`)
      const topK = Math.min(maxTopK, COUNT)
      const [metric] = place.capabilities.metrics
      if (!metric) return
      const c = await corpus(t, metric)
      const many = await c.place.store.query({ ...(await c.place.reading()), vector: vectorFor('x', DIMENSIONS), topK })
      const least = place.capabilities.exact === 'always' ? topK : topK * 0.95
      assert.ok(many.length >= least && many.length <= topK, `topK ${topK} gave ${many.length}`)
    }),
    check('a zero vector is refused by check, or has a cosine similarity of 0', async (t) => {
      if (!t.vector.capabilities.metrics.includes('cosine')) return t.notApplicable('cosine is not declared')
      const place = await t.newVectors({ metric: 'cosine' })
      const zero = place.record({ id: 'zero', version: v(1), data: {} }, { vector: new Float32Array(8) })
      if (place.store.check([zero], place.definition).length > 0) {
        await rejects(() => place.upsert([zero]), 'VALIDATION', 'a zero vector that check refuses')
        return
      }
      applied(await place.upsert([zero]), 1, 'a zero vector')
      const [match] = await place.store.query({ ...(await place.reading()), vector: vectorFor('x', 8), topK: 1 })
      assert.ok(match && Math.abs(match.score) < 1e-6, `its similarity counts as 0, is ${match?.score}`)
    }),
    check('a query vector that does not fit is refused with VALIDATION', async (t) => {
      const place = await t.newVectors()
      const vectors = [
        new Float32Array(7),
        new Float32Array(9),
        new Float32Array(0),
        new Float32Array(8).fill(Number.NaN),
      ]
      for (const vector of vectors)
        await rejects(
          () => place.store.query({ scope: place.scope, vector, topK: 1 }),
          'VALIDATION',
          `the vector [${vector}]`,
        )
    }),
  ],
}
