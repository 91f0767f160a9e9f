import {
  type Backend,
  type CallOptions,
  definePlugin,
  type Plugin,
  type PluginContext,
  type ProbeResult,
  type RolesOf,
} from '@veritas-db/core/contract'
import { Catalog } from './catalog.js'
import { type CozoConfig, type CozoConfigInput, cozoConfig } from './config.js'
import { Connection } from './connection.js'
import { backendName } from './errors.js'
import { createGraphRole } from './graph.js'
import { createRelationalRole } from './relational.js'
import { createVectorRole } from './vector.js'

export { type CozoConfig, type CozoConfigInput, type CozoHnsw, type CozoTls, cozoConfig } from './config.js'

/** The roles that one database serves. */
export type CozoRole = 'vector' | 'graph' | 'relational'

class CozoBackend implements Backend<CozoRole> {
  readonly engineId: string
  readonly roles: RolesOf<CozoRole>
  readonly #connection: Connection
  readonly #catalog: Catalog

  constructor(config: CozoConfig, { poolSize, queryTimeoutMs }: PluginContext) {
    this.#connection = new Connection(config, poolSize, queryTimeoutMs)
    this.#catalog = new Catalog(this.#connection, config.prefix)
    this.engineId = this.#connection.engineId
    this.roles = {
      vector: createVectorRole(this.#connection, this.#catalog, config.hnsw),
      graph: createGraphRole(this.#connection, this.#catalog),
      relational: createRelationalRole(this.#connection, this.#catalog),
    }
  }

  connect(options?: CallOptions): Promise<void> {
    return this.#connection.connect(options?.signal, (signal) => this.#catalog.prepare(signal))
  }

  probe(options?: CallOptions): Promise<ProbeResult> {
    return this.#connection.probe(options?.signal)
  }

  close(): Promise<void> {
    return this.#connection.close()
  }
}

/** CozoDB over HTTP: rows, vectors in an HNSW index, and a graph walked by Datalog. */
export const cozo: Plugin<CozoConfigInput | undefined, CozoConfig, CozoRole> = definePlugin({
  name: backendName,
  package: '@veritas-db/cozo',
  contract: 1,
  config: cozoConfig,
  roles: ['vector', 'graph', 'relational'],
  create: (config, context): Backend<CozoRole> => new CozoBackend(config, context),
})

export default cozo
