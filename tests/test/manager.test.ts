import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { type Embedder, hashedEmbedder, type VeritasDocument, VeritasError } from '@veritas-db/core'
import { describe, expect, it } from 'vitest'
import { memoryDatabase, open } from './helpers.js'

const LIBRARY: readonly VeritasDocument[] = [
  {
    id: 'sqlite',
    text: 'An embedded relational database in one file, with full text search.',
    title: 'SQLite',
    references: ['c'],
    metadata: { year: 2000, tags: ['sql', 'embedded'], open: true },
  },
  {
    id: 'neo4j',
    text: 'A graph database with the Cypher query language.',
    title: 'Neo4j',
    references: ['java'],
    metadata: { year: 2007, tags: ['graph'], open: true },
  },
  {
    id: 'pinecone',
    text: 'A hosted vector database for similarity search.',
    title: 'Pinecone',
    metadata: { year: 2019, tags: ['vector'], open: false },
  },
  {
    id: 'lancedb',
    text: 'An embedded vector database built on a columnar format.',
    title: 'LanceDB',
    references: ['rust', 'sqlite'],
    metadata: { year: 2022, tags: ['vector', 'embedded'], open: true },
  },
  {
    id: 'java',
    text: 'A programming language that runs on a virtual machine.',
    title: 'Java',
    documentType: 'language',
    metadata: { year: 1995 },
  },
]

async function library() {
  const db = await memoryDatabase()
  const summary = await db.storeDocuments(LIBRARY, 'library')
  expect(summary).toMatchObject({ read: 5, stored: 5, failed: 0, superseded: 0 })
  return db
}
const ids = (result: { readonly hits: readonly { readonly id: string }[] }): string[] => result.hits.map((h) => h.id)

