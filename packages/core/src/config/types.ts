import type { Metric } from '../contract/capabilities.js'
import type { AnyPlugin } from '../contract/plugin.js'
import type { FieldType } from '../contract/values.js'
import type { Embedder } from '../embedders/embedder.js'

/** Which database serves a role. */
export interface BackendConfig {
  /** Default true. */
  readonly enabled?: boolean | undefined
  /** A short name (`chroma`, `neo4j`, …), an alias (`chromadb`, `postgresql`, …), a package, a path, or a plugin. */
  readonly type: string | AnyPlugin
  /** The plugin's own options; its README lists them. */
  readonly config?: Readonly<Record<string, unknown>> | undefined
  /** Options of further instances that the database itself keeps up to date: reads are spread over them. */
  readonly replicas?: readonly Readonly<Record<string, unknown>>[] | undefined
}

export interface PerformanceConfig {
  /** Calls under way at once against one backend, and the size of its connection pool. Default 20. */
  readonly poolSize?: number | undefined
  /** Milliseconds one call may take. Default 30000. */
  readonly queryTimeoutMs?: number | undefined
  /** How often a call that failed for a passing reason is tried again. Default 3. */
  readonly retries?: number | undefined
  /** Milliseconds before the first retry, growing with jitter. Default 100. */
  readonly retryDelayMs?: number | undefined
  /** Failures in a row that open a backend's circuit breaker. Default 5. */
  readonly breakerThreshold?: number | undefined
  /** Milliseconds an open breaker waits before it lets a call through. Default 10000. */
  readonly breakerResetMs?: number | undefined
  /** Seconds that the embedding of a query is kept. Default 300; 0 keeps none. */
  readonly cacheTtlSeconds?: number | undefined
  /** Documents written at once. Default 100. */
  readonly batchSize?: number | undefined
  /** Milliseconds a health probe may take. Default 5000. */
  readonly probeTimeoutMs?: number | undefined
}

/** How text is cut into passages for the vector store. */
export interface ChunkConfig {
  /** Words a passage, at most. Default 200. */
  readonly words?: number | undefined
  /** Words that neighbouring passages share. Default 20. */
  readonly overlap?: number | undefined
}

export interface CollectionConfig {
  /** The length of vectors, where documents bring their own. Default the embedder's. */
  readonly dimensions?: number | undefined
  /** `given`: documents bring their embeddings, and text alone is refused. Default: what the first document does. */
  readonly embeddings?: 'given' | undefined
  /** Default cosine. */
  readonly metric?: Metric | undefined
  /** Types of metadata fields, by dotted path: indexed, and checked in filters. */
  readonly fields?: Readonly<Record<string, FieldType>> | undefined
}

export interface VeritasConfig {
  /** Where documents are stored whole: the authority. Of several instances of one database, the first takes the writes. */
  readonly relational?: BackendConfig | readonly BackendConfig[] | undefined
  readonly vector?: BackendConfig | readonly BackendConfig[] | undefined
  readonly graph?: BackendConfig | readonly BackendConfig[] | undefined
  /** One database for every role that is not named on its own. Default the embedded one where no role is named. */
  readonly backend?: BackendConfig | undefined
  readonly performance?: PerformanceConfig | undefined
  /** Default `hashedEmbedder()`, which is lexical. */
  readonly embedder?: Embedder | undefined
  readonly chunk?: ChunkConfig | undefined
  /** Settings of collections, by name; they apply when a collection is made. */
  readonly collections?: Readonly<Record<string, CollectionConfig>> | undefined
  /** Keeps the documents of one tenant apart from all others. */
  readonly tenant?: string | undefined
  /**
   * `false` accepts that databases of different engines are written without a journal: a crash or an outage between
   * two of them leaves them different until the document is stored again. Needed for a mix of engines.
   */
  readonly journal?: false | undefined
}

/** Types a config in a file of its own: `export default defineConfig({ … })`. */
export function defineConfig(config: VeritasConfig): VeritasConfig {
  return config
}

type Filled<T> = { readonly [F in keyof T]-?: Exclude<T[F], undefined> }

/** A config in which everything that has a default is set. */
export interface ResolvedConfig extends VeritasConfig {
  readonly performance: Filled<PerformanceConfig>
  readonly chunk: Filled<ChunkConfig>
  readonly collections: Readonly<Record<string, CollectionConfig>>
}
export type Performance = ResolvedConfig['performance']
