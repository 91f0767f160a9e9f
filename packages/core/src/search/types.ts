import type { RoleName, VeritasError } from '../contract/errors.js'
import type { Filter } from '../contract/filter/ast.js'
import type { Direction } from '../contract/roles/graph.js'
import type { Metadata } from '../contract/values.js'

/** `semantic` asks the vector store, `graph` the graph store, `metadata` the relational store (filter and full text), `hybrid` all of them. */
export type SearchMode = 'semantic' | 'graph' | 'metadata' | 'hybrid'

/** How a hit was found: by meaning, by full text, by filter alone, or along edges. */
export type SearchType = 'semantic' | 'fullText' | 'metadata' | 'graph'

export interface SearchOptions<M extends object = Metadata> {
  /** Plain words. May be left out with a filter, a vector, or `graph.from`. */
  readonly query?: string
  /** The query's embedding, where the embedder should not make it. */
  readonly vector?: Float32Array | readonly number[]
  /** Default all collections. */
  readonly collection?: string | readonly string[]
  /** Default `hybrid`. */
  readonly mode?: SearchMode
  /** On metadata, and on the attributes `title`, `documentType`, `createdDate`, `filePath`. */
  readonly filter?: Filter<M>
  /** Hits, at most. Default 10. */
  readonly limit?: number
  /** Where and how far the graph leg walks. */
  readonly graph?: {
    /** Ids to start from; default the documents that match the query best. */
    readonly from?: readonly string[]
    /** Default `both`. */
    readonly direction?: Direction
    readonly edgeTypes?: readonly string[]
    /** Steps, at most. Default 1. */
    readonly depth?: number
  }
  /** Weights of rank fusion, by how a hit was found; defaults by what the embedder is. */
  readonly weights?: { readonly [T in SearchType]?: number }
  /** Adds to each hit how its score came about, and to the answer what was asked of whom. */
  readonly explain?: boolean
  readonly signal?: AbortSignal
}

/** One way by which a hit was found. */
export interface Finding {
  readonly searchType: SearchType
  /** The backend's name, such as `sqlite`. */
  readonly backend: string
  /** Its place in that leg's answer, from 1. */
  readonly rank: number
  /** The leg's own score: similarity, text score, or 0.5 to the power of the steps walked. */
  readonly score: number
}

export interface SearchHit<M extends object = Metadata> {
  readonly id: string
  readonly collection: string
  /** Fused, higher is better; comparable within one answer only. */
  readonly score: number
  readonly title: string | null
  readonly documentType: string | null
  readonly metadata: M
  readonly createdDate: Date | null
  readonly filePath: string | null
  /** The part of the text that fits best; empty where the authority could not be asked. */
  readonly passage: string
  /** How it was found, best first. */
  readonly found: readonly Finding[]
  /** Set where the authority could not confirm that the document is current. */
  readonly unverified?: true
}

export interface SearchWarning {
  readonly role: RoleName
  readonly backend: string
  readonly message: string
  readonly error?: VeritasError
}

/** What one leg was asked. */
export interface LegExplanation {
  readonly searchType: SearchType
  readonly collection: string
  readonly backend: string
  readonly weight: number
  /** Hits before checking against the authority. */
  readonly candidates: number
  /** Whether a part of the filter was applied after the query, since the backend cannot. */
  readonly postFiltered: boolean
  /** Milliseconds. */
  readonly durationMs: number
}

export interface SearchResult<M extends object = Metadata> {
  readonly hits: readonly SearchHit<M>[]
  /** Legs that failed or were left out, and hits that could not be checked. */
  readonly warnings: readonly SearchWarning[]
  /** Milliseconds. */
  readonly durationMs: number
  readonly explain?: { readonly legs: readonly LegExplanation[]; readonly dropped: number }
}
