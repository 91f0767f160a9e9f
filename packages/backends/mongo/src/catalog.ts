import {
  type CollectionDefinition,
  checkName,
  type FieldType,
  physicalName,
  type Scope,
  VeritasError,
} from '@veritas-db/core/contract'
import type { Collection, Document } from 'mongodb'
import type { Access } from './access.js'
import { codeOf } from './errors.js'

/** A table, a graph or a collection of vectors, as the catalogue describes it. */
export interface Space {
  /** The name of its collection in MongoDB. */
  readonly _id: string
  readonly kind: 'table' | 'graph' | 'vectors'
  readonly tenant: string | null
  readonly collection: string
  readonly incarnation: number
  readonly table: string | null
  /** Declared columns of a table. */
  readonly columns: Readonly<Record<string, { readonly type: FieldType }>>
  /** What text search covers, the most important first. */
  readonly text: readonly string[]
  /** What all vectors of a collection have in common. */
  readonly vectors?: Pick<CollectionDefinition, 'dimensions' | 'metric'>
}

/** An index that a space wants. */
export interface WantedIndex {
  readonly key: Readonly<Record<string, 1>>
}

/** How long an entry is taken for true before it is read again: another process may have dropped what it describes. */
const freshMs = 5000
/** A collection holds 64 indexes; the rest is left for `_id`, text and the owner's own. */
const mostIndexes = 50

/** Where the tables, graphs and vectors of one prefix are, and what is known of them. */
export class Catalog {
  readonly #prefix: string
  readonly #name: string
  readonly #known = new Map<string, { readonly space: Space; readonly at: number }>()

  constructor(prefix: string) {
    this.#prefix = prefix
    this.#name = `${prefix}_catalog`
  }

  /** The name of a table's collection. */
  table(scope: Scope, table: string): string {
    checkName(table, 'table')
    // Neither part holds a dot: no two tables or graphs share a name.
    return `${physicalName(this.#prefix, scope)}.rows.${table}`
  }

  /** The name of a graph's collection. */
  graph(scope: Scope): string {
    return `${physicalName(this.#prefix, scope)}.graph`
  }

  /** The name of the collection with a scope's vectors. */
  vectors(scope: Scope): string {
    return `${physicalName(this.#prefix, scope)}.vectors`
  }

  /** All that is of one kind. */
  list(access: Access, kind: Space['kind'], signal: AbortSignal | undefined): Promise<Space[]> {
    return access.read(signal, (settings) => this.#collection(access).find({ kind }, settings).toArray())
  }

  /** What is at that name; undefined where it was never ensured. `fresh` reads it anew. */
  async find(access: Access, name: string, signal: AbortSignal | undefined, fresh = false): Promise<Space | undefined> {
    const known = this.#known.get(name)
    if (known && !fresh && performance.now() - known.at < freshMs) return known.space
    const space = await access.read(signal, (settings) => this.#collection(access).findOne({ _id: name }, settings))
    if (space) this.#remember(space)
    else this.#known.delete(name)
    return space ?? undefined
  }

  /**
   * Enters a space with its collection and indexes, and adds what is new to one that is there. Answers what is there then.
   * @throws VeritasError CONFLICT where a column has another type than before
   */
  async ensure(access: Access, wanted: Space, indexes: readonly WantedIndex[], signal?: AbortSignal): Promise<Space> {
    const { _id: name } = wanted
    const there = await this.find(access, name, signal, true)
    refuseOtherTypes(there, wanted)
    const space = await this.#enter(access, wanted, there, signal)
    const collection = access.db.collection(name)
    await access.write(signal, () => makeCollection(access, name))
    const keys = indexes.slice(0, mostIndexes)
    if (keys.length > 0)
      await access.write(signal, () => collection.createIndexes(keys.map(({ key }) => ({ key: { ...key } }))))
    this.#remember(space)
    return space
  }

  async #enter(
    access: Access,
    wanted: Space,
    there: Space | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Space> {
    const { _id, kind, tenant, collection, incarnation, table, columns, text, vectors } = wanted
    const set: Record<string, unknown> = {}
    for (const [column, { type }] of Object.entries(columns))
      if (!Object.hasOwn(there?.columns ?? {}, column)) set[`columns.${column}`] = { type }
    if (text.length > 0) set.text = text
    const insert = {
      kind,
      tenant,
      collection,
      incarnation,
      table,
      ...(vectors && { vectors }),
      ...(text.length === 0 && { text: [] }),
      ...(Object.keys(columns).length === 0 && { columns: {} }),
    }
    for (let attempt = 1; ; attempt++) {
      try {
        const space = await access.write(signal, (settings) =>
          this.#collection(access).findOneAndUpdate(
            { _id },
            { $setOnInsert: insert, ...(Object.keys(set).length > 0 && { $set: set }) },
            { ...settings, upsert: true, returnDocument: 'after' },
          ),
        )
        if (space) return space
      } catch (error) {
        // Two callers enter the same space at once: the second one finds it there.
        if (codeOf(error) !== duplicateKey || attempt > 4) throw error
      }
    }
  }

  /** Removes a space with all in it. */
  async drop(access: Access, name: string, signal?: AbortSignal): Promise<void> {
    // The entry first: from then on nobody writes there.
    await access.write(signal, (settings) => this.#collection(access).deleteOne({ _id: name }, settings))
    this.#known.delete(name)
    await access.write(signal, () => access.db.collection(name).drop())
  }

  #collection(access: Access): Collection<Space> {
    return access.db.collection<Space>(this.#name)
  }

  #remember(space: Space): void {
    this.#known.set(space._id, { space, at: performance.now() })
  }
}

const duplicateKey = 11000
const namespaceExists = 48

const makeCollection = async (access: Access, name: string): Promise<Document | undefined> => {
  try {
    return await access.db.createCollection(name)
  } catch (error) {
    if (codeOf(error) === namespaceExists) return undefined
    throw error
  }
}

const refuseOtherTypes = (there: Space | undefined, wanted: Space): void => {
  for (const [column, { type }] of Object.entries(wanted.columns)) {
    const before: FieldType | undefined = Object.hasOwn(there?.columns ?? {}, column)
      ? there?.columns[column]?.type
      : undefined
    if (before !== undefined && before !== type)
      throw new VeritasError({
        code: 'CONFLICT',
        path: `columns.${column}`,
        message: `columns.${column}: is of type ${before} already, and cannot become ${type}.`,
      })
  }
}
