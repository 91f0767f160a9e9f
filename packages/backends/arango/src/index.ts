import {
  type Backend,
  type CallOptions,
  clientNumber,
  definePlugin,
  type Plugin,
  type RolesOf,
  redactUrl,
  throwIfAborted,
} from '@veritas-db/core/contract'
import { type Access, directAccess, UnitAccess } from './access.js'
import { type ArangoConfig, type ArangoConfigInput, arangoConfig } from './config.js'
import { type Call, Connection } from './connection.js'
import { backendName } from './errors.js'
import { createGraphRole } from './graph.js'
import { createRelationalRole } from './relational.js'
import { Spaces } from './spaces.js'

export { type ArangoConfig, type ArangoConfigInput, arangoConfig } from './config.js'

/** The roles that one database serves. */
export type ArangoRole = 'graph' | 'relational'

const engineId = ({ url, database, client }: ArangoConfig): string =>
  // A client of the user's own tells its database and not its address.
  client ? `arango:client:${clientNumber(client)}/${client.name}` : `arango:${redactUrl(url)}#${database}`

/** ArangoDB as graph and relational store. */
export const arango: Plugin<ArangoConfigInput, ArangoConfig, ArangoRole> = definePlugin({
  name: backendName,
  package: '@veritas-db/arango',
  contract: 1,
  config: arangoConfig,
  roles: ['graph', 'relational'],
  create: (config, context): Backend<ArangoRole> => {
    const connection = new Connection(config, context)
    const spaces = new Spaces(connection)

    const rolesOver = (access: Access): RolesOf<ArangoRole> => ({
      graph: createGraphRole(access),
      // A transaction within a unit of work is a part of it.
      relational: createRelationalRole(access, (options, work) =>
        access instanceof UnitAccess
          ? work(rolesOver(access).relational)
          : unitOfWork(options, (roles) => work(roles.relational), 'transaction'),
      ),
    })

    const unitOfWork = async <T>(
      options: CallOptions,
      work: (roles: RolesOf<ArangoRole>) => Promise<T>,
      operation = 'unitOfWork',
    ): Promise<T> => {
      const { signal } = options
      throwIfAborted(signal)
      const call: Call = { operation, signal }
      // What the caller's own work throws comes back as it is.
      let failure: { readonly reason: unknown } | undefined
      try {
        return await connection.call(call, async () => {
          const unit = new UnitAccess(connection, spaces, signal)
          let result: T
          try {
            result = await work(rolesOver(unit))
          } catch (reason) {
            failure = { reason }
            await unit.abort()
            throw reason
          }
          await unit.commit(call)
          return result
        })
      } catch (error) {
        throw failure ? failure.reason : error
      }
    }

    return {
      engineId: engineId(config),
      roles: rolesOver(directAccess(connection, spaces)),
      connect: (options) => connection.open({ operation: 'connect', signal: options?.signal }),
      probe: (options) => {
        const call = { operation: 'probe', signal: options?.signal }
        return connection.call(call, async () => ({ product: 'ArangoDB', version: await connection.version(call) }))
      },
      close: () => connection.close(),
      unitOfWork: (options, work) => unitOfWork(options, work),
    }
  },
})

export default arango
