import {
  type Backend,
  type DeleteResult,
  documentKey,
  type FieldType,
  type FilterNode,
  type Key,
  type Metadata,
  type Page,
  type RecordIssue,
  type RoleCapabilities,
  type RoleName,
  type Scope,
  type UpsertMode,
  type Version,
  type WriteResult,
} from '@veritas-db/core/contract'
import { assert, sleep } from '../assert.js'

/** A record as the suites that hold for every role see it. */
export interface Item {
  readonly id: string
  readonly version: Version
  readonly data: Metadata
}

export interface Stored {
  readonly key: Key
  readonly documentId: string
  readonly version: Version
  readonly data: Metadata
}

export interface Scanned {
  readonly key: Key
  readonly version: Version
  readonly ordinal?: number
  readonly documentId?: string
  readonly data?: Metadata
}

export interface ScanArguments {
  readonly cursor?: string
  readonly limit?: number
  readonly filter?: FilterNode
  readonly keysOnly?: boolean
  readonly signal?: AbortSignal
}

/** The fields that every place declares with a type; all others are undeclared metadata. */
export const FIELDS: Readonly<Record<'s' | 'n' | 'b' | 'd' | 'tags' | 'nums', FieldType>> = {
  s: 'string',
  n: 'number',
  b: 'boolean',
  d: 'date',
  tags: 'string[]',
  nums: 'number[]',
}

type Wait = ((role: RoleName) => Promise<void>) | undefined

/** A collection, graph or table, with what the suites for every role do to it. */
export abstract class Place {
  abstract readonly role: RoleName
  abstract readonly capabilities: RoleCapabilities
  readonly scope: Scope
  readonly wait: Wait
  #token: string | undefined
  #writtenAt: number | undefined

  constructor(scope: Scope, wait: Wait) {
    this.scope = scope
    this.wait = wait
  }

  abstract ensure(): Promise<void>
  abstract drop(): Promise<void>
  abstract write(items: readonly Item[], options?: { mode?: UpsertMode; signal?: AbortSignal }): Promise<WriteResult>
  abstract read(ids: readonly string[], signal?: AbortSignal): Promise<Stored[]>
  /** The keys of what the role's main query finds with the filter. */
  abstract match(filter: FilterNode, signal?: AbortSignal): Promise<Key[]>
  /** null where the role counts without filters. */
  abstract count(filter?: FilterNode, signal?: AbortSignal): Promise<number | null>
  abstract scan(options: ScanArguments): Promise<Page<Scanned>>
  abstract remove(ids: readonly string[], signal?: AbortSignal): Promise<DeleteResult>
  abstract check(items: readonly Item[]): readonly RecordIssue[]
  /** Where filters find a field of `data`. */
  abstract path(field: string): string
  /** What filters are evaluated on. */
  abstract view(data: Metadata): Metadata
  /** The same place through another connection. */
  abstract through(backend: Pick<Backend, 'roles'>): Place

  /** Whether `match` may miss some, since the search is approximate. */
  get approximate(): boolean {
    return false
  }

  key(id: string): Key {
    return documentKey(this.scope, id)
  }

  /** Notes a write, so that the next read waits as declared: not at all, or for what an `eventual` backend asks. */
  wrote<R extends { readonly token?: string }>(result: R): R {
    if (this.capabilities.readAfterWrite === 'immediate') return result
    if (result.token !== undefined) this.#token = result.token
    else this.#writtenAt = performance.now()
    return result
  }

  /** The options that every read carries, once earlier writes can be seen. */
  async reading(signal?: AbortSignal): Promise<{ scope: Scope; after?: string; signal?: AbortSignal }> {
    if (this.#writtenAt !== undefined) {
      if (this.wait) await this.wait(this.role)
      else {
        const delay = this.capabilities.visibilityDelayMs
        assert.ok(delay !== undefined, 'an eventual backend returns tokens or declares visibilityDelayMs')
        // A timer may fire a little early.
        await sleep(Math.max(0, Math.ceil(this.#writtenAt + delay + 5 - performance.now())))
      }
      this.#writtenAt = undefined
    }
    return {
      scope: this.scope,
      ...(this.#token !== undefined && { after: this.#token }),
      ...(signal && { signal }),
    }
  }

  /** All that a scan gives, page by page. */
  async scanAll(options: ScanArguments = {}, mostPages = 1000): Promise<Scanned[]> {
    const records: Scanned[] = []
    let cursor = options.cursor
    for (let pages = 0; ; pages++) {
      assert.ok(pages < mostPages, `scan: still not at the end after ${pages} pages`)
      const page = await this.scan({ ...options, ...(cursor !== undefined && { cursor }) })
      records.push(...page.records)
      if (page.cursor === null) return records
      assert.equal(typeof page.cursor, 'string', 'scan: the cursor is a string, or null at the end')
      assert.notEqual(page.cursor, cursor, 'scan: the cursor of a page must differ from the one before')
      cursor = page.cursor
    }
  }

  /** Data as it must come back. */
  expected(data: Metadata): Metadata {
    return data
  }
}
