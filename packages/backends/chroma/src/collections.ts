import {
  type CollectionDefinition,
  type CollectionInfo,
  type FieldType,
  type Metric,
  physicalName,
  type Scope,
  scopeKey,
  throwIfAborted,
  VeritasError,
} from '@veritas-db/core/contract'
import type { Collection, CollectionMetadata } from 'chromadb'
import type { ChromaConfig } from './config.js'
import type { Session } from './connection.js'
import { isNotFound } from './errors.js'

/** A collection as it was found. */
export interface Known {
  readonly handle: Collection
  readonly definition: CollectionDefinition
}

export const spaces: Readonly<Record<Metric, 'cosine' | 'ip' | 'l2'>> = { cosine: 'cosine', dot: 'ip', euclidean: 'l2' }

/** Collections asked for in one request of a listing. */
const LIST_PAGE = 200

/**
 * The collections of one prefix. Their ids are remembered, for every request names a collection by its id: by scope, since a
 * name is a hash, which every call would make again.
 */
export class Collections {
  readonly #config: ChromaConfig
  readonly #known = new Map<string, Known>()

  constructor(config: ChromaConfig) {
    this.#config = config
  }

  async ensure(session: Session, scope: Scope, definition: CollectionDefinition): Promise<void> {
    const { prefix, hnsw } = this.#config
    const name = physicalName(prefix, scope)
    const handle = await session.client.getOrCreateCollection({
      name,
      embeddingFunction: null,
      configuration: {
        hnsw: {
          space: spaces[definition.metric],
          ...(hnsw.efConstruction !== undefined && { ef_construction: hnsw.efConstruction }),
          ...(hnsw.efSearch !== undefined && { ef_search: hnsw.efSearch }),
          ...(hnsw.maxNeighbors !== undefined && { max_neighbors: hnsw.maxNeighbors }),
        },
      },
      // Used only where the collection is made now: one that is there keeps its own.
      metadata: encodeInfo(prefix, scope, definition),
    })
    const found = infoOf(prefix, handle.metadata)
    if (!found) throw notOurs(name)
    if (found.dimensions !== definition.dimensions || found.metric !== definition.metric)
      throw new VeritasError({
        code: 'CONFLICT',
        message: `The collection ${describe(scope)} has ${found.dimensions} dimensions and the metric ${found.metric}, not ${definition.dimensions} and ${definition.metric}: drop it first, or use another name.`,
      })
    // For the listing alone: every field is indexed, declared or not. Chroma replaces metadata as a whole, so of different
    // fields that several callers add at this very moment some may be missing there.
    const missing = Object.entries(definition.fields ?? {}).filter(([path]) => !Object.hasOwn(found.fields ?? {}, path))
    let now = found
    if (missing.length > 0) {
      now = { ...found, fields: { ...found.fields, ...Object.fromEntries(missing) } }
      await handle.modify({ metadata: encodeInfo(prefix, scope, now) })
    }
    this.#known.set(scopeKey(scope), { handle, definition: now })
  }

  async drop(session: Session, scope: Scope): Promise<void> {
    const name = physicalName(this.#config.prefix, scope)
    this.#known.delete(scopeKey(scope))
    try {
      await session.client.deleteCollection({ name })
    } catch (error) {
      if (!isNotFound(error)) throw error
    }
  }

  async list(session: Session): Promise<CollectionInfo[]> {
    const infos: CollectionInfo[] = []
    for (let offset = 0; ; offset += LIST_PAGE) {
      throwIfAborted(session.signal)
      const page = await session.client.listCollections({ limit: LIST_PAGE, offset })
      for (const { metadata } of page) {
        const info = infoOf(this.#config.prefix, metadata)
        if (info) infos.push(info)
      }
      if (page.length < LIST_PAGE) return infos
    }
  }

  /** Runs `work` on the collection. What is remembered may be gone and made anew by somebody else: then it is looked up again. */
  async use<T>(session: Session, scope: Scope, work: (collection: Collection, known: Known) => Promise<T>): Promise<T> {
    const place = scopeKey(scope)
    const remembered = this.#known.get(place)
    if (remembered) {
      try {
        return await work(this.#handle(session, remembered), remembered)
      } catch (error) {
        if (!isNotFound(error)) throw error
        this.#known.delete(place)
      }
    }
    const found = await this.#find(session, physicalName(this.#config.prefix, scope), scope)
    this.#known.set(place, found)
    return work(this.#handle(session, found), found)
  }

  /** The collection, through the client of this call. */
  #handle(session: Session, known: Known): Collection {
    return this.#config.client ? known.handle : session.client.collection(known.handle.id)
  }

  async #find(session: Session, name: string, scope: Scope): Promise<Known> {
    try {
      const handle = await session.client.getCollection({ name })
      const definition = infoOf(this.#config.prefix, handle.metadata)
      if (!definition) throw notOurs(name)
      return { handle, definition }
    } catch (error) {
      if (!isNotFound(error)) throw error
      throw new VeritasError({
        code: 'NOT_FOUND',
        message: `The collection ${describe(scope)} is not there: make it with ensureCollection first.`,
        cause: error,
      })
    }
  }
}

const describe = ({ tenant, collection, incarnation }: Scope): string =>
  `"${collection}"${tenant === undefined ? '' : ` of the tenant "${tenant}"`}${incarnation ? `, incarnation ${incarnation}` : ''}`

const notOurs = (name: string): VeritasError =>
  new VeritasError({
    code: 'CONFLICT',
    message: `There is a collection ${name} that VERITAS did not make: remove it, or set another prefix.`,
  })

const encodeInfo = (prefix: string, scope: Scope, definition: CollectionDefinition): CollectionMetadata => ({
  veritas_prefix: prefix,
  veritas_collection: scope.collection,
  veritas_incarnation: scope.incarnation ?? 0,
  veritas_dimensions: definition.dimensions,
  veritas_metric: definition.metric,
  veritas_fields: JSON.stringify(definition.fields ?? {}),
  ...(scope.tenant !== undefined && { veritas_tenant: scope.tenant }),
})

const infoOf = (prefix: string, metadata: CollectionMetadata | undefined): CollectionInfo | undefined => {
  if (metadata?.veritas_prefix !== prefix) return undefined
  const { veritas_collection: collection, veritas_incarnation: incarnation, veritas_tenant: tenant } = metadata
  const { veritas_dimensions: dimensions, veritas_metric: metric, veritas_fields: fields } = metadata
  if (typeof collection !== 'string' || typeof dimensions !== 'number' || typeof metric !== 'string') return undefined
  if (!Object.hasOwn(spaces, metric)) return undefined
  return {
    scope: {
      collection,
      ...(typeof tenant === 'string' && { tenant }),
      ...(typeof incarnation === 'number' && incarnation !== 0 && { incarnation }),
    },
    dimensions,
    metric: metric as Metric,
    fields: typeof fields === 'string' ? (JSON.parse(fields) as Record<string, FieldType>) : {},
  }
}
