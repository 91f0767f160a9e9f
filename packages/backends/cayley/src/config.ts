import { NAME_PATTERN, type Secret, secret } from '@veritas-db/core/contract'
import type { Dispatcher } from 'undici'
import { z } from 'zod'

/** The options of the Cayley backend with their defaults filled in. Names end in their units. */
export interface CayleyConfig {
  /** Where the server is, with the path before `/api` where there is one. Default `http://127.0.0.1:64210`. */
  readonly url: string
  /** User and password for a proxy in front of the server (Basic); Cayley itself asks for none. */
  readonly username?: string | undefined
  readonly password?: Secret | undefined
  /** A token for a proxy in front of the server, in place of username and password. */
  readonly bearerToken?: Secret | undefined
  /** TLS: certificates of authorities, a client certificate and its key, in PEM; `rejectUnauthorized: false` takes any certificate. */
  readonly tls?: {
    readonly ca?: string | undefined
    readonly cert?: string | undefined
    readonly key?: Secret | undefined
    readonly rejectUnauthorized?: boolean | undefined
  }
  /** A dispatcher of undici to send requests through, such as a pool of the caller's; it is not closed by us. */
  readonly client?: Dispatcher | undefined
  /** Connections to the server at most. Default: the manager's pool size. */
  readonly poolSize?: number | undefined
  /** How long opening a connection may take, in milliseconds. Default 5000. */
  readonly connectTimeoutMs: number
  /** How long the server may be silent before its answer, in milliseconds. Default: the manager's limit for one call. */
  readonly queryTimeoutMs?: number | undefined
  /** What the names of nodes made by us start with. Default `veritas`. */
  readonly prefix: string
}

type Written = { readonly [K in keyof CayleyConfig]?: CayleyConfig[K] | undefined }
/** The options as users write them. */
export type CayleyConfigInput =
  | (Omit<Written, 'password' | 'bearerToken' | 'tls'> & {
      readonly password?: string | undefined
      readonly bearerToken?: string | undefined
      readonly tls?: (Omit<NonNullable<CayleyConfig['tls']>, 'key'> & { readonly key?: string | undefined }) | undefined
    })
  | undefined

const isDispatcher = (value: unknown): value is Dispatcher =>
  typeof value === 'object' && value !== null && 'dispatch' in value && typeof value.dispatch === 'function'

const url = z
  .string()
  .refine((text) => URL.canParse(text) && ['http:', 'https:'].includes(new URL(text).protocol), {
    error: 'needs a URL that starts with http:// or https://',
    abort: true,
  })
  // A password inside the URL would be shown wherever the configuration is.
  .refine((text) => new URL(text).username === '' && new URL(text).password === '', {
    error: 'must hold no user and password: put them into username and password',
  })

/** Checks the options. */
export const cayleyConfig: z.ZodType<CayleyConfig, CayleyConfigInput> = z
  .strictObject({
    url: url.default('http://127.0.0.1:64210'),
    username: z.string().min(1).optional(),
    password: z.string().transform(secret).optional(),
    bearerToken: z.string().min(1).transform(secret).optional(),
    tls: z
      .strictObject({
        ca: z.string().min(1).optional(),
        cert: z.string().min(1).optional(),
        key: z.string().min(1).transform(secret).optional(),
        rejectUnauthorized: z.boolean().optional(),
      })
      .default({}),
    client: z.custom<Dispatcher>(isDispatcher, { error: 'needs a dispatcher made by undici' }).optional(),
    poolSize: z.number().int().min(1).optional(),
    connectTimeoutMs: z.number().int().min(1).default(5000),
    queryTimeoutMs: z.number().int().min(1).optional(),
    prefix: z
      .string()
      .regex(NAME_PATTERN, 'needs a letter, then letters, digits, "_" and "-"')
      .max(32)
      .default('veritas'),
  })
  .superRefine((config, context) => {
    const issue = (path: string, message: string): void => {
      context.addIssue({ code: 'custom', path: [path], message })
    }
    if ((config.username === undefined) !== (config.password === undefined))
      issue(config.username === undefined ? 'username' : 'password', 'username and password belong together')
    if (config.bearerToken !== undefined && config.username !== undefined)
      issue('bearerToken', 'takes the place of username and password: give one of the two')
  })
  .prefault({})
