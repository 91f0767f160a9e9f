// The commands and stages that a server without mongot lacks: createSearchIndexes, updateSearchIndex, dropSearchIndex,
// $listSearchIndexes and $vectorSearch.
import { type Document, Long, type MongoClient } from 'mongodb'
import { Contract, type Schema, type Violation } from '../shared/contract.ts'
import { isObject } from '../shared/http.ts'
import { badDefinition, CommandError, malformed, notEmulated, refusedBySearch } from './errors.ts'
import { type Definition, type ReadAll, SearchIndex, SearchIndexes } from './indexes.ts'
import * as schemas from './schema.ts'
import { search } from './search.ts'
import { describeVector } from './vectors.ts'

export interface SearchConfig {
  /** How long a new index is built. */
  buildMs: number
  /** How long searches do not see a write. */
  lagMs: number
  /** Whether the euclidean score squares the distance: the documentation says no, the program does. */
  squaredEuclidean: boolean
}

/** What the first answer holds of a cursor, where the command does not say. */
const FIRST_BATCH = 101

export class SearchCommands {
  readonly indexes: SearchIndexes = new SearchIndexes()
  readonly #contract = new Contract([])
  readonly #cursors = new Map<number, { namespace: string; rest: Document[] }>()
  readonly #client: MongoClient
  readonly #config: SearchConfig
  /** Far from the numbers of the server's own cursors. */
  #lastCursor = 7_000_000_000_000

  constructor(client: MongoClient, config: SearchConfig) {
    this.#client = client
    this.#config = config
  }

  get violations(): Violation[] {
    return this.#contract.violations
  }

  /** The answer to a command of ours; undefined where it is the server's to answer. */
  async run(name: string, body: Document): Promise<Document | undefined> {
    const namespace = `${body.$db}.${body[name]}`
    switch (name) {
      case 'createSearchIndexes':
        return this.#create(namespace, body)
      case 'updateSearchIndex':
        return this.#update(namespace, body)
      case 'dropSearchIndex':
        return this.#drop(namespace, body)
      case 'aggregate':
        return this.#aggregate(namespace, body)
      case 'getMore':
        return this.#getMore(body)
      case 'killCursors':
        return this.#killCursors(body)
      default:
        return undefined
    }
  }

