import { invalid } from '@veritas-db/core/contract'
import type { Session, SqlRow } from './session.js'
import type { SqlValue } from './sql.js'

type Parameters = readonly unknown[] | Readonly<Record<string, unknown>>

/** Runs SQL of the caller's own; it may read and not write. */
export const runRaw = (session: Session, query: string, parameters: Parameters = []): SqlRow[] => {
  // Not kept: such statements are of every kind, and each is run once.
  const statement = session.db.prepare(query)
  const { query_only: was } = session.get('PRAGMA query_only') as { query_only: number }
  session.db.exec('PRAGMA query_only = ON')
  try {
    if (Array.isArray(parameters)) return statement.all(...parameters.map(toSql))
    statement.setAllowUnknownNamedParameters(false)
    return statement.all(
      Object.fromEntries(Object.entries(parameters).map(([name, value]) => [name, toSql(value, name)])),
    )
  } finally {
    if (was === 0) session.db.exec('PRAGMA query_only = OFF')
  }
}

const toSql = (value: unknown, name: string | number): SqlValue => {
  switch (typeof value) {
    case 'string':
    case 'number':
    case 'bigint':
      return value
    case 'boolean':
      return Number(value)
    default:
      if (value === null || value === undefined) return null
      if (value instanceof Uint8Array) return value
      if (value instanceof Date) return value.getTime()
      if (value instanceof Float32Array) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
      throw invalid(`parameters.${name}`, 'needs a string, number, boolean, date, bytes or null')
  }
}
