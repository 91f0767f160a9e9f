import { rmSync } from 'node:fs'
import path from 'node:path'
import type { DatabaseManager } from '@veritas-db/core'
import { describe, expect, it } from 'vitest'
import { folderCorpus } from '../src/corpus/folder.js'
import { packagesCorpus } from '../src/corpus/packages.js'
import { Statistics } from '../src/corpus/statistics.js'
import type { Corpus, Problem } from '../src/corpus/types.js'
import { countAll } from '../src/counts.js'
import { questions } from '../src/questions.js'
import { relationsOf } from '../src/relations.js'
import { type SyncReport, sync } from '../src/store.js'
import { embedded, temporaryFolder, write } from './fixtures.js'

const signal = new AbortController().signal

function store(db: DatabaseManager, corpus: Corpus, fresh = false): Promise<SyncReport> {
  return sync(db, corpus, { statistics: new Statistics({ words: true }), signal, fresh })
}

function notes(): string {
  const folder = temporaryFolder()
  write(folder, {
    'hub.md': '---\ntags: [center]\n---\n# The hub of everything\n\n[a](a.md) [b](b.md)',
    'a.md': '---\ntags: [leaf]\n---\n# Gardening in winter\n\nSnowdrops bloom early. [hub](hub.md)',
    'b.md': '---\ntags: [leaf]\n---\n# Baking bread\n\nSourdough needs patience. [hub](hub.md) [gone](gone.md)',
  })
  return folder
}

describe('keeping a collection in step with files', () => {
  it('stores everything once; the second time nothing changes', async () => {
    const db = await embedded()
    const folder = notes()
    expect(await store(db, folderCorpus(folder))).toMatchObject({
      read: 3,
      added: 3,
      updated: 0,
      unchanged: 0,
      deleted: 0,
      failed: 0,
    })
    const { collection } = folderCorpus(folder)
    const before = await db.getDocument('a.md', collection)
    expect(await store(db, folderCorpus(folder))).toMatchObject({
      read: 3,
      added: 0,
      updated: 0,
      unchanged: 3,
      deleted: 0,
      failed: 0,
    })
    expect(await db.getDocument('a.md', collection)).toEqual(before)
    expect(await countAll(db, collection, signal)).toEqual({
      documents: 3,
      passages: 3,
      nodes: 3,
      placeholders: 1,
      edges: 5,
    })
  })

  it('updates a changed file, adds a new one and deletes a removed one, everywhere', async () => {
    const db = await embedded()
    const folder = notes()
    await store(db, folderCorpus(folder))
    write(folder, { 'a.md': '# Gardening in summer\n\nTomatoes ripen.', 'gone.md': '# Here at last' })
    rmSync(path.join(folder, 'b.md'))
    expect(await store(db, folderCorpus(folder))).toMatchObject({
      read: 3,
      added: 1,
      updated: 1,
      unchanged: 1,
      deleted: 1,
    })
    const { collection } = folderCorpus(folder)
    expect(await db.getDocument('b.md', collection)).toBeNull()
    expect(await db.getDocument('a.md', collection)).toMatchObject({ title: 'Gardening in summer', references: [] })
    for (const mode of ['semantic', 'metadata', 'hybrid'] as const) {
      const { hits } = await db.searchDocuments({ query: 'sourdough patience snowdrops tomatoes', mode, collection })
      expect(hits.map((h) => h.id)).toContain('a.md')
      expect(hits.map((h) => h.id)).not.toContain('b.md')
      expect(hits.map((h) => h.passage).join()).not.toContain('Snowdrops')
    }
    // The hub still refers to the removed file, which is a placeholder now.
    expect(await countAll(db, collection, signal)).toMatchObject({ documents: 3, nodes: 3, placeholders: 1, edges: 2 })
  })

  it('keeps what could not be read as it was', async () => {
    const db = await embedded()
    const folder = notes()
    await store(db, folderCorpus(folder))
    const whole = folderCorpus(folder)
    const failing: Corpus = {
      ...whole,
      async *documents(onProblem: (problem: Problem) => void) {
        onProblem({ id: 'a.md', why: 'permission denied' })
        for await (const document of whole.documents(onProblem)) if (document.id === 'hub.md') yield document
      },
    }
    expect(await store(db, failing)).toMatchObject({ read: 1, unchanged: 1, deleted: 1, problemCount: 1 })
    expect(await db.getDocument('a.md', whole.collection)).not.toBeNull()
    expect(await db.getDocument('b.md', whole.collection)).toBeNull()
  })

  it('keeps the documents of a folder that could not be read', async () => {
    const db = await embedded()
    const folder = temporaryFolder()
    write(folder, { 'top.md': 'top', 'locked/a.md': 'a', 'lockedness.md': 'l' })
    await store(db, folderCorpus(folder))
    const whole = folderCorpus(folder)
    const failing: Corpus = {
      ...whole,
      async *documents(onProblem: (problem: Problem) => void) {
        onProblem({ id: 'locked', folder: true, why: 'permission denied' })
        for await (const document of whole.documents(onProblem)) if (document.id === 'top.md') yield document
      },
    }
    expect(await store(db, failing)).toMatchObject({ deleted: 1 })
    expect(await db.getDocument('locked/a.md', whole.collection)).not.toBeNull()
  })

  it('deletes nothing when reading breaks off', async () => {
    const db = await embedded()
    const folder = notes()
    await store(db, folderCorpus(folder))
    const broken: Corpus = {
      ...folderCorpus(folder),
      // biome-ignore lint/correctness/useYield: it breaks before its first document
      async *documents() {
        throw new Error('the disk is gone')
      },
    }
    await expect(store(db, broken)).rejects.toThrow('the disk is gone')
    expect(await db.countDocuments(folderCorpus(folder).collection)).toBe(3)
  })

  it('counts a document that is refused, and stores the others', async () => {
    const db = await embedded()
    const folder = notes()
    const whole = folderCorpus(folder)
    const odd: Corpus = {
      ...whole,
      async *documents(onProblem: (problem: Problem) => void) {
        yield { id: 'odd', text: 'x', metadata: { title: 'an attribute, not metadata' } }
        yield* whole.documents(onProblem)
      },
    }
    const report = await store(db, odd)
    expect(report).toMatchObject({ read: 4, added: 3, failed: 1 })
    expect(report.failures[0]).toMatchObject({ id: 'odd', error: { code: 'VALIDATION' } })
  })

  it('starts over with fresh', async () => {
    const db = await embedded()
    const folder = notes()
    await store(db, folderCorpus(folder))
    expect(await store(db, folderCorpus(folder), true)).toMatchObject({ added: 3, unchanged: 0, deleted: 0 })
  })

  it('stops where the signal fires, and goes on the next time', async () => {
    const db = await embedded()
    const folder = temporaryFolder()
    write(folder, Object.fromEntries(Array.from({ length: 450 }, (_, i) => [`n${i}.md`, `Note ${i}`])))
    const controller = new AbortController()
    const stopped = sync(db, folderCorpus(folder), {
      statistics: new Statistics({ words: false }),
      signal: controller.signal,
      onProgress: () => controller.abort(),
    })
    await expect(stopped).rejects.toMatchObject({ code: 'ABORTED' })
    const { collection } = folderCorpus(folder)
    const stored = await db.countDocuments(collection)
    expect(stored).toBeLessThan(450)
    expect(await store(db, folderCorpus(folder))).toMatchObject({ unchanged: stored, added: 450 - stored })
  })
})

