import type { FilterOperator } from './filter/ast.js'

/** The types of values that conditions compare with; `element` is a text in a field that is declared as a list. */
export type FilterValueType = 'string' | 'number' | 'boolean' | 'date' | 'null' | 'element'

/**
 * Which filter conditions a backend evaluates itself: by operator, `true` or the types of value it can compare with.
 * What is absent is not pushed down. `contains` with `string` covers lists and parts of a text
 * alike; `element` covers lists alone.
 */
export type FilterCapabilities = Readonly<Partial<Record<FilterOperator, true | readonly FilterValueType[]>>>

/** All of the filter language: for backends that evaluate every condition natively. */
export const FULL_FILTER: FilterCapabilities = Object.freeze({
  and: true,
  or: true,
  not: true,
  eq: true,
  ne: true,
  gt: true,
  gte: true,
  lt: true,
  lte: true,
  in: true,
  nin: true,
  exists: true,
  contains: true,
  startsWith: true,
})

/**
 * How a write treats a record that is already there.
 * `replace` puts the new one in its place; `ifNewer` does so unless a newer version is stored (equal versions replace);
 * `ifAbsent` leaves what is there. A record not written for that reason is answered `stale`.
 */
export type UpsertMode = 'replace' | 'ifNewer' | 'ifAbsent'

/** What one request to the backend may hold; backends split larger batches themselves. */
export interface Limits {
  readonly batchRecords: number
  readonly batchBytes?: number
}

/** What every role declares. */
export interface RoleCapabilities {
  readonly limits: Limits
  readonly filter: FilterCapabilities
  /** `replace` is always among them, except where record ids contain the version. */
  readonly upsertModes: readonly UpsertMode[]
  /**
   * Who compares versions. `atomic`: the store, within the step that writes. `guarded`: a script of the server, or the backend
   * between a read and a write; writers at the same moment may interleave. `none`: nobody; vector record ids then contain the
   * version, so that a late write adds garbage and never overwrites.
   */
  readonly conditionalUpsert: 'atomic' | 'guarded' | 'none'
  /** `eventual`: a read may not see a finished write, unless it is given the write's token, or `delayMs` have passed. */
  readonly readAfterWrite: 'immediate' | 'eventual'
  /** How long an `eventual` write typically takes to be seen, in milliseconds. */
  readonly visibilityDelayMs?: number
  readonly scan: {
    readonly order: 'key' | 'native'
    /** Where a scan goes on after a break: at its cursor, at a count of records, or from the start. */
    readonly resume: 'cursor' | 'offset' | 'restart'
    /** Whether a scan sees one moment in time. */
    readonly snapshot: boolean
  }
}

export type Metric = 'cosine' | 'dot' | 'euclidean'

export interface VectorCapabilities extends RoleCapabilities {
  readonly metrics: readonly Metric[]
  /** The largest dimension. */
  readonly maxDimensions: number
  /** The largest `topK` of one query. */
  readonly maxTopK: number
  /** Whether a query returns the true nearest neighbours: always, on request (`exact: true`), or never. */
  readonly exact: 'always' | 'optional' | 'never'
  /** `searchText`: full text over the records' text. */
  readonly fullText: boolean
  /** `patch`: metadata replaced without sending the vector again. */
  readonly patch: boolean
  /** Whether `delete` takes a filter. */
  readonly deleteByFilter: boolean
}

export interface GraphCapabilities extends RoleCapabilities {
  /** `findNodes` with `text`: full text over declared text properties. */
  readonly fullText: boolean
  readonly shortestPath: boolean
  /** The deepest `neighbors` and `shortestPath`. */
  readonly maxDepth: number
  /** The query language that `raw` takes, such as `cypher`; absent where there is no `raw`. */
  readonly raw?: string
}

export interface RelationalCapabilities extends RoleCapabilities {
  readonly fullText: boolean
  /** `transaction` */
  readonly transactions: boolean
  /** Whether `find` sorts by any declared column; otherwise by key alone. */
  readonly order: boolean
  /** `digest` */
  readonly digest: boolean
  readonly raw?: string
}
