import { invalid } from '@veritas-db/core/contract'
import type { Connection, Rows } from './connection.js'

/** What `raw` takes. */
export const rawLanguage = 'cozoscript'

const placeholder = /%\{([^{}]*)\}/g

/** Runs a script that reads; `%{documents}` in it becomes the name that a relation has in CozoDB. */
export const runRaw = async (
  connection: Connection,
  query: string,
  parameters: readonly unknown[] | Readonly<Record<string, unknown>> | undefined,
  nameOf: (name: string) => Promise<string>,
  signal: AbortSignal | undefined,
): Promise<Rows> => {
  if (Array.isArray(parameters)) throw invalid('parameters', 'needs an object: parameters of CozoScript have names')
  const values = (parameters ?? {}) as Readonly<Record<string, unknown>>
  const named = Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, value instanceof Date ? value.getTime() : value]),
  )
  const names = new Map<string, string>()
  for (const [, name = ''] of query.matchAll(placeholder)) names.set(name, await nameOf(name))
  return connection.read(
    query.replace(placeholder, (_, name: string) => names.get(name) ?? ''),
    named,
    signal,
  )
}
