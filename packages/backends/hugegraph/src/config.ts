import { NAME_PATTERN, type Secret, secret } from '@veritas-db/core/contract'
import type { Dispatcher } from 'undici'
import { z } from 'zod'

/** As Node's `tls.connect` takes them: certificates and keys in PEM. */
export interface TlsOptions {
  /** Certificates of the authorities that are trusted, in place of Node's own. */
  readonly ca?: string | string[] | undefined
  readonly cert?: string | undefined
  readonly key?: string | undefined
  /** Of the key. */
  readonly passphrase?: string | undefined
  /** The name that the server's certificate is for, where it is not the host's. */
  readonly servername?: string | undefined
  /** `false` takes any certificate. */
  readonly rejectUnauthorized?: boolean | undefined
}

/** The options as users write them. */
export interface HugeGraphConfigInput {
  /** The REST server: `http://host:port` or, with TLS, `https://host:port`; no path, no user and password. Default `http://localhost:8080`. */
  readonly url?: string | undefined
  /** The graph's name. Default `hugegraph`. */
  readonly graph?: string | undefined
  /** The graph space, which servers from 1.7 on have. Default `DEFAULT`. */
  readonly graphSpace?: string | undefined
  /** How paths are written: `graphs` up to 1.5, `graphspaces` from 1.7 on, `auto` as the server's version says. Default `auto`. */
  readonly pathStyle?: 'auto' | 'graphs' | 'graphspaces' | undefined
  /** The user, with basic authentication. */
  readonly username?: string | undefined
  readonly password?: string | undefined
  /** A token in place of user and password. */
  readonly token?: string | undefined
  readonly tls?: TlsOptions | undefined
  /** A dispatcher of undici (a `Pool`, `Agent` or `Client`) in place of a pool of our own. It is not closed. */
  readonly client?: Dispatcher | undefined
  /** How long connecting may take, in milliseconds. Default: the manager's time for one call. */
  readonly connectTimeoutMs?: number | undefined
  /** Requests at once, at most. A server on n cores takes 2n - 1 unless `restserver.max_worker_threads` says otherwise, and refuses more. Default 3. */
  readonly poolSize?: number | undefined
  /** What the names of our labels and properties start with. Default `veritas`. */
  readonly prefix?: string | undefined
  /**
   * The largest request for a script, in bytes: a little less than `maxContentLength` in the server's `gremlin-server.yaml`. What is larger
   * is handed over as a vertex. Default 60,000.
   */
  readonly maxScriptBytes?: number | undefined
}

/** The options with their defaults filled in. */
export interface HugeGraphConfig
  extends Omit<
    HugeGraphConfigInput,
    'password' | 'token' | 'tls' | 'url' | 'graph' | 'graphSpace' | 'pathStyle' | 'prefix' | 'poolSize'
  > {
  readonly url: string
  readonly graph: string
  readonly graphSpace: string
  readonly pathStyle: 'auto' | 'graphs' | 'graphspaces'
  readonly password?: Secret | undefined
  readonly token?: Secret | undefined
  readonly tls?:
    | (Omit<TlsOptions, 'key' | 'passphrase'> & {
        readonly key?: Secret | undefined
        readonly passphrase?: Secret | undefined
      })
    | undefined
  readonly poolSize: number
  readonly prefix: string
  readonly maxScriptBytes: number
}

const isServerUrl = (text: string): boolean => {
  if (!URL.canParse(text)) return false
  const { protocol, username, password, pathname, search, hash } = new URL(text)
  const plain = username === '' && password === '' && search === '' && hash === '' && pathname === '/'
  return (protocol === 'http:' || protocol === 'https:') && plain
}

const isDispatcher = (value: unknown): value is Dispatcher =>
  typeof value === 'object' && value !== null && 'request' in value && typeof value.request === 'function'

const positive = z.number().int().min(1)
const secretText = z.string().min(1).transform(secret)
/** Graphs and spaces are parts of a path, and of the name under which scripts find the graph. */
const graphName = z
  .string()
  .regex(/^[A-Za-z][A-Za-z0-9_]{0,47}$/, { error: 'needs letters, digits and "_", 48 at most' })

/** Checks the options. */
export const hugegraphConfig: z.ZodType<HugeGraphConfig, HugeGraphConfigInput | undefined> = z
  .strictObject({
    url: z
      .string()
      .refine(isServerUrl, {
        error:
          'needs http://host:port or https://host:port, without path, user and password (use username and password)',
      })
      .default('http://localhost:8080'),
    graph: graphName.default('hugegraph'),
    graphSpace: graphName.default('DEFAULT'),
    pathStyle: z.enum(['auto', 'graphs', 'graphspaces']).default('auto'),
    username: z.string().min(1).optional(),
    password: secretText.optional(),
    token: secretText.optional(),
    tls: z
      .strictObject({
        ca: z.union([z.string().min(1), z.array(z.string().min(1))]).optional(),
        cert: z.string().min(1).optional(),
        key: secretText.optional(),
        passphrase: secretText.optional(),
        servername: z.string().min(1).optional(),
        rejectUnauthorized: z.boolean().optional(),
      })
      .optional(),
    client: z.custom<Dispatcher>(isDispatcher, { error: 'needs a dispatcher of the package undici' }).optional(),
    connectTimeoutMs: positive.optional(),
    poolSize: positive.max(256).default(3),
    prefix: z.string().regex(NAME_PATTERN).max(24).default('veritas'),
    maxScriptBytes: positive.min(20_000).default(60_000),
  })
  .refine((config) => (config.username === undefined) === (config.password === undefined), {
    error: 'username and password go together',
    path: ['password'],
  })
  .refine((config) => config.token === undefined || config.username === undefined, {
    error: 'takes the place of username and password: give one of the two',
    path: ['token'],
  })
  .prefault({})
