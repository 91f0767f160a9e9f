import {
  decodeMetadata,
  type FilterNode,
  FULL_FILTER,
  type Metadata,
  type RoleCapabilities,
} from '@veritas-db/core/contract'
import { BatchSize, limits } from './batches.js'
import type { Connection } from './connection.js'
import type { Dialect } from './dialect.js'
import { type CompiledFilter, compileFilter } from './filter.js'

/** What all roles of one backend share. */
export interface Environment {
  readonly connection: Connection
  readonly dialect: Dialect
  readonly prefix: string
  /** Whether nodes may not carry a label, since it could be taken for a scope's. */
  readonly isReserved: (label: string) => boolean
  /** How much goes into a transaction, by what it writes. */
  readonly sizes: Readonly<Record<'nodes' | 'edges' | 'sets' | 'passages' | 'deletes', BatchSize>>
}

export const batchSizes = (): Environment['sizes'] => ({
  nodes: new BatchSize(),
  edges: new BatchSize(),
  sets: new BatchSize(),
  passages: new BatchSize(),
  deletes: new BatchSize(),
})

/** What both roles declare. */
export const common: RoleCapabilities = {
  limits,
  filter: FULL_FILTER,
  upsertModes: ['replace', 'ifNewer', 'ifAbsent'],
  conditionalUpsert: 'atomic',
  readAfterWrite: 'immediate',
  scan: { order: 'key', resume: 'cursor', snapshot: false },
}

/** The condition for a filter on the nodes `n`; `true` without one. */
export const filterOn = (
  { dialect, connection }: Environment,
  filter: FilterNode | undefined,
  alias = 'n',
): CompiledFilter =>
  filter === undefined
    ? { text: 'true', parameters: {} }
    : compileFilter(filter, alias, dialect, connection.toNativeDate)

/** Metadata out of its sidecar; nodes that somebody else made have none. */
export const metadataOf = (json: unknown): Metadata => {
  if (typeof json !== 'string') return {}
  // Only what holds dates needs to be walked through.
  return json.includes('"$date"') ? decodeMetadata(json) : (JSON.parse(json) as Metadata)
}

/**
 * Plain words as a Lucene query that matches where at least one of them is; undefined where there are none.
 * Every word is a phrase of letters and digits in quotes, so that nothing of Lucene's syntax gets through.
 */
export const textQuery = (words: string): string | undefined => {
  const found = words.match(/[\p{L}\p{N}\p{M}]+/gu)
  return found ? [...new Set(found.map((word) => `"${word}"`))].slice(0, 256).join(' OR ') : undefined
}
