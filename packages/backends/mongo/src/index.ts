import {
  type Backend,
  type CallOptions,
  definePlugin,
  type Plugin,
  type PluginContext,
  type ProbeResult,
  type RelationalRole,
  type RolesOf,
} from '@veritas-db/core/contract'
import type { Access } from './access.js'
import { Catalog } from './catalog.js'
import { type MongoConfig, type MongoConfigInput, mongoConfig } from './config.js'
import { Connection } from './connection.js'
import { backendName, refuse } from './errors.js'
import { createGraphRole } from './graph.js'
import { createRelationalRole } from './relational.js'
import { SearchIndexes } from './vector/search-index.js'
import { createVectorRole } from './vector.js'

export { type MongoConfig, type MongoConfigInput, mongoConfig } from './config.js'

/** The roles that one database serves: `vector` where the server has `$vectorSearch`. */
export type MongoRole = 'relational' | 'graph' | 'vector'

type UnitOfWork = NonNullable<Backend<MongoRole>['unitOfWork']>

class MongoBackend implements Backend<MongoRole> {
  readonly engineId: string
  readonly roles: RolesOf<MongoRole>
  readonly #config: MongoConfig
  readonly #connection: Connection
  readonly #catalog: Catalog
  readonly #indexes: SearchIndexes
  readonly #vectors: boolean
  /** There where the server has transactions, which is known once it is connected, or from the start where the options require it. */
  unitOfWork?: UnitOfWork

  constructor(config: MongoConfig, { roles, poolSize, queryTimeoutMs }: PluginContext) {
    this.#config = config
    this.#indexes = new SearchIndexes(config.indexReadyTimeoutMs)
    this.#vectors = roles.includes('vector')
    this.#connection = new Connection(config, poolSize, queryTimeoutMs, this.#vectors)
    this.#catalog = new Catalog(config.prefix)
    if (config.transactions === 'required') this.unitOfWork = this.#unitOfWork
    this.engineId = this.#connection.engineId
    this.roles = this.#rolesOver(this.#connection)
  }

  async connect(options?: CallOptions): Promise<void> {
    await this.#connection.connect(options?.signal)
    if (this.#connection.abilities.transactions) this.unitOfWork = this.#unitOfWork
  }

  probe(options?: CallOptions): Promise<ProbeResult> {
    return this.#connection.probe(options?.signal)
  }

  close(): Promise<void> {
    return this.#connection.close()
  }

  readonly #unitOfWork: UnitOfWork = (options, work) =>
    this.#connection.transact(options.signal, (access) => work(this.#rolesOver(access)))

  #rolesOver(access: Access): RolesOf<MongoRole> {
    const transaction: RelationalRole['transaction'] = async (options, work) => {
      if (access.transactional) throw refuse('relational', 'a transaction within a transaction')
      if (this.#connection.connected && !access.abilities.transactions)
        throw refuse('relational', 'transactions on this server', 'they need a replica set or a sharded cluster.')
      return this.#connection.transact(options.signal, (inner) => work(this.#rolesOver(inner).relational))
    }
    const roles: Partial<RolesOf<MongoRole>> = {
      relational: createRelationalRole(access, this.#catalog, transaction),
      graph: createGraphRole(access, this.#catalog),
      ...(this.#vectors && { vector: createVectorRole(access, this.#catalog, this.#indexes, this.#config) }),
    }
    // Who does not ask for vectors gets none: most servers could not serve them.
    return roles as RolesOf<MongoRole>
  }
}

/** MongoDB: rows, a graph of documents with their references, and vectors where the server searches them. */
export const mongo: Plugin<MongoConfigInput | undefined, MongoConfig, MongoRole> = definePlugin({
  name: backendName,
  package: '@veritas-db/mongo',
  contract: 1,
  config: mongoConfig,
  roles: ['relational', 'graph', 'vector'],
  create: (config, context): Backend<MongoRole> => new MongoBackend(config, context),
})

export default mongo
