import { invalid } from '@veritas-db/core/contract'
import type { Connection, Rows } from './connection.js'

/** What `raw` takes. */
export const rawLanguage = 'cozoscript'

/** Runs a script that reads; `%{documents}` in it becomes the name that a relation has in CozoDB. */
export const runRaw = (
  connection: Connection,
  query: string,
  parameters: readonly unknown[] | Readonly<Record<string, unknown>> | undefined,
  nameOf: (name: string) => string,
  signal: AbortSignal | undefined,
): Promise<Rows> => {
  if (Array.isArray(parameters)) throw invalid('parameters', 'needs an object: parameters of CozoScript have names')
  const values = (parameters ?? {}) as Readonly<Record<string, unknown>>
  const named = Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, value instanceof Date ? value.getTime() : value]),
  )
  const script = query.replace(/%\{([^{}]*)\}/g, (_, name: string) => nameOf(name))
  return connection.read(script, named, signal)
}
