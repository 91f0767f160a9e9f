import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { documentKey, type RowRecord, VeritasError, validateConfig, version } from '@veritas-db/core/contract'
import { describe, expect, it } from 'vitest'
import type { SqliteBackend, SqliteConfigInput } from '../src/index.js'
import { sqlite } from '../src/index.js'
import { connect, make, nearest, newFile, random, randomVector, record, scope } from './helpers.js'

const table = 'documents'
const row = (id: string, n: number): RowRecord => ({
  key: documentKey(scope, id),
  documentId: id,
  version: version(n),
  values: { n },
})
const prepare = async (backend: SqliteBackend): Promise<void> => {
  await backend.roles.relational.ensureTable({ scope, table, columns: { n: { type: 'number' } } })
  await backend.roles.vector.ensureCollection({ scope, dimensions: 8, metric: 'cosine' })
}
const code = async (call: Promise<unknown>): Promise<string | undefined> =>
  call.then(
    () => undefined,
    (error: unknown) => (VeritasError.is(error) ? error.code : String(error)),
  )

describe.each<[string, () => SqliteConfigInput]>([
  ['a file', () => ({ path: newFile() })],
  ['a file without write-ahead log', () => ({ path: newFile(), wal: false })],
  ['memory', () => ({ path: ':memory:' })],
  ['an injected client', () => ({ client: new DatabaseSync(newFile(), { allowExtension: true }) })],
])('in %s', (_, config) => {
  it('a unit of work is seen by nobody else before it commits, and by itself at once', async () => {
    const backend = await connect(config())
    await prepare(backend)
    const { relational, vector } = backend.roles
    const next = random(1)
    const first = record('v1', randomVector(next, 8))
    await vector.upsert({ scope, records: [first] })
    const query = { scope, vector: first.vector, topK: 5 }
    expect(await vector.query(query)).toHaveLength(1)
    const outside: Promise<number>[] = []
    await backend.unitOfWork?.({}, async (roles) => {
      await roles.relational.upsert({ scope, table, records: [row('a', 1)] })
      await roles.vector.upsert({ scope, records: [record('v2', randomVector(next, 8))] })
      expect(await roles.relational.count({ scope, table })).toBe(1)
      expect(await roles.vector.query(query)).toHaveLength(2)
      // Not awaited: with one connection they wait for the unit to end.
      outside.push(
        relational.count({ scope, table }),
        vector.query(query).then((m) => m.length),
      )
      await sleep(20)
    })
    const seen = await Promise.all(outside)
    expect([
      [0, 1],
      [1, 2],
    ]).toContainEqual(seen)
    expect(await relational.count({ scope, table })).toBe(1)
    expect(await vector.query(query)).toHaveLength(2)
  })

  it('what is rolled back leaves nothing in the matrix', async () => {
    const backend = await connect(config())
    await prepare(backend)
    const { vector } = backend.roles
    const next = random(2)
    const records = Array.from({ length: 2000 }, (_, i) => record(`r${i}`, randomVector(next, 8)))
    await vector.upsert({ scope, records })
    await vector.query({ scope, vector: randomVector(next, 8), topK: 1 })
    for (let round = 0; round < 3; round++) {
      const reason = new Error('on purpose')
      const unit = backend.unitOfWork?.({}, async (roles) => {
        await roles.vector.delete({ scope, keys: records.slice(round * 100, 700).map((r) => r.key) })
        await roles.vector.upsert({
          scope,
          records: records.slice(0, 50).map((r) => ({ ...r, vector: randomVector(next, 8) })),
        })
        await roles.vector.upsert({
          scope,
          records: Array.from({ length: 1500 }, (_, i) => record(`new${i}`, randomVector(next, 8))),
        })
        throw reason
      })
      await expect(unit).rejects.toBe(reason)
      const vectorNow = randomVector(next, 8)
      const found = await vector.query({ scope, vector: vectorNow, topK: 10 })
      expect(found.map((m) => m.key)).toEqual(nearest(records, 'cosine', vectorNow, 10).map((m) => m.key))
      // And the slots it had taken are used as if nothing had happened.
      const more = Array.from({ length: 700 }, (_, i) => record(`more${round}-${i}`, randomVector(next, 8)))
      records.push(...more)
      await vector.upsert({ scope, records: more })
      const after = await vector.query({ scope, vector: vectorNow, topK: 10 })
      expect(after.map((m) => m.key)).toEqual(nearest(records, 'cosine', vectorNow, 10).map((m) => m.key))
      expect(await vector.count({ scope })).toBe(records.length)
    }
  })

  it('a call that fails within a unit of work leaves no half of itself, and the unit goes on', async () => {
    const backend = await connect(config())
    await prepare(backend)
    await backend.unitOfWork?.({}, async (roles) => {
      await roles.vector.upsert({ scope, records: [record('kept', new Float32Array(8).fill(1))] })
      const other = { scope: { collection: 'missing' }, records: [record('x', new Float32Array(8))] }
      expect(await code(roles.vector.upsert(other))).toBe('NOT_FOUND')
      await roles.vector.upsert({ scope, records: [record('kept too', new Float32Array(8).fill(2))] })
    })
    expect(await backend.roles.vector.count({ scope })).toBe(2)
    expect(await backend.roles.vector.query({ scope, vector: new Float32Array(8).fill(1), topK: 9 })).toHaveLength(2)
  })

  it('roles of a unit of work that is over are refused', async () => {
    const backend = await connect(config())
    await prepare(backend)
    const roles = await backend.unitOfWork?.({}, async (r) => r)
    expect(await code(roles?.relational.count({ scope, table }) ?? Promise.resolve())).toBe('CONFLICT')
    expect(await code(roles?.relational.upsert({ scope, table, records: [row('a', 1)] }) ?? Promise.resolve())).toBe(
      'CONFLICT',
    )
  })

  it('raw reads, and cannot write', async () => {
    const backend = await connect(config())
    await prepare(backend)
    const { relational } = backend.roles
    const query = 'SELECT :a + 1 AS b, typeof(:c) AS c'
    expect(await relational.raw({ scope, query, parameters: { a: 1, c: 'x' } })).toEqual([{ b: 2, c: 'text' }])
    expect(await code(relational.raw({ scope, query: 'DELETE FROM veritas_spaces' }))).toBe('CONFIGURATION')
    expect(await code(relational.raw({ scope, query: 'no such thing' }))).toBe('VALIDATION')
    await relational.upsert({ scope, table, records: [row('a', 1)] })
    expect(await relational.count({ scope, table })).toBe(1)
  })
})

