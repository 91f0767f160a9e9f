import { invalid, throwIfAborted } from '@veritas-db/core/contract'
import type { Access } from './session.js'

type Named = Readonly<Record<string, unknown>>

/**
 * Named parameters, written `:name`, as numbered ones. What only looks like one is passed over: in texts, quoted names,
 * comments, dollar quotes and casts (`::`). @throws VeritasError VALIDATION for a name without a value
 */
export const numberParameters = (query: string, parameters: Named): { sql: string; values: unknown[] } => {
  const places = new Map<string, number>()
  const values: unknown[] = []
  const sql = query.replace(TOKENS, (token: string, _tag: string | undefined, name: string | undefined) => {
    if (name === undefined) return token
    if (!Object.hasOwn(parameters, name)) throw invalid(`parameters.${name}`, 'is missing')
    const place = places.get(name) ?? values.push(parameters[name])
    places.set(name, place)
    return `$${place}`
  })
  return { sql, values }
}

const TOKENS =
  /[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|\/\*[\s\S]*?\*\/|\$((?:[A-Za-z_]\w*)?)\$[\s\S]*?\$\1\$|::|:([A-Za-z_]\w*)/g

const toSql = (value: unknown): unknown => (value instanceof Float32Array ? `[${value.join(',')}]` : value)

interface RawOptions {
  readonly signal?: AbortSignal
  readonly query: string
  readonly parameters?: readonly unknown[] | Named
}

/** Runs SQL of the caller's own. Values of types that `pg` knows come back as JavaScript's, others as text. */
export const runRaw = (access: Access, options: RawOptions): Promise<readonly unknown[]> => {
  throwIfAborted(options.signal)
  const { query, parameters = [] } = options
  const { sql, values } = isList(parameters) ? { sql: query, values: parameters } : numberParameters(query, parameters)
  return access.write(options.signal, (session) => session.raw(sql, values.map(toSql)))
}

const isList = (parameters: readonly unknown[] | Named): parameters is readonly unknown[] => Array.isArray(parameters)
