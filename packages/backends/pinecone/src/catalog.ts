import type { Index, IndexModel } from '@pinecone-database/pinecone'
import {
  type CollectionDefinition,
  type CollectionInfo,
  inParallel,
  type Metric,
  type Scope,
  VeritasError,
} from '@veritas-db/core/contract'
import type { Call, Connection } from './connection.js'
import { misconfigured, missing, refuse } from './errors.js'
import { indexName, metricOf, NATIVE_METRIC, namespaceOf, parseIndexName, parseNamespace } from './names.js'
import { until } from './wait.js'

/** An index that holds our collections. */
interface IndexInfo {
  readonly host: string
  readonly dimensions: number
  readonly metric: Metric
}

/** Where a collection is. */
export interface Space extends IndexInfo {
  readonly namespace: string
}

/** How long a collection that was found is taken to be there, in milliseconds: another process may drop it. */
const REMEMBER_MS = 30_000

/**
 * Which collections there are, and where. An index holds all collections of its dimension and metric, each as a namespace; the
 * namespaces' names say which, so there is nothing beside them that could disagree with them.
 */
export class Catalog {
  readonly #connection: Connection
  readonly #known = new Map<string, { readonly space: Space; readonly until: number }>()
  /** The index that the configuration names. */
  #fixed: IndexInfo | undefined

  constructor(connection: Connection) {
    this.#connection = connection
  }

