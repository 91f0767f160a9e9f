import {
  decodeMetadata,
  type FilterNode,
  FULL_FILTER,
  type Limits,
  type Metadata,
  type RoleCapabilities,
} from '@veritas-db/core/contract'
import type { Connection } from './connection.js'
import type { Dialect } from './dialect.js'
import { type CompiledFilter, compileFilter } from './filter.js'

/** What all roles of one backend share. */
export interface Environment {
  readonly connection: Connection
  readonly dialect: Dialect
  readonly prefix: string
}

/** What both roles declare. Statements of this size keep a transaction's memory small and its locks short. */
export const limits: Limits = { batchRecords: 1000, batchBytes: 4 * 1024 * 1024 }
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

/** How the version `version` of the row meets the one that is `stored`, as a condition. */
export const writeCondition = (mode: 'replace' | 'ifNewer' | 'ifAbsent'): string =>
  mode === 'replace' ? 'true' : mode === 'ifAbsent' ? 'stored IS NULL' : '(stored IS NULL OR row.version >= stored)'

/** Runs updates where `condition` holds. */
export const when = (condition: string, updates: string): string =>
  `FOREACH (ignored IN CASE WHEN ${condition} THEN [1] ELSE [] END | ${updates})`
