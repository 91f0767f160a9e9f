import { describe, expect, it } from 'vitest'
import { documentKey, version } from '../src/contract/index.js'
import { type Candidate, defaultWeights, fuse, type RankedList } from '../src/search/fuse.js'
import { bestPassage } from '../src/search/passage.js'

const key = (id: string) => documentKey({ collection: 'c' }, id)
const list = (searchType: RankedList['searchType'], ids: readonly string[], weight: number): RankedList => ({
  searchType,
  backend: 'db',
  weight,
  candidates: ids.map((id): Candidate => ({ key: key(id), documentId: id, version: version(1), score: 1 })),
})

describe('rank fusion', () => {
  it('adds up weight / (60 + rank)', () => {
    const [first] = fuse([list('semantic', ['a', 'b'], 1), list('fullText', ['b'], 0.5)])
    expect(first?.documentId).toBe('b')
    expect(first?.score).toBeCloseTo(1 / 62 + 0.5 / 61, 12)
    expect(first?.found.map((f) => f.searchType)).toEqual(['semantic', 'fullText'])
  })

  it('never lets a lexical embedder change the order of the first 100 that full text found', () => {
    const weights = defaultWeights('lexical', 'found')
    const ids = Array.from({ length: 100 }, (_, i) => `d${i}`)
    const others = Array.from({ length: 50 }, (_, i) => `x${i}`)
    const fused = fuse([
      list('fullText', ids, weights.fullText),
      list('semantic', [...others, ...ids.toReversed()], weights.semantic),
      list('graph', ids.toReversed(), weights.graph),
    ])
    expect(fused.slice(0, 100).map((f) => f.documentId)).toEqual(ids)
    expect(fused).toHaveLength(150)
  })
})

describe('passages', () => {
  const text = `${'Filler words stand here. '.repeat(60)}The circuit breaker opens after five failures. ${'More filler follows. '.repeat(60)}`

  it('show the part that holds the words asked for', () => {
    const passage = bestPassage(text, 'breaker failures')
    expect(passage).toContain('circuit breaker opens after five failures')
    expect(passage.length).toBeLessThan(340)
  })

  it('show the beginning where nothing is asked, and short text whole', () => {
    expect(bestPassage(text, undefined).startsWith('Filler')).toBe(true)
    expect(bestPassage(' short ', 'x')).toBe('short')
  })
})