  get #prefix(): string {
    return this.#connection.config.prefix
  }

  /** The only metric there is where the configuration names an index; known once connected. */
  get fixed(): { readonly dimensions: number; readonly metric: Metric } | undefined {
    return this.#fixed
  }

  /** A round trip that shows that the service is there and takes the key; finds the index that the configuration names. */
  async open(call: Call): Promise<void> {
    const { index, host, metric } = this.#connection.config
    if (host !== undefined && metric !== undefined) {
      const { dimension } = await this.#onIndex(call, hostUrl(host), (i) => i.describeIndexStats())
      if (dimension === undefined) throw misconfigured('This is no dense index', hostUrl(host))
      this.#fixed = { host: hostUrl(host), dimensions: dimension, metric }
    } else if (index !== undefined) {
      const { value } = await this.#connection.request(call, (client) => client.indexes.describe(index))
      this.#fixed = fixedIndex(value)
    } else await this.#connection.request(call, (client) => client.indexes.list())
  }

  async #models(call: Call): Promise<readonly IndexModel[]> {
    const { value } = await this.#connection.request(call, (client) => client.indexes.list())
    return value.indexes ?? []
  }

  async #indexes(call: Call): Promise<readonly IndexInfo[]> {
    if (this.#fixed) return [this.#fixed]
    return (await this.#models(call)).flatMap((model) => {
      const own = parseIndexName(this.#prefix, model.name)
      return own && model.status.ready ? [{ ...own, host: hostUrl(model.host) }] : []
    })
  }

  async #onIndex<T>(call: Call, host: string, work: (index: Index) => Promise<T>, write = false): Promise<T> {
    return (await this.#connection.onIndex(call, host, work, { write })).value
  }

  /** Whether a namespace is there, and how many records it holds. */
  async describe(
    call: Call,
    space: Pick<Space, 'host' | 'namespace'>,
  ): Promise<{ readonly count: number } | undefined> {
    try {
      const found = await this.#onIndex(call, space.host, (index) => index.describeNamespace(space.namespace))
      return { count: Number(found.recordCount ?? 0) }
    } catch (error) {
      if (VeritasError.is(error, 'NOT_FOUND')) return undefined
      throw error
    }
  }

  /** Where a collection is. @throws VeritasError NOT_FOUND */
  async find(call: Call, scope: Scope): Promise<Space> {
    const space = await this.#look(call, scope)
    if (!space) throw missing(scope.collection)
    return space
  }

  async #look(call: Call, scope: Scope): Promise<Space | undefined> {
    const namespace = namespaceOf(this.#prefix, scope)
    const known = this.#known.get(namespace)
    if (known && performance.now() < known.until) return known.space
    const indexes = await this.#indexes(call)
    const spaces = await inParallel(indexes, this.#connection.width, async (index) => {
      const space = { ...index, namespace }
      return (await this.describe(call, space)) ? space : undefined
    })
    const space = spaces.find((s) => s !== undefined)
    if (space) this.#remember(space)
    else this.#known.delete(namespace)
    return space
  }

  #remember(space: Space): void {
    this.#known.set(space.namespace, { space, until: performance.now() + REMEMBER_MS })
  }

  /** Makes a collection where it is not there. @throws VeritasError CONFLICT where it is there with another definition */
  async ensure(call: Call, scope: Scope, definition: CollectionDefinition): Promise<void> {
    const there = await this.#look(call, scope)
    if (there) return sameDefinition(scope, there, definition)
    const index = await this.#ensureIndex(call, definition)
    const space = { ...index, namespace: namespaceOf(this.#prefix, scope) }
    try {
      await this.#onIndex(call, index.host, (i) => i.createNamespace({ name: space.namespace }), true)
    } catch (error) {
      // Another caller was faster.
      if (!VeritasError.is(error, 'CONFLICT')) throw error
    }
    await this.#wait(call, `Making the collection "${scope.collection}"`, () => this.describe(call, space))
    this.#remember(space)
  }

  #wait<T>(
    call: Call,
    what: string,
    ask: () => Promise<T | undefined>,
    timeoutMs = this.#connection.timeoutMs,
  ): Promise<T> {
    return until(ask, { timeoutMs, signal: call.signal, what })
  }

  async #ensureIndex(call: Call, { dimensions, metric }: CollectionDefinition): Promise<IndexInfo> {
    const { cloud, region, indexReadyTimeoutMs } = this.#connection.config
    const fixed = this.#fixed
    if (fixed) {
      if (fixed.dimensions === dimensions && fixed.metric === metric) return fixed
      throw refuse(
        `${dimensions} dimensions with the metric ${metric} in an index of ${fixed.dimensions} with ${fixed.metric}`,
        'leave out the options index and host, and indexes are made as they are needed.',
      )
    }
    const name = indexName(this.#prefix, dimensions, metric)
    const models = await this.#models(call)
    if (!models.some((model) => model.name === name)) {
      const field = { type: 'dense_vector', dimension: dimensions, metric: NATIVE_METRIC[metric] } as const
      const options = {
        name,
        schema: { fields: { _values: field } },
        deployment: { deploymentType: 'managed', cloud, region },
      } as const
      try {
        await this.#connection.request(call, (client) => client.indexes.create(options), { write: true })
      } catch (error) {
        if (!VeritasError.is(error, 'CONFLICT')) throw error
      }
    }
    const ready = async (): Promise<IndexModel | undefined> => {
      const { value } = await this.#connection.request(call, (client) => client.indexes.describe(name))
      return value.status.ready ? value : undefined
    }
    const model = await this.#wait(call, `Making the index ${name}`, ready, indexReadyTimeoutMs)
    return { host: hostUrl(model.host), dimensions, metric }
  }

  /** Removes a collection with all in it. */
  async drop(call: Call, scope: Scope): Promise<string> {
    const namespace = namespaceOf(this.#prefix, scope)
    this.#known.delete(namespace)
    const space = await this.#look(call, scope)
    this.#known.delete(namespace)
    if (!space) return namespace
    try {
      await this.#onIndex(call, space.host, (index) => index.deleteNamespace(namespace), true)
    } catch (error) {
      if (!VeritasError.is(error, 'NOT_FOUND')) throw error
    }
    await this.#wait(call, `Dropping the collection "${scope.collection}"`, async () =>
      (await this.describe(call, space)) ? undefined : true,
    )
    this.#known.delete(namespace)
    return namespace
  }

  async list(call: Call): Promise<CollectionInfo[]> {
    const indexes = await this.#indexes(call)
    const lists = await inParallel(indexes, this.#connection.width, async (index) => {
      const names: string[] = []
      let paginationToken: string | undefined
      do {
        const token = paginationToken
        const page = await this.#onIndex(call, index.host, (i) =>
          i.listNamespaces({ prefix: `${this.#prefix}.`, limit: 100, ...(token && { paginationToken: token }) }),
        )
        for (const { name } of page.namespaces ?? []) if (name !== undefined) names.push(name)
        paginationToken = page.pagination?.next
      } while (paginationToken)
      return names.flatMap((name) => {
        const scope = parseNamespace(this.#prefix, name)
        return scope ? [{ scope, dimensions: index.dimensions, metric: index.metric }] : []
      })
    })
    return lists.flat()
  }
}

const sameDefinition = (scope: Scope, there: IndexInfo, wanted: CollectionDefinition): void => {
  if (there.dimensions === wanted.dimensions && there.metric === wanted.metric) return
  throw new VeritasError({
    code: 'CONFLICT',
    message: `The collection "${scope.collection}" is there with ${there.dimensions} dimensions and the metric ${there.metric}, not ${wanted.dimensions} and ${wanted.metric}.`,
  })
}

const fixedIndex = (model: IndexModel): IndexInfo => {
  const field = model.schema.fields._values
  if (field && 'type' in field && field.type === 'dense_vector') {
    const metric = metricOf(field.metric)
    if (metric) return { host: hostUrl(model.host), dimensions: field.dimension, metric }
  }
  throw misconfigured(`The index "${model.name}" is no dense index of the vectors API`)
}

const hostUrl = (host: string): string => (/^https?:\/\//.test(host) ? host : `https://${host}`)
