import { type Backend, validateConfig } from '@veritas-db/core/contract'
import { type Neo4jConfigInput, type Neo4jRole, neo4j } from '../src/index.js'

/** The server to test with, or a user's own: `VERITAS_NEO4J_URL`, and `VERITAS_NEO4J_USERNAME` and `_PASSWORD` where it asks for them. */
export const serverUrl: string | undefined = process.env.VERITAS_NEO4J_URL
export const why = 'not run: VERITAS_NEO4J_URL is not set, start one with `npm run servers -- up neo4j`'

const { VERITAS_NEO4J_USERNAME: username, VERITAS_NEO4J_PASSWORD: password } = process.env

/** Options for the server to test with. */
export const serverConfig: NonNullable<Neo4jConfigInput> = {
  ...(serverUrl !== undefined && { url: serverUrl }),
  ...(username !== undefined && password !== undefined && { username, password }),
}

export const open = async (
  options: NonNullable<Neo4jConfigInput> = {},
  queryTimeoutMs = 30_000,
): Promise<Backend<Neo4jRole>> => {
  const config = await validateConfig(neo4j.config, { ...serverConfig, ...options }, 'neo4j')
  return neo4j.create(config, { roles: neo4j.roles, poolSize: 10, queryTimeoutMs })
}
