import { z } from 'zod'
import type { AnyPlugin } from '../contract/plugin.js'
import { isPlugin } from '../contract/plugin.js'
import { NAME_PATTERN } from '../contract/values.js'
import type { Embedder } from '../embedders/embedder.js'
import type { ResolvedConfig, VeritasConfig } from './types.js'

const positive = z.int().min(1)
const name = z.string().regex(NAME_PATTERN, 'needs a letter, then letters, digits, "_" and "-", 63 at most')

const backend = z.strictObject({
  enabled: z.boolean().optional(),
  type: z.union([z.string().min(1), z.custom<AnyPlugin>(isPlugin)], {
    error: 'needs a short name such as "sqlite", a package, a path, or a plugin',
  }),
  config: z.record(z.string(), z.unknown()).optional(),
  replicas: z.array(z.record(z.string(), z.unknown())).optional(),
})

const instances = z.union([backend, z.array(backend).min(1)])

const fieldType = z.enum(['string', 'number', 'boolean', 'date', 'string[]', 'number[]', 'json'])

function isEmbedder(value: unknown): value is Embedder {
  return (
    typeof value === 'object' &&
    value !== null &&
    'id' in value &&
    typeof value.id === 'string' &&
    'dimensions' in value &&
    Number.isSafeInteger(value.dimensions) &&
    'kind' in value &&
    ['lexical', 'static', 'neural'].includes(String(value.kind)) &&
    'embed' in value &&
    typeof value.embed === 'function'
  )
}

/** Checks a config; the defaults of `performance` are the ones its type documents. */
export const configSchema: z.ZodType<ResolvedConfig, VeritasConfig> = z.strictObject({
  vector: instances.optional(),
  graph: instances.optional(),
  relational: instances.optional(),
  backend: backend.optional(),
  performance: z
    .strictObject({
      poolSize: positive.max(10_000).default(20),
      queryTimeoutMs: positive.default(30_000),
      retries: z.int().min(0).max(100).default(3),
      retryDelayMs: positive.default(100),
      breakerThreshold: positive.default(5),
      breakerResetMs: positive.default(10_000),
      cacheTtlSeconds: z.number().min(0).default(300),
      batchSize: positive.max(100_000).default(100),
      probeTimeoutMs: positive.default(5_000),
    })
    .prefault({}),
  embedder: z
    .custom<Embedder>(
      isEmbedder,
      'needs an embedder: { id, dimensions, kind: "lexical" | "static" | "neural", embed(texts) }',
    )
    .optional(),
  chunk: z
    .strictObject({ words: positive.default(200), overlap: z.int().min(0).default(20) })
    .refine((c) => c.overlap < c.words, { path: ['overlap'], message: 'must be below words' })
    .prefault({}),
  collections: z
    .record(
      name,
      z.strictObject({
        dimensions: positive.max(65_536).optional(),
        embeddings: z.literal('given').optional(),
        metric: z.enum(['cosine', 'dot', 'euclidean']).optional(),
        fields: z.record(z.string(), fieldType).optional(),
      }),
    )
    .default({}),
  tenant: name.optional(),
  journal: z.literal(false).optional(),
})
