import {
  type Backend,
  type CallOptions,
  definePlugin,
  type Plugin,
  type PluginContext,
  type ProbeResult,
  type RelationalRole,
  type RolesOf,
  throwIfAborted,
  VeritasError,
} from '@veritas-db/core/contract'
import { Catalogue } from './catalogue.js'
import { type PostgresConfig, type PostgresConfigInput, postgresConfig } from './config.js'
import { Connection } from './connection.js'
import { BACKEND, PRODUCT } from './errors.js'
import { createGraphRole } from './graph.js'
import { IndexKeeper } from './index-keeper.js'
import { poolSizeOf } from './options.js'
import { createRelationalRole } from './relational.js'
import type { Features, RoleContext } from './role.js'
import type { Access, Session } from './session.js'
import { createVectorRole } from './vector.js'

export { type PostgresConfig, type PostgresConfigInput, type PostgresOptions, postgresConfig } from './config.js'

/** The roles that one database serves. */
export type PostgresRole = 'vector' | 'graph' | 'relational'

/** A connected database, with what it offers beside the contract. */
export interface PostgresBackend extends Backend<PostgresRole> {
  /** Waits for the indexes that are being built in the background; for tests and measurements. */
  indexesBuilt(): Promise<void>
}

const createBackend = (config: PostgresConfig, context: PluginContext): PostgresBackend => {
  const catalogue = new Catalogue(config)
  let features: Features | undefined

  const connection = new Connection(config, context, async (session) => {
    await catalogue.prepare(session, context.roles.includes('vector'))
    features = await readFeatures(session)
  })
  const indexes = new IndexKeeper(config, poolSizeOf(config, context), connection, catalogue)
  const known = (): Features => {
    if (features) return features
    throw new VeritasError({ code: 'CONNECTION', message: 'There is no connection: call connect() first.' })
  }

  const rolesOver = (access: Access): RolesOf<PostgresRole> => {
    const roleContext: RoleContext = { access, config, catalogue, indexes, features: known }
    const transaction: RelationalRole['transaction'] = (options, work) =>
      access.inTransaction ? work(rolesOver(access).relational) : unitOfWork(options, (roles) => work(roles.relational))
    return {
      vector: createVectorRole(roleContext),
      graph: createGraphRole(roleContext),
      relational: createRelationalRole(roleContext, transaction),
    }
  }

  const unitOfWork = async <T>(
    { signal }: CallOptions,
    work: (roles: RolesOf<PostgresRole>) => Promise<T>,
  ): Promise<T> => {
    throwIfAborted(signal)
    // What the caller's own work throws comes back as it is.
    return connection.call(() => connection.unitOfWork(signal, (access) => work(rolesOver(access))))
  }

  return {
    engineId: `${BACKEND}:${connection.location}`,
    roles: rolesOver(connection),
    connect: (options) => naming('connect', () => connection.connect(options?.signal)),
    probe: (options) =>
      naming('probe', async (): Promise<ProbeResult> => {
        throwIfAborted(options?.signal)
        const { rows } = await connection.call(() =>
          connection.read(options?.signal, (session) => session.query('SHOW server_version')),
        )
        return { product: PRODUCT, version: rows[0]?.server_version as string }
      }),
    close: () => connection.close(() => indexes.stop()),
    unitOfWork,
    indexesBuilt: () => indexes.settled(),
  }
}

/** Runs a call of the backend, which its errors then name. */
const naming = async <T>(operation: string, work: () => Promise<T>): Promise<T> => {
  try {
    return await work()
  } catch (error) {
    throw VeritasError.from(error, { backend: BACKEND, operation })
  }
}

const readFeatures = async (session: Session): Promise<Features> => {
  const { rows } = await session.query(
    `SELECT coalesce(to_regtype('vector')::oid, 0) AS id, (SELECT extversion FROM pg_extension WHERE extname = 'vector') AS version`,
  )
  const { id, version } = rows[0] as { id: number; version: string | null }
  const [major = 0, minor = 0] = (version ?? '').split('.').map(Number)
  return { vectorTypeId: id, iterativeScan: major > 0 || minor >= 8 }
}

/** The PostgreSQL backend: all three roles in one database, vectors by pgvector. */
export const postgres: Plugin<PostgresConfigInput, PostgresConfig, PostgresRole> = definePlugin({
  name: BACKEND,
  package: '@veritas-db/postgres',
  contract: 1,
  config: postgresConfig,
  roles: ['vector', 'graph', 'relational'],
  create: createBackend,
})

export default postgres
