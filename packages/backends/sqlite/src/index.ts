import {
  type Backend,
  type CallOptions,
  definePlugin,
  type Plugin,
  type ProbeResult,
  type RolesOf,
  throwIfAborted,
} from '@veritas-db/core/contract'
import { type SqliteConfig, type SqliteConfigInput, sqliteConfig } from './config.js'
import { Connection } from './connection.js'
import { backendName, resultCode, toVeritasError } from './errors.js'
import { createGraphRole } from './graph.js'
import { createRelationalRole } from './relational.js'
import type { Access } from './session.js'
import { createVectorRole } from './vector.js'
import { MatrixCache } from './vectors/cache.js'

export { type SqliteConfig, type SqliteConfigInput, sqliteConfig } from './config.js'

/** The roles that one file serves. */
export type SqliteRole = 'vector' | 'graph' | 'relational'

/** A connected file, with what it tells of itself beside the contract. */
export interface SqliteBackend extends Backend<SqliteRole> {
  /** Memory that the vector matrices take now, in bytes; `vectorMemoryLimitBytes` caps it. */
  readonly vectorMemoryBytes: number
}

const createBackend = (config: SqliteConfig): SqliteBackend => {
  const connection = new Connection(config)
  const cache = new MatrixCache(config.vectorMemoryLimitBytes, config.vectorThreads)

  const rolesOver = (access: Access): RolesOf<SqliteRole> => ({
    vector: createVectorRole(access, cache),
    graph: createGraphRole(access),
    relational: createRelationalRole(access, (signal, work) =>
      access.transaction
        ? work(rolesOver(access).relational)
        : unitOfWork(signal === undefined ? {} : { signal }, (roles) => work(roles.relational)),
    ),
  })

  const unitOfWork = async <T>(
    { signal }: CallOptions,
    work: (roles: RolesOf<SqliteRole>) => Promise<T>,
  ): Promise<T> => {
    throwIfAborted(signal)
    try {
      return await connection.call(() => connection.unitOfWork(signal, (access) => work(rolesOver(access))))
    } catch (error) {
      // What the caller's own work throws comes back as it is.
      throw resultCode(error) === undefined ? error : toVeritasError(error, { operation: 'unitOfWork' })
    }
  }

  return {
    engineId: connection.engineId,
    roles: rolesOver(connection),
    get vectorMemoryBytes() {
      return cache.bytes
    },
    connect: (options) => connection.connect(options?.signal),
    probe: async (options): Promise<ProbeResult> => {
      try {
        throwIfAborted(options?.signal)
        const version = await connection.call(() =>
          connection.read(options?.signal, (session) => session.get('SELECT sqlite_version() AS version')?.version),
        )
        return { product: 'SQLite', version: String(version) }
      } catch (error) {
        throw toVeritasError(error, { operation: 'probe' })
      }
    },
    close: async () => {
      await connection.close()
      cache.close()
    },
    unitOfWork,
  }
}

/** The embedded backend: all three roles in one SQLite file. */
export const sqlite: Plugin<SqliteConfigInput, SqliteConfig, SqliteRole> = definePlugin({
  name: backendName,
  package: '@veritas-db/sqlite',
  contract: 1,
  config: sqliteConfig,
  roles: ['vector', 'graph', 'relational'],
  create: createBackend,
})

export default sqlite
