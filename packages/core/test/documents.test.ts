import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { version } from '../src/contract/index.js'
import { chunkText } from '../src/documents/chunk.js'
import { normaliseDocument } from '../src/documents/normalise.js'
import { contentHash, projectDocument } from '../src/documents/project.js'
import { readDocument } from '../src/documents/read.js'
import type { VeritasDocument } from '../src/documents/types.js'
import { hashedEmbedder } from '../src/embedders/hashed.js'
import { VersionClock } from '../src/store/clock.js'

const scope = { collection: 'articles', incarnation: 0 }

describe('normalising a document', () => {
  it.each<[unknown, string]>([
    [null, 'document: needs an object'],
    [{ id: 'a' }, 'document.text: needs a string, got undefined'],
    [{ id: '', text: 'x' }, 'document.id: must not be empty'],
    [{ id: 'é'.repeat(257), text: 'x' }, 'document.id: is 514 bytes long'],
    [{ id: '\ud800', text: 'x' }, 'document.id: is not well-formed Unicode'],
    [{ id: 'a', text: 'x', colour: 'red' }, 'document.colour: is no field of a document'],
    [{ id: 'a', text: 'x', embedding: [1, Number.NaN] }, 'document.embedding[1]: needs a finite number, got NaN'],
    [{ id: 'a', text: 'x', embedding: [1, 'b'] }, 'document.embedding[1]: needs a finite number, got string'],
    [{ id: 'a', text: 'x', embedding: [] }, 'document.embedding: must not be empty'],
    [{ id: 'a', text: 'x', metadata: { n: 2 ** 60 } }, 'document.metadata.n: 1152921504606847000 is beyond 2^53'],
    [
      { id: 'a', text: 'x', metadata: { a: { b: [1, 'x'] } } },
      'document.metadata.a.b[1]: an array holds only strings or only numbers',
    ],
    [{ id: 'a', text: 'x', metadata: { f: () => 1 } }, 'document.metadata.f: a function cannot be stored'],
    [{ id: 'a', text: 'x', metadata: { title: 'y' } }, 'document.metadata.title: is an attribute of the document'],
    [{ id: 'a', text: 'x', createdDate: 'yesterday' }, 'document.createdDate: "yesterday" is no date'],
    [
      { id: 'a', text: 'x', references: [{ id: 'b', type: 'bad type' }] },
      'document.references[0].type: "bad type" is no name',
    ],
    [{ id: 'a', text: 'x', references: 'b' }, 'document.references: needs an array'],
  ])('refuses %j', (document, message) => {
    expect(() => normaliseDocument(document as VeritasDocument, scope)).toThrow(message)
  })

  it('takes one relation once', () => {
    const { references } = normaliseDocument(
      { id: 'a', text: '', references: ['b', { id: 'b' }, { id: 'b', type: 'CITES' }] },
      scope,
    )
    expect(references.map((r) => `${r.type} ${r.id}`)).toEqual(['REFERENCES b', 'CITES b'])
  })
})

describe('projecting a document', () => {
  const document = normaliseDocument(
    {
      id: 'a',
      text: 'some text',
      title: 'A',
      references: ['b'],
      metadata: { year: 2020, at: new Date(5) },
      createdDate: '2024-01-01T00:00:00Z',
    },
    scope,
  )
  const versioned = {
    document,
    version: version(1),
    createdDate: new Date('2024-01-01T00:00:00Z'),
    contentHash: contentHash(document),
    passages: [{ text: 'some text', start: 0, end: 9, vector: Float32Array.of(1, 2) }],
    embedderId: 'e',
  }

  it('gives every leg the same version and the same fields', () => {
    const { vectors, node, edges, row, placeholders } = projectDocument(versioned)
    expect(new Set([vectors[0]?.version, node.version, edges.version, row.version])).toEqual(
      new Set([versioned.version]),
    )
    expect(vectors[0]?.metadata).toBe(node.properties)
    expect(placeholders.map((p) => p.documentId)).toEqual(['b'])
    expect(row.values.manifest).toMatchObject({ vector: 1, graph: 1 })
  })

  it("comes back from the authority's row as it was", () => {
    const read = readDocument(projectDocument(versioned).row)
    expect(read).toMatchObject({
      id: 'a',
      text: 'some text',
      title: 'A',
      metadata: { year: 2020, at: new Date(5) },
      references: [{ id: 'b', type: 'REFERENCES', properties: {} }],
    })
  })

  it('has another content hash for every difference', () => {
    const changes: Partial<VeritasDocument>[] = [
      { text: 'x' },
      { title: 'x' },
      { metadata: { year: 2021 } },
      { references: ['c'] },
      { embedding: [1] },
      { filePath: 'x' },
      { createdDate: new Date(1) },
    ]
    const hashes = changes.map((change) =>
      contentHash(normaliseDocument({ id: 'a', text: 'some text', ...change }, scope)),
    )
    expect(new Set(hashes).size).toBe(changes.length)
  })
})

describe('chunking', () => {
  it('covers any text without gaps, in passages of bounded length that are never cut inside a character', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 3000 }), async (raw) => {
        const text = raw.toWellFormed()
        const passages = await chunkText(text, { words: 20, overlap: 5 })
        expect(passages[0]?.start ?? 0).toBe(0)
        let end = 0
        for (const passage of passages) {
          expect(passage.start).toBeLessThanOrEqual(end)
          expect(passage.text).toBe(text.slice(passage.start, passage.end))
          expect(passage.text.isWellFormed()).toBe(true)
          end = passage.end
        }
        expect(text.slice(end).trim()).toBe('')
      }),
      { numRuns: 200 },
    )
  })

  it('cuts text without spaces', async () => {
    const passages = await chunkText('字'.repeat(5000), { words: 20, overlap: 0 })
    expect(passages.length).toBeGreaterThan(5)
  })
})

describe('the hashed embedder', () => {
  it('is deterministic, normalised, and near where words are shared', async () => {
    const embedder = hashedEmbedder({ dimensions: 256 })
    const [a, b, c] = await embedder.embed(
      ['graph database for TypeScript', 'databases and graphs in typescript', 'cooking pasta with tomatoes'],
      { purpose: 'document' },
    )
    const dot = (x?: Float32Array, y?: Float32Array): number =>
      x?.reduce((sum, v, i) => sum + v * (y?.[i] ?? 0), 0) ?? 0
    expect(dot(a, a)).toBeCloseTo(1, 5)
    expect(dot(a, b)).toBeGreaterThan(dot(a, c) + 0.2)
    const [again] = await embedder.embed(['graph database for TypeScript'], { purpose: 'query' })
    expect(again).toEqual(a)
  })

  it('gives text without words a direction too', async () => {
    const [vector] = await hashedEmbedder().embed(['!?'], { purpose: 'document' })
    expect(Math.hypot(...(vector ?? []))).toBe(1)
  })
})

describe('the version clock', () => {
  it('only rises, whatever the wall clock does', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 2 ** 41 }), { minLength: 2, maxLength: 50 }), (times) => {
        let at = 0
        const clock = new VersionClock({ node: 1, now: () => times[at++ % times.length] ?? 0 })
        let last = clock.next()
        for (const _ of times) {
          const next = clock.next()
          expect(next > last).toBe(true)
          last = next
        }
      }),
    )
  })

  it('is raised by what it sees, and carries on when a millisecond is full', () => {
    const clock = new VersionClock({ node: 1, now: () => 5 })
    clock.observe(version(10, 0xffff, 7))
    expect(clock.next()).toBe(version(11, 0, 1))
  })
})