describe('questions', () => {
  it('of a folder come from the folder, one in each mode, and each finds something', async () => {
    const db = await embedded()
    const folder = notes()
    const corpus = folderCorpus(folder)
    const statistics = new Statistics({ words: true })
    await sync(db, corpus, { statistics, signal })
    const asked = await questions(db, corpus, statistics, {})
    expect(asked.map((q) => q.mode)).toEqual(['semantic', 'metadata', 'graph', 'hybrid'])
    for (const { mode, search } of asked) {
      const { hits } = await db.searchDocuments({ ...search, mode, collection: corpus.collection })
      expect(hits, mode).not.toHaveLength(0)
    }
    // The hub is what others link to most.
    expect(asked[2]?.search.graph?.from).toEqual(['hub.md'])
    expect(asked[1]?.search.filter).toEqual({ tags: { $contains: 'center' } })
  })

  it('of the user are asked as they are', async () => {
    const db = await embedded()
    const corpus = folderCorpus(notes())
    const statistics = new Statistics({ words: true })
    const filter = { tags: 'leaf' }
    expect(await questions(db, corpus, statistics, { query: 'bread' })).toMatchObject([
      { mode: 'hybrid', search: { query: 'bread' } },
    ])
    expect(await questions(db, corpus, statistics, { filter })).toMatchObject([
      { mode: 'metadata', search: { filter } },
    ])
    expect(await questions(db, corpus, statistics, { query: 'bread', filter, mode: 'semantic' })).toMatchObject([
      { mode: 'semantic', search: { query: 'bread', filter } },
    ])
  })

  it('of packages ask who depends on the one that most need; relations tell both directions', async () => {
    const db = await embedded()
    const project = temporaryFolder()
    const pack = (name: string, dependencies: Record<string, string>): object => ({
      name,
      version: '1.0.0',
      dependencies,
    })
    write(project, {
      'node_modules/base/package.json': pack('base', { missing: '1' }),
      'node_modules/left/package.json': pack('left', { base: '1' }),
      'node_modules/right/package.json': pack('right', { base: '1', left: '1' }),
    })
    const corpus = packagesCorpus(project)
    const statistics = new Statistics({ words: false })
    await sync(db, corpus, { statistics, signal })
    const asked = await questions(db, corpus, statistics, { mode: 'graph' })
    expect(asked).toMatchObject([{ mode: 'graph', search: { graph: { from: ['base'], direction: 'in' } } }])
    expect(await relationsOf(db, corpus, 'base', signal)).toEqual({
      id: 'base',
      incoming: ['left', 'right'],
      outgoing: [],
      missing: ['missing'],
    })
    expect(await relationsOf(db, corpus, 'right', signal)).toMatchObject({
      incoming: [],
      outgoing: ['base', 'left'],
      missing: [],
    })
  })
})
