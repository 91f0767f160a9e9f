import { hash } from 'node:crypto'
import { checkName, checkScope, invalid, physicalName, type Scope } from '@veritas-db/core/contract'

const IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_-]{0,62}$/

/** Checks an identifier against the one allow-pattern and quotes it. @throws VeritasError VALIDATION */
export const quote = (name: string): string => {
  if (!IDENTIFIER.test(name)) throw invalid('identifier', `${JSON.stringify(name.slice(0, 80))} cannot be used`)
  return `"${name}"`
}

/** A text as an SQL literal, for what must be constant: the expressions of indexes, and conditions that shall use them. */
export const literal = (text: string): string => {
  if (text.includes('\u0000')) throw invalid('literal', 'holds a NUL character')
  const quoted = `'${text.replaceAll("'", "''")}'`
  // Whether a backslash escapes in plain quotes is a setting of the server; with E it always does.
  return text.includes('\\') ? `E${quoted.replaceAll('\\', '\\\\')}` : quoted
}

/** Joins conditions; none at all is `empty`. */
export const join = (terms: readonly string[], operator: 'AND' | 'OR', empty: 'true' | 'false'): string =>
  terms.length === 0 ? empty : terms.length === 1 ? (terms[0] as string) : `(${terms.join(` ${operator} `)})`

/** Collects the parameters of one statement. */
export class Bindings {
  readonly values: unknown[] = []

  constructor(...values: unknown[]) {
    this.values.push(...values)
  }

  /** Adds a value and gives its place, such as `$3`. */
  bind(value: unknown): string {
    this.values.push(value)
    return `$${this.values.length}`
  }
}

/** The smallest text above all that start with `prefix`; undefined where there is none. */
export const successor = (prefix: string): string | undefined => {
  const points = Array.from(prefix)
  for (let i = points.length - 1; i >= 0; i--) {
    const next = ((points[i] as string).codePointAt(0) as number) + 1
    if (next > 0x10ffff) continue
    return points.slice(0, i).join('') + String.fromCodePoint(next === 0xd800 ? 0xe000 : next)
  }
  return undefined
}

/** A whole number to be written into a statement, such as a limit. @throws VeritasError VALIDATION */
export const wholeNumber = (value: number, path: string, least = 0): number => {
  if (!Number.isSafeInteger(value) || value < least) throw invalid(path, `needs a whole number of at least ${least}`)
  return value
}

/**
 * The rows of a table whose key is among `$1`, looked up key by key. Written as `key = ANY ($1)`, a statement that was
 * prepared while the table was small would go on reading all of it.
 */
export const eachKey = (table: string, key: string, alias = 't'): string =>
  `unnest($1::uuid[]) AS k (key) CROSS JOIN LATERAL (SELECT * FROM ${table} WHERE ${table}.${key} = k.key OFFSET 0) AS ${alias}`

/** The name of a scope's relation of one kind, such as `vectors`. */
export const relationName = (prefix: string, kind: string, scope: Scope): string =>
  physicalName(`${prefix}_${kind}`, scope)

/** The name of a user's table in a scope. Upper and lower case and all characters of the table's name count. */
export const tableName = (prefix: string, table: string, scope: Scope): string => {
  checkScope(scope)
  checkName(table, 'table')
  return `${physicalName(`${prefix}_${table.slice(0, 12)}`, scope)}_${hash('sha256', table).slice(0, 8)}`
}

/** Names of indexes that were made before: every filtered read asks for some. */
const indexNames = new Map<string, string>()

/** The name of an index: the same in every process, and another one where its definition is another. */
export const indexName = (prefix: string, relation: string, definition: string): string => {
  const index = `${prefix}\n${relation}\n${definition}`
  const known = indexNames.get(index)
  if (known !== undefined) return known
  const name = `${prefix}_ix_${hash('sha256', `${relation}\n${definition}`).slice(0, 24)}`
  if (indexNames.size >= 10_000) indexNames.clear()
  indexNames.set(index, name)
  return name
}
