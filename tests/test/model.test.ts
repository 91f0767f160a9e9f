import type { VeritasDocument } from '@veritas-db/core'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { memoryDatabase } from './helpers.js'

type Step =
  | { readonly do: 'store'; readonly documents: readonly VeritasDocument[] }
  | { readonly do: 'delete'; readonly id: string }

const id = fc.constantFrom('a', 'b', 'c', 'd', 'e', "f'; --", '😀')
const document = fc.record({
  id,
  text: fc.lorem({ maxCount: 12 }),
  references: fc.uniqueArray(id, { maxLength: 3 }),
  metadata: fc.record({ n: fc.integer({ min: 0, max: 3 }) }),
})
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant('store' as const), documents: fc.array(document, { minLength: 1, maxLength: 4 }) }),
  fc.record({ do: fc.constant('delete' as const), id }),
)

describe('the three stores', () => {
  it('agree with a plain map after any sequence of writes and deletes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
        const db = await memoryDatabase({ chunk: { words: 4, overlap: 1 } })
        const model = new Map<string, VeritasDocument>()
        await db.ensureCollection('docs')
        for (const s of steps) {
          if (s.do === 'delete') {
            await db.deleteDocument(s.id, 'docs')
            model.delete(s.id)
          } else {
            expect(await db.storeDocuments(s.documents, 'docs')).toMatchObject({ failed: 0 })
            for (const d of s.documents) model.set(d.id ?? '', d)
          }
        }
        for (const key of ['a', 'b', 'c', 'd', 'e', "f'; --", '😀']) {
          const stored = await db.getDocument(key, 'docs')
          expect(stored?.text).toBe(model.get(key)?.text)
          expect(stored?.references.map((r) => r.id)).toEqual(model.get(key)?.references)
        }
        const scope = { collection: 'docs' }
        const edges = [...model.values()].reduce((sum, d) => sum + (d.references?.length ?? 0), 0)
        expect(await db.countDocuments('docs')).toBe(model.size)
        expect(await db.graph?.count({ scope, of: 'nodes' })).toBe(model.size)
        expect(await db.graph?.count({ scope, of: 'edges' })).toBe(edges)
        for (let n = 0; n <= 3; n++) {
          const expected = [...model.values()]
            .filter((d) => d.metadata?.n === n)
            .map((d) => d.id)
            .sort()
          const found = await db.searchDocuments({ collection: 'docs', mode: 'metadata', filter: { n } })
          expect(found.hits.map((h) => h.id).sort()).toEqual(expected)
        }
        const vectors = await db.vector?.scan({ scope, limit: 1000 })
        expect(new Set(vectors?.records.map((r) => r.documentId))).toEqual(new Set(model.keys()))
        await db.close()
      }),
      { numRuns: 60 },
    )
  })
})
