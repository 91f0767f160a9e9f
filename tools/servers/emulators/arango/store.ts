// Databases, collections, indexes and documents, and the sessions through which they are read and written.
// A session is one request, or one stream transaction with the snapshot it began with (docs: transactions, "snapshot
// isolation", write-write conflicts are error 1200). Nothing is changed before commit.
import { ArangoFailure } from './aql/errors.ts'
import { fingerprint, isArray, isObjectValue, type ObjectValue, own, type Value } from './aql/values.ts'

export type Doc = ObjectValue

export interface IndexDefinition {
  id: string
  name: string
  type: string
  fields: string[]
  unique: boolean
  sparse: boolean
  [extra: string]: Value
}

let lastTick = 1000
/** Numbers that grow over the life of the process: ids, keys, revisions. */
export const tick = (): string => String(++lastTick)

const revisionAlphabet = '-ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz0123456789'
/** A revision looks like the server's, grows, and is not to be understood. */
const newRevision = (): string => {
  let rest = ++lastTick
  let text = ''
  for (let i = 0; i < 6; i++) {
    text = revisionAlphabet[rest % 64] + text
    rest = Math.floor(rest / 64)
  }
  return `_k${text}---`
}

const valuesAt = (doc: Value, path: string[]): Value[] => {
  const [head, ...rest] = path
  if (head === undefined) return [doc]
  const many = head.endsWith('[*]')
  const value = own(doc, many ? head.slice(0, -3) : head)
  if (!many) return valuesAt(value, rest)
  return value !== null && isArray(value) ? value.flatMap((v) => valuesAt(v, rest)) : []
}

/** What a document puts into a unique index. */
const entriesOf = (index: IndexDefinition, doc: Doc): string[] => {
  let rows: Value[][] = [[]]
  for (const field of index.fields) {
    const values = valuesAt(doc, field.split('.'))
    if (index.sparse && values.some((v) => v === null)) return []
    rows = rows.flatMap((row) => values.map((v) => [...row, v]))
  }
  return rows.map(fingerprint)
}

export type EdgeIndex = Map<string, Doc[]>

export class Collection {
  readonly id: string = tick()
  readonly name: string
  readonly type: 2 | 3
  readonly docs: Map<string, Doc> = new Map()
  readonly indexes: IndexDefinition[] = []
  readonly unique: Map<string, Map<string, string>> = new Map()
  readonly properties: ObjectValue
  /** Key → transaction that has written it and is not done. */
  readonly locks: Map<string, Session> = new Map()
  version = 0
  edgeIndexes: { version: number; out: EdgeIndex; in: EdgeIndex } | undefined

  constructor(name: string, type: 2 | 3, properties: ObjectValue) {
    this.name = name
    this.type = type
    this.properties = properties
    const system = { unique: false, sparse: false }
    this.indexes.push({ id: `${name}/0`, name: 'primary', type: 'primary', fields: ['_key'], ...system, unique: true })
    if (type === 3)
      this.indexes.push({ id: `${name}/2`, name: 'edge', type: 'edge', fields: ['_from', '_to'], ...system })
  }

  addIndex(index: IndexDefinition): void {
    if (index.unique) {
      const entries = new Map<string, string>()
      for (const [key, doc] of this.docs)
        for (const entry of entriesOf(index, doc)) {
          if (entries.has(entry))
            throw new ArangoFailure(1210, `in index ${index.name} of type ${index.type}; conflicting key: ${key}`)
          entries.set(entry, key)
        }
      this.unique.set(index.id, entries)
    }
    this.indexes.push(index)
  }

  dropIndex(id: string): void {
    this.unique.delete(id)
    this.indexes.splice(
      this.indexes.findIndex((index) => index.id === id),
      1,
    )
  }

  uniqueIndexes(): IndexDefinition[] {
    return this.indexes.filter((index) => index.unique && index.type !== 'primary')
  }

