import { randomBytes } from 'node:crypto'
import { validateConfig } from '@veritas-db/core/contract'
import pg from 'pg'
import { type PostgresBackend, type PostgresOptions, postgres } from '../src/index.js'

/** The server that the tests run on; without it they are skipped. */
export const url: string | undefined = process.env.VERITAS_POSTGRES_URL
/** What the name of a skipped suite says. */
export const unless: string = url === undefined ? ' (skipped: VERITAS_POSTGRES_URL is not set)' : ''

const run = randomBytes(3).toString('hex')

/** A prefix, or a schema, that no other run uses. */
export const own = (name: string): string => `vt${name}${run}`

/** Makes a backend, not connected. */
export const make = async (options: PostgresOptions = {}): Promise<PostgresBackend> => {
  const where = options.client ? {} : { url }
  const config = await validateConfig(postgres.config, { ...where, prefix: own('test'), ...options }, 'postgres')
  return postgres.create(config, { roles: postgres.roles, poolSize: 5, queryTimeoutMs: 30_000 }) as PostgresBackend
}

/** Removes what backends of a prefix leave in the database: their catalogue, or their whole schema. */
export const clear = async ({
  prefix = own('test'),
  schema,
}: Pick<PostgresOptions, 'prefix' | 'schema'> = {}): Promise<void> => {
  const client = new pg.Client(url)
  await client.connect()
  await client.query(
    schema === undefined ? `DROP TABLE IF EXISTS ${prefix}_catalogue` : `DROP SCHEMA IF EXISTS ${schema} CASCADE`,
  )
  await client.end()
}
