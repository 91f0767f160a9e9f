import { type Secret, secret } from '@veritas-db/core/contract'
import type { Pool } from 'pg'
import { z } from 'zod'

/** TLS of a connection, as Node's `tls.connect` takes it. Certificates and keys are PEM text. */
interface Tls<S> {
  /** Whether a certificate that cannot be verified is refused. Default true. */
  readonly rejectUnauthorized?: boolean | undefined
  /** Certificate authorities. Default those of the system. */
  readonly ca?: string | string[] | undefined
  /** The client's own certificate. */
  readonly cert?: string | undefined
  /** Its key. */
  readonly key?: S | undefined
  readonly passphrase?: S | undefined
  /** The name that the server's certificate must carry, where it is not `host`. */
  readonly servername?: string | undefined
}

/** What is given or left out, with secrets as S. */
interface Connecting<S> {
  /** `postgresql://user:password@host:port/database?sslmode=…`; the password may be given apart. */
  readonly url?: S | undefined
  /** Name, address, or folder of the Unix socket. Default `PGHOST`, else `localhost`. */
  readonly host?: string | undefined
  /** Default `PGPORT`, else 5432. */
  readonly port?: number | undefined
  /** Default `PGDATABASE`, else the user's name. */
  readonly database?: string | undefined
  /** Default `PGUSER`, else the name of the process's user. */
  readonly user?: string | undefined
  /** Default `PGPASSWORD`. */
  readonly password?: S | undefined
  /** TLS: `true` checks the server's certificate against the system's authorities. Default as the URL says, else none. */
  readonly ssl?: boolean | Tls<S> | undefined
  /** `direct` starts TLS at once, which saves a round trip (PostgreSQL 17 and newer). Default `postgres`. */
  readonly sslNegotiation?: 'postgres' | 'direct' | undefined
  /** A `Pool` of `pg` to use in place of all above; it is not closed by us. */
  readonly client?: Pool | undefined
  /** Connections of the pool. Default the manager's `performance.poolSize`. */
  readonly poolSize?: number | undefined
  /** How long the server lets a statement run, in milliseconds; 0: without end. Default the manager's `performance.queryTimeoutMs`. */
  readonly statementTimeoutMs?: number | undefined
  /** The schema that holds our tables, made where it is missing. Default the first of the search path, usually `public`. */
  readonly schema?: string | undefined
}

interface Defaulted {
  /** How long to wait for a connection, a new one or a free one of the pool, in milliseconds. Default 5000. */
  readonly connectTimeoutMs: number
  /** How long an unused connection stays open, in milliseconds. Default 30,000. */
  readonly idleTimeoutMs: number
  /** How the server's `pg_stat_activity` calls our connections. Default `veritas`. */
  readonly applicationName: string
  /** What the names of our tables start with: up to 16 lower-case letters, digits and `_`. Default `veritas`. */
  readonly prefix: string
  /** The text search configuration, such as `english`: how words are told apart and reduced to stems. Default `simple`. */
  readonly textConfig: string
  /** The index for nearest neighbours; `none` searches exactly, row by row. Default `hnsw`. */
  readonly index: 'hnsw' | 'none'
  /**
   * Half-precision numbers in the HNSW index: half the memory; stored vectors and scores stay exact. Always so above
   * 2,000 dimensions. Default false.
   */
  readonly halfvec: boolean
  /**
   * `lazy`: an index for vectors, text or metadata is built, beside reads and writes, once a read would have used it and
   * the table has more than `indexThresholdRows`: bulk loads stay fast. `eager`: all are made with the collection. Default `lazy`.
   */
  readonly indexBuild: 'lazy' | 'eager'
  /** Up to how many rows a lazy index is not worth it. Default 2000. */
  readonly indexThresholdRows: number
  /** HNSW: links of a vector, 2 to 100. Default 16. */
  readonly hnswM: number
  /** HNSW: candidates while building, at least twice `hnswM`. Default 64. */
  readonly hnswEfConstruction: number
  /** HNSW: candidates while searching, 1 to 1000: more find more and take longer. A larger `topK` raises it. Default 100. */
  readonly efSearch: number
  /** HNSW: the most rows that one filtered search looks at before an exact one takes over. Default 20,000. */
  readonly maxScanTuples: number
  /** Prepared statements a connection, at most; 0: none. Default 200. */
  readonly maxPreparedStatements: number
  /** For a pooler in transaction mode (PgBouncer, Supavisor): neither statements nor settings are left on a connection. Default false. */
  readonly transactionPooling: boolean
}

