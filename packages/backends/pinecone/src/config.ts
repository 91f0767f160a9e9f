import type { Pinecone } from '@pinecone-database/pinecone'
import { type Metric, type Secret, secret } from '@veritas-db/core/contract'
import { z } from 'zod'

/** The options with their defaults filled in. Names end in their units. */
export interface PineconeConfig {
  /** The project's API key. Needed unless `client` is given. */
  readonly apiKey?: Secret | undefined
  /** Where indexes are managed. Default `https://api.pinecone.io`. */
  readonly url: string
  /** An index that is there already: all collections live in it, and have its dimension and metric. */
  readonly index?: string | undefined
  /** The host of such an index, in place of its name: then the management API is never called. Needs `metric`. */
  readonly host?: string | undefined
  /** The metric of the index at `host`, which the index itself does not tell. */
  readonly metric?: Metric | undefined
  /** Begins the names of indexes and namespaces. Default `veritas`. */
  readonly prefix: string
  /** The cloud of indexes made on demand. Default `aws`. */
  readonly cloud: string
  /** The region of indexes made on demand. Default `us-east-1`. */
  readonly region: string
  /** How long a new index may take to become ready, in milliseconds. Default 120,000. */
  readonly indexReadyTimeoutMs: number
  /** How many requests of one call run at the same time. Default the manager's pool size. */
  readonly poolSize?: number | undefined
  /** How long one request may take, in milliseconds. Default the manager's query timeout. */
  readonly timeoutMs?: number | undefined
  /** How long to wait for a write that came back without a log sequence number, in milliseconds. Default 10,000. */
  readonly visibilityDelayMs: number
  /** The `fetch` to use: for proxies and TLS options of one's own. Default the global one. */
  readonly fetch?: typeof globalThis.fetch | undefined
  /** A client to use in place of `apiKey` and `url`. Make it with `maxRetries: 0` and `fetchApi: pineconeFetch()`. */
  readonly client?: Pinecone | undefined
}

/** The options as users write them. */
export type PineconeConfigInput = {
  readonly [K in keyof PineconeConfig]?: (K extends 'apiKey' ? string : PineconeConfig[K]) | undefined
}

const milliseconds = z.number().int().positive()
const url = z.url({ protocol: /^https?$/ })

const isFetch = (value: unknown): boolean => typeof value === 'function'
const isClient = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && 'index' in value && 'indexes' in value

/** Checks the options. */
export const pineconeConfig: z.ZodType<PineconeConfig, PineconeConfigInput> = z
  .strictObject({
    apiKey: z.string().min(1).transform(secret).optional(),
    url: url.default('https://api.pinecone.io'),
    index: z
      .string()
      .regex(/^[a-z0-9]([a-z0-9-]{0,43}[a-z0-9])?$/, 'needs lower-case letters, digits and "-", 45 at most')
      .optional(),
    host: z.string().min(1).optional(),
    metric: z.enum(['cosine', 'dot', 'euclidean']).optional(),
    prefix: z
      .string()
      .regex(/^[a-z][a-z0-9-]{0,19}$/, 'needs a letter, then lower-case letters, digits and "-", 20 at most')
      .default('veritas'),
    cloud: z.string().min(1).default('aws'),
    region: z.string().min(1).default('us-east-1'),
    indexReadyTimeoutMs: milliseconds.default(120_000),
    poolSize: z.number().int().min(1).max(100).optional(),
    timeoutMs: milliseconds.optional(),
    visibilityDelayMs: z.number().int().min(0).default(10_000),
    fetch: z.custom<typeof globalThis.fetch>(isFetch, 'needs a function').optional(),
    client: z.custom<Pinecone>(isClient, 'needs a client made by new Pinecone(…)').optional(),
  })
  .refine((config) => config.apiKey !== undefined || config.client !== undefined, {
    path: ['apiKey'],
    message: 'is needed unless a client is given',
  })
  .refine((config) => config.index === undefined || config.host === undefined, {
    path: ['host'],
    message: 'names the same thing as index: give one of the two',
  })
  .refine((config) => (config.host === undefined) === (config.metric === undefined), {
    path: ['metric'],
    message: 'belongs to host: give both or neither',
  })
