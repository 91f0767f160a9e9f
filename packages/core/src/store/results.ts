import type { RoleName, VeritasError } from '../contract/errors.js'
import type { Version } from '../contract/values.js'

/**
 * What became of one leg: `stored`; `superseded` by a newer version of the document; `queued` for later;
 * `unchanged`, since the same content is there; `failed`.
 */
export type LegStatus = 'stored' | 'queued' | 'superseded' | 'unchanged' | 'failed'

/** What became of one document. */
export interface StoreResult {
  readonly id: string
  /** Of the configured roles alone. */
  readonly legs: { readonly [R in RoleName]?: LegStatus }
  /** Whether a majority of the configured roles has the document (two of three). */
  readonly success: boolean
  /** `stores` where the authority has it; `none` where it does not. */
  readonly durable: 'stores' | 'none'
  readonly version: Version
  /** Why legs failed. */
  readonly errors?: { readonly [R in RoleName]?: VeritasError }
}

export interface StoreProgress {
  /** Documents taken from the source so far. */
  readonly read: number
  readonly stored: number
  readonly unchanged: number
  readonly superseded: number
  readonly failed: number
}

/** What became of a stream of documents. */
export interface StoreSummary extends StoreProgress {
  /** The first failures, 100 at most; `failed` counts all. */
  readonly failures: readonly { readonly index: number; readonly id?: string; readonly error: VeritasError }[]
  /** Milliseconds. */
  readonly durationMs: number
}

export interface DeleteDocumentResult extends StoreResult {
  /** Whether there was a document to delete. */
  readonly existed: boolean
}

/** Two of three, or the majority of however many roles are configured. */
export function quorum(roles: number): number {
  return Math.floor(roles / 2) + 1
}