describe('storing one document', () => {
  it('writes all legs and reads back what went in', async () => {
    const db = await memoryDatabase()
    const metadata = {
      s: "it's",
      n: 1.5,
      b: false,
      nothing: null,
      at: new Date(0),
      tags: ['a'],
      deep: { er: { x: 1 } },
    }
    const result = await db.storeDocument(
      {
        id: 'a',
        text: 'text',
        title: 'T',
        metadata,
        references: [{ id: 'b', type: 'CITES', properties: { page: 3 } }],
        createdDate: '2024-01-02T03:04:05Z',
      },
      'docs',
    )
    expect(result).toMatchObject({
      id: 'a',
      success: true,
      durable: 'stores',
      legs: { vector: 'stored', graph: 'stored', relational: 'stored' },
    })
    expect(await db.getDocument('a', 'docs')).toEqual({
      id: 'a',
      collection: 'docs',
      text: 'text',
      title: 'T',
      documentType: null,
      filePath: null,
      metadata,
      references: [{ id: 'b', type: 'CITES', properties: { page: 3 } }],
      createdDate: new Date('2024-01-02T03:04:05Z'),
      version: result.version,
    })
    expect(await db.graph?.count({ scope: { collection: 'docs' }, of: 'nodes' })).toBe(1)
    expect(await db.graph?.count({ scope: { collection: 'docs' }, of: 'nodes', placeholders: true })).toBe(2)
    expect(await db.graph?.count({ scope: { collection: 'docs' }, of: 'edges' })).toBe(1)
  })

  it('makes an id where none is given', async () => {
    const db = await memoryDatabase()
    const { id } = await db.storeDocument({ text: 'x' }, 'docs')
    expect((await db.getDocument(id, 'docs'))?.text).toBe('x')
  })

  it('replaces everything of an earlier version, and keeps the date of the first', async () => {
    const db = await memoryDatabase({ chunk: { words: 5, overlap: 0 } })
    const long = Array.from({ length: 40 }, (_, i) => `word${i}`).join(' ')
    await db.storeDocument({ id: 'a', text: long, metadata: { old: 1 }, references: ['b', 'c'] }, 'docs')
    const first = await db.getDocument('a', 'docs')
    const vectors = await db.vector?.count({ scope: { collection: 'docs' } })
    expect(vectors).toBeGreaterThan(5)
    await db.storeDocument({ id: 'a', text: 'short', metadata: { fresh: 2 } }, 'docs')
    const second = await db.getDocument('a', 'docs')
    expect(second).toMatchObject({
      text: 'short',
      metadata: { fresh: 2 },
      references: [],
      createdDate: first?.createdDate,
    })
    expect(await db.vector?.count({ scope: { collection: 'docs' } })).toBe(1)
    expect(await db.graph?.count({ scope: { collection: 'docs' }, of: 'edges' })).toBe(0)
    expect(ids(await db.searchDocuments({ query: 'word7', collection: 'docs', mode: 'metadata' }))).toEqual([])
  })

  it('turns a placeholder into the document when it arrives, and back when it goes', async () => {
    const db = await memoryDatabase()
    const scope = { collection: 'docs' }
    await db.storeDocument({ id: 'a', text: 'refers', references: ['b'] }, 'docs')
    await db.storeDocument({ id: 'b', text: 'arrives' }, 'docs')
    expect(
      ids(await db.searchDocuments({ collection: 'docs', mode: 'graph', graph: { from: ['a'], direction: 'out' } })),
    ).toEqual(['b'])
    expect(await db.deleteDocument('b', 'docs')).toMatchObject({ existed: true, success: true })
    expect(await db.getDocument('b', 'docs')).toBeNull()
    expect(ids(await db.searchDocuments({ collection: 'docs', mode: 'graph', graph: { from: ['a'] } }))).toEqual([])
    expect(await db.graph?.count({ scope, of: 'nodes', placeholders: true })).toBe(2)
    expect(await db.graph?.count({ scope, of: 'edges' })).toBe(1)
    expect(await db.vector?.count({ scope })).toBe(1)
    expect(await db.deleteDocument('b', 'docs')).toMatchObject({ existed: false, legs: { relational: 'unchanged' } })
    await db.storeDocument({ id: 'b', text: 'is back' }, 'docs')
    expect((await db.getDocument('b', 'docs'))?.text).toBe('is back')
  })

  it.each<[string, VeritasDocument, string]>([
    ['an empty id', { id: '', text: 'x' }, 'document.id'],
    ['a NaN in the embedding', { id: 'a', text: 'x', embedding: [Number.NaN] }, 'document.embedding[0]'],
    ['a bad collection', { id: 'a', text: 'x' }, 'collection'],
  ])('refuses %s before anything is written', async (_, document, path) => {
    const db = await memoryDatabase()
    const collection = path === 'collection' ? "x'; DROP TABLE docs; --" : 'docs'
    await expect(db.storeDocument(document, collection)).rejects.toMatchObject({ code: 'VALIDATION', path })
  })
})

