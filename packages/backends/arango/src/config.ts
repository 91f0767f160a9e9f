import { type Secret, secret } from '@veritas-db/core/contract'
import type { Database } from 'arangojs'
import { z } from 'zod'

/** TLS of a connection, as Node's `tls.connect` takes it. */
export interface ArangoTls {
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

/** The options with their defaults filled in. Names end in their units. */
export interface ArangoConfig {
  /** The server's address, without user and password. Default `http://127.0.0.1:8529`. */
  readonly url: string
  /** The database, which must be there. Default `_system`. */
  readonly database: string
  /** Default `root`. */
  readonly username: string
  /** Default empty. */
  readonly password?: Secret | undefined
  /** A bearer token, in place of user and password. */
  readonly token?: Secret | undefined
  /** Begins the names of all collections. Default `veritas`. */
  readonly prefix: string
  /** Parallel requests; transactions have as many again for themselves. Default the manager's pool size. */
  readonly poolSize?: number | undefined
  /** How long one request may take, and a query run on the server, in milliseconds. Default the manager's query timeout. */
  readonly timeoutMs?: number | undefined
  /** TLS, for `https:`. Certificates and key as PEM texts. */
  readonly tls?: ArangoTls | undefined
  /** A client to use in place of all options above but `prefix`; it is not closed by us. Make it with `maxRetries: false`. */
  readonly client?: Database | undefined
}

/** The options as users write them. */
export type ArangoConfigInput =
  | ({
      readonly [K in Exclude<keyof ArangoConfig, 'tls'>]?:
        | (K extends 'password' | 'token' ? string : ArangoConfig[K])
        | undefined
    } & { readonly tls?: (Omit<ArangoTls, 'key'> & { readonly key?: string | undefined }) | undefined })
  | undefined

const withoutCredentials = (url: string): boolean => {
  const { username, password } = new URL(url)
  return username === '' && password === ''
}

const isClient = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && 'isArangoDatabase' in value && value.isArangoDatabase === true

/** Checks the options. */
export const arangoConfig: z.ZodType<ArangoConfig, ArangoConfigInput> = z
  .strictObject({
    url: z
      .url({ protocol: /^https?$/ })
      .refine(withoutCredentials, 'must hold no user and password: use the options username and password')
      .default('http://127.0.0.1:8529'),
    database: z.string().min(1).default('_system'),
    username: z.string().min(1).default('root'),
    password: z.string().transform(secret).optional(),
    token: z.string().min(1).transform(secret).optional(),
    prefix: z
      .string()
      .regex(/^[a-z][a-z0-9]*(_[a-z0-9]+)*$/, 'needs lower-case letters, digits and single "_", a letter first')
      .max(20)
      .default('veritas'),
    poolSize: z.number().int().min(1).max(1000).optional(),
    timeoutMs: z.number().int().positive().optional(),
    tls: z
      .strictObject({
        ca: z.string().min(1).optional(),
        cert: z.string().min(1).optional(),
        key: z.string().min(1).transform(secret).optional(),
        rejectUnauthorized: z.boolean().optional(),
        servername: z.string().min(1).optional(),
      })
      .optional(),
    client: z.custom<Database>(isClient, 'needs a Database of arangojs').optional(),
  })
  .refine((config) => config.token === undefined || config.password === undefined, {
    path: ['token'],
    message: 'stands in place of a password: give one of the two',
  })
  .prefault({})
