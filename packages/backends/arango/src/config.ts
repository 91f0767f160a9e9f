import { type Secret, secret } from '@veritas-db/core/contract'
import type { Database } from 'arangojs'
import { z } from 'zod'

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
  /** Options of the undici agent, such as `{ connect: { ca } }`, for TLS of one's own. Needs the package `undici`. */
  readonly agentOptions?: Readonly<Record<string, unknown>> | undefined
  /** A client to use in place of all options above but `prefix`; it is not closed by us. Make it with `maxRetries: false`. */
  readonly client?: Database | undefined
}

/** The options as users write them. */
export type ArangoConfigInput =
  | {
      readonly [K in keyof ArangoConfig]?: (K extends 'password' | 'token' ? string : ArangoConfig[K]) | undefined
    }
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
    agentOptions: z.record(z.string(), z.unknown()).optional(),
    client: z.custom<Database>(isClient, 'needs a Database of arangojs').optional(),
  })
  .refine((config) => config.token === undefined || config.password === undefined, {
    path: ['token'],
    message: 'stands in place of a password: give one of the two',
  })
  .prefault({})
