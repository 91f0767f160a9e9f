import { type Backend, validateConfig } from '@veritas-db/core/contract'
import { type CayleyConfigInput, cayley } from '../src/index.js'

/** The server to test with, or a user's own. */
export const serverUrl: string | undefined = process.env.VERITAS_CAYLEY_URL
export const why = 'not run: VERITAS_CAYLEY_URL is not set, start one with `npm run servers -- up cayley`'

/** Options for the server to test with. */
export const serverConfig: NonNullable<CayleyConfigInput> = serverUrl === undefined ? {} : { url: serverUrl }

export const open = async (
  options: NonNullable<CayleyConfigInput> = {},
  queryTimeoutMs = 30_000,
): Promise<Backend<'graph'>> => {
  const config = await validateConfig(cayley.config, { ...serverConfig, ...options }, 'cayley')
  return cayley.create(config, { roles: cayley.roles, poolSize: 10, queryTimeoutMs })
}
