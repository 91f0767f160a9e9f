import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { runConformance } from '@veritas-db/conformance'
import { type Backend, documentKey, VeritasError, version } from '@veritas-db/core'
import { ReplicatedBackend } from '@veritas-db/core/replicas'
import sqlite from '@veritas-db/sqlite'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Fault, flaky } from './flaky.js'
import { open, track } from './helpers.js'

const ROLES = ['vector', 'graph', 'relational'] as const
const context = { roles: ROLES, poolSize: 4, queryTimeoutMs: 30_000 }
const limits = { threshold: 2, resetMs: 30, attemptMs: 200 }
const down: Fault = () => {
  throw new VeritasError({ code: 'CONNECTION', message: 'gone' })
}

async function connection(plugin: { create: typeof sqlite.create }, file: string) {
  const config = await sqlite.config['~standard'].validate({ path: file })
  if (config.issues) throw new Error(config.issues[0]?.message)
  return plugin.create(config.value, context)
}

describe('replicas', () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'veritas-replicas-'))
  })
  afterAll(() => rm(folder, { recursive: true }))

  describe('keep the contract, as one instance does', () => {
    let at = 0
    runConformance({
      describe,
      it,
      beforeAll,
      afterAll,
      name: 'replicas of sqlite',
      roles: ROLES,
      open: async () => {
        const file = path.join(folder, `kit-${at++}.db`)
        return new ReplicatedBackend(await connection(sqlite, file), [await connection(sqlite, file)], {
          ...limits,
          attemptMs: 10_000,
        })
      },
    })
  })

  describe('when one fails', () => {
    const faults = new Map<string, Fault>()
    const scope = { collection: 'docs' }
    const asked: string[] = []
    let backend: ReplicatedBackend<'vector' | 'graph' | 'relational'>

    beforeEach(async () => {
      faults.clear()
      asked.length = 0
      const file = path.join(folder, `${Math.random()}.db`)
      const instance = async (name: string): Promise<Backend<'vector' | 'graph' | 'relational'>> => {
        const plugin = flaky(name, async (operation, options) => {
          if (operation === 'connect') return
          asked.push(`${name} ${operation}`)
          await faults.get(name)?.(operation, options)
        })
        return (await connection(plugin as typeof sqlite, file)) as Backend<'vector' | 'graph' | 'relational'>
      }
      backend = new ReplicatedBackend(await instance('primary'), [await instance('replica')], limits)
      await backend.connect()
      await backend.roles.relational.ensureTable({ scope, table: 't', columns: { n: { type: 'number' } } })
      await backend.roles.relational.upsert({
        scope,
        table: 't',
        records: [{ key: documentKey(scope, 'a'), documentId: 'a', version: version(1), values: { n: 1 } }],
      })
      asked.length = 0
    })
    afterEach(() => backend.close())

    const count = (options: { fresh?: boolean } = {}) =>
      backend.roles.relational.count({ scope, table: 't', ...options })

    it('reads go to the other, and the one that keeps failing is left out', async () => {
      faults.set('primary', down)
      for (let i = 0; i < 10; i++) expect(await count()).toBe(1)
      expect(asked.filter((a) => a === 'primary count')).toHaveLength(2)
      expect(backend.instances().map((i) => i.healthy)).toEqual([false, true])
    })

    it('it is taken back once a probe finds it well', async () => {
      faults.set('replica', down)
      for (let i = 0; i < 45; i++) await count()
      expect(backend.instances().map((i) => i.healthy)).toEqual([true, false])
      faults.delete('replica')
      const health = async (): Promise<readonly boolean[]> => {
        await count()
        return backend.instances().map((i) => i.healthy)
      }
      await expect.poll(health, { timeout: 5000 }).toEqual([true, true])
    })

    it('a read that hangs goes on at the next', async () => {
      faults.set('primary', () => new Promise(() => undefined))
      expect(await count()).toBe(1)
    })

    it('writes and fresh reads go to the primary alone', async () => {
      faults.set('primary', down)
      const record = { key: documentKey(scope, 'b'), documentId: 'b', version: version(1), values: { n: 2 } }
      await expect(backend.roles.relational.upsert({ scope, table: 't', records: [record] })).rejects.toMatchObject({
        code: 'CONNECTION',
      })
      await expect(count({ fresh: true })).rejects.toMatchObject({ code: 'CONNECTION' })
      expect(asked.some((a) => a === 'replica upsert')).toBe(false)
    })

    it('a mistake of the caller is not tried elsewhere', async () => {
      await expect(backend.roles.relational.count({ scope, table: 'missing' })).rejects.toMatchObject({
        code: 'NOT_FOUND',
      })
      expect(asked).toHaveLength(1)
    })

    it('all of them failing says so', async () => {
      faults.set('primary', down)
      faults.set('replica', down)
      await expect(count()).rejects.toMatchObject({ code: 'CONNECTION' })
    })

    it('reads go to the faster', async () => {
      faults.set('primary', () => new Promise((resolve) => setTimeout(resolve, 15)))
      for (let i = 0; i < 20; i++) await count()
      expect(asked.filter((a) => a.startsWith('replica')).length).toBeGreaterThan(12)
    })
  })

  it('are configured beside the primary, or as a list', async () => {
    const file = path.join(folder, 'configured.db')
    const withReplicas = track(
      await open({ backend: { type: 'sqlite', config: { path: file }, replicas: [{ path: file }] } }),
    )
    await withReplicas.storeDocument({ id: 'a', text: 'hello world' }, 'docs')
    expect((await withReplicas.searchDocuments({ query: 'hello', collection: 'docs' })).hits).toHaveLength(1)
    const instance = { type: 'sqlite', config: { path: file } }
    const list = track(await open({ relational: [instance, instance] }))
    expect((await list.getDocument('a', 'docs'))?.text).toBe('hello world')
    const mixed = open({ relational: [instance, { type: flaky('other', () => undefined) }] })
    await expect(mixed).rejects.toThrow(
      'relational[1].type: instances of one role are of one database; the first is sqlite.',
    )
  })
})
