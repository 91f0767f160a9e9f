import { availableParallelism } from 'node:os'
import { DatabaseSync } from 'node:sqlite'
import { z } from 'zod'

/** The options of the embedded backend with their defaults filled in. Names end in their units. */
export interface SqliteConfig {
  /** The database file; its folder is made where it is missing. `:memory:` keeps everything in memory. Default `veritas.db`. */
  readonly path: string
  /** An open connection to use in place of `path`, made with `allowExtension: true`; it is not closed by us. */
  readonly client?: DatabaseSync | undefined
  /** Write-ahead log: readers and the writer don't wait for each other. Without it a rollback journal is used. Default true. */
  readonly wal: boolean
  /** How long a write waits for another process that is writing, in milliseconds. Default 5000. */
  readonly busyTimeoutMs: number
  /**
   * `full` (default): a commit survives a loss of power. `normal`: it survives a crash of the process, and a loss of
   * power may take the latest ones. `off`: a loss of power may damage the file. `extra`: as `full`, for a rollback journal.
   */
  readonly synchronous: 'off' | 'normal' | 'full' | 'extra'
  /** Page cache of each of the two connections, in KiB. Default 32,768. */
  readonly cacheSizeKb: number
  /** How large the write-ahead log grows before it is copied into the file, in KiB. Default 65,536. */
  readonly walCheckpointKb: number
  /** Page size of a new file, in bytes: a power of two from 512 to 65,536. Default 8192. */
  readonly pageSizeBytes: number
  /**
   * Memory for the vector matrices of all collections together, in bytes; a collection may take 4 GiB at most. A row of
   * 384 dimensions takes 392 bytes. A collection that does not fit is searched by sqlite-vec in the file: slower, the
   * same answers. Default 1 GiB.
   */
  readonly vectorMemoryLimitBytes: number
  /**
   * Threads that scan the codes of a large collection, the main one included; they are started with its first query.
   * Default: the number of cores, at most 4.
   */
  readonly vectorThreads: number
}

/** The options as users write them. */
export type SqliteConfigInput = { readonly [K in keyof SqliteConfig]?: SqliteConfig[K] | undefined } | undefined

const bytes = z.number().int().min(0)
const powerOfTwo = (n: number): boolean => (n & (n - 1)) === 0

/** Checks the options. */
export const sqliteConfig: z.ZodType<SqliteConfig, SqliteConfigInput> = z
  .strictObject({
    path: z.string().min(1).default('veritas.db'),
    client: z.instanceof(DatabaseSync).optional(),
    wal: z.boolean().default(true),
    busyTimeoutMs: z.number().int().min(0).default(5000),
    synchronous: z.enum(['off', 'normal', 'full', 'extra']).default('full'),
    cacheSizeKb: z.number().int().min(0).default(32_768),
    walCheckpointKb: z.number().int().min(64).default(65_536),
    pageSizeBytes: z.number().int().min(512).max(65_536).refine(powerOfTwo, 'must be a power of two').default(8192),
    vectorMemoryLimitBytes: bytes.default(2 ** 30),
    vectorThreads: z.number().int().min(1).max(4).default(Math.min(4, availableParallelism())),
  })
  .prefault({})