  /** Makes a change visible to everybody. */
  apply(key: string, doc: Doc | null): void {
    const before = this.docs.get(key)
    for (const index of this.uniqueIndexes()) {
      const entries = this.unique.get(index.id)
      if (before) for (const entry of entriesOf(index, before)) if (entries?.get(entry) === key) entries.delete(entry)
      if (doc) for (const entry of entriesOf(index, doc)) entries?.set(entry, key)
    }
    if (doc) this.docs.set(key, doc)
    else this.docs.delete(key)
    this.version++
  }
}

export class Database {
  readonly name: string
  readonly id: string = tick()
  readonly collections: Map<string, Collection> = new Map()

  constructor(name: string) {
    this.name = name
  }

  collection(name: string): Collection {
    const found = this.collections.get(name)
    if (!found) throw new ArangoFailure(1203, name)
    return found
  }
}

const edgeIndex = (docs: Iterable<Doc>, end: '_from' | '_to'): EdgeIndex => {
  const index: EdgeIndex = new Map()
  for (const doc of docs) {
    const vertex = String(doc[end])
    const known = index.get(vertex)
    if (known) known.push(doc)
    else index.set(vertex, [doc])
  }
  return index
}

/** One collection as a session sees it: a base, and the session's own changes over it. */
export class View {
  readonly collection: Collection
  readonly #session: Session
  readonly #base: Map<string, Doc>
  #changes = new Map<string, Doc | null>()
  #entries = new Map<string, Map<string, string>>()
  #edges: { out: EdgeIndex; in: EdgeIndex } | undefined

  constructor(collection: Collection, session: Session, base: Map<string, Doc>) {
    this.collection = collection
    this.#session = session
    this.#base = base
  }

  get(key: string): Doc | undefined {
    const own = this.#changes.get(key)
    return own === undefined ? this.#base.get(key) : (own ?? undefined)
  }