describe('embedders', () => {
  const other: Embedder = {
    id: 'other',
    dimensions: 3,
    kind: 'neural',
    embed: async (texts) => texts.map(() => Float32Array.of(1, 0, 0)),
  }

  it('are remembered by the collection, and never mixed', async () => {
    const folder = await mkdtemp(`${tmpdir()}/veritas-embedder-`)
    const backend = { type: 'sqlite', config: { path: `${folder}/e.db` } }
    const first = await open({ backend })
    await first.storeDocument({ id: 'a', text: 'x' }, 'docs')
    await first.close()
    const second = await open({ backend, embedder: other })
    await expect(second.storeDocument({ id: 'b', text: 'y' }, 'docs')).rejects.toThrow(
      /was made with the embedder veritas-hashed-v1-384 \(384 dimensions\), the configured one is other \(3\)/,
    )
    const search = await second.searchDocuments({ query: 'x', collection: 'docs' })
    expect(search.warnings[0]).toMatchObject({ role: 'vector', error: { code: 'CONFIGURATION' } })
    expect(ids(search)).toEqual(['a'])
    await second.close()
    await rm(folder, { recursive: true })
  })

  it("keep embeddings that came with documents apart from the default's", async () => {
    const db = await memoryDatabase()
    await db.storeDocument({ id: 'a', text: 'x', embedding: [1, 0, 0] }, 'given')
    await db.storeDocument({ id: 'b', text: 'y', embedding: Float32Array.of(0, 1, 0) }, 'given')
    expect(ids(await db.searchDocuments({ vector: [0, 1, 0.1], collection: 'given', mode: 'semantic' }))).toEqual([
      'b',
      'a',
    ])
    await expect(db.storeDocument({ id: 'c', text: 'z' }, 'given')).rejects.toThrow('document.embedding: is missing')
    await expect(db.storeDocument({ id: 'c', text: 'z', embedding: [1] }, 'given')).rejects.toThrow(
      'has 1 dimensions, the collection "given" has 3',
    )
    await expect(db.searchDocuments({ query: 'x', collection: 'given', mode: 'semantic' })).rejects.toThrow(
      'give each document its embedding and each search its vector',
    )
    await db.storeDocument({ id: 'a', text: 'x' }, 'embedded')
    await expect(db.storeDocument({ id: 'b', text: 'y', embedding: [1, 2, 3] }, 'embedded')).rejects.toThrow(
      'embeddings from elsewhere cannot be mixed in',
    )
  })

  it('that answer too little are an error, not a shifted mix', async () => {
    const db = await memoryDatabase({ embedder: { ...other, embed: async () => [] } })
    await expect(db.storeDocument({ id: 'a', text: 'x' }, 'docs')).rejects.toThrow(
      'Embedder other answered 0 vectors for 1 texts',
    )
  })

  it('work with another dimension of the default', async () => {
    const db = await memoryDatabase({ embedder: hashedEmbedder({ dimensions: 64 }) })
    await db.storeDocument({ id: 'a', text: 'hello world' }, 'docs')
    expect((await db.listCollections())[0]).toEqual({
      name: 'docs',
      dimensions: 64,
      metric: 'cosine',
      embedder: 'veritas-hashed-v1-64',
    })
  })
})

