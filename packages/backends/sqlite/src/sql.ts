import { invalid } from '@veritas-db/core/contract'

/** What can be bound to a statement. */
export type SqlValue = null | number | bigint | string | Uint8Array

const identifier = /^[A-Za-z_][A-Za-z0-9_-]{0,127}$/

/** Checks an identifier against the one allow-pattern and quotes it. @throws VeritasError VALIDATION */
export const quote = (name: string): string => {
  if (!identifier.test(name)) throw invalid('identifier', `${JSON.stringify(name.slice(0, 80))} cannot be used`)
  return `"${name}"`
}

/** A dotted path as a JSON path, every part quoted: `a.b` → `$."a"."b"`; an empty one is `$`. */
export const jsonPath = (path: string): string =>
  path === ''
    ? '$'
    : `$${path
        .split('.')
        .map((part) => `.${JSON.stringify(part)}`)
        .join('')}`

/** A text as an SQL literal, for the one place where no parameter is allowed: the expression of a generated column. */
export const literal = (text: string): string => {
  if (text.includes('\u0000')) throw invalid('literal', 'holds a NUL character')
  return `'${text.replaceAll("'", "''")}'`
}

/** Joins terms with an operator as a balanced tree: SQLite refuses expressions deeper than 1,000. */
export const balanced = (terms: readonly string[], operator: 'AND' | 'OR'): string => {
  if (terms.length === 1) return terms[0] as string
  const middle = terms.length >> 1
  return `(${balanced(terms.slice(0, middle), operator)} ${operator} ${balanced(terms.slice(middle), operator)})`
}
