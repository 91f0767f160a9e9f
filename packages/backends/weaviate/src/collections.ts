import {
  type CollectionDefinition,
  type CollectionInfo,
  type Metric,
  physicalName,
  type Scope,
  scopeKey,
  VeritasError,
} from '@veritas-db/core/contract'
import type { Collection } from 'weaviate-client'
import type { WeaviateConfig } from './config.js'
import type { Session } from './connection.js'
import { isConflict, isNotFound } from './errors.js'
import { type AddedProperty, baseProperties, fieldProperties, fieldsOf, rangeColumn } from './properties.js'

/** A collection as it was found. */
export interface Known {
  readonly name: string
  /** Kept with it, since the client makes some ten objects for one. */
  readonly handle: Collection
  readonly definition: CollectionDefinition
  /** The names of its properties. Others may have added some since. */
  readonly properties: Set<string>
}

export const distances: Readonly<Record<Metric, 'cosine' | 'dot' | 'l2-squared'>> = {
  cosine: 'cosine',
  dot: 'dot',
  euclidean: 'l2-squared',
}

/** The collections of one prefix, and what is remembered of them, by scope: a name is a hash, which every call would make again. */
export class Collections {
  readonly #config: WeaviateConfig
  readonly #known = new Map<string, Known>()

  constructor(config: WeaviateConfig) {
    this.#config = config
  }

  async ensure(session: Session, scope: Scope, definition: CollectionDefinition): Promise<void> {
    const name = this.#name(scope)
    let known = await this.#read(session, name)
    if (!known) {
      await this.#create(session, name, scope, definition)
      known = await this.#read(session, name)
      if (!known) throw missing(scope)
    }
    const { dimensions, metric } = known.definition
    if (dimensions !== definition.dimensions || metric !== definition.metric)
      throw new VeritasError({
        code: 'CONFLICT',
        message: `The collection ${describe(scope)} has ${dimensions} dimensions and the metric ${metric}, not ${definition.dimensions} and ${definition.metric}: drop it first, or use another name.`,
      })
    await this.#add(session, known, fieldProperties(definition.fields))
    this.#known.set(scopeKey(scope), known)
  }

  async drop(session: Session, scope: Scope): Promise<void> {
    const name = this.#name(scope)
    this.#known.delete(scopeKey(scope))
    // One that is not there is no error to the server either.
    await session.rest(session.client.collections.delete(name))
  }

  async list(session: Session): Promise<CollectionInfo[]> {
    const all = await session.rest(session.client.collections.listAll())
    return all.flatMap(({ description, properties }) => infoOf(this.#config.prefix, description, properties) ?? [])
  }

  /** Runs `work` on the collection. What is remembered may be gone and made anew by somebody else: then it is looked up again. */
  async use<T>(session: Session, scope: Scope, work: (collection: Collection, known: Known) => Promise<T>): Promise<T> {
    const place = scopeKey(scope)
    const remembered = this.#known.get(place)
    if (remembered) {
      try {
        return await work(remembered.handle, remembered)
      } catch (error) {
        // Whatever went wrong: perhaps the collection is another one by now.
        this.#known.delete(place)
        if (!isNotFound(error)) throw error
      }
    }
    const found = await this.#read(session, this.#name(scope))
    if (!found) throw missing(scope)
    this.#known.set(place, found)
    return work(found.handle, found)
  }

  /** Adds properties for ranges where the collection lacks them. */
  addRanges(session: Session, known: Known, names: readonly string[]): Promise<void> {
    return this.#add(session, known, names.map(rangeColumn))
  }

  /** One after the other, since the server takes one at a time; each is a step of its own, whoever else adds some meanwhile. */
  async #add(session: Session, known: Known, properties: readonly AddedProperty[]): Promise<void> {
    for (const property of properties) {
      if (known.properties.has(property.name)) continue
      try {
        await session.rest(known.handle.config.addProperty(property))
      } catch (error) {
        // Somebody else was faster.
        if (!isConflict(error)) throw error
      }
      known.properties.add(property.name)
    }
  }

  /** Whether the collection has the properties, by the server's word where it is not remembered that it does. */
  async refresh(session: Session, known: Known, names: readonly string[]): Promise<void> {
    if (names.every((name) => known.properties.has(name))) return
    const found = await this.#read(session, known.name)
    for (const name of found?.properties ?? []) known.properties.add(name)
  }

  #handle(session: Session, name: string): Collection {
    const collection = session.client.collections.use(name)
    const { consistency } = this.#config
    return consistency ? collection.withConsistency(consistency) : collection
  }

  #name(scope: Scope): string {
    const name = physicalName(this.#config.prefix, scope)
    return name.charAt(0).toUpperCase() + name.slice(1)
  }

  async #create(session: Session, name: string, scope: Scope, definition: CollectionDefinition): Promise<void> {
    const { prefix, hnsw, replicas } = this.#config
    const fields = fieldProperties(definition.fields).map((field) => ({ ...field, dataType: [field.dataType] }))
    try {
      await session.rest(
        session.client.collections.createFromSchema({
          class: name,
          description: encodeInfo(prefix, scope, definition),
          vectorConfig: {
            default: {
              vectorizer: { none: {} },
              vectorIndexType: 'hnsw',
              vectorIndexConfig: { distance: distances[definition.metric], ...hnsw },
            },
          },
          // Every word of a text can be looked for.
          invertedIndexConfig: { stopwords: { preset: 'none' } },
          ...(replicas !== undefined && { replicationConfig: { factor: replicas, asyncEnabled: false } }),
          properties: [...baseProperties, ...fields],
        }),
      )
    } catch (error) {
      // Somebody else was faster.
      if (!isConflict(error)) throw error
    }
  }

  async #read(session: Session, name: string): Promise<Known | undefined> {
    try {
      const found = await session.rest(session.client.collections.exportToJson(name))
      const info = infoOf(this.#config.prefix, found.description, found.properties)
      if (!info) throw notOurs(name)
      const { dimensions, metric, fields = {} } = info
      const properties = new Set((found.properties ?? []).flatMap((property) => property.name ?? []))
      return { name, handle: this.#handle(session, name), definition: { dimensions, metric, fields }, properties }
    } catch (error) {
      if (isNotFound(error)) return undefined
      throw error
    }
  }
}

const describe = ({ tenant, collection, incarnation }: Scope): string =>
  `"${collection}"${tenant === undefined ? '' : ` of the tenant "${tenant}"`}${incarnation ? `, incarnation ${incarnation}` : ''}`

const missing = (scope: Scope): VeritasError =>
  new VeritasError({
    code: 'NOT_FOUND',
    message: `The collection ${describe(scope)} is not there: make it with ensureCollection first.`,
  })

const notOurs = (name: string): VeritasError =>
  new VeritasError({
    code: 'CONFLICT',
    message: `There is a collection ${name} that VERITAS did not make: remove it, or set another prefix.`,
  })

/** What a collection is, as the text of its description. Its fields are described by properties, which several callers can add at once. */
const encodeInfo = (prefix: string, scope: Scope, { dimensions, metric }: CollectionDefinition): string =>
  JSON.stringify({ veritas: 1, prefix, scope, dimensions, metric })

const infoOf = (
  prefix: string,
  description: string | undefined,
  properties: readonly { readonly description?: string }[] = [],
): CollectionInfo | undefined => {
  if (!description?.startsWith('{"veritas":1,')) return undefined
  const info = JSON.parse(description) as CollectionInfo & { readonly prefix: string }
  if (info.prefix !== prefix) return undefined
  const { scope, dimensions, metric } = info
  return { scope, dimensions, metric, fields: fieldsOf(properties) }
}