describe('storing a stream', () => {
  it('counts what is refused and goes on', async () => {
    const db = await memoryDatabase()
    const documents = [
      { id: 'a', text: 'x' },
      { id: '', text: 'y' },
      { id: 'c', text: 'z', metadata: { n: Number.NaN } },
      { id: 'd', text: 'w' },
    ]
    const summary = await db.storeDocuments(documents, 'docs')
    expect(summary).toMatchObject({ read: 4, stored: 2, failed: 2 })
    expect(summary.failures.map((f) => [f.index, f.error.path])).toEqual([
      [1, 'document.id'],
      [2, 'document.metadata.n'],
    ])
  })

  it('leaves unchanged documents alone where asked to', async () => {
    const db = await library()
    const changed = LIBRARY.map((d) => (d.id === 'java' ? { ...d, text: 'Changed.' } : d))
    expect(await db.storeDocuments(changed, 'library', { skipUnchanged: true })).toMatchObject({
      unchanged: 4,
      stored: 1,
    })
    expect((await db.getDocument('java', 'library'))?.text).toBe('Changed.')
  })

  it('takes the last of several with one id', async () => {
    const db = await memoryDatabase({ chunk: { words: 5, overlap: 0 } })
    const texts = ['one two three four five six seven eight nine ten eleven', 'short', 'the last one']
    await db.storeDocuments(
      texts.map((text) => ({ id: 'same', text })),
      'docs',
    )
    expect((await db.getDocument('same', 'docs'))?.text).toBe('the last one')
    expect(await db.vector?.count({ scope: { collection: 'docs' } })).toBe(1)
  })

  it('reads the source no faster than it writes, and reports progress', async () => {
    const db = await memoryDatabase({ performance: { batchSize: 10 } })
    let produced = 0
    let ahead = 0
    let written = 0
    async function* source(): AsyncGenerator<VeritasDocument> {
      for (let i = 0; i < 500; i++) {
        produced++
        ahead = Math.max(ahead, produced - written)
        yield { id: `d${i}`, text: `text ${i}` }
      }
    }
    const progress: number[] = []
    await db.storeDocuments(source(), 'docs', {
      onProgress: (p) => {
        written = p.stored
        progress.push(p.stored)
      },
    })
    expect(progress.at(-1)).toBe(500)
    expect(ahead).toBeLessThanOrEqual(60)
  })

  it('lets timers and signals of the process have their turn', async () => {
    const db = await memoryDatabase({ performance: { batchSize: 10 } })
    let ticks = 0
    const timer = setInterval(() => ticks++, 1)
    await db.storeDocuments(
      Array.from({ length: 1000 }, (_, i) => ({ id: `d${i}`, text: 'x' })),
      'docs',
    )
    clearInterval(timer)
    expect(ticks).toBeGreaterThan(5)
  })

  it('stops when aborted, and says so', async () => {
    const db = await memoryDatabase({ performance: { batchSize: 5 } })
    const controller = new AbortController()
    function* source(): Generator<VeritasDocument> {
      for (let i = 0; ; i++) {
        if (i === 50) controller.abort()
        yield { id: `d${i}`, text: 'x' }
      }
    }
    await expect(db.storeDocuments(source(), 'docs', { signal: controller.signal })).rejects.toMatchObject({
      code: 'ABORTED',
    })
    expect(await db.countDocuments('docs')).toBeLessThanOrEqual(50)
  })

  it('passes on what the source throws, after what was read is written', async () => {
    const db = await memoryDatabase({ performance: { batchSize: 2 } })
    function* source(): Generator<VeritasDocument> {
      yield { id: 'a', text: 'x' }
      yield { id: 'b', text: 'x' }
      throw new Error('the disk is gone')
    }
    await expect(db.storeDocuments(source(), 'docs')).rejects.toThrow('the disk is gone')
    expect(await db.countDocuments('docs')).toBe(2)
  })
})

