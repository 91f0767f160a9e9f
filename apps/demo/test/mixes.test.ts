import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type DatabaseManager, type Filter, openDatabase } from '@veritas-db/core'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { type Assignment, configOf, DATABASES, serversOf } from '../src/backends.js'
import { packagesCorpus } from '../src/corpus/packages.js'
import { Statistics } from '../src/corpus/statistics.js'
import type { Corpus } from '../src/corpus/types.js'
import { APP, ROOT } from '../src/places.js'
import { sync } from '../src/store.js'

/** Together they cover every database, each in the roles that it is best at. */
const MIXES: readonly Assignment[] = [
  { vector: 'chroma', graph: 'neo4j', relational: 'postgres' },
  { vector: 'weaviate', graph: 'hugegraph', relational: 'mongo' },
  { vector: 'redis', graph: 'cayley', relational: 'cozo' },
  { vector: 'pinecone', graph: 'arango', relational: 'arango' },
  { vector: 'postgres', graph: 'postgres', relational: 'postgres' },
  { vector: 'cozo', graph: 'cozo', relational: 'cozo' },
  { vector: 'neo4j', graph: 'neo4j', relational: 'sqlite' },
  { vector: 'sqlite', graph: 'mongo', relational: 'mongo' },
  { vector: 'mongo', graph: 'mongo', relational: 'mongo' },
]

/** Packages of the corpus: enough for depth and variety, few enough for all mixes in one test run. */
const PACKAGES = 120
const FILTERS: readonly Filter[] = [
  { license: { $ne: 'MIT' }, sizeBytes: { $gt: 100_000 } },
  { keywords: { $contains: 'parser' } },
  { $or: [{ dependencies: { $gte: 4 } }, { license: 'Apache-2.0' }] },
  { node: { $exists: false }, version: { $startsWith: '1.' } },
  { license: { $in: ['ISC', 'BSD-3-Clause'] } },
  { documentType: 'package', files: { $lte: 5 } },
]
const QUERIES = [
  'parse command line arguments',
  'terminal colors',
  'read and write yaml',
  'protocol buffers',
  'semantic versioning',
  'markdown syntax tree',
  'publish packages to npm',
  'wait for a promise with a timeout',
]

const signal = new AbortController().signal
const folder = mkdtempSync(path.join(tmpdir(), 'veritas-mixes-'))
const corpus = firstPackages(PACKAGES)
let popular: readonly string[] = []

/** The first packages; what they need beyond that is not stored, as in every real corpus. */
function firstPackages(count: number): Corpus {
  const whole = packagesCorpus(ROOT)
  return {
    ...whole,
    collection: 'mixes',
    total: Math.min(count, whole.total),
    async *documents(onProblem) {
      let n = 0
      for await (const document of whole.documents(onProblem)) {
        if (n++ >= count) return
        yield document
      }
    },
  }
}

async function openMix(assignment: Assignment, name: string): Promise<DatabaseManager> {
  return openDatabase(configOf(assignment, process.env, { folder, name }), { from: APP })
}

/** What a database answers, as far as all must agree. */
async function answers(db: DatabaseManager): Promise<Record<string, readonly string[]>> {
  const { collection } = corpus
  const result: Record<string, readonly string[]> = {}
  for (const filter of FILTERS) {
    const { hits, warnings } = await db.searchDocuments({ mode: 'metadata', filter, collection, limit: 1000 })
    expect(warnings).toEqual([])
    result[`metadata ${JSON.stringify(filter)}`] = hits.map((h) => h.id).sort()
  }
  for (const id of popular)
    for (const direction of ['in', 'out', 'both'] as const)
      for (const depth of [1, 2]) {
        const graph = { from: [id], direction, depth, edgeTypes: [corpus.edgeType] }
        const { hits, warnings } = await db.searchDocuments({ mode: 'graph', graph, collection, limit: 1000 })
        expect(warnings).toEqual([])
        result[`graph ${id} ${direction} ${depth}`] = hits.map((h) => h.id).sort()
      }
  return result
}

