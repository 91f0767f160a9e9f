import { validateConfig } from '@veritas-db/core/contract'
import { type PostgresBackend, type PostgresOptions, postgres } from '../src/index.js'

/** The server that the tests run on; without it they are skipped. */
export const url: string | undefined = process.env.VERITAS_POSTGRES_URL
/** What the name of a skipped suite says. */
export const unless: string = url === undefined ? ' (skipped: VERITAS_POSTGRES_URL is not set)' : ''

/** Makes a backend, not connected. */
export const make = async (options: PostgresOptions = {}): Promise<PostgresBackend> => {
  const config = await validateConfig(
    postgres.config,
    { ...(options.client ? {} : { url }), prefix: 'vttest', ...options },
    'postgres',
  )
  return postgres.create(config, { roles: postgres.roles, poolSize: 5, queryTimeoutMs: 30_000 }) as PostgresBackend
}
