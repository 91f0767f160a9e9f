import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { documentKey, version } from '@veritas-db/core'
import sqlite from '@veritas-db/sqlite'
import { getLoadablePath } from 'sqlite-vec'
import { nearest, type Shape, vectors } from './data.ts'
import { type Bench, median, ms, type Row, timed } from './measure.ts'

const DIMENSIONS = 384
const K = 10
const QUERIES = 50
const scope = { collection: 'bench' }

/** Nearest neighbours in the embedded backend, against plain sqlite-vec and usearch: time, recall, and inserts. */
export const vectorQuery: Bench = async ({ large }) => {
  const rows: Row[] = []
  for (const shape of ['clustered', 'uniform'] as const) rows.push(...(await atSize(100_000, shape, 2)))
  if (large) rows.push(...(await atSize(1_000_000, 'clustered', 20)))
  return rows
}

interface Contestant {
  insert(all: readonly Float32Array[]): Promise<number>
  query(vector: Float32Array): Promise<readonly number[]>
  close(): Promise<void> | void
}

async function atSize(count: number, shape: Shape, goalMs: number): Promise<Row[]> {
  const folder = mkdtempSync(path.join(tmpdir(), 'veritas-bench-'))
  const all = vectors(count, DIMENSIONS, shape)
  const queries = vectors(QUERIES, DIMENSIONS, shape, 2)
  const truth = queries.map((q) => nearest(all, q, K))
  const contestants: Record<string, Contestant> = { 'sqlite-vec': sqliteVec(folder), veritas: await veritas(folder) }
  // Its inserts of uniform vectors take seven minutes.
  if (count <= 100_000 && shape === 'clustered') contestants.usearch = usearch()
  const measured: Record<string, { insert: number; p50: number; recall: number }> = {}
  for (const [name, contestant] of Object.entries(contestants)) {
    const insert = await contestant.insert(all)
    for (const q of queries.slice(0, 3)) await contestant.query(q)
    const times: number[] = []
    let found = 0
    for (const [i, q] of queries.entries()) {
      let answer: readonly number[] = []
      times.push(
        await timed(async () => {
          answer = await contestant.query(q)
        }),
      )
      found += answer.filter((id) => truth[i]?.includes(id)).length
    }
    measured[name] = { insert, p50: median(times), recall: found / (QUERIES * K) }
    await contestant.close()
  }
  rmSync(folder, { recursive: true })
  const base = measured['sqlite-vec'] ?? { insert: 1, p50: 1, recall: 1 }
  const title = `vector ${count.toLocaleString('en')} ${shape}`
  return Object.entries(measured).flatMap(([name, m]): Row[] => {
    const ours = name === 'veritas'
    return [
      {
        benchmark: title,
        what: `${name} query p50`,
        value: ms(m.p50),
        ratio: base.p50 / m.p50,
        ...(ours && { goal: `≤ ${goalMs} ms`, reached: m.p50 <= goalMs }),
      },
      {
        benchmark: title,
        what: `${name} recall@10`,
        value: m.recall.toFixed(4),
        ...(ours && { goal: '≥ 0.999', reached: m.recall >= 0.999 }),
      },
      {
        benchmark: title,
        what: `${name} insert`,
        value: ms(m.insert),
        ratio: base.insert / m.insert,
        ...(ours && { goal: '≤ 1.2 × sqlite-vec', reached: m.insert <= 1.2 * base.insert }),
      },
    ]
  })
}

const bytes = (v: Float32Array): Uint8Array => new Uint8Array(v.buffer, v.byteOffset, v.byteLength)

function sqliteVec(folder: string): Contestant {
  const db = new DatabaseSync(path.join(folder, 'plain.db'), { allowExtension: true })
  db.loadExtension(getLoadablePath())
  db.exec(
    `PRAGMA journal_mode = WAL; CREATE VIRTUAL TABLE v USING vec0(embedding float[${DIMENSIONS}] distance_metric=cosine)`,
  )
  const insert = db.prepare('INSERT INTO v(rowid, embedding) VALUES (?, ?)')
  const query = db.prepare('SELECT rowid FROM v WHERE embedding MATCH ? AND k = ? ORDER BY distance')
  return {
    insert: (all) =>
      timed(() => {
        for (let start = 0; start < all.length; start += 1000) {
          db.exec('BEGIN')
          for (let i = start; i < Math.min(start + 1000, all.length); i++)
            insert.run(BigInt(i), bytes(all[i] as Float32Array))
          db.exec('COMMIT')
        }
      }),
    query: async (vector) => query.all(bytes(vector), K).map((row) => Number(row.rowid)),
    close: () => db.close(),
  }
}

async function veritas(folder: string): Promise<Contestant> {
  const options = await sqlite.config['~standard'].validate({ path: path.join(folder, 'veritas.db') })
  if (options.issues) throw new Error(options.issues[0]?.message)
  const backend = sqlite.create(options.value, { roles: ['vector'], poolSize: 1, queryTimeoutMs: 30_000 })
  await backend.connect()
  const { vector: role } = backend.roles
  await role.ensureCollection({ scope, dimensions: DIMENSIONS, metric: 'cosine' })
  return {
    insert: (all) =>
      timed(async () => {
        for (let start = 0; start < all.length; start += 1000) {
          const records = all.slice(start, start + 1000).map((vector, i) => {
            const documentId = String(start + i)
            return {
              key: documentKey(scope, documentId),
              documentId,
              version: version(1),
              ordinal: 0,
              vector,
              metadata: {},
            }
          })
          await role.upsert({ scope, records })
        }
      }),
    query: async (vector) => (await role.query({ scope, vector, topK: K })).map((m) => Number(m.documentId)),
    close: () => backend.close(),
  }
}

function usearch(): Contestant {
  const require = createRequire(path.join(import.meta.dirname, '..', 'rivals', 'package.json'))
  const { Index } = require('usearch') as typeof import('./usearch.d.ts')
  const index = new Index({ metric: 'cos', dimensions: DIMENSIONS, connectivity: 16 })
  return {
    insert: (all) =>
      timed(() => {
        for (const [i, vector] of all.entries()) index.add(BigInt(i), vector)
      }),
    query: async (vector) => Array.from(index.search(vector, K, 0).keys, Number),
    close: () => undefined,
  }
}