async function nearest(db: DatabaseManager, query: string): Promise<readonly string[]> {
  const { hits } = await db.searchDocuments({ mode: 'semantic', query, collection: corpus.collection, limit: 10 })
  return hits.map((h) => h.id)
}

let embedded: DatabaseManager
let expected: Record<string, readonly string[]>
let passages: number | undefined

beforeAll(async () => {
  embedded = await openMix({ vector: 'sqlite', graph: 'sqlite', relational: 'sqlite' }, 'embedded')
  const statistics = new Statistics({ words: false })
  await sync(embedded, corpus, { statistics, signal })
  popular = statistics.mostReferred(6)
  expected = await answers(embedded)
  passages = await embedded.vector?.count({ scope: { collection: corpus.collection } })
}, 120_000)

afterAll(async () => {
  await embedded.close()
  rmSync(folder, { recursive: true, force: true })
})

it('the mixes cover every database', () => {
  expect(new Set(MIXES.flatMap((mix) => Object.values(mix)))).toEqual(new Set(Object.keys(DATABASES)))
})

it('the questions tell answers apart', () => {
  for (const [question, ids] of Object.entries(expected))
    if (question.startsWith('metadata')) expect(ids.length, question).toBeGreaterThan(0)
  expect(Object.entries(expected).filter(([q, ids]) => q.startsWith('graph') && ids.length > 0).length).toBeGreaterThan(
    10,
  )
})

describe.each(MIXES.map((mix) => ({ mix, ...describeMix(mix) })))('$name', ({ mix, missing, place }) => {
  it.skipIf(missing !== '')(
    `gives the same answers as the embedded database${missing}`,
    { timeout: 300_000 },
    async () => {
      const db = await openMix(mix, place)
      try {
        // What a run before this one left, if it broke off.
        await db.dropCollection(corpus.collection)
        const first = await sync(db, corpus, { statistics: new Statistics({ words: false }), signal })
        expect(first).toMatchObject({ added: corpus.total, failed: 0, partial: 0 })
        const scope = { collection: corpus.collection }
        // Some stores show a write only after a moment.
        await vi.waitFor(async () => expect(await db.vector?.count({ scope })).toBe(passages), {
          timeout: 60_000,
          interval: 250,
        })
        const { readAfterWrite, visibilityDelayMs = 0 } = db.vector?.capabilities ?? {}
        if (readAfterWrite === 'eventual') await sleep(visibilityDelayMs)
        expect(await answers(db)).toEqual(expected)
        let found = 0
        for (const query of QUERIES) {
          const [ours, exact] = await Promise.all([nearest(db, query), nearest(embedded, query)])
          found += exact.filter((id) => ours.includes(id)).length / exact.length
        }
        expect(found / QUERIES.length, 'recall@10').toBeGreaterThanOrEqual(0.95)
        const again = await sync(db, corpus, { statistics: new Statistics({ words: false }), signal })
        expect(again).toMatchObject({ unchanged: corpus.total, deleted: 0 })
      } finally {
        await db.dropCollection(corpus.collection)
        await db.close()
      }
    },
  )
})

function describeMix(mix: Assignment): { name: string; place: string; missing: string } {
  const needed = serversOf(mix).map((name) =>
    name === 'mongosearch' ? 'VERITAS_MONGO_SEARCH_URL' : `VERITAS_${name.toUpperCase()}_URL`,
  )
  const unset = needed.filter((variable) => !process.env[variable])
  const short = ['mix', ...Object.values(mix).map((name) => name.slice(0, 3))].join('')
  return {
    name: `vector ${mix.vector}, graph ${mix.graph}, relational ${mix.relational}`,
    // A register of collections that goes with the test's folder knows nothing of earlier runs: those must not be met again.
    place: mix.relational === 'sqlite' ? `${short}${randomBytes(4).toString('hex')}` : short,
    missing: unset.length > 0 ? ` (not run: ${unset.join(', ')} not set)` : '',
  }
}
