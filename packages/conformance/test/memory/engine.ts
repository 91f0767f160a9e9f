import {
  type CallOptions,
  type CollectionDefinition,
  checkFieldName,
  checkId,
  checkMetadata,
  checkScope,
  type EdgeRecord,
  evaluateFilter,
  type GraphSchema,
  type Key,
  type Metadata,
  type NodeRecord,
  type RecordIssue,
  type RowRecord,
  type Scope,
  type TableDefinition,
  throwIfAborted,
  type UpsertMode,
  type VectorRecord,
  VeritasError,
  type Version,
} from '@veritas-db/core/contract'

export interface Collection {
  readonly scope: Scope
  definition: CollectionDefinition
  readonly records: Map<string, VectorRecord>
}
export interface Graph {
  schema: GraphSchema
  readonly nodes: Map<Key, NodeRecord>
  readonly edges: Map<string, EdgeRecord>
  /** The version of the last set of edges of each source: an empty set leaves no edge to tell. */
  readonly edgeVersions: Map<Key, Version>
}
export interface Table {
  definition: TableDefinition
  readonly rows: Map<Key, RowRecord>
}
interface State {
  readonly collections: Map<string, Collection>
  readonly graphs: Map<string, Graph>
  readonly tables: Map<string, Table>
}

/** What all connections to one engine share. Records in it are never changed, only replaced. */
export class Engine {
  readonly id: string = `memory:${Math.random().toString(36).slice(2)}`
  state: State = { collections: new Map(), graphs: new Map(), tables: new Map() }
  /** Server-side scans, by number. */
  readonly scans: Map<number, readonly unknown[]> = new Map()
  #last: Promise<unknown> = Promise.resolve()

  /** Resolves when no unit of work is under way. */
  free(): Promise<unknown> {
    return this.#last
  }

  /** One unit of work after the other; the state is put back where one rejects. */
  async exclusive<T>(work: () => Promise<T>): Promise<T> {
    const before = this.#last
    let release = (): void => undefined
    this.#last = new Promise<void>((resolve) => {
      release = resolve
    })
    await before
    const saved = copy(this.state)
    try {
      return await work()
    } catch (error) {
      this.state = saved
      throw error
    } finally {
      release()
    }
  }
}

function copy(state: State): State {
  const each = <V>(map: Map<string, V>, clone: (value: V) => V): Map<string, V> =>
    new Map([...map].map(([k, value]) => [k, clone(value)]))
  return {
    collections: each(state.collections, (c) => ({ ...c, records: new Map(c.records) })),
    graphs: each(state.graphs, (g) => ({
      ...g,
      nodes: new Map(g.nodes),
      edges: new Map(g.edges),
      edgeVersions: new Map(g.edgeVersions),
    })),
    tables: each(state.tables, (t) => ({ ...t, rows: new Map(t.rows) })),
  }
}

/** One connection: whether it is open, and what is under way on it. */
export class Session {
  readonly engine: Engine
  #open = false
  readonly #underWay = new Set<Promise<unknown>>()

  /** What decides which records a filter matches; a broken one may be put in its place. */
  readonly evaluate: typeof evaluateFilter

  constructor(engine: Engine, evaluate: typeof evaluateFilter = evaluateFilter) {
    this.engine = engine
    this.evaluate = evaluate
  }

  open(): void {
    this.#open = true
  }

  async close(): Promise<void> {
    this.#open = false
    await Promise.allSettled(this.#underWay)
  }

  /** Runs one call; `inside` a unit of work it need not wait for it. */
  async run<T>(
    options: CallOptions & { readonly scope?: Scope },
    inside: boolean,
    work: () => T | Promise<T>,
  ): Promise<T> {
    if (!this.#open)
      throw new VeritasError({ code: 'CONNECTION', backend: 'memory', message: 'The backend is not open.' })
    throwIfAborted(options.signal)
    if (options.scope) checkScope(options.scope)
    const call = (async () => {
      if (!inside) await this.engine.free()
      throwIfAborted(options.signal)
      return work()
    })()
    this.#underWay.add(call)
    try {
      return await call
    } finally {
      this.#underWay.delete(call)
    }
  }
}

export const scopeId = (scope: Scope): string => `${scope.tenant ?? ''}/${scope.collection}/${scope.incarnation ?? 0}`

/** Whether a write is applied over what is there. */
export function wins(before: { readonly version: Version } | undefined, after: Version, mode: UpsertMode): boolean {
  if (!before || mode === 'replace') return true
  return mode === 'ifNewer' && after >= before.version
}

/** Runs a check of the contract and gives its error as an issue; null where it passes. */
export function issue(index: number, path: string, run: () => void): RecordIssue | null {
  try {
    run()
    return null
  } catch (error) {
    if (!VeritasError.is(error)) throw error
    return { index, path: error.path ?? path, message: error.message }
  }
}

export const present = (issues: readonly (RecordIssue | null)[]): RecordIssue[] => issues.filter((i) => i !== null)

/** Throws the first issue of a batch: nothing of the batch is written. */
export function refuse(issues: readonly RecordIssue[]): void {
  const [first] = issues
  if (!first) return
  const path = `records[${first.index}].${first.path}`
  throw new VeritasError({ code: 'VALIDATION', backend: 'memory', path, message: `${path}: ${first.message}` })
}

export function identityIssues(
  index: number,
  record: { documentId: string },
  metadata: Metadata,
  path: string,
): (RecordIssue | null)[] {
  return [
    issue(index, 'documentId', () => checkId(record.documentId, 'documentId')),
    issue(index, path, () => checkMetadata(metadata, path)),
  ]
}

export function notFound(what: string): VeritasError {
  return new VeritasError({ code: 'NOT_FOUND', backend: 'memory', message: `There is no ${what}; ensure it first.` })
}

/** Checks the dotted paths of declared fields. */
export function checkFields(fields: Readonly<Record<string, unknown>> | undefined): void {
  for (const path of Object.keys(fields ?? {})) for (const part of path.split('.')) checkFieldName(part, 'fields')
}

/** The words of a text. */
export const words = (text: string): string[] => text.toLowerCase().match(/[\p{L}\p{M}\p{N}]+/gu) ?? []

/** How well a text holds the words of a query; 0 where it holds none. */
export function textScore(text: string, query: string): number {
  const held = words(text)
  let score = 0
  for (const word of new Set(words(query))) {
    const times = held.filter((h) => h === word).length
    if (times > 0) score += 1 + Math.log(times)
  }
  return score
}