describe('searching', () => {
  it('finds by words, and says who found what', async () => {
    const db = await library()
    const { hits, warnings } = await db.searchDocuments({ query: 'cypher query language', collection: 'library' })
    expect(warnings).toEqual([])
    expect(hits[0]).toMatchObject({
      id: 'neo4j',
      title: 'Neo4j',
      passage: 'A graph database with the Cypher query language.',
    })
    expect(hits[0]?.found.map((f) => f.searchType).sort()).toEqual(['fullText', 'graph', 'semantic'])
    expect(new Set(hits[0]?.found.map((f) => f.backend))).toEqual(new Set(['sqlite']))
  })

  it('filters in every mode alike', async () => {
    const db = await library()
    const filter = { year: { $gte: 2007 }, tags: { $contains: 'vector' }, open: true }
    expect(ids(await db.searchDocuments({ collection: 'library', mode: 'metadata', filter }))).toEqual(['lancedb'])
    expect(
      ids(await db.searchDocuments({ query: 'database', collection: 'library', mode: 'semantic', filter })),
    ).toEqual(['lancedb'])
    expect(ids(await db.searchDocuments({ query: 'database', collection: 'library', mode: 'hybrid', filter }))).toEqual(
      ['lancedb'],
    )
    expect(
      ids(
        await db.searchDocuments({
          collection: 'library',
          mode: 'graph',
          graph: { from: ['sqlite'], direction: 'in' },
          filter,
        }),
      ),
    ).toEqual(['lancedb'])
    expect(
      ids(await db.searchDocuments({ collection: 'library', mode: 'metadata', filter: { documentType: 'language' } })),
    ).toEqual(['java'])
  })

  it('walks the graph in the direction asked for', async () => {
    const db = await library()
    const walk = (direction: 'in' | 'out' | 'both', depth = 1) =>
      db.searchDocuments({ collection: 'library', mode: 'graph', graph: { from: ['sqlite'], direction, depth } })
    expect(ids(await walk('in'))).toEqual(['lancedb'])
    expect(ids(await walk('out'))).toEqual([])
    const found = await walk('both')
    expect(found.hits[0]?.found).toEqual([{ searchType: 'graph', backend: 'sqlite', rank: 1, score: 0.5 }])
  })

  it('searches all collections where none is named', async () => {
    const db = await library()
    await db.storeDocument({ id: 'cypher', text: 'A cypher hides a message.' }, 'words')
    const { hits } = await db.searchDocuments({ query: 'cypher' })
    expect(new Set(hits.filter((h) => h.passage.toLowerCase().includes('cypher')).map((h) => h.collection))).toEqual(
      new Set(['library', 'words']),
    )
  })

  it('brings as many hits as asked for, however many passages a document has', async () => {
    const db = await memoryDatabase({ chunk: { words: 5, overlap: 0 } })
    const text = Array.from({ length: 30 }, () => 'the same passage again and').join(' ')
    await db.storeDocuments(
      Array.from({ length: 30 }, (_, i) => ({ id: `d${i}`, text })),
      'docs',
    )
    const { hits } = await db.searchDocuments({
      query: 'same passage',
      collection: 'docs',
      mode: 'semantic',
      limit: 20,
    })
    expect(new Set(hits.map((h) => h.id)).size).toBe(20)
  })

  it('explains itself on request', async () => {
    const db = await library()
    const { explain } = await db.searchDocuments({ query: 'vector', collection: 'library', explain: true })
    expect(explain?.legs.map((l) => [l.searchType, l.weight]).sort()).toEqual([
      ['fullText', 1],
      ['graph', 0.002],
      ['semantic', 0.002],
    ])
  })

  it.each<[object, string]>([
    [{ query: '' }, 'query: is empty'],
    [{ query: 'x', limit: 0 }, 'limit: needs a whole number'],
    [{ query: 'x', mode: 'fuzzy' }, 'mode: needs one of'],
    [{ query: 'x', filters: {} }, 'filters: is no option of a search'],
    [{ mode: 'semantic' }, 'a semantic search needs a query or a vector'],
    [{ mode: 'graph' }, 'a graph search needs a query, or graph.from'],
    [{ query: 'x', collection: 'nowhere' }, 'There is no collection "nowhere". There are: library.'],
    [
      { filter: { $or: [{ a: 1 }, { year: { $gte: true } }] }, collection: 'library' },
      'filter.$or[1].year: $gte needs a number, string or date, got boolean',
    ],
    [{ vector: [1, 2], collection: 'library', mode: 'semantic' }, 'vector: has 2 dimensions, the collection has 384'],
  ])('refuses %j', async (options, message) => {
    const db = await library()
    await expect(db.searchDocuments(options as never)).rejects.toThrow(message)
  })

  it('checks values of filters against declared fields', async () => {
    const db = await memoryDatabase({ collections: { typed: { fields: { year: 'number' } } } })
    await db.storeDocument({ id: 'a', text: 'x', metadata: { year: 2020 } }, 'typed')
    await expect(
      db.searchDocuments({ collection: 'typed', filter: { $or: [{ a: 1 }, { year: { $gte: '2019' } }] } }),
    ).rejects.toThrow('filter.$or[1].year: $gte needs a number, got string')
  })

  it('survives words that are syntax elsewhere', async () => {
    const db = await library()
    for (const query of ['"', "'; DROP TABLE x; --", 'a AND (b OR', '*', 'title:x', '-', 'NEAR(a b)', '😀', '{}[]^~\\'])
      expect((await db.searchDocuments({ query, collection: 'library' })).warnings).toEqual([])
  })
})

