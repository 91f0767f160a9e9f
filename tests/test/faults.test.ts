import { type AnyPlugin, VeritasError } from '@veritas-db/core'
import { describe, expect, it } from 'vitest'
import { type Fault, flaky } from './flaky.js'
import { open, track } from './helpers.js'

const config = { path: ':memory:' }
const down = (): never => {
  throw new VeritasError({ code: 'CONNECTION', message: 'connect ECONNREFUSED 127.0.0.1:7687' })
}
const quick = { retries: 0, breakerThreshold: 1000, probeTimeoutMs: 200 }

/** Three engines, each with a fault that tests switch. */
async function three(faults: { vector?: Fault; graph?: Fault; relational?: Fault } = {}, performance: object = quick) {
  const pass: Fault = () => undefined
  const plugin = (role: 'vector' | 'graph' | 'relational'): AnyPlugin =>
    flaky(`${role}db`, (op, options) => (faults[role] ?? pass)(op, options), [role])
  const db = track(
    await open({
      vector: { type: plugin('vector'), config },
      graph: { type: plugin('graph'), config },
      relational: { type: plugin('relational'), config },
      journal: false,
      performance,
    }),
  )
  return { db, faults }
}

describe('a mix of engines', () => {
  it('needs journal: false, and says what that means', async () => {
    const vector = flaky('vectordb', () => undefined, ['vector'])
    const opening = open({ vector: { type: vector, config }, relational: { type: 'sqlite', config } })
    await expect(opening).rejects.toMatchObject({ code: 'CONFIGURATION', path: 'journal' })
    await expect(opening).rejects.toThrow(/relational: sqlite, vector: vectordb.*Accept that with journal: false/)
  })

  it('needs the relational role', async () => {
    await expect(open({ vector: { type: 'sqlite', config } })).rejects.toThrow('add relational: { type: "sqlite" }')
  })

  it('works like one engine', async () => {
    const { db } = await three()
    await db.storeDocument({ id: 'a', text: 'about graphs', references: ['b'] }, 'docs')
    const { hits } = await db.searchDocuments({ query: 'graphs', collection: 'docs' })
    expect(hits[0]?.found.map((f) => f.backend).sort()).toEqual(['graphdb', 'relationaldb', 'vectordb'])
  })
})

describe('a derived store that is down', () => {
  it('fails its leg, and two of three are a success', async () => {
    const { db, faults } = await three()
    faults.vector = down
    const failed: string[] = []
    db.on('legFailed', (e) => failed.push(`${e.role} ${e.operation} ${e.error.code}`))
    const result = await db.storeDocument({ id: 'a', text: 'x' }, 'docs')
    expect(result).toMatchObject({
      success: true,
      durable: 'stores',
      legs: { vector: 'failed', graph: 'stored', relational: 'stored' },
      errors: { vector: { code: 'CONNECTION', backend: 'vectordb' } },
    })
    expect(failed).toEqual(['vector store CONNECTION'])
  })

  it('is left out of searches and named in the warnings', async () => {
    const { db, faults } = await three()
    await db.storeDocument({ id: 'a', text: 'about graphs' }, 'docs')
    faults.vector = down
    const { hits, warnings } = await db.searchDocuments({ query: 'graphs', collection: 'docs' })
    expect(hits.map((h) => h.id)).toEqual(['a'])
    expect(warnings).toMatchObject([{ role: 'vector', backend: 'vectordb', error: { code: 'CONNECTION' } }])
    await expect(db.searchDocuments({ query: 'graphs', collection: 'docs', mode: 'semantic' })).rejects.toMatchObject({
      code: 'CONNECTION',
    })
  })

  it('joins when it is back', async () => {
    let broken = true
    const { db } = await three({ graph: (op) => (broken && op === 'connect' ? down() : undefined) })
    expect((await db.healthCheck()).overall).toBe('degraded')
    broken = false
    expect(await db.storeDocument({ id: 'a', text: 'x' }, 'docs')).toMatchObject({ legs: { graph: 'stored' } })
    expect((await db.healthCheck()).overall).toBe('healthy')
  })

  it('never shows an old version of a document', async () => {
    const { db, faults } = await three()
    await db.storeDocument({ id: 'a', text: 'about graphs' }, 'docs')
    faults.vector = down
    await db.storeDocument({ id: 'a', text: 'about cooking' }, 'docs')
    delete faults.vector
    const { hits } = await db.searchDocuments({ query: 'graphs', collection: 'docs', mode: 'semantic' })
    expect(hits).toEqual([])
    faults.vector = down
    await db.deleteDocument('a', 'docs')
    delete faults.vector
    expect((await db.searchDocuments({ query: 'cooking', collection: 'docs' })).hits).toEqual([])
  })
})

describe('the authority', () => {
  it('must be there when the database opens', async () => {
    await expect(three({ relational: (op) => (op === 'connect' ? down() : undefined) })).rejects.toMatchObject({
      code: 'CONNECTION',
      backend: 'relationaldb',
    })
  })

  it('that fails later makes hits unverified, and health unhealthy', async () => {
    const { db, faults } = await three()
    await db.storeDocument({ id: 'a', text: 'about graphs', metadata: { a: 1 } }, 'docs')
    faults.relational = down
    const { hits, warnings } = await db.searchDocuments({ query: 'graphs', collection: 'docs', mode: 'semantic' })
    expect(hits).toMatchObject([{ id: 'a', unverified: true }])
    expect(warnings[0]?.message).toContain('hits are unverified')
    await expect(
      db.searchDocuments({ query: 'graphs', collection: 'docs', mode: 'semantic', filter: { a: 1 } }),
    ).rejects.toMatchObject({ code: 'CONNECTION' })
    expect(await db.healthCheck()).toMatchObject({ overall: 'unhealthy', counts: null })
  })
})

