import type { FilterNode } from '../filter/ast.js'
import type { Scope } from '../values.js'

/** What every call carries. */
export interface CallOptions {
  readonly signal?: AbortSignal
}

export interface ScopedOptions extends CallOptions {
  readonly scope: Scope
}

/** What every read carries. */
export interface ReadOptions extends ScopedOptions {
  /** The token of a write that this read must see. */
  readonly after?: string
  /** Read from the primary, where there are replicas that may lag behind it. Backends of one instance need not look at it. */
  readonly fresh?: boolean
}

export interface ScanOptions extends ReadOptions {
  /** The cursor of the page before; leave out to start. */
  readonly cursor?: string
  /** Records a page, at most. Default 1000. */
  readonly limit?: number
  readonly filter?: FilterNode
}

export interface DeleteResult {
  /** How many were there to delete; null where the store does not tell. */
  readonly deleted: number | null
  readonly token?: string
}
