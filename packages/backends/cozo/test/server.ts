import { randomBytes } from 'node:crypto'
import { type Backend, validateConfig } from '@veritas-db/core/contract'
import cozo, { type CozoConfigInput, type CozoRole } from '../src/index.js'

/** The server to test on; without one the tests that need it are skipped. */
export const url: string | undefined = process.env.VERITAS_COZO_URL

/** A prefix that no other run uses. */
export const testConfig = (options: CozoConfigInput = {}): CozoConfigInput => ({
  ...(url !== undefined && { url }),
  prefix: `vt${randomBytes(4).toString('hex')}`,
  ...options,
})

export const open = async (options: CozoConfigInput): Promise<Backend<CozoRole>> =>
  cozo.create(await validateConfig(cozo.config, options, 'cozo'), {
    roles: cozo.roles,
    poolSize: 5,
    queryTimeoutMs: 10_000,
  })

/** Runs a script of the test's own. */
export const run = async (script: string, params: Readonly<Record<string, unknown>> = {}): Promise<unknown[][]> => {
  const response = await fetch(`${url}/text-query`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ script, params }),
  })
  const answer = (await response.json()) as { rows?: unknown[][]; message?: string }
  if (!answer.rows) throw new Error(answer.message)
  return answer.rows
}

/** Removes what the catalogue of a prefix is kept in; tests drop the rest themselves. */
export const cleanUp = async ({ prefix }: CozoConfigInput): Promise<void> => {
  await run(`::remove ${prefix}_catalog`)
}
