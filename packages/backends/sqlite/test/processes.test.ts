import { type ChildProcess, spawn } from 'node:child_process'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { documentKey, type VectorRecord, version } from '@veritas-db/core/contract'
import { describe, expect, it } from 'vitest'
import type { SqliteBackend } from '../src/index.js'
import { connect, nearest, newFile, scope } from './helpers.js'

const dimensions = 16
const file = (name: string): string => fileURLToPath(new URL(name, import.meta.url))
const args = ['--no-warnings', '--import', file('children/hooks.mjs'), file('children/worker.ts')]

const child = (job: string, path: string, name: string, count = 0): ChildProcess =>
  spawn(process.execPath, [...args, job, path, name, String(count)], { stdio: ['ignore', 'pipe', 'pipe'] })

/** Waits for the end of a process that must end well. */
const ended = (process: ChildProcess): Promise<void> =>
  new Promise((resolve, reject) => {
    let errors = ''
    process.stderr?.on('data', (data: Buffer) => {
      errors += data.toString()
    })
    process.once('error', reject)
    process.once('close', (code, signal) =>
      code === 0 ? resolve() : reject(new Error(`ended with ${code ?? signal}: ${errors}`)),
    )
  })

const prepared = async (path: string): Promise<SqliteBackend> => {
  const backend = await connect({ path })
  const { vector, graph, relational } = backend.roles
  await vector.ensureCollection({ scope, dimensions, metric: 'euclidean' })
  await graph.ensureSchema({ scope, labels: ['Document'], edgeTypes: [] })
  await relational.ensureTable({ scope, table: 'documents', columns: { n: { type: 'number', index: true } } })
  return backend
}

/** What a child writes as its n-th vector. */
const vectorOf = (n: number): Float32Array => Float32Array.from({ length: dimensions }, (_, i) => Math.sin(n * (i + 1)))

/** The three legs of each document agree, whoever wrote it, and the vectors are found. */
const consistent = async (backend: SqliteBackend): Promise<number> => {
  const { vector, graph, relational } = backend.roles
  const rows = (await relational.scan({ scope, table: 'documents', limit: 100_000 })).records
  const nodes = (await graph.scanNodes({ scope, limit: 100_000 })).records
  const records = (await vector.scan({ scope, limit: 100_000 })).records as readonly VectorRecord[]
  const heads = (all: readonly { key: string; version: string }[]): string[] => all.map((r) => `${r.key} ${r.version}`)
  expect(heads(nodes)).toEqual(heads(rows))
  expect(heads(records)).toEqual(heads(rows))
  for (const r of records) expect(r.vector).toEqual(vectorOf(Number(r.metadata.n)))
  for (const n of [1, 7, 30]) {
    const found = await vector.query({ scope, vector: vectorOf(n), topK: 10 })
    expect(found.map((m) => m.key)).toEqual(nearest(records, 'euclidean', vectorOf(n), 10).map((m) => m.key))
  }
  return rows.length
}

describe('several processes on one file', () => {
  it('write at the same time: nothing is lost, and each sees what the others committed', async () => {
    const path = newFile()
    const backend = await prepared(path)
    const names = ['a', 'b', 'c']
    const children = names.map((name) => ended(child('write', path, name, 150)))
    const all = Promise.all(children)
    let running = true
    const watching = (async () => {
      // Reads while they write, and writes too.
      let last = 0
      while (running) {
        const count = await backend.roles.vector.count({ scope })
        expect(count).toBeGreaterThanOrEqual(last)
        last = count
        await backend.roles.vector.query({ scope, vector: vectorOf(3), topK: 5 })
        await sleep(10)
      }
    })()
    await all.finally(() => {
      running = false
    })
    await watching
    expect(await consistent(backend)).toBe(450)
    await backend.close()
    expect(await consistent(await connect({ path }))).toBe(450)
  }, 120_000)

  it('change the same row by turns: no update is lost', async () => {
    const path = newFile()
    const backend = await prepared(path)
    await Promise.all(['a', 'b', 'c'].map((name) => ended(child('increment', path, name, 100))))
    const [row] = await backend.roles.relational.get({
      scope,
      table: 'documents',
      keys: [documentKey(scope, 'counter')],
    })
    expect(row?.values.n).toBe(300)
  }, 120_000)

  it('may be killed in the middle of writing: what they reported is there, whole, and the file is sound', async () => {
    const path = newFile()
    const backend = await prepared(path)
    for (let round = 0; round < 4; round++) {
      const victim = child('write-until-killed', path, `v${round}`)
      let reported = 0
      victim.stdout?.on('data', (data: Buffer) => {
        for (const line of data.toString().trim().split('\n')) reported = Number(line)
      })
      const gone = new Promise((resolve) => victim.once('close', resolve))
      while (reported < 20 + round * 7) {
        expect(victim.exitCode).toBe(null)
        await sleep(3)
      }
      victim.kill('SIGKILL')
      await gone
      const count = await consistent(backend)
      expect(count).toBeGreaterThanOrEqual(reported)
      const keys = Array.from({ length: reported }, (_, i) => documentKey(scope, `v${round}-${i + 1}`))
      expect(await backend.roles.vector.get({ scope, keys })).toHaveLength(reported)
      // And writing goes on at once: the dead process holds no lock.
      await backend.roles.vector.delete({ scope, keys })
      await backend.roles.graph.deleteNodes({ scope, keys })
      await backend.roles.relational.delete({ scope, table: 'documents', keys })
      await consistent(backend)
    }
    await backend.close()
    const db = new DatabaseSync(path)
    expect(db.prepare('PRAGMA integrity_check').get()?.integrity_check).toBe('ok')
    db.close()
  }, 120_000)

  it.each(['closed', 'unclosed'])(
    'end by themselves, %s',
    async (name) => {
      const path = newFile()
      const backend = await prepared(path)
      const record = {
        key: documentKey(scope, 'x'),
        documentId: 'x',
        version: version(1),
        ordinal: 0,
        vector: vectorOf(1),
        metadata: { n: 1 },
      }
      await backend.roles.vector.upsert({ scope, records: [record] })
      const process = child('read-and-end', path, name)
      const timer = setTimeout(() => process.kill('SIGKILL'), 20_000)
      await ended(process)
      clearTimeout(timer)
    },
    30_000,
  )
})
