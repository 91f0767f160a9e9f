import { createRequire } from 'node:module'
import path from 'node:path'
import {
  type Backend,
  documentKey,
  type Key,
  type Plugin,
  parseFilter,
  type RoleName,
  type Scope,
  type Version,
  validateConfig,
  version,
} from '@veritas-db/core/contract'
import { documents, vectors } from '../data.ts'
import type { BenchOptions, Row } from '../measure.ts'

/** The side-by-side measurements of one server. */
export interface ServerBench {
  /** The variable that says where the server is. */
  readonly variable: string
  /** Measures against the server at `url`; drops what it made. */
  measure(url: string, options: BenchOptions): Promise<readonly Row[]>
}

/** One document as every contestant gets it. */
export interface Item {
  readonly key: Key
  readonly documentId: string
  readonly version: Version
  readonly vector: Float32Array
  readonly text: string
  readonly metadata: { readonly title: string; readonly kind: string; readonly year: number; readonly open: boolean }
  /** Three others that it refers to, or fewer where chance named one twice or itself. */
  readonly targets: readonly Key[]
}

export const DIMENSIONS = 384
export const K = 10
/** Documents that every contestant is given at once. */
export const BATCH = 1000
export const EDGE_TYPE = 'REFERENCES'
/** What a filtered vector query asks for: 40 % of the documents. */
export const SINCE = 2015
export const SINCE_FILTER = parseFilter({ year: { $gte: SINCE } })
export const VECTOR_FIELDS = { kind: 'string', year: 'number', open: 'boolean' } as const
/** What a filtered query of rows asks for beside the year: one kind of 24; both together leave some 1.7 %. */
export const FIND_LIMIT = 50

const scope: Scope = { collection: 'bench' }

/** The same documents for all, with keys as the manager makes them. */
export function items(count: number, dimensions = DIMENSIONS): readonly Item[] {
  return documents(count, vectors(count, dimensions, 'clustered')).map((document, i) => {
    const documentId = document.id ?? ''
    const { kind, year, open } = document.metadata as { kind: string; year: number; open: boolean }
    const targets = (document.references ?? []).map((target) => documentKey(scope, String(target)))
    const key = documentKey(scope, documentId)
    return {
      key,
      documentId,
      version: version(i + 1),
      vector: document.embedding as Float32Array,
      text: document.text,
      metadata: { title: document.title ?? '', kind, year, open },
      targets: [...new Set(targets)].filter((target) => target !== key),
    }
  })
}

export function* batches<T>(all: readonly T[], size = BATCH): Generator<readonly T[]> {
  for (let start = 0; start < all.length; start += size) yield all.slice(start, start + size)
}

/** Opens a backend as the manager does, without the manager. */
export async function open<Input, Config, R extends RoleName>(
  plugin: Plugin<Input, Config, R>,
  config: unknown,
  roles: readonly R[] = plugin.roles,
): Promise<Backend<R>> {
  const checked = await validateConfig(plugin.config, config, plugin.name)
  const backend = plugin.create(checked, { roles, poolSize: 4, queryTimeoutMs: 300_000 })
  await backend.connect()
  return backend
}

const require = createRequire(path.join(import.meta.dirname, '..', '..', 'rivals', 'package.json'))

/** Loads a rival's package, which is installed outside the workspace, and whose types are therefore named here. */
export function rival<T>(name: string): T {
  return require(name) as T
}

/** An embedder that is never asked: rivals want one, and are given vectors. */
export const noEmbedder = {
  embedQuery: async (): Promise<number[]> => Array.from({ length: DIMENSIONS }, () => 0),
  embedDocuments: async (texts: readonly string[]): Promise<number[][]> =>
    texts.map(() => Array.from({ length: DIMENSIONS }, () => 0)),
}

/** What LangChain's stores have in common. */
export interface LangChainStore {
  addVectors(vectors: number[][], documents: LangChainDocument[], options?: { ids: string[] }): Promise<unknown>
  similaritySearchVectorWithScore(
    vector: number[],
    k: number,
    filter?: unknown,
  ): Promise<[{ metadata: Record<string, unknown> }, number][]>
}
export interface LangChainDocument {
  pageContent: string
  metadata: Record<string, unknown>
}

/** What Mastra's stores have in common. */
export interface MastraStore {
  createIndex(
    options: { indexName: string; dimension: number; metric?: string } & Record<string, unknown>,
  ): Promise<void>
  deleteIndex(options: { indexName: string }): Promise<void>
  upsert(
    options: {
      indexName: string
      vectors: number[][]
      metadata: Record<string, unknown>[]
      ids: string[]
    } & Record<string, unknown>,
  ): Promise<unknown>
  query(
    options: { indexName: string; queryVector: number[]; topK: number; filter?: unknown } & Record<string, unknown>,
  ): Promise<{ id: string; metadata?: Record<string, unknown> }[]>
}

/** A document for LangChain: its id is in the metadata too, since not all its stores give it back. */
export const toLangChain = (item: Item): LangChainDocument => ({
  pageContent: item.text,
  metadata: { ...item.metadata, documentId: item.documentId },
})

/** Runs what writes progress to the console without it. */
export async function quietly<T>(work: () => Promise<T>): Promise<T> {
  const { log, warn } = console
  console.log = () => undefined
  console.warn = () => undefined
  try {
    return await work()
  } finally {
    Object.assign(console, { log, warn })
  }
}
