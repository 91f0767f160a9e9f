import type { GraphCapabilities, UpsertMode } from '../capabilities.js'
import type { FilterNode } from '../filter/ast.js'
import type { EdgeRecord, NodeRecord, Page, RecordHead, RecordIssue, WriteResult } from '../records.js'
import type { FieldType, Key, Version } from '../values.js'
import type { DeleteResult, ReadOptions, ScanOptions, ScopedOptions } from './common.js'

export interface GraphSchema {
  /** Node labels that will be written. */
  readonly labels: readonly string[]
  readonly edgeTypes: readonly string[]
  /** Typed node properties, by dotted path, to index for `findNodes`. */
  readonly fields?: Readonly<Record<string, FieldType>>
  /** Node properties whose text `findNodes({ text })` searches. */
  readonly textFields?: readonly string[]
}

export type Direction = 'out' | 'in' | 'both'

export interface Neighbor {
  readonly node: NodeRecord
  /** The smallest number of edges from any start. */
  readonly depth: number
  /** The start it was reached from; of several at the same depth, the one with the smallest key. */
  readonly start: Key
}

export interface Path {
  /** From the start to the end, both included. */
  readonly nodes: readonly NodeRecord[]
  /** `edges[i]` joins `nodes[i]` and `nodes[i + 1]`, in either direction. */
  readonly edges: readonly EdgeRecord[]
}

/** All edges of one source: what `replaceEdges` puts in place of those that are there. */
export interface EdgeSet {
  readonly source: Key
  readonly version: Version
  readonly edges: readonly EdgeRecord[]
}

/** Documents as nodes and what they refer to as edges. */
export interface GraphRole {
  readonly capabilities: GraphCapabilities
  /** What this backend would refuse. Pure. Edges are numbered after the nodes. */
  check(nodes: readonly NodeRecord[], edges: readonly EdgeRecord[]): readonly RecordIssue[]
  /** Makes labels, edge types and indexes where they are not there; may be called again, by several callers at once. Additive. */
  ensureSchema(options: ScopedOptions & GraphSchema): Promise<void>
  /** Removes the scope with all in it; one that is not there is no error. */
  dropSchema(options: ScopedOptions): Promise<void>
  /** Writes whole nodes; edges stay. Default mode `replace`. Invalid records reject the whole call with VALIDATION before anything is written. Several with one key in a batch are treated as if sent one after the other. */
  upsertNodes(
    options: ScopedOptions & { readonly nodes: readonly NodeRecord[]; readonly mode?: UpsertMode },
  ): Promise<WriteResult>
  /** Writes whole edges between nodes that are there; an edge whose source or target is missing is `failed` with `NOT_FOUND`. */
  upsertEdges(
    options: ScopedOptions & { readonly edges: readonly EdgeRecord[]; readonly mode?: UpsertMode },
  ): Promise<WriteResult>
  /**
   * Makes each set the source's only outgoing edges, unless the source's edges have a newer version: then `stale`.
   * A newer empty set makes older ones stale too: the version is kept at the source. An answer a set. A set with a missing source or target is `failed` with `NOT_FOUND`, and its source's edges stay as they were.
   */
  replaceEdges(options: ScopedOptions & { readonly sets: readonly EdgeSet[] }): Promise<WriteResult>
  /** The nodes with these keys; missing ones are left out. */
  getNodes(options: ReadOptions & { readonly keys: readonly Key[] }): Promise<readonly NodeRecord[]>
  /** All edges that leave or enter the nodes, by direction. */
  getEdges(
    options: ReadOptions & {
      readonly keys: readonly Key[]
      readonly direction: Direction
      readonly edgeTypes?: readonly string[]
    },
  ): Promise<readonly EdgeRecord[]>
  /**
   * Nodes by properties (dotted paths into `properties`), in order of key; with `text` (where `fullText` is declared) best first.
   * Placeholders are left out unless asked for.
   */
  findNodes(
    options: ReadOptions & {
      readonly label?: string
      readonly filter?: FilterNode
      readonly text?: string
      readonly placeholders?: boolean
      readonly limit: number
    },
  ): Promise<readonly (NodeRecord & { readonly score?: number })[]>
  /** Deletes nodes and every edge that touches them; with `versionBelow`, only nodes of older versions. */
  deleteNodes(
    options: ScopedOptions & { readonly keys: readonly Key[]; readonly versionBelow?: Version },
  ): Promise<DeleteResult>
  deleteEdges(
    options: ScopedOptions & { readonly edges: readonly Pick<EdgeRecord, 'source' | 'target' | 'type' | 'ordinal'>[] },
  ): Promise<DeleteResult>
  /**
   * Nodes within a range of steps (default 1 to 1) from any start, each once at its smallest depth, nearest first, then by key.
   * Starts are not among them. `filter` and `placeholders` choose what is returned, not what is walked through. Deeper than `maxDepth`: VALIDATION.
   */
  neighbors(
    options: ReadOptions & {
      readonly starts: readonly Key[]
      readonly edgeTypes?: readonly string[]
      readonly direction?: Direction
      readonly depth?: { readonly min: number; readonly max: number }
      readonly filter?: FilterNode
      readonly placeholders?: boolean
      readonly limit: number
    },
  ): Promise<readonly Neighbor[]>
  /** A path with the fewest edges; null where there is none within `maxDepth`. From a node to itself: that node alone. Where declared. */
  shortestPath(
    options: ReadOptions & {
      readonly from: Key
      readonly to: Key
      readonly edgeTypes?: readonly string[]
      readonly direction?: Direction
      readonly maxDepth: number
    },
  ): Promise<Path | null>
  /** Placeholders count only where asked for. */
  count(options: ReadOptions & { readonly of: 'nodes' | 'edges'; readonly placeholders?: boolean }): Promise<number>
  /** All nodes, placeholders too. */
  scanNodes(options: ScanOptions & { readonly fields: 'keys' }): Promise<Page<RecordHead>>
  scanNodes(options: ScanOptions & { readonly fields?: 'all' }): Promise<Page<NodeRecord>>
  scanEdges(options: Omit<ScanOptions, 'filter'>): Promise<Page<EdgeRecord>>
  /** The engine's own language, for what the contract does not cover. Where declared. */
  raw(
    options: ReadOptions & { readonly query: string; readonly parameters?: Readonly<Record<string, unknown>> },
  ): Promise<readonly unknown[]>
}
