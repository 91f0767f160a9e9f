import { type Secret, secret } from '@veritas-db/core/contract'
import type { MongoClient } from 'mongodb'
import { z } from 'zod'

/** The options of the MongoDB backend. Names end in their units. */
export interface MongoConfigInput {
  /** The connection string, `mongodb://` or `mongodb+srv://`. It may hold a password, and is never shown. Default `mongodb://127.0.0.1:27017`. */
  readonly url?: string | undefined
  /** A client to use in place of `url`; it is not closed by us. Its options stay as they are: give it `retryReads: false, retryWrites: false`. */
  readonly client?: MongoClient | undefined
  /** The database that holds our collections. Default `veritas`. */
  readonly database?: string | undefined
  /** What the names of our collections start with. Default `veritas`. */
  readonly prefix?: string | undefined
  /** In place of a user in `url`. */
  readonly username?: string | undefined
  /** In place of a password in `url`. */
  readonly password?: string | undefined
  /** The database that holds the user. */
  readonly authSource?: string | undefined
  readonly authMechanism?: AuthMechanism | undefined
  readonly replicaSet?: string | undefined
  /** Talks to the named host alone, whatever replica set it belongs to. */
  readonly directConnection?: boolean | undefined
  readonly tls?: boolean | undefined
  /** Path of a PEM file with the certificate authorities to trust. */
  readonly tlsCAFile?: string | undefined
  /** Path of a PEM file with the client's certificate and key. */
  readonly tlsCertificateKeyFile?: string | undefined
  readonly tlsCertificateKeyFilePassword?: string | undefined
  readonly tlsAllowInvalidCertificates?: boolean | undefined
  readonly tlsAllowInvalidHostnames?: boolean | undefined
  /** Connections, at most. Default: the manager's pool size. */
  readonly poolSize?: number | undefined
  /** How long to look for a server that answers, in milliseconds. Default 5000. */
  readonly connectTimeoutMs?: number | undefined
  /** How long the server may work on one read, in milliseconds. Default: the manager's query timeout. */
  readonly queryTimeoutMs?: number | undefined
  /** How long a connection may stay silent while an answer is due, in milliseconds. Default 60,000. */
  readonly socketTimeoutMs?: number | undefined
  /** How many members of a replica set confirm a write: `majority`, or a number. Default `majority`. */
  readonly writeConcern?: 'majority' | number | undefined
  /**
   * `auto`: units of work and transactions where the server has them, which is known once it is connected.
   * `required`: the same from the start, and an error of `connect` where the server has none. `off`: never. Default `auto`.
   */
  readonly transactions?: 'auto' | 'required' | 'off' | undefined
  /** Vectors: how many neighbours an approximate search considers, at least; 20 for each that is asked for, if that is more. Default 100. */
  readonly numCandidates?: number | undefined
  /** Vectors: how long a write typically takes until searches see it, in milliseconds. Default 2000. */
  readonly visibilityDelayMs?: number | undefined
  /** Vectors: how long a new search index may take until it can be asked, in milliseconds. Default 120,000. */
  readonly indexReadyTimeoutMs?: number | undefined
}

export type AuthMechanism =
  | 'DEFAULT'
  | 'SCRAM-SHA-1'
  | 'SCRAM-SHA-256'
  | 'PLAIN'
  | 'MONGODB-X509'
  | 'MONGODB-AWS'
  | 'GSSAPI'

type Defaulted =
  | 'url'
  | 'database'
  | 'prefix'
  | 'connectTimeoutMs'
  | 'socketTimeoutMs'
  | 'writeConcern'
  | 'transactions'
  | 'numCandidates'
  | 'visibilityDelayMs'
  | 'indexReadyTimeoutMs'
type Secrets = 'url' | 'password' | 'tlsCertificateKeyFilePassword'

/** The options with their defaults filled in, and what is secret hidden. */
export type MongoConfig = Omit<MongoConfigInput, Defaulted | Secrets> & {
  readonly [K in Exclude<Defaulted, 'url'>]: NonNullable<MongoConfigInput[K]>
} & {
  readonly url: Secret
  readonly password?: Secret | undefined
  readonly tlsCertificateKeyFilePassword?: Secret | undefined
}

const text = z.string().min(1)
const milliseconds = z.number().int().min(1)

export const mongoConfig: z.ZodType<MongoConfig, MongoConfigInput | undefined> = z
  .strictObject({
    url: z
      .string()
      .regex(/^mongodb(\+srv)?:\/\/[^/?]/i, 'needs a connection string that starts with mongodb:// or mongodb+srv://')
      .default('mongodb://127.0.0.1:27017')
      .transform(secret),
    client: z
      .custom<MongoClient>(
        (value) => typeof value === 'object' && value !== null && 'db' in value && typeof value.db === 'function',
        'needs a MongoClient of the package "mongodb"',
      )
      .optional(),
    database: z
      .string()
      .regex(/^[A-Za-z0-9_-]{1,63}$/, 'needs letters, digits, "_" and "-", 63 at most')
      .default('veritas'),
    prefix: z
      .string()
      .regex(/^[A-Za-z][A-Za-z0-9_-]{0,23}$/, 'needs a letter, then letters, digits, "_" and "-", 24 at most')
      .default('veritas'),
    username: text.optional(),
    password: text.transform(secret).optional(),
    authSource: text.optional(),
    authMechanism: z
      .enum(['DEFAULT', 'SCRAM-SHA-1', 'SCRAM-SHA-256', 'PLAIN', 'MONGODB-X509', 'MONGODB-AWS', 'GSSAPI'])
      .optional(),
    replicaSet: text.optional(),
    directConnection: z.boolean().optional(),
    tls: z.boolean().optional(),
    tlsCAFile: text.optional(),
    tlsCertificateKeyFile: text.optional(),
    tlsCertificateKeyFilePassword: text.transform(secret).optional(),
    tlsAllowInvalidCertificates: z.boolean().optional(),
    tlsAllowInvalidHostnames: z.boolean().optional(),
    poolSize: z.number().int().min(1).optional(),
    connectTimeoutMs: milliseconds.default(5000),
    queryTimeoutMs: milliseconds.optional(),
    socketTimeoutMs: milliseconds.default(60_000),
    writeConcern: z.union([z.literal('majority'), z.number().int().min(1)]).default('majority'),
    transactions: z.enum(['auto', 'required', 'off']).default('auto'),
    numCandidates: z.number().int().min(1).max(10_000).default(100),
    visibilityDelayMs: z.number().int().min(0).default(2000),
    indexReadyTimeoutMs: milliseconds.default(120_000),
  })
  .prefault({})
