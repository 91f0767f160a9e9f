import { type FieldType, type GraphSchema, throwIfAborted } from '@veritas-db/core/contract'
import { fieldProperty, longProperty, quote } from './cypher.js'
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

/** Whether an index is there, asked beside any unit of work. */
export const hasIndex = async (
  { connection, dialect }: Environment,
  name: string,
  signal: AbortSignal | undefined,
): Promise<boolean> => (await connection.run({ text: dialect.indexNamed, parameters: { name } }, signal)).length > 0

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

/** The types of values that a range index helps to find. */
export const INDEXED: ReadonlySet<FieldType> = new Set<FieldType>(['string', 'number', 'date'])

/** Makes what is missing of a graph's constraint and indexes. */
export const ensureGraph = async (
  environment: Environment,
  label: string,
  { fields = {}, textFields = [] }: Pick<GraphSchema, 'fields' | 'textFields'>,
  signal: AbortSignal | undefined,
): Promise<void> => {
  const { connection, dialect } = environment
  const there = await indexesOf(environment, label, signal)
  const names = new Set(there.map((index) => index.name))
  const changes: string[] = []
  if (!names.has(`${label}_key`)) changes.push(dialect.uniqueConstraint(`${label}_key`, label, '_key'))
  for (const [path, type] of Object.entries(fields)) {
    const property = fieldProperty(path)
    const name = `${label}_f_${property}`
    if (INDEXED.has(type) && !names.has(name)) changes.push(dialect.rangeIndex(name, label, property))
  }
  const textIndex = `${label}_text`
  const before = there.find((index) => index.name === textIndex)
  const wanted = textFields.flatMap((path) => [fieldProperty(path), longProperty(path)])
  const missing = wanted.filter((property) => !before?.properties.includes(property))
  if (missing.length > 0) {
    // A full-text index takes no more properties: it is made again with all of them.
    if (before) await connection.changeSchema(signal, [dialect.dropIndex(textIndex)])
    changes.push(dialect.fullTextIndex(textIndex, label, [...new Set([...(before?.properties ?? []), ...wanted])]))
  }
  if (changes.length > 0) await connection.changeSchema(signal, changes)
  if (missing.length > 0) await awaitIndexes(environment, [textIndex], signal)
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
