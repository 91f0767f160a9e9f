import { invalid } from '@veritas-db/core/contract'
import type { Call } from './connection.js'
import type { Session } from './session.js'

/** Runs AQL of the caller's own. Collection parameters that it names and does not give, such as `@@nodes`, are filled in by `named`. */
export const runRaw = async (
  session: Session,
  call: Call,
  query: string,
  parameters: Readonly<Record<string, unknown>> | readonly unknown[],
  named: (name: string) => Promise<string | undefined>,
): Promise<readonly unknown[]> => {
  if (Array.isArray(parameters)) throw invalid('parameters', 'AQL names its parameters: give an object')
  const binds: Record<string, unknown> = { ...parameters }
  for (const [, name = ''] of query.matchAll(/@@([A-Za-z0-9_]+)/g)) {
    if (Object.hasOwn(binds, `@${name}`)) continue
    const collection = await named(name)
    if (collection !== undefined) binds[`@${name}`] = collection
  }
  // It may change something or not: only the server knows.
  return (await session.query<unknown>(call, query, binds, true)).rows
}
