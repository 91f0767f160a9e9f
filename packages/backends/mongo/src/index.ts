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

export { type MongoConfig, type MongoConfigInput, mongoConfig } from './config.js'

/** The roles that one database serves. */
export type MongoRole = 'relational' | 'graph'

type UnitOfWork = NonNullable<Backend<MongoRole>['unitOfWork']>

class MongoBackend implements Backend<MongoRole> {
  readonly engineId: string
  readonly roles: RolesOf<MongoRole>
  readonly #connection: Connection
  readonly #catalog: Catalog
  /** There where the server has transactions, which is known once it is connected, or from the start where the options require it. */
  unitOfWork?: UnitOfWork

  constructor(config: MongoConfig, { poolSize, queryTimeoutMs }: PluginContext) {
    this.#connection = new Connection(config, poolSize, queryTimeoutMs)
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
    return {
      relational: createRelationalRole(access, this.#catalog, transaction),
      graph: createGraphRole(access, this.#catalog),
    }
  }
}

/** MongoDB: rows, and a graph of documents with their references. */
export const mongo: Plugin<MongoConfigInput | undefined, MongoConfig, MongoRole> = definePlugin({
  name: backendName,
  package: '@veritas-db/mongo',
  contract: 1,
  config: mongoConfig,
  roles: ['relational', 'graph'],
  create: (config, context): Backend<MongoRole> => new MongoBackend(config, context),
})

export default mongo
