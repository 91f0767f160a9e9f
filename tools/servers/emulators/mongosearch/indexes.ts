// The search indexes: definitions that are built for a moment, and a copy of each collection's vectors that lags behind writes.
import { type Document, ObjectId } from 'mongodb'
import { isZero, type Similarity, toVector, valueAt, valuesAt } from './vectors.ts'

export interface Definition extends Document {
  fields: (
    | { type: 'vector'; path: string; numDimensions: number; similarity: Similarity }
    | { type: 'filter'; path: string }
  )[]
}

/** What an index holds of a document. */
export interface Entry {
  id: unknown
  /** By path; a vector that does not fit its field is none. */
  vectors: Map<string, Float32Array>
  /** Only the fields that can be filtered by. */
  filterable: Document
}

/** Reads the given fields of all documents of a collection. */
export type ReadAll = (namespace: string, projection: Document) => Promise<Document[]>

const NEVER = Number.POSITIVE_INFINITY

export class SearchIndex {
  readonly id: string = new ObjectId().toHexString()
  readonly name: string
  readonly namespace: string
  version = 0
  definition: Definition
  #staged: { definition: Definition; readyAt: number } | undefined
  #createdAt: number
  #readyAt: number
  #entries: Entry[] = []
  /** When the next look at the collection is due. */
  #dueAt: number
  #reading: Promise<void> | undefined

  constructor(namespace: string, name: string, definition: Definition, buildMs: number) {
    this.namespace = namespace
    this.name = name
    this.definition = definition
    this.#createdAt = performance.now()
    this.#readyAt = this.#createdAt + buildMs
    this.#dueAt = this.#readyAt
  }

  /** PENDING, BUILDING, then READY: only then can it be asked. */
  get status(): 'PENDING' | 'BUILDING' | 'READY' {
    const now = performance.now()
    if (now >= this.#readyAt) return 'READY'
    return now < (this.#createdAt + this.#readyAt) / 2 ? 'PENDING' : 'BUILDING'
  }

  get queryable(): boolean {
    return this.status === 'READY'
  }

  /** The old definition is asked until the new one is built. */
  redefine(definition: Definition, buildMs: number): void {
    this.#staged = { definition, readyAt: performance.now() + buildMs }
  }

  /** A write that is seen after `lagMs`, or earlier where an earlier one is due. */
  noteWrite(lagMs: number): void {
    this.#dueAt = Math.min(this.#dueAt, performance.now() + lagMs)
  }

  /** Makes it ready, and all writes seen, now. */
  settle(): void {
    this.#readyAt = Math.min(this.#readyAt, performance.now())
    if (this.#staged) this.#staged.readyAt = 0
    this.#dueAt = 0
  }

  async entries(readAll: ReadAll): Promise<readonly Entry[]> {
    if (this.#staged && performance.now() >= this.#staged.readyAt) {
      this.definition = this.#staged.definition
      this.#staged = undefined
      this.version++
      this.#dueAt = 0
    }
    if (performance.now() >= this.#dueAt) {
      this.#dueAt = NEVER
      // Searches that come meanwhile wait for the same reading.
      this.#reading = this.#read(readAll).catch((error: unknown) => {
        this.#dueAt = 0
        throw error
      })
    }
    await this.#reading
    return this.#entries
  }

  async #read(readAll: ReadAll): Promise<void> {
    const { fields } = this.definition
    const projection = Object.fromEntries(fields.map(({ path }) => [path, 1]))
    const documents = await readAll(this.namespace, projection)
    const filters = fields.filter(({ type }) => type === 'filter').map(({ path }) => path)
    this.#entries = documents.map((document) => ({
      id: document._id,
      vectors: this.#vectorsOf(document),
      filterable: nest(filters.map((path) => [path, valuesAt(document, path)])),
    }))
  }

  #vectorsOf(document: Document): Map<string, Float32Array> {
    const vectors = new Map<string, Float32Array>()
    for (const field of this.definition.fields) {
      if (field.type !== 'vector') continue
      const vector = toVector(valueAt(document, field.path))
      if (vector?.length !== field.numDimensions || (field.similarity === 'cosine' && isZero(vector))) continue
      vectors.set(field.path, vector)
    }
    return vectors
  }
}

const nest = (values: readonly (readonly [string, unknown[]])[]): Document => {
  const root: Document = {}
  for (const [path, found] of values) {
    if (found.length === 0) continue
    const parts = path.split('.')
    const last = parts.pop() ?? ''
    let at = root
    for (const part of parts) {
      at[part] ??= {}
      at = at[part] as Document
    }
    at[last] = found
  }
  return root
}

/** The indexes of all collections, by `database.collection`. */
export class SearchIndexes {
  readonly #all = new Map<string, Map<string, SearchIndex>>()

  of(namespace: string): SearchIndex[] {
    return [...(this.#all.get(namespace)?.values() ?? [])]
  }

  find(namespace: string, name: string): SearchIndex | undefined {
    return this.#all.get(namespace)?.get(name)
  }

  add(index: SearchIndex): void {
    const there = this.#all.get(index.namespace)
    if (there) there.set(index.name, index)
    else this.#all.set(index.namespace, new Map([[index.name, index]]))
  }

  remove(index: SearchIndex): void {
    this.#all.get(index.namespace)?.delete(index.name)
  }

  /** A collection has gone, or with a name that ends in a dot, a database. */
  forget(namespace: string): void {
    for (const name of this.#all.keys())
      if (name === namespace || (namespace.endsWith('.') && name.startsWith(namespace))) this.#all.delete(name)
  }

  /** @param namespace the collection that was written to; all of them where that is not known */
  noteWrite(namespace: string | undefined, lagMs: number): void {
    for (const [name, indexes] of this.#all)
      if (namespace === undefined || name === namespace) for (const index of indexes.values()) index.noteWrite(lagMs)
  }

  settle(): void {
    for (const indexes of this.#all.values()) for (const index of indexes.values()) index.settle()
  }

  clear(): void {
    this.#all.clear()
  }
}