describe('a busy database', () => {
  it('is waited for', async () => {
    const path = newFile()
    const backend = await connect({ path })
    await prepare(backend)
    const other = new DatabaseSync(path)
    other.exec('BEGIN IMMEDIATE')
    let done = false
    const write = backend.roles.relational.upsert({ scope, table, records: [row('a', 1)] }).then(() => {
      done = true
    })
    await sleep(60)
    expect(done).toBe(false)
    // Reading does not wait.
    expect(await backend.roles.relational.count({ scope, table })).toBe(0)
    other.exec('COMMIT')
    await write
    other.close()
    expect(await backend.roles.relational.count({ scope, table })).toBe(1)
  })

  it('is a CONFLICT that may be tried again, after busyTimeoutMs', async () => {
    const path = newFile()
    const backend = await connect({ path, busyTimeoutMs: 50 })
    await prepare(backend)
    const other = new DatabaseSync(path)
    other.exec('BEGIN IMMEDIATE')
    const error = await backend.roles.relational
      .upsert({ scope, table, records: [row('a', 1)] })
      .catch((e: unknown) => e)
    expect(error).toMatchObject({
      code: 'CONFLICT',
      retryable: true,
      outcome: 'not-applied',
      backend: 'sqlite',
      role: 'relational',
      operation: 'upsert',
    })
    other.exec('COMMIT')
    other.close()
  })

  it('is not waited for any longer when the signal fires', async () => {
    const path = newFile()
    const backend = await connect({ path })
    await prepare(backend)
    const other = new DatabaseSync(path)
    other.exec('BEGIN IMMEDIATE')
    const signal = AbortSignal.timeout(40)
    expect(await code(backend.roles.relational.upsert({ scope, table, records: [row('a', 1)], signal }))).toBe(
      'ABORTED',
    )
    other.exec('COMMIT')
    other.close()
    expect(await backend.roles.relational.count({ scope, table })).toBe(0)
  })
})

describe('opening', () => {
  it('makes the folder, and knows the file by its real name', async () => {
    const file = newFile()
    const folder = path.join(path.dirname(file), 'deep', 'er')
    const backend = await connect({ path: path.join(folder, 'x.db') })
    expect(existsSync(path.join(folder, 'x.db'))).toBe(true)
    const link = path.join(path.dirname(file), 'link')
    symlinkSync(folder, link)
    expect((await make({ path: path.join(link, 'x.db') })).engineId).toBe(backend.engineId)
    expect((await make({ path: path.join(link, 'y.db') })).engineId).not.toBe(backend.engineId)
    expect((await make({ path: ':memory:' })).engineId).not.toBe((await make({ path: ':memory:' })).engineId)
  })

  it('says what is wrong with a file that is none', async () => {
    const file = newFile()
    writeFileSync(file, 'x'.repeat(5000))
    const backend = await make({ path: file })
    expect(await code(backend.connect())).toBe('CONFIGURATION')
    const folder = newFile()
    mkdirSync(folder)
    expect(await code((await make({ path: folder })).connect())).toBe('CONNECTION')
  })

  it('refuses a file of a later schema', async () => {
    const file = newFile()
    const first = await connect({ path: file })
    await first.close()
    const db = new DatabaseSync(file)
    db.exec("UPDATE veritas_meta SET value = 99 WHERE name = 'schema'")
    db.close()
    await expect((await make({ path: file })).connect()).rejects.toThrow(/schema 99.*upgrade/)
  })

  it('leaves an injected client open, and closes its own', async () => {
    const client = new DatabaseSync(newFile(), { allowExtension: true })
    const backend = await connect({ client })
    await backend.close()
    expect(client.isOpen).toBe(true)
    client.close()
    const own = await connect({ path: newFile() })
    await own.close()
    expect(await code(own.connect())).toBe('CONNECTION')
  })
})

describe('the configuration', () => {
  it('fills in the defaults and refuses what it does not know', async () => {
    expect(await validateConfig(sqlite.config, undefined, 'sqlite')).toMatchObject({
      path: 'veritas.db',
      wal: true,
      busyTimeoutMs: 5000,
    })
    for (const wrong of [
      { pth: 'x' },
      { pageSizeBytes: 1000 },
      { busyTimeoutMs: -1 },
      { synchronous: 'maybe' },
      { path: '' },
    ])
      expect(await code(validateConfig(sqlite.config, wrong, 'sqlite'))).toBe('CONFIGURATION')
  })
})