describe('calls', () => {
  it('are tried again where that can help, as often as configured', async () => {
    let calls = 0
    const { db, faults } = await three({}, { ...quick, retries: 2, retryDelayMs: 1 })
    faults.vector = (op) => (op === 'upsert' && ++calls <= 2 ? down() : undefined)
    expect(await db.storeDocument({ id: 'a', text: 'x' }, 'docs')).toMatchObject({ legs: { vector: 'stored' } })
    expect(calls).toBe(3)
  })

  it('are cut off at the configured limit', async () => {
    const { db, faults } = await three({}, { ...quick, queryTimeoutMs: 50 })
    await db.storeDocument({ id: 'a', text: 'x' }, 'docs')
    faults.vector = (op) => (op === 'query' ? new Promise(() => undefined) : undefined)
    const { hits, warnings } = await db.searchDocuments({ query: 'x', collection: 'docs' })
    expect(hits).toHaveLength(1)
    expect(warnings).toMatchObject([{ role: 'vector', error: { code: 'TIMEOUT' } }])
  })

  it('stop at a backend that keeps failing', async () => {
    let calls = 0
    const { db, faults } = await three({}, { ...quick, breakerThreshold: 2 })
    await db.storeDocument({ id: 'a', text: 'x' }, 'docs')
    faults.vector = () => {
      calls++
      down()
    }
    for (let i = 0; i < 5; i++) await db.searchDocuments({ query: 'x', collection: 'docs' })
    expect(calls).toBe(2)
    expect((await db.healthCheck()).backends.find((b) => b.backend === 'vectordb')?.breaker).toBe('open')
  })

  it('of one poisonous document do not fail the others of its batch', async () => {
    const { db, faults } = await three()
    faults.graph = (op, options) => {
      if (op === 'upsertNodes' && JSON.stringify(options).includes('poison'))
        throw new VeritasError({ code: 'INTERNAL', message: 'the server choked' })
    }
    const results: string[] = []
    const ids = Array.from({ length: 20 }, (_, i) => (i === 13 ? 'poison' : `d${i}`))
    await db.storeDocuments(
      ids.map((id) => ({ id, text: 'x' })),
      'docs',
      { onResult: (r) => results.push(`${r.id} ${r.legs.graph}`) },
    )
    expect(results.filter((r) => !r.endsWith('stored'))).toEqual(['poison failed'])
  })
})

describe('health', () => {
  it('is answered within the limit of a probe, however long a backend hangs', async () => {
    const { db, faults } = await three()
    faults.graph = (op) => (op === 'probe' ? new Promise(() => undefined) : undefined)
    const started = performance.now()
    const health = await db.healthCheck()
    expect(performance.now() - started).toBeLessThan(5000)
    expect(health.overall).toBe('degraded')
    expect(health.backends.find((b) => b.backend === 'graphdb')).toMatchObject({
      status: 'unhealthy',
      server: null,
      error: expect.stringContaining('TIMEOUT'),
    })
  })

  it('is verified step by step', async () => {
    const { db, faults } = await three()
    faults.graph = (op) => (op === 'neighbors' ? down() : undefined)
    const verified = await db.verifyBackends()
    expect(verified.find((v) => v.role === 'graph')).toMatchObject({
      ok: false,
      steps: [{ ok: true }, { ok: true }, { ok: true }, { step: 'find', ok: false }, { step: 'clean up', ok: true }],
    })
    expect(verified.find((v) => v.role === 'vector')?.ok).toBe(true)
  })
})

describe('a leg that failed', () => {
  it('is brought home by storing the document again, also where unchanged ones are skipped', async () => {
    const { db, faults } = await three()
    faults.vector = down
    await db.storeDocument({ id: 'a', text: 'about graphs' }, 'docs')
    delete faults.vector
    expect(await db.storeDocument({ id: 'a', text: 'about graphs' }, 'docs', { skipUnchanged: true })).toMatchObject({
      legs: { vector: 'stored' },
    })
    expect(await db.storeDocument({ id: 'a', text: 'about graphs' }, 'docs', { skipUnchanged: true })).toMatchObject({
      legs: { vector: 'unchanged' },
    })
    expect((await db.searchDocuments({ query: 'graphs', collection: 'docs', mode: 'semantic' })).hits).toHaveLength(1)
  })
})

describe('a collection that several callers make at the same moment', () => {
  it('is one collection, and keeps what all of them store', async () => {
    const { db } = await three({ relational: () => new Promise((resolve) => setTimeout(resolve, 3)) })
    const stored = Array.from({ length: 10 }, (_, i) => db.storeDocument({ id: `one-${i}`, text: 'x' }, 'docs'))
    const stream = db.storeDocuments(
      Array.from({ length: 250 }, (_, i) => ({ id: `many-${i}`, text: 'x' })),
      'docs',
    )
    await Promise.all([...stored, stream])
    expect(await db.countDocuments('docs')).toBe(260)
  })

  it('is one across processes too', async () => {
    const { mkdtemp, rm } = await import('node:fs/promises')
    const { tmpdir } = await import('node:os')
    const folder = await mkdtemp(`${tmpdir()}/veritas-race-`)
    const backend = { type: 'sqlite', config: { path: `${folder}/race.db` } }
    // Each manager has a registry of its own, as each process has.
    const managers = await Promise.all(Array.from({ length: 4 }, () => open({ backend })))
    await Promise.all(managers.map((db, i) => db.storeDocument({ id: `d${i}`, text: 'x' }, 'docs')))
    for (const db of managers) expect(await db.countDocuments('docs')).toBe(4)
    await Promise.all(managers.map((db) => db.close()))
    await rm(folder, { recursive: true })
  })
})
