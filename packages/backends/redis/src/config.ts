import { NAME_PATTERN, type Secret, secret } from '@veritas-db/core/contract'
import type { RedisClientType } from 'redis'
import { z } from 'zod'

/** What is needed of a client that is injected: any client of `redis` 5 or 6 made by `createClient`. */
export type InjectedClient = Pick<RedisClientType, 'sendCommand' | 'isReady'> & {
  readonly options?: { readonly RESP?: number | undefined } | undefined
}

/** TLS of a connection, as Node's `tls.connect` takes it. */
export interface RedisTls {
  /** The certificates of the authorities that are trusted, in place of Node's. */
  readonly ca?: string | undefined
  /** The client's own certificate. */
  readonly cert?: string | undefined
  /** The key of `cert`. */
  readonly key?: Secret | undefined
  /** Whether a server's certificate must be good. Default true. */
  readonly rejectUnauthorized?: boolean | undefined
  /** The name that the server's certificate must be for, where it is not that of `url`. */
  readonly servername?: string | undefined
}

/** The options as users write them. */
export interface RedisConfigInput {
  /** `redis://[user:password@]host[:port][/database]`, or `rediss://` with TLS. Default `redis://localhost:6379`. */
  readonly url?: string | undefined
  /** The ACL user, in place of the one in `url`. */
  readonly username?: string | undefined
  /** The password, in place of the one in `url`. */
  readonly password?: string | undefined
  /** The database's number, in place of the one in `url`. Vectors need 0: RediSearch indexes no other. Default 0. */
  readonly database?: number | undefined
  /** Whether to speak TLS, or with what; certificates and key as PEM texts. Default: as the URL's protocol says. */
  readonly tls?: boolean | (Omit<RedisTls, 'key'> & { readonly key?: string | undefined }) | undefined
  /** A connected client of the package `redis`, made with `RESP: 2`, in place of the options above. It is not closed. */
  readonly client?: InjectedClient | undefined
  /** How long connecting may take, in milliseconds. Default: the manager's time for one call. */
  readonly connectTimeoutMs?: number | undefined
  /** Connections; commands are pipelined, so that one carries many calls at once. Default 1. */
  readonly poolSize?: number | undefined
  /** What the names of our keys and indexes start with. Default `veritas`. */
  readonly prefix?: string | undefined
  /**
   * What finds records. RediSearch: `flat` compares all and is exact, `hnsw` is approximate. `vectorset`: Redis 8's own vector sets,
   * approximate or on request exact, cosine alone, without full text. `auto`: `flat` where the server has RediSearch, else `vectorset`.
   * Default `auto`.
   */
  readonly index?: 'auto' | 'flat' | 'hnsw' | 'vectorset' | undefined
  /** The graph of new collections, with `hnsw` and `vectorset`. */
  readonly hnsw?:
    | {
        /** Edges of a node, from 4 to 512. Default 16. */
        readonly m?: number | undefined
        /** Candidates looked at while a vector is added. Default 200. */
        readonly efConstruction?: number | undefined
        /** Candidates looked at by a query. Default 100; the server's own 10 misses one neighbour in twenty of ten. */
        readonly efRuntime?: number | undefined
      }
    | undefined
}

/** The options with their defaults filled in. */
export interface RedisConfig extends Pick<RedisConfigInput, 'client' | 'connectTimeoutMs' | 'username'> {
  readonly host: string
  readonly port: number
  readonly database: number
  readonly password?: Secret | undefined
  readonly tls: false | RedisTls
  readonly poolSize: number
  readonly prefix: string
  readonly index: 'auto' | 'flat' | 'hnsw' | 'vectorset'
  readonly hnsw: { readonly m: number; readonly efConstruction: number; readonly efRuntime: number }
}

const isClient = (value: unknown): value is InjectedClient =>
  typeof value === 'object' &&
  value !== null &&
  'sendCommand' in value &&
  typeof value.sendCommand === 'function' &&
  'isReady' in value

const isServerUrl = (text: string): boolean => {
  if (!URL.canParse(text)) return false
  const { protocol, hostname, pathname, search, hash } = new URL(text)
  return (
    (protocol === 'redis:' || protocol === 'rediss:') &&
    hostname !== '' &&
    search === '' &&
    hash === '' &&
    /^\/?\d*$/.test(pathname)
  )
}

const positive = z.number().int().min(1)

/** Checks the options. */
export const redisConfig: z.ZodType<RedisConfig, RedisConfigInput | undefined> = z
  .strictObject({
    url: z
      .string()
      .refine(isServerUrl, {
        error:
          'needs redis://host:port or rediss://host:port, with user:password@ before and /database after where needed',
      })
      .default('redis://localhost:6379'),
    username: z.string().min(1).optional(),
    password: z.string().min(1).optional(),
    database: z.number().int().min(0).optional(),
    tls: z
      .union([
        z.boolean(),
        z.strictObject({
          ca: z.string().min(1).optional(),
          cert: z.string().min(1).optional(),
          key: z.string().min(1).transform(secret).optional(),
          rejectUnauthorized: z.boolean().optional(),
          servername: z.string().min(1).optional(),
        }),
      ])
      .optional(),
    client: z.custom<InjectedClient>(isClient, { error: 'needs a client of the package redis' }).optional(),
    connectTimeoutMs: positive.optional(),
    poolSize: positive.max(64).default(1),
    prefix: z.string().regex(NAME_PATTERN).default('veritas'),
    index: z.enum(['auto', 'flat', 'hnsw', 'vectorset']).default('auto'),
    hnsw: z
      .strictObject({
        m: positive.min(4).max(512).default(16),
        efConstruction: positive.max(1_000_000).default(200),
        efRuntime: positive.max(1_000_000).default(100),
      })
      .prefault({}),
  })
  .prefault({})
  .transform(({ url, username, password, database, tls, ...rest }): RedisConfig => {
    const parsed = new URL(url)
    const user = username ?? (decodeURIComponent(parsed.username) || undefined)
    const word = password ?? (decodeURIComponent(parsed.password) || undefined)
    const secure = tls ?? parsed.protocol === 'rediss:'
    return {
      ...rest,
      // The brackets of an IPv6 address belong to the URL.
      host: parsed.hostname.replace(/^\[|\]$/g, ''),
      port: parsed.port === '' ? 6379 : Number(parsed.port),
      database: database ?? Number(parsed.pathname.slice(1) || 0),
      ...(user !== undefined && { username: user }),
      ...(word !== undefined && { password: secret(word) }),
      tls: typeof secure === 'object' ? secure : secure ? {} : false,
    }
  })