  all(): Doc[] {
    if (this.#changes.size === 0) return [...this.#base.values()]
    const docs: Doc[] = []
    for (const [key, doc] of this.#base) {
      const own = this.#changes.get(key)
      if (own !== null) docs.push(own ?? doc)
    }
    for (const [key, doc] of this.#changes) if (doc && !this.#base.has(key)) docs.push(doc)
    return docs
  }

  edges(direction: 'OUTBOUND' | 'INBOUND', vertex: string): Doc[] {
    const indexes = this.#edgeIndexes()
    return (direction === 'OUTBOUND' ? indexes.out : indexes.in).get(vertex) ?? []
  }

  #edgeIndexes(): { out: EdgeIndex; in: EdgeIndex } {
    const { collection } = this
    if (this.#changes.size === 0 && this.#base === collection.docs) {
      if (collection.edgeIndexes?.version !== collection.version) {
        const docs = collection.docs
        collection.edgeIndexes = {
          version: collection.version,
          out: edgeIndex(docs.values(), '_from'),
          in: edgeIndex(docs.values(), '_to'),
        }
      }
      return collection.edgeIndexes
    }
    this.#edges ??= { out: edgeIndex(this.all(), '_from'), in: edgeIndex(this.all(), '_to') }
    return this.#edges
  }

  /** Writes or removes a document, after the checks that the server makes. */
  put(key: string, doc: Doc | null): void {
    const { collection } = this
    this.#session.lock(this, key)
    if (this.#base !== collection.docs && this.#base.get(key)?._rev !== collection.docs.get(key)?._rev)
      throw new ArangoFailure(1200, `write-write conflict; key: ${key}`)
    if (doc) this.#checkUnique(key, doc)
    const before = this.get(key)
    for (const index of collection.uniqueIndexes()) {
      const entries = this.#entries.get(index.id) ?? new Map<string, string>()
      this.#entries.set(index.id, entries)
      if (before) for (const entry of entriesOf(index, before)) if (entries.get(entry) === key) entries.delete(entry)
      if (doc) for (const entry of entriesOf(index, doc)) entries.set(entry, key)
    }
    this.#changes.set(key, doc)
    this.#edges = undefined
  }

  #checkUnique(key: string, doc: Doc): void {
    for (const index of this.collection.uniqueIndexes())
      for (const entry of entriesOf(index, doc)) {
        const stored = this.collection.unique.get(index.id)?.get(entry)
        const storedHolds = stored !== undefined && stored !== key && !this.#changes.has(stored)
        const holder = this.#entries.get(index.id)?.get(entry) ?? (storedHolds ? stored : undefined)
        if (holder !== undefined && holder !== key)
          throw new ArangoFailure(
            1210,
            `in index ${index.name} of type ${index.type} over '${index.fields.join(', ')}'; conflicting key: ${holder}`,
          )
      }
  }

  savepoint(): () => void {
    const changes = new Map(this.#changes)
    const entries = new Map([...this.#entries].map(([id, map]) => [id, new Map(map)]))
    return () => {
      this.#changes = changes
      this.#entries = entries
      this.#edges = undefined
    }
  }

  discard(): void {
    this.#changes = new Map()
    this.#entries = new Map()
    this.#edges = undefined
  }

  commit(): void {
    for (const [key, doc] of this.#changes) this.collection.apply(key, doc)
    this.discard()
  }
}

export class Session {
  readonly database: Database
  /** Documents at the transaction's begin; undefined for a single request, which nothing can come in between. */
  readonly #snapshot: Map<string, Map<string, Doc>> | undefined
  readonly #views = new Map<string, View>()
  readonly #locks: { collection: Collection; key: string }[] = []
  /** Collections that a stream transaction has declared for writing. */
  readonly writable: Set<string> | undefined

  constructor(database: Database, writable?: Set<string>) {
    this.database = database
    this.writable = writable
    if (writable) this.#snapshot = new Map([...database.collections].map(([name, c]) => [name, new Map(c.docs)]))
  }

  view(name: string): View {
    const collection = this.database.collection(name)
    const known = this.#views.get(name)
    if (known?.collection === collection) return known
    const view = new View(collection, this, this.#snapshot?.get(name) ?? collection.docs)
    this.#views.set(name, view)
    return view
  }

  document(id: string): Doc | undefined {
    const [collection = '', key = '', more] = id.split('/')
    if (more !== undefined || key === '' || !this.database.collections.has(collection)) return undefined
    return this.view(collection).get(key)
  }

  lock(view: View, key: string): void {
    const { collection } = view
    if (this.writable && !this.writable.has(collection.name)) throw new ArangoFailure(1652, collection.name)
    const holder = collection.locks.get(key)
    if (holder === this) return
    if (holder) throw new ArangoFailure(1200, `timeout waiting to lock key; key: ${key}`)
    if (!this.writable) return
    collection.locks.set(key, this)
    this.#locks.push({ collection, key })
  }

  /** Returns what undoes all changes made from here on. */
  savepoint(): () => void {
    const restore = new Map([...this.#views].map(([name, view]) => [name, view.savepoint()]))
    return () => {
      for (const [name, view] of this.#views) (restore.get(name) ?? (() => view.discard()))()
    }
  }

  commit(): void {
    for (const view of this.#views.values()) view.commit()
    this.#release()
  }

  abort(): void {
    for (const view of this.#views.values()) view.discard()
    this.#release()
  }

  #release(): void {
    for (const { collection, key } of this.#locks) collection.locks.delete(key)
    this.#locks.length = 0
  }
}

export const revise = (name: string, key: string, content: ObjectValue, edge: ObjectValue | undefined): Doc => {
  const { _key, _id, _rev, _from, _to, ...rest } = content
  return {
    _key: key,
    _id: `${name}/${key}`,
    ...(edge ? { _from: edge._from ?? null, _to: edge._to ?? null } : {}),
    _rev: newRevision(),
    ...(edge ? {} : { ...(_from === undefined ? {} : { _from }), ...(_to === undefined ? {} : { _to }) }),
    ...rest,
  }
}

export const isDoc = (value: Value): value is Doc => isObjectValue(value)
