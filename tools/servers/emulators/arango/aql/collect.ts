// COLLECT: docs.arangodb.com/3.12/aql/high-level-operations/collect.
import type { Clause } from './ast.ts'
import { ArangoFailure } from './errors.ts'
import type { Row } from './evaluate.ts'
import type { Query } from './execute.ts'
import { functions } from './functions.ts'
import { compare, fingerprint, type ObjectValue, type Value } from './values.ts'

type Collect = Extract<Clause, { type: 'collect' }>

const aggregate = (query: Query, call: string, values: Value[]): Value => {
  // Of nothing there is no sum, but a count.
  if (values.length === 0 && call === 'SUM') return null
  if (call === 'LENGTH' || call === 'COUNT') return values.length
  if (call === 'PUSH') return values
  const known = functions[call]
  if (!known) throw new ArangoFailure(1540, `${call}()`)
  return known.run([values], query.context)
}

const gathered = (query: Query, into: NonNullable<Collect['into']>, row: Row, hidden: Set<string>): Value => {
  if (into.projection) return query.evaluate(into.projection, row)
  const names = into.keep ?? Object.keys(row).filter((name) => !hidden.has(name))
  const object: ObjectValue = {}
  for (const name of names) object[name] = row[name] ?? null
  return object
}

export const collect = (query: Query, clause: Collect, rows: Row[], outer: Row, hidden: Set<string>): Row[] => {
  const groups = new Map<string, { keys: Value[]; rows: Row[] }>()
  // Without a criterion there is one group, of no rows too.
  if (clause.groups.length === 0) groups.set('[]', { keys: [], rows: [] })
  for (const row of rows) {
    const keys = clause.groups.map(({ value }) => query.evaluate(value, row))
    const print = fingerprint(keys)
    const known = groups.get(print)
    if (known) known.rows.push(row)
    else groups.set(print, { keys, rows: [row] })
  }
  return [...groups.values()]
    .sort((a, b) => compare(a.keys, b.keys))
    .map((group) => {
      const row: Record<string, Value> = { ...outer }
      clause.groups.forEach(({ variable }, i) => {
        row[variable] = group.keys[i] ?? null
      })
      for (const { variable, call, arg } of clause.aggregates)
        row[variable] = aggregate(
          query,
          call,
          group.rows.map((r) => (arg ? query.evaluate(arg, r) : 1)),
        )
      const { into } = clause
      if (into) row[into.variable] = group.rows.map((r) => gathered(query, into, r, hidden))
      if (clause.count !== undefined) row[clause.count] = group.rows.length
      return row
    })
}
