import { type Secret, secret } from '@veritas-db/core/contract'
import type { Dispatcher } from 'undici'
import { z } from 'zod'

/** The options of the CozoDB backend. Names end in their units. */
export interface CozoConfigInput {
  /** Where `cozo server` answers, a path in front of `/text-query` included. Default `http://127.0.0.1:9070`. */
  readonly url?: string | undefined
  /** Sent as the header `x-cozo-auth`; `cozo server` writes it to a file beside its data. */
  readonly authToken?: string | undefined
  /** A dispatcher of undici, such as a pool or a mock, in place of our own; it is not closed by us. */
  readonly client?: Dispatcher | undefined
  /** What the names of our relations start with: a lower-case letter, then lower-case letters, digits and `_`. Default `veritas`. */
  readonly prefix?: string | undefined
  /** Connections, at most. Default: the manager's pool size. */
  readonly poolSize?: number | undefined
  /** How long `connect` may take, in milliseconds. Default 5000. */
  readonly connectTimeoutMs?: number | undefined
  /** How long one request may take, in milliseconds. Default: the manager's query timeout. */
  readonly queryTimeoutMs?: number | undefined
  /** For `https:` */
  readonly tls?: CozoTls | undefined
  /** Of indexes that are made from now on. */
  readonly hnsw?: CozoHnsw | undefined
}

export interface CozoTls {
  /** PEM texts of the certificate authorities to trust. */
  readonly ca?: string | undefined
  /** PEM text of the client's certificate. */
  readonly cert?: string | undefined
  /** PEM text of the client's key. */
  readonly key?: string | undefined
  /** Default true. */
  readonly rejectUnauthorized?: boolean | undefined
  readonly servername?: string | undefined
}

export interface CozoHnsw {
  /** Neighbours a vector is linked with. Default 16. */
  readonly m?: number | undefined
  /** Candidates looked at when a vector is inserted: more are slower and better. Default 64. */
  readonly efConstruction?: number | undefined
  /** Candidates looked at by a query, at least; never fewer than four for each wanted match. Default 100. */
  readonly ef?: number | undefined
}

/** The options with their defaults filled in, and what is secret hidden. */
export interface CozoConfig
  extends Omit<CozoConfigInput, 'url' | 'authToken' | 'prefix' | 'connectTimeoutMs' | 'tls' | 'hnsw'> {
  readonly url: string
  readonly authToken?: Secret | undefined
  readonly prefix: string
  readonly connectTimeoutMs: number
  readonly tls?: (Omit<CozoTls, 'key'> & { readonly key?: Secret | undefined }) | undefined
  readonly hnsw: { readonly m: number; readonly efConstruction: number; readonly ef: number }
}

const milliseconds = z.number().int().min(1)
const text = z.string().min(1)

export const cozoConfig: z.ZodType<CozoConfig, CozoConfigInput | undefined> = z
  .strictObject({
    url: z
      .url({ protocol: /^https?$/, error: 'needs an address such as http://127.0.0.1:9070' })
      .refine(
        (url) => !new URL(url).password && !new URL(url).search,
        'must hold no password and no query: use authToken',
      )
      .default('http://127.0.0.1:9070'),
    authToken: text.transform(secret).optional(),
    client: z
      .custom<Dispatcher>(
        (value) =>
          typeof value === 'object' && value !== null && 'dispatch' in value && typeof value.dispatch === 'function',
        'needs a dispatcher of the package "undici"',
      )
      .optional(),
    prefix: z
      .string()
      .regex(/^[a-z][a-z0-9_]{0,23}$/, 'needs a lower-case letter, then lower-case letters, digits and "_", 24 at most')
      .default('veritas'),
    poolSize: z.number().int().min(1).optional(),
    connectTimeoutMs: milliseconds.default(5000),
    queryTimeoutMs: milliseconds.optional(),
    tls: z
      .strictObject({
        ca: text.optional(),
        cert: text.optional(),
        key: text.transform(secret).optional(),
        rejectUnauthorized: z.boolean().optional(),
        servername: text.optional(),
      })
      .optional(),
    hnsw: z
      .strictObject({
        m: z.number().int().min(2).max(512).default(16),
        efConstruction: z.number().int().min(4).max(10_000).default(64),
        ef: z.number().int().min(1).max(10_000).default(100),
      })
      .prefault({}),
  })
  .prefault({})
