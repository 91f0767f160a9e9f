import { invalid } from '../contract/errors.js'
import type { Embedder } from './embedder.js'

export interface HashedEmbedderOptions {
  /** The length of the vectors. Default 384; more means fewer collisions. */
  readonly dimensions?: number
}

/**
 * The offline default: hashed words and character trigrams, L2-normalised. It needs no download and always gives the same vector.
 *
 * It is lexical: texts are near where they share words or parts of words. It knows no synonyms and no meaning; for those, bring a neural embedder.
 *
 * Each feature is hashed with 32-bit FNV-1a to a dimension and a sign (feature hashing, Weinberger et al. 2009) and weighs
 * 1 + ln(count), trigrams half of that, over words of letters and digits in lower case after NFKC.
 */
export function hashedEmbedder(options: HashedEmbedderOptions = {}): Embedder {
  const dimensions = options.dimensions ?? 384
  if (!Number.isSafeInteger(dimensions) || dimensions < 8 || dimensions > 65536)
    throw invalid('dimensions', 'needs a whole number from 8 to 65536')
  return {
    id: `veritas-hashed-v1-${dimensions}`,
    dimensions,
    kind: 'lexical',
    maxBatch: 1000,
    embed: async (texts) => texts.map((text) => hashText(text, dimensions)),
  }
}

const WORD = /[\p{L}\p{N}]+/gu
const TRIGRAM_WEIGHT = 0.5

function hashText(text: string, dimensions: number): Float32Array {
  const words = new Map<string, number>()
  const trigrams = new Map<string, number>()
  for (const [word] of text.normalize('NFKC').toLowerCase().matchAll(WORD)) words.set(word, (words.get(word) ?? 0) + 1)
  for (const [word, count] of words) {
    const padded = `<${word}>`
    for (let i = 0; i + 3 <= padded.length; i++) {
      const gram = padded.slice(i, i + 3)
      trigrams.set(gram, (trigrams.get(gram) ?? 0) + count)
    }
  }
  const sums = new Float64Array(dimensions)
  const add = (feature: string, weight: number): void => {
    const hash = fnv1a(feature)
    const at = (hash >>> 1) % dimensions
    sums[at] = (sums[at] ?? 0) + (hash & 1 ? weight : -weight)
  }
  for (const [word, count] of words) add(`w ${word}`, 1 + Math.log(count))
  for (const [gram, count] of trigrams) add(`g ${gram}`, TRIGRAM_WEIGHT * (1 + Math.log(count)))
  let norm = Math.hypot(...sums)
  // Text without a word (or features that cancel out) still needs a direction: cosine of a zero vector is undefined.
  if (norm === 0) {
    sums[0] = 1
    norm = 1
  }
  return Float32Array.from(sums, (x) => x / norm)
}

/** 32-bit FNV-1a over UTF-16 units. */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) {
    hash ^= text.charCodeAt(i)
    hash = Math.imul(hash, 0x01000193)
  }
  return hash >>> 0
}
