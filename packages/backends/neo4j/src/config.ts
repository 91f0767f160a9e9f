import { NAME_PATTERN, type Secret, secret } from '@veritas-db/core/contract'
import type { Driver } from 'neo4j-driver'
import { z } from 'zod'

type Trust = 'TRUST_ALL_CERTIFICATES' | 'TRUST_CUSTOM_CA_SIGNED_CERTIFICATES' | 'TRUST_SYSTEM_CA_SIGNED_CERTIFICATES'

/** The options of the Neo4j backend with their defaults filled in. Names end in their units. */
export interface Neo4jConfig {
  /**
   * Where the server is: `bolt://` one server, `neo4j://` a cluster; with `+s` over TLS, with `+ssc` over TLS with any
   * certificate. Default `bolt://127.0.0.1:7687`.
   */
  readonly url: string
  readonly username?: string | undefined
  readonly password?: Secret | undefined
  /** A token of single sign-on, in place of username and password. */
  readonly bearerToken?: Secret | undefined
  /** The database on the server. Default: the user's home database. */
  readonly database?: string | undefined
  /** TLS for a URL without `+s`. */
  readonly encrypted?: boolean | undefined
  /** Which certificates are trusted where `encrypted` is set. */
  readonly trust?: Trust | undefined
  /** Files with certificates of authorities, for `TRUST_CUSTOM_CA_SIGNED_CERTIFICATES`. */
  readonly trustedCertificates?: readonly string[] | undefined
  /** A driver made by the caller, in place of address, user and TLS options; it is not closed by us. */
  readonly client?: Driver | undefined
  /** Connections to each server at most, two of them for changes of the schema. Default: the manager's pool size + 2. */
  readonly poolSize?: number | undefined
  /** How long opening a connection may take, in milliseconds. Default 5000. */
  readonly connectTimeoutMs: number
  /** How long a call waits for a free connection, opening one included, in milliseconds. Default 10,000. */
  readonly acquisitionTimeoutMs: number
  /** When the server ends a transaction, in milliseconds. Default: the manager's limit for one call. */
  readonly queryTimeoutMs?: number | undefined
  /** What labels and indexes made by us start with. Default `veritas`. */
  readonly prefix: string
}

type Written = { readonly [K in keyof Neo4jConfig]?: Neo4jConfig[K] | undefined }
/** The options as users write them. */
export type Neo4jConfigInput =
  | (Omit<Written, 'password' | 'bearerToken'> & {
      readonly password?: string | undefined
      readonly bearerToken?: string | undefined
    })
  | undefined

/** The protocols a URL may have. */
export const schemes: readonly string[] = ['bolt:', 'bolt+s:', 'bolt+ssc:', 'neo4j:', 'neo4j+s:', 'neo4j+ssc:']

const isDriver = (value: unknown): value is Driver =>
  typeof value === 'object' &&
  value !== null &&
  'session' in value &&
  typeof value.session === 'function' &&
  'verifyConnectivity' in value

const url = z
  .string()
  .refine((text) => URL.canParse(text) && schemes.includes(new URL(text).protocol), {
    error: `needs a URL that starts with one of ${schemes.map((scheme) => `${scheme}//`).join(' ')}`,
    abort: true,
  })
  // A password inside the URL would be shown wherever the configuration is.
  .refine((text) => new URL(text).username === '' && new URL(text).password === '', {
    error: 'must hold no user and password: put them into username and password',
  })

const milliseconds = z.number().int().min(1)

/** Checks the options. */
export const neo4jConfig: z.ZodType<Neo4jConfig, Neo4jConfigInput> = z
  .strictObject({
    url: url.default('bolt://127.0.0.1:7687'),
    username: z.string().min(1).optional(),
    password: z.string().transform(secret).optional(),
    bearerToken: z.string().min(1).transform(secret).optional(),
    database: z.string().min(1).optional(),
    encrypted: z.boolean().optional(),
    trust: z
      .enum(['TRUST_ALL_CERTIFICATES', 'TRUST_CUSTOM_CA_SIGNED_CERTIFICATES', 'TRUST_SYSTEM_CA_SIGNED_CERTIFICATES'])
      .optional(),
    trustedCertificates: z.array(z.string().min(1)).readonly().optional(),
    client: z.custom<Driver>(isDriver, { error: 'needs a driver made by neo4j-driver' }).optional(),
    poolSize: z.number().int().min(2).optional(),
    connectTimeoutMs: milliseconds.default(5000),
    acquisitionTimeoutMs: milliseconds.default(10_000),
    queryTimeoutMs: milliseconds.optional(),
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
    if (new URL(config.url).protocol.includes('+') && (config.encrypted !== undefined || config.trust !== undefined))
      issue('encrypted', 'the URL says how to encrypt already: use bolt:// or neo4j:// with encrypted and trust')
    // What the driver would pass over in silence.
    if (config.trust !== undefined && !config.encrypted) issue('trust', 'counts where encrypted is true')
    if ((config.trustedCertificates !== undefined) !== (config.trust === 'TRUST_CUSTOM_CA_SIGNED_CERTIFICATES'))
      issue('trustedCertificates', 'belongs together with trust: "TRUST_CUSTOM_CA_SIGNED_CERTIFICATES"')
    if (config.acquisitionTimeoutMs < config.connectTimeoutMs)
      issue('acquisitionTimeoutMs', 'must not be below connectTimeoutMs, which it includes')
  })
  .prefault({})
