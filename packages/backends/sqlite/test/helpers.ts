import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import {
  documentKey,
  type Metadata,
  type Metric,
  type Scope,
  type VectorRecord,
  validateConfig,
  version,
} from '@veritas-db/core/contract'
import { afterAll } from 'vitest'
import { type SqliteBackend, type SqliteConfigInput, sqlite } from '../src/index.js'

export const scope: Scope = { collection: 'docs' }

const open: SqliteBackend[] = []
const folders: string[] = []

afterAll(async () => {
  await Promise.all(open.map((backend) => backend.close()))
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

/** A path in a folder of its own that is removed afterwards. */
export const newFile = (): string => {
  const folder = mkdtempSync(path.join(tmpdir(), 'veritas-sqlite-'))
  folders.push(folder)
  return path.join(folder, 'test.db')
}

/** A backend that is not connected; closed afterwards. */
export const make = async (config: SqliteConfigInput): Promise<SqliteBackend> => {
  const checked = await validateConfig(sqlite.config, config, 'sqlite')
  // The plugin's type knows of a Backend; ours tells more of itself.
  const backend = sqlite.create(checked, { roles: sqlite.roles, poolSize: 1, queryTimeoutMs: 30_000 }) as SqliteBackend
  open.push(backend)
  return backend
}

export const connect = async (config: SqliteConfigInput): Promise<SqliteBackend> => {
  const backend = await make(config)
  await backend.connect()
  return backend
}

/** Numbers in [0, 1) that are the same in every run. */
export const random = (seed: number): (() => number) => {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

export const randomVector = (next: () => number, dimensions: number, scale = 1): Float32Array =>
  Float32Array.from({ length: dimensions }, () => (next() + next() + next() - 1.5) * scale)

export const record = (
  id: string,
  vector: Float32Array,
  metadata: Metadata = {},
  more: Partial<VectorRecord> = {},
): VectorRecord => ({
  key: documentKey(scope, id),
  documentId: id,
  version: version(1),
  ordinal: 0,
  vector,
  metadata,
  ...more,
})

/** The contract's similarity, straight from its definition. */
export const similarity = (metric: Metric, a: Float32Array, b: Float32Array): number => {
  let [dot, aa, bb, dd] = [0, 0, 0, 0]
  a.forEach((x, i) => {
    const y = b[i] as number
    dot += x * y
    aa += x * x
    bb += y * y
    dd += (x - y) ** 2
  })
  if (metric === 'dot') return dot
  if (metric === 'euclidean') return 1 / (1 + Math.sqrt(dd))
  return aa === 0 || bb === 0 ? 0 : dot / Math.sqrt(aa * bb)
}

/** The `topK` best of the records by definition, ties in order of key: what every query must give. */
export const nearest = (
  records: Iterable<VectorRecord>,
  metric: Metric,
  vector: Float32Array,
  topK: number,
): { key: string; score: number }[] =>
  [...records]
    .map((r) => ({ key: r.key as string, score: similarity(metric, vector, r.vector) }))
    .sort((a, b) => b.score - a.score || (a.key < b.key ? -1 : 1))
    .slice(0, topK)