/** The options of the PostgreSQL backend as users write them. Names end in their units. */
export interface PostgresOptions
  extends Connecting<string>,
    Partial<{ [O in keyof Defaulted]: Defaulted[O] | undefined }> {}
export type PostgresConfigInput = PostgresOptions | undefined
/** The options of the PostgreSQL backend with their defaults filled in. */
export interface PostgresConfig extends Connecting<Secret>, Defaulted {}

const isPool = (value: unknown): value is Pool =>
  typeof value === 'object' && value !== null && 'connect' in value && 'totalCount' in value && 'options' in value

const milliseconds = z.number().int().min(1)
const hidden = z.string().min(1).transform(secret)
const name = z.string().min(1)
const identifier = (most: number): z.ZodString =>
  z
    .string()
    .regex(/^[a-z][a-z0-9_]*$/, 'needs lower-case letters, digits and "_", a letter first')
    .max(most)

const tls = z.strictObject({
  rejectUnauthorized: z.boolean().default(true),
  ca: z.union([name, z.array(name)]).optional(),
  cert: name.optional(),
  key: hidden.optional(),
  passphrase: hidden.optional(),
  servername: name.optional(),
})

/** The schema of the options. */
export const postgresConfig: z.ZodType<PostgresConfig, PostgresConfigInput> = z
  .strictObject({
    url: hidden.optional(),
    host: name.optional(),
    port: z.number().int().min(1).max(65_535).optional(),
    database: name.optional(),
    user: name.optional(),
    password: hidden.optional(),
    ssl: z.union([z.boolean(), tls]).optional(),
    sslNegotiation: z.enum(['postgres', 'direct']).optional(),
    client: z.custom<Pool>(isPool, 'needs a Pool of the package pg').optional(),
    poolSize: z.number().int().min(1).max(1000).optional(),
    connectTimeoutMs: milliseconds.default(5000),
    statementTimeoutMs: z.number().int().min(0).optional(),
    idleTimeoutMs: milliseconds.default(30_000),
    applicationName: name.max(63).default('veritas'),
    schema: identifier(63).optional(),
    prefix: identifier(16).default('veritas'),
    textConfig: identifier(63).default('simple'),
    index: z.enum(['hnsw', 'none']).default('hnsw'),
    halfvec: z.boolean().default(false),
    indexBuild: z.enum(['lazy', 'eager']).default('lazy'),
    indexThresholdRows: z.number().int().min(0).default(2000),
    hnswM: z.number().int().min(2).max(100).default(16),
    hnswEfConstruction: z.number().int().min(4).max(1000).default(64),
    efSearch: z.number().int().min(1).max(1000).default(100),
    maxScanTuples: z.number().int().min(1).max(2_147_483_647).default(20_000),
    maxPreparedStatements: z.number().int().min(0).default(200),
    transactionPooling: z.boolean().default(false),
  })
  .refine((o) => o.hnswEfConstruction >= 2 * o.hnswM, {
    path: ['hnswEfConstruction'],
    message: 'must be at least twice hnswM',
  })
  .refine((o) => o.url === undefined || (o.host ?? o.port ?? o.database ?? o.user) === undefined, {
    path: ['url'],
    message: 'cannot be combined with host, port, database or user',
  })
  .prefault({})
