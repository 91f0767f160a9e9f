import type { RelationalCapabilities, UpsertMode } from '../capabilities.js'
import type { FilterNode } from '../filter/ast.js'
import type { Page, RecordHead, RecordIssue, RowRecord, WriteResult } from '../records.js'
import type { FieldType, Key } from '../values.js'
import type { DeleteResult, ReadOptions, ScanOptions, ScopedOptions } from './common.js'

export interface ColumnDefinition {
  readonly type: FieldType
  /** Whether to index it for filters and order. For `json`: the paths in it that are indexed are named in `paths`. */
  readonly index?: boolean
  /** Typed paths within a `json` column to index, relative to the column. */
  readonly paths?: Readonly<Record<string, FieldType>>
}

export interface TableDefinition {
  readonly columns: Readonly<Record<string, ColumnDefinition>>
  /** Text columns that `searchText` covers, the most important first. */
  readonly fullText?: readonly string[]
}

export interface TableOptions extends ScopedOptions {
  readonly table: string
}

export interface RowHit {
  readonly key: Key
  readonly documentId: string
  readonly version: RowRecord['version']
  /** Above 0, higher is better; comparable within one answer only. */
  readonly score: number
}

export type TableRead = ReadOptions & { readonly table: string }

/**
 * Rows of declared columns. Paths of filters start with a column; the rest goes into its JSON: `metadata.license`.
 * A call on a table that was never ensured throws `NOT_FOUND`.
 */
export interface RelationalRole {
  readonly capabilities: RelationalCapabilities
  /** What this backend would refuse. Pure. */
  check(records: readonly RowRecord[], definition?: TableDefinition): readonly RecordIssue[]
  /** Makes the table where it is not there and adds columns and indexes that are new; may be called again, by several callers at once. */
  ensureTable(options: TableOptions & TableDefinition): Promise<void>
  /** Removes the table with all in it; one that is not there is no error. */
  dropTable(options: TableOptions): Promise<void>
  /** Writes whole rows. Default mode `replace`. Invalid records reject the whole call with VALIDATION before anything is written. Several with one key in a batch are treated as if sent one after the other. */
  upsert(
    options: TableOptions & { readonly records: readonly RowRecord[]; readonly mode?: UpsertMode },
  ): Promise<WriteResult>
  /** The rows with these keys; missing ones are left out. `columns` chooses what `values` holds, default all. */
  get(
    options: TableRead & { readonly keys: readonly Key[]; readonly columns?: readonly string[] },
  ): Promise<readonly RowRecord[]>
  /** Rows that match, ordered by a column (null first, then as filters compare; descending turns that round) and then by key, ascending; default by key. */
  find(
    options: TableRead & {
      readonly filter?: FilterNode
      readonly order?: { readonly column: string; readonly direction: 'ascending' | 'descending' }
      readonly limit: number
      readonly cursor?: string
      readonly columns?: readonly string[]
    },
  ): Promise<Page<RowRecord>>
  count(options: TableRead & { readonly filter?: FilterNode }): Promise<number>
  /** An empty list deletes nothing. */
  delete(
    options: TableOptions & ({ readonly keys: readonly Key[] } | { readonly filter: FilterNode }),
  ): Promise<DeleteResult>
  /** Full text over the declared columns, best first. `query` is plain words, not a syntax; a hit holds at least one. Where declared. */
  searchText(
    options: TableRead & { readonly query: string; readonly limit: number; readonly filter?: FilterNode },
  ): Promise<readonly RowHit[]>
  scan(options: ScanOptions & { readonly table: string; readonly fields: 'keys' }): Promise<Page<RecordHead>>
  scan(
    options: ScanOptions & { readonly table: string; readonly fields?: 'all'; readonly columns?: readonly string[] },
  ): Promise<Page<RowRecord>>
  /** Runs `work` in a transaction that commits when it resolves and rolls back when it rejects. Where declared. */
  transaction<T>(options: { readonly signal?: AbortSignal }, work: (role: RelationalRole) => Promise<T>): Promise<T>
  /** A hash over (key, version) of the rows with keys in [from, to), to compare states of one backend cheaply; its formula is the backend's own. Where declared. */
  digest(
    options: TableRead & { readonly from: Key; readonly to: Key },
  ): Promise<{ readonly count: number; readonly hash: string }>
  /** The engine's own language. Where declared. */
  raw(
    options: ReadOptions & {
      readonly query: string
      readonly parameters?: readonly unknown[] | Readonly<Record<string, unknown>>
    },
  ): Promise<readonly unknown[]>
}
