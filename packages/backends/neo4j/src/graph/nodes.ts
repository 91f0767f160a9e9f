import {
  APPLIED,
  type Key,
  type NodeRecord,
  type Outcome,
  STALE,
  splitBatches,
  throwIfAborted,
  type UpsertMode,
  uniqueBatch,
  type Version,
} from '@veritas-db/core/contract'
import type { Access } from '../connection.js'
import { integer, quote, type Statement, toNumber } from '../cypher.js'
import { type Environment, limits, when, writeCondition } from '../environment.js'
import { nodeProperties } from './records.js'

type Write = Pick<NodeRecord, 'key' | 'version' | 'label'> & {
  readonly i: bigint
  readonly properties: Record<string, unknown>
}

/**
 * One statement that writes nodes. A property is set before the stored version is read, which takes the node's write lock:
 * nobody else can come between the comparison and the write.
 */
const upsertStatement = (
  { dialect }: Environment,
  label: string,
  rows: readonly Write[],
  mode: UpsertMode,
): Statement => {
  const labels = [...new Set(rows.map((row) => row.label))]
  const written = [
    'SET n = row.properties, n._edges = edges',
    when('before IS NOT NULL AND before <> row.label', dialect.removeLabel('n', 'before')),
    ...labels.map((name, i) => when(`row.label = $labels[${i}]`, `SET n:${quote(name)}`)),
  ].join(' ')
  return {
    text: `UNWIND $rows AS row
      MERGE (n:${quote(label)} {_key: row.key})
      SET n._lock = true
      WITH row, n, n._version AS stored, n._label AS before, n._edges AS edges
      WITH row, n, before, edges, ${writeCondition(mode)} AS write
      ${when('write', written)}
      ${when('NOT write', 'REMOVE n._lock')}
      RETURN row.i AS i, write`,
    parameters: { rows, labels },
  }
}

/** The same for `ifAbsent`, where MERGE alone is enough: nodes that are there, which many documents may refer to, are not locked. */
const insertStatement = (label: string, rows: readonly Write[]): Statement => {
  const labels = [...new Set(rows.map((row) => row.label))]
  return {
    text: `UNWIND $rows AS row
      MERGE (n:${quote(label)} {_key: row.key})
      ON CREATE SET n = row.properties, n._fresh = true
      WITH row, n, n._fresh IS NOT NULL AS write
      ${when('write', ['REMOVE n._fresh', ...labels.map((name, i) => when(`row.label = $labels[${i}]`, `SET n:${quote(name)}`))].join(' '))}
      RETURN row.i AS i, write`,
    parameters: { rows, labels },
  }
}

/** Writes nodes, several batches one after the other; answers each. */
export const upsertNodes = async (
  environment: Environment,
  access: Access,
  label: string,
  nodes: readonly NodeRecord[],
  mode: UpsertMode,
  signal: AbortSignal | undefined,
): Promise<Outcome[]> => {
  const unique = uniqueBatch(nodes, (node) => node.key, mode)
  const outcomes: Outcome[] = unique.records.map(() => STALE)
  const toDate = environment.connection.toNativeDate
  const rows = unique.records.map(
    (node, i): Write => ({
      i: integer(i),
      key: node.key,
      version: node.version,
      label: node.label,
      properties: nodeProperties(node, toDate),
    }),
  )
  // Locks are taken in one order by everybody, so that nobody waits for somebody who waits for them.
  rows.sort((a, b) => (a.key < b.key ? -1 : 1))
  for (const batch of splitBatches(rows, limits, sizeOf)) {
    throwIfAborted(signal)
    const statement =
      mode === 'ifAbsent' ? insertStatement(label, batch) : upsertStatement(environment, label, batch, mode)
    const answers = await access.run(statement, signal)
    for (const answer of answers) if (answer.get('write') === true) outcomes[toNumber(answer.get('i'))] = APPLIED
  }
  return unique.outcomes(outcomes)
}

/** Values travel twice: under their names and in the sidecar. */
const sizeOf = ({ properties }: Write): number => String(properties._json).length * 3 + 400

/** Deletes nodes with their edges; with `versionBelow`, only those of older versions. */
export const deleteNodes = async (
  access: Access,
  label: string,
  keys: readonly Key[],
  versionBelow: Version | undefined,
  signal: AbortSignal | undefined,
): Promise<number> => {
  let deleted = 0
  for (const batch of splitBatches([...new Set(keys)].sort(), limits)) {
    throwIfAborted(signal)
    const rows = await access.run(
      {
        text: `UNWIND $keys AS key
          MATCH (n:${quote(label)} {_key: key})
          SET n._lock = true
          REMOVE n._lock
          WITH n WHERE $versionBelow IS NULL OR n._version < $versionBelow
          DETACH DELETE n
          RETURN count(*) AS deleted`,
        parameters: { keys: batch, versionBelow: versionBelow ?? null },
      },
      signal,
    )
    deleted += toNumber(rows[0]?.get('deleted'))
  }
  return deleted
}
