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
    const title = query === undefined ? `Which ${corpus.noun[1]} match the filter?` : quoted(query)
    return [own(chosen, title, { ...(query !== undefined && { query }), ...(filter !== undefined && { filter }) })]
  }
  const build = corpus.kind === 'packages' ? ofPackages : ofFolder
  const all = await build(db, corpus, statistics)
  return mode === undefined ? all : all.filter((question) => question.mode === mode)
}

async function ofPackages(db: DatabaseManager, corpus: Corpus, statistics: Statistics): Promise<Question[]> {
  const popular = await mostReferred(db, corpus, statistics)
  return [
    words('semantic', 'parse command line arguments'),
    own('metadata', 'Which packages above 1 MB are not under the MIT licence?', {
      filter: { license: { $ne: 'MIT' }, sizeBytes: { $gt: 1_000_000 } },
    }),
    popular === undefined
      ? words('graph', 'terminal colors')
      : own('graph', `Who depends on ${popular}?`, {
          graph: { from: [popular], direction: 'in', edgeTypes: [corpus.edgeType] },
        }),
    words('hybrid', 'retry a failed call with exponential backoff'),
  ]
}

/** Nothing is known of somebody's folder but what reading it showed. */
async function ofFolder(db: DatabaseManager, corpus: Corpus, statistics: Statistics): Promise<Question[]> {
  const center = await mostReferred(db, corpus, statistics)
  const topics = statistics.topicWords(4)
  const topic = topics.slice(0, 2).join(' ') || 'introduction'
  const other = topics.slice(2, 4).join(' ') || topic
  const title = center === undefined ? undefined : statistics.title(center)
  const telling = statistics.tellingValue()
  return [
    words('semantic', title ?? topic),
    telling === undefined
      ? words('metadata', topic)
      : own('metadata', `Which files have ${telling.field} ${telling.inArray ? 'with' : '='} ${telling.value}?`, {
          filter: { [telling.field]: telling.inArray ? { $contains: String(telling.value) } : telling.value },
        }),
    center === undefined
      ? {
          ...words('graph', topic),
          how: 'the graph store; no file here links to another, so only the start of the walk is found',
        }
      : own('graph', `What is linked with ${center}, up to two steps away?`, {
          graph: { from: [center], direction: 'both', edgeTypes: [corpus.edgeType], depth: 2 },
        }),
    words('hybrid', other),
  ]
}

function own(mode: SearchMode, title: string, search: Question['search']): Question {
  return { mode, title, how: HOW[mode], search }
}

function words(mode: SearchMode, query: string): Question {
  return own(mode, quoted(query), { query })
}

function quoted(query: string): string {
  return `“${query}”`
}

/** The stored document that most others refer to. */
async function mostReferred(db: DatabaseManager, corpus: Corpus, statistics: Statistics): Promise<string | undefined> {
  // Others may refer to what is not there: a package left out, a broken link.
  for (const id of statistics.mostReferred(20)) if (await db.getDocument(id, corpus.collection)) return id
  return undefined
}
