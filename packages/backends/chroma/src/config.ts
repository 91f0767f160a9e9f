import { NAME_PATTERN, type Secret, secret } from '@veritas-db/core/contract'
import type { ChromaClient } from 'chromadb'
import { z } from 'zod'

/** Whether a value is a client of chromadb, of whatever copy of the package. */
const isClient = (value: unknown): value is ChromaClient =>
  typeof value === 'object' &&
  value !== null &&
  'getOrCreateCollection' in value &&
  typeof value.getOrCreateCollection === 'function'

const isServerUrl = (text: string): boolean => {
  if (!URL.canParse(text)) return false
  const { protocol, username, password, pathname, search, hash } = new URL(text)
  const plain = username === '' && password === '' && search === '' && hash === '' && pathname === '/'
  return (protocol === 'http:' || protocol === 'https:') && plain
}

/** The options as users write them. */
export interface ChromaConfigInput {
  /** The server: `http://host:port` or, with TLS, `https://host:port`; no path, no user and password. Default `http://localhost:8000`. */
  readonly url?: string | undefined
  /** Default `default_tenant`. */
  readonly tenant?: string | undefined
  /** Default `default_database`. */
  readonly database?: string | undefined
  /** The token of the server's authentication. */
  readonly token?: string | undefined
  /** The header that carries the token: `authorization` (as `Bearer …`, the default) or `x-chroma-token`. */
  readonly tokenHeader?: 'authorization' | 'x-chroma-token' | undefined
  /** Further headers of every request. Their values are treated as secrets. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Further options of `fetch`, such as an undici `dispatcher` with certificates of your own. Not for secrets: they are shown. */
  readonly fetchOptions?: RequestInit | undefined
  /** A `ChromaClient` to use in place of the connection options above. Its requests cannot be aborted in flight. */
  readonly client?: ChromaClient | undefined
  /** How long connecting may take, in milliseconds. Default: the manager's time for one call. */
  readonly connectTimeoutMs?: number | undefined
  /** What the names of our collections start with. Default `veritas`. */
  readonly prefix?: string | undefined
  /** Records a request, at most. Default: what the server says it takes. */
  readonly maxBatchRecords?: number | undefined
  /** The HNSW index of new collections. Default: the server's parameters. */
  readonly hnsw?:
    | {
        /** Candidates looked at while a vector is added. */
        readonly efConstruction?: number | undefined
        /** Candidates looked at by a query. */
        readonly efSearch?: number | undefined
        /** Neighbours of a vector. */
        readonly maxNeighbors?: number | undefined
      }
    | undefined
}

/** The options with their defaults filled in. */
export interface ChromaConfig extends Omit<ChromaConfigInput, 'token' | 'headers'> {
  readonly url: string
  readonly tenant: string
  readonly database: string
  readonly token?: Secret | undefined
  readonly tokenHeader: 'authorization' | 'x-chroma-token'
  readonly headers?: Readonly<Record<string, Secret>> | undefined
  readonly prefix: string
  readonly hnsw: NonNullable<ChromaConfigInput['hnsw']>
}

const positive = z.number().int().min(1)
const secretText = z.string().min(1).transform(secret)

/** Checks the options. */
export const chromaConfig: z.ZodType<ChromaConfig, ChromaConfigInput | undefined> = z
  .strictObject({
    url: z
      .string()
      .refine(isServerUrl, {
        error: 'needs http://host:port or https://host:port, without path, user and password (use token or headers)',
      })
      .default('http://localhost:8000'),
    tenant: z.string().min(1).default('default_tenant'),
    database: z.string().min(1).default('default_database'),
    token: secretText.optional(),
    tokenHeader: z.enum(['authorization', 'x-chroma-token']).default('authorization'),
    headers: z.record(z.string(), secretText).optional(),
    fetchOptions: z.custom<RequestInit>((value) => typeof value === 'object' && value !== null).optional(),
    client: z.custom<ChromaClient>(isClient, { error: 'needs a ChromaClient of the package chromadb' }).optional(),
    connectTimeoutMs: positive.optional(),
    prefix: z.string().regex(NAME_PATTERN).default('veritas'),
    maxBatchRecords: positive.optional(),
    hnsw: z
      .strictObject({
        efConstruction: positive.optional(),
        efSearch: positive.optional(),
        maxNeighbors: positive.min(2).optional(),
      })
      .default({}),
  })
  .prefault({})
