import { hash } from 'node:crypto'
import { encodeFieldPath, invalid, physicalName, type Scope } from '@veritas-db/core/contract'

const identifier = /^[A-Za-z0-9_-]{1,1000}$/

/** Checks a label, type, property or index name against the one allow-pattern and quotes it. @throws VeritasError VALIDATION */
export const quote = (name: string): string => {
  if (!identifier.test(name)) throw invalid('identifier', `${JSON.stringify(name.slice(0, 80))} cannot be used`)
  return `\`${name}\``
}

/** The label that all nodes of a scope carry, and only they. */
export const scopeLabel = (prefix: string, role: 'graph' | 'vector', scope: Scope): string =>
  physicalName(`${prefix}_${role === 'graph' ? 'g' : 'v'}`, scope, 63)

/** The label of the catalogue's nodes. */
export const catalogueLabel = (prefix: string): string => `${prefix}_collections`

/** Tells whether a label could be taken for one that tells scopes apart. Made once: every node is asked for. */
export const reservedLabels = (prefix: string): ((label: string) => boolean) => {
  // A name of ours ends in the readable part, here x, and 16 digits.
  const starts = (['graph', 'vector'] as const).map((role) =>
    scopeLabel(prefix, role, { collection: 'x' }).slice(0, -18),
  )
  const catalogue = catalogueLabel(prefix)
  return (label) => label === catalogue || starts.some((start) => label.startsWith(start))
}

/**
 * The property that holds the metadata value at a dotted path: its own name where that has letters, digits and `_` only.
 * Our own properties start with `_` and a letter beyond f, which no encoded path does.
 */
export const fieldProperty = (path: string): string => {
  if (plainPath.test(path)) return path
  const encoded = encodeFieldPath(path, '')
  return encoded.length <= 200 ? encoded : `_hash_${hash('sha256', path).slice(0, 40)}`
}

/** Paths that are properties as they stand. */
const plainPath = /^[A-Za-z0-9]{1,200}$/

/** The property in its place for values that are too long for an index. */
export const longProperty = (path: string): string => `_long_${fieldProperty(path)}`

/** The property for `sortText`, where that differs from the text. */
export const sortProperty = (path: string): string => `_sort_${fieldProperty(path)}`

/**
 * Takes the node's write lock until the transaction ends; what is read after it is what the last writer left. Removing a property
 * locks, also one that is not there: https://neo4j.com/docs/operations-manual/5/database-internals/concurrent-data-access/
 */
export const lock = (alias: string): string => `REMOVE ${alias}._lock`

/** A statement and its parameters. */
export interface Statement {
  readonly text: string
  readonly parameters: Readonly<Record<string, unknown>>
}

/** A JavaScript integer as Neo4j's INTEGER: plain numbers travel as FLOAT. */
export const integer = (value: number): bigint => BigInt(value)

/** A number that came from the server, whatever the driver was told to make of integers. */
export const toNumber = (value: unknown): number => Number(value)
