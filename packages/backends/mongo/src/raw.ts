import { invalid, isPlainObject } from '@veritas-db/core/contract'
import type { Document } from 'mongodb'
import type { Access } from './access.js'

/** What `raw` takes: a database command as JSON. */
export const rawLanguage = 'mongodb-command'

/** Commands that read. */
const allowed: ReadonlySet<string> = new Set([
  'aggregate',
  'collStats',
  'count',
  'dbStats',
  'distinct',
  'explain',
  'find',
  'listIndexes',
  'ping',
])

type Parameters = readonly unknown[] | Readonly<Record<string, unknown>>

/**
 * A command from JSON text: `{ "$param": "name" }` in it becomes that parameter, and `{ "$collection": "name" }` the name
 * that a table's (or a graph's) collection has in MongoDB. @throws VeritasError VALIDATION
 */
export const readCommand = (
  query: string,
  parameters: Parameters,
  nameOf: (collection: string) => string,
): Document => {
  let parsed: unknown
  try {
    parsed = JSON.parse(query)
  } catch {
    throw invalid('query', 'is no JSON: write a command such as {"find": {"$collection": "documents"}, "limit": 5}')
  }
  if (!isPlainObject(parsed)) throw invalid('query', 'needs a JSON object, whose first field names a command')
  const command = Object.keys(parsed)[0] ?? ''
  if (!allowed.has(command))
    throw invalid('query', `the command ${JSON.stringify(command)} is none of ${[...allowed].join(', ')}`)
  const stages = parsed.pipeline
  if (Array.isArray(stages))
    for (const stage of stages)
      if (isPlainObject(stage) && ('$out' in stage || '$merge' in stage))
        throw invalid('query', 'raw reads: $out and $merge would write')
  const fill = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(fill)
    if (!isPlainObject(value)) return value
    const [name, ...others] = Object.keys(value)
    if (others.length === 0 && name === '$param') return parameter(value.$param)
    if (others.length === 0 && name === '$collection') return nameOf(String(value.$collection))
    return Object.fromEntries(Object.entries(value).map(([field, item]) => [field, fill(item)]))
  }
  const parameter = (name: unknown): unknown => {
    const id = String(name)
    if (!Object.hasOwn(parameters, id)) throw invalid('parameters', `lacks ${JSON.stringify(name)}`)
    return (parameters as Readonly<Record<string, unknown>>)[id]
  }
  return fill(parsed) as Document
}

/** Runs a command and answers its documents; of one that has no cursor, its reply. */
export const runRaw = (
  access: Access,
  signal: AbortSignal | undefined,
  command: Document,
): Promise<readonly unknown[]> =>
  access.read(signal, async ({ maxTimeMS, ...options }) => {
    // The field that names the command stays the first.
    const limited = { ...command, maxTimeMS: command.maxTimeMS ?? maxTimeMS }
    const [name] = Object.keys(command)
    if (name === 'find' || name === 'listIndexes' || name === 'aggregate')
      return access.db
        .runCursorCommand(name === 'aggregate' ? { ...limited, cursor: command.cursor ?? {} } : limited, options)
        .toArray()
    const reply = await access.db.command(limited, options)
    return Array.isArray(reply.values) ? reply.values : [reply]
  })
