import { performance } from 'node:perf_hooks'
import { type DatabaseManager, type HealthReport, type SearchResult, throwIfAborted } from '@veritas-db/core'
import { folderCorpus } from './corpus/folder.js'
import { packagesCorpus } from './corpus/packages.js'
import { Statistics } from './corpus/statistics.js'
import type { Corpus } from './corpus/types.js'
import { type Counts, countAll } from './counts.js'
import { open } from './open.js'
import type { Options } from './options.js'
import { ROOT } from './places.js'
import { type Question, questions } from './questions.js'
import { type Relations, relationsOf } from './relations.js'
import { type SyncReport, sync } from './store.js'

/** What a run tells on its way; each is called once a step is done. */
export interface Listener {
  say(line: string): void
  opened(corpus: Corpus, where: string): void
  /** Called as documents settle. */
  progress(done: number, total: number): void
  stored(report: SyncReport, corpus: Corpus): void
  /** `fields`: what filters can name. */
  answered(answer: Answer, place: number, fields: readonly string[]): void
  related(relations: Relations, corpus: Corpus): void
  measured(counts: Counts, health: HealthReport): void
}

export interface Answer {
  readonly question: Question
  readonly result: SearchResult
}

export interface Timing {
  readonly step: string
  /** Milliseconds. */
  readonly ms: number
}

export interface Outcome {
  readonly corpus: Corpus
  readonly where: string
  readonly report: SyncReport
  readonly answers: readonly Answer[]
  readonly relations: Relations | null
  readonly counts: Counts
  readonly health: HealthReport
  readonly timings: readonly Timing[]
}

/** The demo's main line: read and store, ask, show relations, count, ask how everything is. */
export async function run(options: Options, listener: Listener, signal: AbortSignal): Promise<Outcome> {
  const timings: Timing[] = []
  const timed = async <T>(step: string, work: () => Promise<T>): Promise<T> => {
    const started = performance.now()
    const result = await work()
    timings.push({ step, ms: performance.now() - started })
    return result
  }
  const corpus = await timed('find', async () =>
    options.path === undefined ? packagesCorpus(ROOT) : folderCorpus(options.path),
  )
  const { db, where } = await timed('open', () => open(options, (line) => listener.say(line), signal))
  try {
    throwIfAborted(signal)
    listener.opened(corpus, where)
    return { corpus, where, timings, ...(await work(db, corpus, options, listener, signal, timed)) }
  } finally {
    await db.close()
  }
}

async function work(
  db: DatabaseManager,
  corpus: Corpus,
  options: Options,
  listener: Listener,
  signal: AbortSignal,
  timed: <T>(step: string, work: () => Promise<T>) => Promise<T>,
): Promise<Omit<Outcome, 'corpus' | 'where' | 'timings'>> {
  const { collection } = corpus
  const statistics = new Statistics({ words: corpus.kind === 'folder' })
  const report = await timed('store', () =>
    sync(db, corpus, {
      statistics,
      signal,
      onProgress: (done) => listener.progress(done, corpus.total),
      ...(options.fresh && { fresh: true }),
    }),
  )
  listener.stored(report, corpus)

  const answers: Answer[] = []
  for (const question of await questions(db, corpus, statistics, options)) {
    const { mode, search } = question
    const answer = await timed(mode, async () => ({
      question,
      result: await db.searchDocuments({ ...search, mode, collection, limit: options.limit, signal }),
    }))
    answers.push(answer)
    listener.answered(answer, answers.length, statistics.fields())
  }
  // The last question is the hybrid one: its first hit is looked at more closely.
  const top = answers.at(-1)?.result.hits[0]
  const relations = top && db.graph ? await timed('relations', () => relationsOf(db, corpus, top.id, signal)) : null
  if (relations) listener.related(relations, corpus)

  const counts = await timed('count', () => countAll(db, collection, signal))
  const health = await timed('health', () => db.healthCheck())
  listener.measured(counts, health)
  return { report, answers, relations, counts, health }
}
