import {
  type Backend,
  type CallOptions,
  definePlugin,
  type Plugin,
  type PluginContext,
  type ProbeResult,
  type RolesOf,
  VeritasError,
} from '@veritas-db/core/contract'
import { Collections } from './collections.js'
import { type Neo4jConfig, type Neo4jConfigInput, neo4jConfig } from './config.js'
import { type Access, Connection } from './connection.js'
import { reservedLabels } from './cypher.js'
import { neo4jDialect } from './dialect.js'
import { batchSizes, type Environment } from './environment.js'
import { backendName } from './errors.js'
import { Neo4jGraph } from './graph.js'
import { Neo4jVectors } from './vector.js'

export { type Neo4jConfig, type Neo4jConfigInput, neo4jConfig } from './config.js'

/** The roles that one database serves. */
export type Neo4jRole = 'graph' | 'vector'

const createBackend = (config: Neo4jConfig, context: PluginContext): Backend<Neo4jRole> => {
  const connection = new Connection(config, context)
  const environment: Environment = {
    connection,
    dialect: neo4jDialect,
    prefix: config.prefix,
    isReserved: reservedLabels(config.prefix),
    sizes: batchSizes(),
  }
  const collections = new Collections(environment)
  const ready = new Set<string>()

  const rolesOver = (access: Access): RolesOf<Neo4jRole> => ({
    graph: new Neo4jGraph(environment, access, ready),
    vector: new Neo4jVectors(environment, access, collections),
  })
  const named = (error: unknown, operation: string): VeritasError =>
    VeritasError.from(error, { backend: backendName, operation })

  return {
    engineId: connection.engineId,
    roles: rolesOver(connection),
    connect: (options) =>
      connection.connect(options?.signal).catch((error: unknown) => {
        throw named(error, 'connect')
      }),
    probe: async (options): Promise<ProbeResult> => {
      try {
        const [product = 'Neo4j', version = 'unknown'] = (
          await connection.call(() => connection.probe(options?.signal))
        ).split('/', 2)
        return { product, version }
      } catch (error) {
        throw named(error, 'probe')
      }
    },
    close: () => connection.close(),
    unitOfWork: <T>({ signal }: CallOptions, work: (roles: RolesOf<Neo4jRole>) => Promise<T>): Promise<T> =>
      connection.call(() => connection.unitOfWork(signal, (access) => work(rolesOver(access)))),
  }
}

/** The Neo4j backend: graph and vectors in one database, written in one transaction where both are. */
export const neo4j: Plugin<Neo4jConfigInput, Neo4jConfig, Neo4jRole> = definePlugin({
  name: backendName,
  package: '@veritas-db/neo4j',
  contract: 1,
  config: neo4jConfig,
  roles: ['graph', 'vector'],
  create: createBackend,
})

export default neo4j
