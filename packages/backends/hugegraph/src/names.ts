import { type Key, physicalName, type Scope } from '@veritas-db/core/contract'

/** The names of properties and of the label for what is handed over, the same for all scopes of a prefix. */
export interface CommonNames {
  readonly doc: string
  readonly ver: string
  readonly kind: string
  readonly ph: string
  readonly data: string
  readonly type: string
  readonly ord: string
  /** The vertex label for arguments of a script that are too long for its request. */
  readonly stage: string
}

/** The names of a scope's schema. */
export interface Names extends CommonNames {
  /** The label of its vertices. */
  readonly node: string
  /** The label of its edges. */
  readonly edge: string
  /** The label of the edge from a vertex to itself that holds the version of its set of edges: a vertex that is written anew keeps it. */
  readonly set: string
  /** What the ids of its vertices start with, before a colon and the key. */
  readonly t: string
}

export const commonNames = (prefix: string): CommonNames => {
  const head = prefix.toLowerCase().replaceAll('-', '_')
  return {
    doc: `${head}_document`,
    ver: `${head}_version`,
    kind: `${head}_label`,
    ph: `${head}_placeholder`,
    data: `${head}_properties`,
    type: `${head}_type`,
    ord: `${head}_ordinal`,
    stage: `${head}_stage`,
  }
}

/** @throws VeritasError VALIDATION for a scope whose names are none */
export const namesOf = (prefix: string, scope: Scope): Names => {
  const node = physicalName(prefix, scope)
  return { ...commonNames(prefix), node, edge: `${node}_edge`, set: `${node}_set`, t: node.slice(-16) }
}

/** The id of a node's vertex, and without a key what all of them start with; the scripts make it in the same way. */
export const vertexId = ({ t }: Names, key: Key | ''): string => `${t}:${key}`

/** The key in a vertex' id. */
export const keyIn = (id: string): string => id.slice(-32)
