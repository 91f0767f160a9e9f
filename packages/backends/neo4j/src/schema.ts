import { throwIfAborted } from '@veritas-db/core/contract'
import { quote } from './cypher.js'
import type { Environment } from './environment.js'

/** How long a new index may take to answer, in seconds. */
const INDEX_SECONDS = 60

export interface IndexRow {
  readonly name: string
  readonly properties: readonly string[]
  readonly constraintName: string | null
}

/** The indexes on a label. */
export const indexesOf = async (
  { connection, dialect }: Environment,
  label: string,
  signal: AbortSignal | undefined,
): Promise<IndexRow[]> => {
  const rows = await connection.run({ text: dialect.indexesOf, parameters: { label } }, signal)
  return rows.map((row) => ({
    name: row.get('name') as string,
    properties: (row.get('properties') ?? []) as string[],
    constraintName: row.get('constraintName') as string | null,
  }))
}

/** Waits until indexes answer. */
export const awaitIndexes = async (
  { connection, dialect }: Environment,
  names: readonly string[],
  signal: AbortSignal | undefined,
): Promise<void> => {
  for (const name of names) {
    throwIfAborted(signal)
    await connection.run({ text: dialect.awaitIndex, parameters: { name, seconds: BigInt(INDEX_SECONDS) } }, signal)
  }
}

/** Removes all nodes with the label, so many a transaction: what was removed stays so where it ends early. */
export const deleteNodes = async (
  { connection, dialect }: Environment,
  label: string,
  signal: AbortSignal | undefined,
): Promise<void> => {
  const text = `MATCH (n:${quote(label)}) ${dialect.deleteInBatches('n', 1000)}`
  await connection.run({ text, parameters: {} }, signal)
}

/** Removes all nodes with the label, then its constraints and indexes. */
export const dropLabel = async (
  environment: Environment,
  label: string,
  signal: AbortSignal | undefined,
): Promise<void> => {
  const { connection, dialect } = environment
  await deleteNodes(environment, label, signal)
  const found = await indexesOf(environment, label, signal)
  if (found.length === 0) return
  await connection.changeSchema(
    signal,
    found.map(({ name, constraintName }) =>
      constraintName === null ? dialect.dropIndex(name) : dialect.dropConstraint(constraintName),
    ),
  )
}