  /** @throws CommandError where a value does not fit the documentation's description */
  #fits(operation: string, schema: Schema, value: unknown, refuse: (message: string) => CommandError): void {
    const problem = this.#contract.check(schema, value)
    if (problem === undefined) return
    this.#contract.record('request', operation, '', problem)
    throw refuse(`${operation}: ${problem}`)
  }

  async #create(namespace: string, body: Document): Promise<Document> {
    this.#fits('createSearchIndexes', schemas.createSearchIndexes, body, malformed)
    await this.#requireCollection(namespace)
    const wanted = (body.indexes as Document[]).map(({ name = 'default', type = 'search', definition }) => {
      if (type !== 'vectorSearch') throw notEmulated(`an index of type ${type}`)
      this.#fits('createSearchIndexes', schemas.vectorDefinition, definition, badDefinition)
      return { name: String(name), definition: definition as Definition }
    })
    // Where one is there with another definition, none is made.
    for (const { name, definition } of wanted) {
      const there = this.indexes.find(namespace, name)
      if (there && JSON.stringify(there.definition) !== JSON.stringify(definition))
        throw new CommandError(68, 'IndexAlreadyExists', `Index ${name} already exists with a different definition`)
    }
    const indexesCreated = wanted.map(({ name, definition }) => {
      const there = this.indexes.find(namespace, name)
      const index = there ?? new SearchIndex(namespace, name, definition, this.#config.buildMs)
      if (!there) {
        this.indexes.add(index)
        // Built from what is there by then, whoever asks first. Where that fails, the first search reads again.
        const built = this.#config.buildMs + 2
        setTimeout(() => void index.entries(this.#readAll).catch(() => undefined), built).unref()
      }
      return { id: index.id, name }
    })
    return { ok: 1, indexesCreated }
  }

  #update(namespace: string, body: Document): Document {
    this.#fits('updateSearchIndex', schemas.updateSearchIndex, body, malformed)
    this.#fits('updateSearchIndex', schemas.vectorDefinition, body.definition, badDefinition)
    this.#named(namespace, body).redefine(body.definition as Definition, this.#config.buildMs)
    return { ok: 1 }
  }

  #drop(namespace: string, body: Document): Document {
    this.#fits('dropSearchIndex', schemas.dropSearchIndex, body, malformed)
    this.indexes.remove(this.#named(namespace, body))
    return { ok: 1 }
  }

  #named(namespace: string, { id, name }: Document): SearchIndex {
    const index = this.indexes.of(namespace).find((one) => (id === undefined ? one.name === name : one.id === id))
    if (!index)
      throw new CommandError(
        27,
        'IndexNotFound',
        `No index with ${id ? 'id' : 'name'} ${id ?? name} exists in namespace ${namespace}`,
      )
    return index
  }

  async #aggregate(namespace: string, body: Document): Promise<Document | undefined> {
    const [stage, ...rest] = Array.isArray(body.pipeline) ? body.pipeline : []
    if (!isObject(stage)) return undefined
    const operator = Object.keys(stage)[0]
    if (operator !== '$listSearchIndexes' && operator !== '$vectorSearch') return undefined
    this.#fits('aggregate', schemas.aggregate, body, malformed)
    if (body.autocommit === false)
      throw new CommandError(
        263,
        'OperationNotSupportedInTransaction',
        `Stage not supported inside of a multi-document transaction: ${operator}`,
      )
    const found =
      operator === '$vectorSearch'
        ? await this.#search(namespace, stage.$vectorSearch, rest)
        : this.#list(namespace, stage.$listSearchIndexes, rest)
    const size =
      isObject(body.cursor) && typeof body.cursor.batchSize === 'number' ? body.cursor.batchSize : FIRST_BATCH
    return { cursor: { firstBatch: found.slice(0, size), ...this.#cursor(namespace, found.slice(size)) }, ok: 1 }
  }

  #list(namespace: string, stage: unknown, rest: readonly Document[]): Document[] {
    this.#fits('$listSearchIndexes', schemas.listSearchIndexes, stage, malformed)
    if (rest.length > 0) throw notEmulated('a stage after $listSearchIndexes')
    const { id, name } = stage as Document
    return this.indexes
      .of(namespace)
      .filter((index) => (id === undefined || index.id === id) && (name === undefined || index.name === name))
      .map((index) => ({
        id: index.id,
        name: index.name,
        type: 'vectorSearch',
        status: index.status,
        queryable: index.queryable,
        latestVersion: index.version,
        latestDefinition: index.definition,
      }))
  }

  async #search(namespace: string, stage: unknown, rest: readonly Document[]): Promise<Document[]> {
    const described = isObject(stage) ? { ...stage, queryVector: describeVector(stage.queryVector) } : stage
    this.#fits('$vectorSearch', schemas.vectorSearch, described, refusedBySearch)
    const projection = this.#projectionOf(rest)
    // A misspelt index finds nothing, and so does a collection that is not there.
    const index = this.indexes.find(namespace, String((stage as Document).index))
    if (!index) return []
    const hits = await search(index, stage as Document, this.#readAll, this.#config.squaredEuclidean)
    return this.#lookUp(namespace, hits, projection)
  }

  #projectionOf(rest: readonly Document[]): Document {
    const [stage, ...more] = rest
    if (!stage) return {}
    if (!isObject(stage.$project) || more.length > 0) throw notEmulated('other than one $project after $vectorSearch')
    this.#fits('$project', schemas.project, stage.$project, malformed)
    return stage.$project
  }

  /** The documents as they are by now, which may be newer than what the index knows, or gone. */
  async #lookUp(
    namespace: string,
    hits: readonly { id: unknown; score: number }[],
    projection: Document,
  ): Promise<Document[]> {
    const entries = Object.entries(projection)
    const scores = entries.filter(([, value]) => isObject(value)).map(([field]) => field)
    const fields = Object.fromEntries(entries.filter(([, value]) => !isObject(value)))
    const found = new Map<string, Document>()
    for (let start = 0; start < hits.length; start += 1000) {
      const ids = hits.slice(start, start + 1000).map(({ id }) => id)
      for (const document of await this.#collection(namespace)
        .find({ _id: { $in: ids } } as Document, { projection: fields })
        .toArray())
        found.set(String(document._id), document)
    }
    return hits.flatMap(({ id, score }) => {
      const document = found.get(String(id))
      return document ? [{ ...document, ...Object.fromEntries(scores.map((field) => [field, score])) }] : []
    })
  }

  readonly #readAll: ReadAll = (namespace, projection) => this.#collection(namespace).find({}, { projection }).toArray()

  #collection(namespace: string): ReturnType<ReturnType<MongoClient['db']>['collection']> {
    const dot = namespace.indexOf('.')
    return this.#client.db(namespace.slice(0, dot)).collection(namespace.slice(dot + 1))
  }

  async #requireCollection(namespace: string): Promise<void> {
    const dot = namespace.indexOf('.')
    const name = namespace.slice(dot + 1)
    const there = await this.#client.db(namespace.slice(0, dot)).listCollections({ name }, { nameOnly: true }).toArray()
    if (there.length === 0) throw new CommandError(26, 'NamespaceNotFound', `Collection '${namespace}' does not exist.`)
  }

  #cursor(namespace: string, rest: Document[]): Document {
    if (rest.length === 0) return { id: Long.ZERO, ns: namespace }
    this.#lastCursor++
    this.#cursors.set(this.#lastCursor, { namespace, rest })
    return { id: Long.fromNumber(this.#lastCursor), ns: namespace }
  }

  #getMore({ getMore, batchSize }: Document): Document | undefined {
    const id = Number(getMore)
    const cursor = this.#cursors.get(id)
    if (!cursor) return undefined
    const nextBatch = cursor.rest.splice(0, typeof batchSize === 'number' ? batchSize : FIRST_BATCH)
    const over = cursor.rest.length === 0
    if (over) this.#cursors.delete(id)
    return { cursor: { nextBatch, id: over ? Long.ZERO : Long.fromNumber(id), ns: cursor.namespace }, ok: 1 }
  }

  #killCursors({ cursors }: Document): Document | undefined {
    const ids = Array.isArray(cursors) ? cursors.map(Number) : []
    if (!ids.some((id) => this.#cursors.delete(id))) return undefined
    return { ok: 1, cursorsKilled: cursors, cursorsNotFound: [], cursorsAlive: [], cursorsUnknown: [] }
  }
}