describe('collections', () => {
  it('start anew after they were dropped', async () => {
    const db = await library()
    await db.dropCollection('library')
    expect(await db.listCollections()).toEqual([])
    await expect(db.searchDocuments({ query: 'x', collection: 'library' })).rejects.toMatchObject({ code: 'NOT_FOUND' })
    await db.storeDocument({ id: 'new', text: 'database' }, 'library')
    expect(ids(await db.searchDocuments({ query: 'database', collection: 'library' }))).toEqual(['new'])
    expect(await db.vector?.count({ scope: { collection: 'library' } })).toBe(1)
  })

  it('are read-only through the role handles', async () => {
    const db = await library()
    await expect(db.vector?.dropCollection({ scope: { collection: 'library' } })).rejects.toMatchObject({
      code: 'CONFLICT',
    })
    await expect(
      db.relational?.delete({ scope: { collection: 'library' }, table: 'documents', keys: [] }),
    ).rejects.toMatchObject({ code: 'CONFLICT' })
    await db.vector?.ensureCollection({ scope: { collection: 'mine' }, dimensions: 2, metric: 'cosine' })
    expect(await db.vector?.count({ scope: { collection: 'mine' } })).toBe(0)
  })

  it('of tenants are apart', async () => {
    const folder = await mkdtemp(`${tmpdir()}/veritas-tenant-`)
    const backend = { type: 'sqlite', config: { path: `${folder}/t.db` } }
    const [a, b] = await Promise.all([open({ backend, tenant: 'a' }), open({ backend, tenant: 'b' })])
    await a.storeDocument({ id: 'x', text: 'of a' }, 'docs')
    await b.storeDocument({ id: 'x', text: 'of b' }, 'docs')
    expect((await a.getDocument('x', 'docs'))?.text).toBe('of a')
    expect(ids(await b.searchDocuments({ query: 'of' }))).toEqual(['x'])
    await Promise.all([a.close(), b.close()])
    await rm(folder, { recursive: true })
  })
})

describe('looking after itself', () => {
  it('reports health', async () => {
    const db = await library()
    const health = await db.healthCheck()
    expect(health).toMatchObject({
      overall: 'healthy',
      counts: { library: 5 },
      backends: [{ backend: 'sqlite', status: 'healthy', error: null, breaker: 'closed' }],
    })
    expect(health.backends[0]?.server).toMatch(/^SQLite \d/)
  })

  it('verifies every role by a round trip, and leaves nothing behind', async () => {
    const db = await library()
    const verified = await db.verifyBackends()
    expect(verified.map((v) => [v.role, v.ok]).sort()).toEqual([
      ['graph', true],
      ['relational', true],
      ['vector', true],
    ])
    expect((await db.vector?.listCollections())?.map((c) => c.scope.collection)).toEqual(['library'])
  })

  it('tells its listeners, until they stop listening', async () => {
    const db = await memoryDatabase()
    const seen: string[] = []
    const stop = db.on('store', (e) => seen.push(`store ${e.id}`))
    db.on('delete', (e) => seen.push(`delete ${e.id}`))
    await db.storeDocument({ id: 'a', text: 'x' }, 'docs')
    stop()
    await db.storeDocument({ id: 'b', text: 'x' }, 'docs')
    await db.deleteDocument('a', 'docs')
    expect(seen).toEqual(['store a', 'delete a'])
  })

  it('closes once, and refuses work afterwards', async () => {
    const db = await memoryDatabase()
    await Promise.all([db.close(), db.close()])
    await expect(db.storeDocument({ id: 'a', text: 'x' }, 'docs')).rejects.toSatisfy((e) =>
      VeritasError.is(e, 'UNAVAILABLE'),
    )
    await expect(db.searchDocuments({ query: 'x' })).rejects.toThrow('The database is closed')
  })
})
