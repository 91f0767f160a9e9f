import type { DatabaseManager, Filter, SearchMode, SearchOptions } from '@veritas-db/core'
import type { Statistics } from './corpus/statistics.js'
import type { Corpus } from './corpus/types.js'

/** One question in one mode. */
export interface Question {
  readonly mode: SearchMode
  /** The question as a person would ask it. */
  readonly title: string
  /** What it is asked of. */
  readonly how: string
  readonly search: Pick<SearchOptions, 'query' | 'filter' | 'graph'>
}

export const MODES: readonly SearchMode[] = ['semantic', 'metadata', 'graph', 'hybrid']

const HOW: Readonly<Record<SearchMode, string>> = {
  semantic: 'the vector store: passages nearest to the question',
  metadata: 'the relational store: metadata filter and full text',
  graph: 'the graph store: along the relations',
  hybrid: 'all three stores at once, ranks fused',
}

/** What the user asked for, as far as it was said. */
export interface Asked {
  readonly query?: string
  readonly mode?: SearchMode
  readonly filter?: Filter
}

/** The user's own question, or one in each mode that this corpus can answer. */
export async function questions(
  db: DatabaseManager,
  corpus: Corpus,
  statistics: Statistics,
  asked: Asked,
): Promise<readonly Question[]> {
  const { query, filter, mode } = asked
  if (query !== undefined || filter !== undefined) {
    // Modes that look for words need some: a filter alone is a question to the relational store.
    const chosen = mode ?? (query === undefined ? 'metadata' : 'hybrid')
    const title = query ?? `which ${corpus.noun[1]} match the filter`
    return [own(chosen, title, { ...(query !== undefined && { query }), ...(filter !== undefined && { filter }) })]
  }
  const all =
    corpus.kind === 'packages' ? await ofPackages(db, corpus, statistics) : await ofFolder(db, corpus, statistics)
  return mode === undefined ? all : all.filter((question) => question.mode === mode)
}

function own(mode: SearchMode, title: string, search: Question['search']): Question {
  return { mode, title, how: HOW[mode], search }
}

async function ofPackages(db: DatabaseManager, corpus: Corpus, statistics: Statistics): Promise<Question[]> {
  const [popular] = await mostReferred(db, corpus, statistics)
  return [
    own('semantic', 'parse command line arguments', { query: 'parse command line arguments' }),
    own('metadata', 'which packages above 1 MB are not under the MIT licence', {
      filter: { license: { $ne: 'MIT' }, sizeBytes: { $gt: 1_000_000 } },
    }),
    popular === undefined
      ? own('graph', 'colours in the terminal, and what goes with them', { query: 'terminal colors' })
      : own('graph', `who depends on ${popular}`, {
          graph: { from: [popular], direction: 'in', edgeTypes: [corpus.edgeType] },
        }),
    own('hybrid', 'retry a failed call with exponential backoff', {
      query: 'retry a failed call with exponential backoff',
    }),
  ]
}

/** Nothing is known of somebody's folder but what reading it showed. */
async function ofFolder(db: DatabaseManager, corpus: Corpus, statistics: Statistics): Promise<Question[]> {
  const linked = await mostReferred(db, corpus, statistics)
  const [center] = linked
  const words = statistics.topicWords(4)
  const topic = words.slice(0, 2).join(' ') || 'introduction'
  const other = words.slice(2, 4).join(' ') || topic
  const title = center !== undefined ? statistics.title(center) : undefined
  const telling = statistics.tellingValue()
  return [
    own('semantic', title ?? topic, { query: title ?? topic }),
    telling
      ? own(
          'metadata',
          `which files have ${telling.field} ${telling.inArray ? 'with' : '='} ${String(telling.value)}`,
          {
            filter: { [telling.field]: telling.inArray ? { $contains: String(telling.value) } : telling.value },
          },
        )
      : own('metadata', topic, { query: topic }),
    center === undefined
      ? own('graph', `${topic} (no file here links to another, so only the start is found)`, { query: topic })
      : own('graph', `what is linked with ${center}, two steps around`, {
          graph: { from: [center], direction: 'both', edgeTypes: [corpus.edgeType], depth: 2 },
        }),
    own('hybrid', other, { query: other }),
  ]
}

/** The stored documents that most others refer to. */
async function mostReferred(db: DatabaseManager, corpus: Corpus, statistics: Statistics): Promise<string[]> {
  const found: string[] = []
  for (const id of statistics.mostReferred(10)) {
    // Others may refer to what is not there: a package left out, a broken link.
    if (await db.getDocument(id, corpus.collection)) found.push(id)
    if (found.length === 3) break
  }
  return found
}
