import {
  APPLIED,
  type Key,
  type NodeRecord,
  type Outcome,
  STALE,
  type UpsertMode,
  uniqueBatch,
  type Version,
} from '@veritas-db/core/contract'
import { inBatches, writeCondition } from '../batches.js'
import type { Access } from '../connection.js'
import { lock, quote, type Statement, toNumber } from '../cypher.js'
import type { Dialect } from '../dialect.js'
import type { Environment } from '../environment.js'
import { bytesOf } from '../properties.js'
import { nodeProperties } from './records.js'

type Properties = Readonly<Record<string, unknown>>

/** Rows are whole property maps. `SET n = row` alone would mix two writers' properties: what it takes away it reads before it locks. */
const upsertStatement = (dialect: Dialect, label: string, rows: readonly Properties[], mode: UpsertMode): Statement => {
  const condition = writeCondition(mode, 'n', 'row._version')
  return {
    text: `UNWIND $rows AS row
      MERGE (n:${quote(label)} {_key: row._key})
      ${lock('n')}
      WITH n, row, n._label AS before, n._edges AS edges${condition === undefined ? '' : ` WHERE ${condition}`}
      SET n = row
      SET n._edges = edges
      ${dialect.relabel('n', 'before', 'row._label')}
      ${condition === undefined ? '' : 'RETURN collect(row._key) AS written'}`,
    parameters: { rows },
  }
}

/** The same for `ifAbsent`, where MERGE alone is enough: nodes that are there, which many documents may refer to, are not locked. */
const insertStatement = (dialect: Dialect, label: string, rows: readonly Properties[]): Statement => ({
  text: `UNWIND $rows AS row
    MERGE (n:${quote(label)} {_key: row._key})
    ON CREATE SET n = row, n._fresh = true
    WITH n, row WHERE n._fresh
    REMOVE n._fresh
    ${dialect.relabel('n', 'null', 'row._label')}
    RETURN collect(row._key) AS written`,
  parameters: { rows },
})

/** Writes nodes, several batches one after the other; answers each. */
export const upsertNodes = async (
  { connection, dialect, sizes }: Environment,
  access: Access,
  label: string,
  nodes: readonly NodeRecord[],
  mode: UpsertMode,
  signal: AbortSignal | undefined,
): Promise<Outcome[]> => {
  const unique = uniqueBatch(nodes, (node) => node.key, mode)
  const toDate = connection.toNativeDate
  // Locks are taken in one order by everybody, so that nobody waits for somebody who waits for them.
  const rows = unique.records
    .toSorted((a, b) => (a.key < b.key ? -1 : 1))
    .map((node): Properties => nodeProperties(node, toDate))
  const written = new Set<unknown>()
  await inBatches(rows, sizes.nodes, bytesOf, signal, async (batch) => {
    const statement =
      mode === 'ifAbsent' ? insertStatement(dialect, label, batch) : upsertStatement(dialect, label, batch, mode)
    const [answer] = await access.run(statement, signal)
    // Without a condition there is no answer: all were written.
    const keys = (answer?.get('written') ?? batch.map((row) => row._key)) as readonly unknown[]
    for (const key of keys) written.add(key)
  })
  return unique.outcomes(unique.records.map((node) => (written.has(node.key) ? APPLIED : STALE)))
}

/** Deletes nodes with their edges; with `versionBelow`, only those of older versions. */
export const deleteNodes = async (
  { sizes }: Environment,
  access: Access,
  label: string,
  keys: readonly Key[],
  versionBelow: Version | undefined,
  signal: AbortSignal | undefined,
): Promise<number> => {
  let deleted = 0
  const sorted = [...new Set(keys)].sort()
  await inBatches(
    sorted,
    sizes.deletes,
    (key) => key.length + 2,
    signal,
    async (batch) => {
      const rows = await access.run(
        {
          text: `UNWIND $keys AS key
          MATCH (n:${quote(label)} {_key: key})
          ${lock('n')}
          WITH n WHERE $versionBelow IS NULL OR n._version < $versionBelow
          DETACH DELETE n
          RETURN count(*) AS deleted`,
          parameters: { keys: batch, versionBelow: versionBelow ?? null },
        },
        signal,
      )
      deleted += toNumber(rows[0]?.get('deleted'))
    },
  )
  return deleted
}
