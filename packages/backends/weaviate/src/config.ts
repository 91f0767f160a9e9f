import { NAME_PATTERN, type Secret, secret } from '@veritas-db/core/contract'
import type { WeaviateClient } from 'weaviate-client'
import { z } from 'zod'

/** How many replicas must agree, where there are several. */
export type Consistency = 'ONE' | 'QUORUM' | 'ALL'

/** The options as users write them. */
export interface WeaviateConfigInput {
  /** The REST API: `http://host:port` or, with TLS, `https://host:port`, perhaps with a path; no user and password. Default `http://localhost:8080`. */
  readonly url?: string | undefined
  /** The gRPC API, `host:port`. Default the host of `url` and port 50051. */
  readonly grpc?: string | undefined
  /** Whether gRPC uses TLS. Default: as `url` does. */
  readonly grpcSecure?: boolean | undefined
  /** A proxy that gRPC tunnels through: its URL. */
  readonly grpcProxyUrl?: string | undefined
  /** An API key … */
  readonly apiKey?: string | undefined
  /** … or a user of the OpenID provider that the server names, with `password`, … */
  readonly username?: string | undefined
  readonly password?: string | undefined
  /** … or a client of it … */
  readonly clientSecret?: string | undefined
  /** … or a token that it has given out, with its `refreshToken` where there is one. */
  readonly accessToken?: string | undefined
  readonly refreshToken?: string | undefined
  /** How long `accessToken` is good for, in seconds. Default 60. */
  readonly expiresInSeconds?: number | undefined
  /** What is asked of the OpenID provider. Default: what the server names. */
  readonly scopes?: readonly string[] | undefined
  /** Further headers of every request. Their values are treated as secrets. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** A client to use; it is not closed. Records are written through `url`, with the client's credentials: name it too. */
  readonly client?: WeaviateClient | undefined
  /** How long connecting may take, in milliseconds. Default: the manager's time for one call. */
  readonly connectTimeoutMs?: number | undefined
  /** What the names of our collections start with. Default `veritas`. */
  readonly prefix?: string | undefined
  /** How many replicas must agree to reads and writes. Default: the server's choice. */
  readonly consistency?: Consistency | undefined
  /** Replicas of new collections. Default: the server's choice. */
  readonly replicas?: number | undefined
  /** The most results that the server gives or deletes at once: its `QUERY_MAXIMUM_RESULTS`. Default 10,000. */
  readonly maxResults?: number | undefined
  /**
   * How long a write may take to be seen, in milliseconds: for servers that index in the background (`ASYNC_INDEXING`) or
   * read from replicas that may lag. Default 0: at once.
   */
  readonly visibilityDelayMs?: number | undefined
  /** The HNSW index of new collections. Default: the server's parameters. */
  readonly hnsw?:
    | {
        /** Candidates looked at while a vector is added. */
        readonly efConstruction?: number | undefined
        /** Candidates looked at by a query. */
        readonly ef?: number | undefined
        /** Neighbours of a vector. */
        readonly maxConnections?: number | undefined
      }
    | undefined
}

type Secrets = 'apiKey' | 'password' | 'clientSecret' | 'accessToken' | 'refreshToken'

/** The options with their defaults filled in. */
export interface WeaviateConfig extends Omit<WeaviateConfigInput, Secrets | 'headers'> {
  readonly url: string
  readonly apiKey?: Secret | undefined
  readonly password?: Secret | undefined
  readonly clientSecret?: Secret | undefined
  readonly accessToken?: Secret | undefined
  readonly refreshToken?: Secret | undefined
  readonly headers?: Readonly<Record<string, Secret>> | undefined
  readonly expiresInSeconds: number
  readonly prefix: string
  readonly maxResults: number
  readonly visibilityDelayMs: number
  readonly hnsw: NonNullable<WeaviateConfigInput['hnsw']>
}

/** Whether a value is a client of weaviate-client, of whatever copy of the package. */
const isClient = (value: unknown): value is WeaviateClient =>
  typeof value === 'object' && value !== null && 'collections' in value && 'batch' in value && 'getMeta' in value

const isServerUrl = (text: string): boolean => {
  if (!URL.canParse(text)) return false
  const { protocol, username, password, search, hash } = new URL(text)
  return (protocol === 'http:' || protocol === 'https:') && [username, password, search, hash].every((s) => s === '')
}

const positive = z.number().int().min(1)
const secretText = z.string().min(1).transform(secret)

/** Checks the options. */
export const weaviateConfig: z.ZodType<WeaviateConfig, WeaviateConfigInput | undefined> = z
  .strictObject({
    url: z
      .string()
      .refine(isServerUrl, {
        error:
          'needs http://host:port or https://host:port, without user and password (use apiKey, username or headers)',
      })
      .default('http://localhost:8080'),
    grpc: z
      .string()
      .regex(/^(\[[0-9a-fA-F:]+\]|[^\s:/@]+):\d{1,5}$/, 'needs host:port')
      .optional(),
    grpcSecure: z.boolean().optional(),
    grpcProxyUrl: z.url().optional(),
    apiKey: secretText.optional(),
    username: z.string().min(1).optional(),
    password: secretText.optional(),
    clientSecret: secretText.optional(),
    accessToken: secretText.optional(),
    refreshToken: secretText.optional(),
    expiresInSeconds: positive.default(60),
    scopes: z.array(z.string()).optional(),
    headers: z.record(z.string(), secretText).optional(),
    client: z.custom<WeaviateClient>(isClient, { error: 'needs a client of the package weaviate-client' }).optional(),
    connectTimeoutMs: positive.optional(),
    prefix: z.string().regex(NAME_PATTERN).default('veritas'),
    consistency: z.enum(['ONE', 'QUORUM', 'ALL']).optional(),
    replicas: positive.optional(),
    maxResults: positive.min(2).default(10_000),
    visibilityDelayMs: z.number().int().min(0).default(0),
    hnsw: z
      .strictObject({
        efConstruction: positive.optional(),
        ef: z.number().int().min(-1).optional(),
        maxConnections: positive.optional(),
      })
      .default({}),
  })
  .refine(
    ({ apiKey, username, clientSecret, accessToken }) =>
      [apiKey, username, clientSecret, accessToken].filter((way) => way !== undefined).length <= 1,
    { error: 'has several ways to authenticate: give one of apiKey, username, clientSecret and accessToken' },
  )
  .refine(({ username, password }) => (username === undefined) === (password === undefined), {
    error: 'username and password belong together',
  })
  .prefault({})
