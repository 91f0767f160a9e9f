import type { CallOptions } from './roles/common.js'

/** A cache that several processes share. Values are bytes; keys are opaque text without secrets. */
export interface CacheService {
  get(options: CallOptions & { readonly keys: readonly string[] }): Promise<readonly (Uint8Array | null)[]>
  /** `ttlMs`: milliseconds until an entry expires. */
  set(
    options: CallOptions & {
      readonly entries: readonly { readonly key: string; readonly value: Uint8Array }[]
      readonly ttlMs: number
    },
  ): Promise<void>
  delete(options: CallOptions & { readonly keys: readonly string[] }): Promise<void>
}

/** What an engine offers beside its roles. Later contract-1 releases add `journal` and `queue`. */
export interface Services {
  readonly cache?: CacheService
}
