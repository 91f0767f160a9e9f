import type { VeritasDocument } from '@veritas-db/core'

/** mulberry32: the same data in every run. */
export function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

export type Shape = 'clustered' | 'uniform'

/** Unit vectors: around 100 centres, or in every direction alike. */
export function vectors(count: number, dimensions: number, shape: Shape, seed = 1): Float32Array[] {
  const next = random(seed)
  const gauss = (): number => Math.sqrt(-2 * Math.log(next() || 1e-9)) * Math.cos(2 * Math.PI * next())
  const centreRandom = random(99)
  const centreGauss = (): number =>
    Math.sqrt(-2 * Math.log(centreRandom() || 1e-9)) * Math.cos(2 * Math.PI * centreRandom())
  const centres =
    shape === 'clustered'
      ? Array.from({ length: 100 }, () => Float32Array.from({ length: dimensions }, centreGauss))
      : []
  return Array.from({ length: count }, () => {
    const centre = centres[Math.floor(next() * centres.length)]
    const vector = Float32Array.from({ length: dimensions }, (_, i) =>
      centre ? (centre[i] ?? 0) + 0.5 * gauss() : gauss(),
    )
    const norm = Math.hypot(...vector)
    return vector.map((x) => x / norm)
  })
}

/** What a document can be about: 24 words, as often as each other. */
export const KINDS: readonly string[] =
  'store search graph vector index query document relation model network memory stream batch signal filter token edge node table column cache journal version repair'.split(
    ' ',
  )

const VOCABULARY = 5000

/** Words made of syllables, all different, those of KINDS among them: neither the commonest nor the rarest. */
function vocabulary(): readonly string[] {
  const next = random(11)
  const pick = (letters: string): string => letters[Math.floor(next() * letters.length)] ?? ''
  const words = new Set<string>()
  while (words.size < VOCABULARY) {
    const syllables = 1 + Math.floor(next() * 3)
    words.add(
      Array.from({ length: syllables }, () => pick('bcdfghjklmnprstvwz') + pick('aeiou') + pick('lmnrst')).join(''),
    )
  }
  const all = [...words]
  for (const [i, kind] of KINDS.entries()) all[40 + 20 * i] = kind
  return all
}

/** Words as a natural language uses them: the one at place n about 1/n as often as the first (Zipf). The ten commonest make up a third. */
export function zipfWords(next: () => number): () => string {
  const words = vocabulary()
  const sums: number[] = []
  let sum = 0
  for (let place = 1; place <= words.length; place++) {
    sum += 1 / place
    sums.push(sum)
  }
  return () => {
    const wanted = next() * sum
    let low = 0
    let high = sums.length - 1
    while (low < high) {
      const middle = (low + high) >> 1
      if ((sums[middle] ?? 0) < wanted) low = middle + 1
      else high = middle
    }
    return words[low] ?? ''
  }
}

/** Documents with an embedding, three references, metadata and 30 words of text each. */
export function documents(count: number, embeddings: readonly Float32Array[], seed = 7): VeritasDocument[] {
  const next = random(seed)
  const word = zipfWords(next)
  const kind = (): string => KINDS[Math.floor(next() * KINDS.length)] ?? ''
  return Array.from({ length: count }, (_, i) => ({
    id: `document-${i}`,
    text: Array.from({ length: 30 }, word).join(' '),
    title: `${word()} ${word()} ${i}`,
    documentType: 'note',
    createdDate: new Date(1_700_000_000_000 + i * 1000),
    references: Array.from({ length: 3 }, () => `document-${Math.floor(next() * count)}`),
    metadata: { year: 2000 + Math.floor(next() * 25), kind: kind(), open: next() < 0.5 },
    embedding: embeddings[i % embeddings.length] ?? new Float32Array(1),
  }))
}

/** Ids of the true nearest vectors by cosine; vectors are unit vectors. */
export function nearest(all: readonly Float32Array[], query: Float32Array, k: number): number[] {
  const scores = all.map((vector, i) => {
    let dot = 0
    for (let d = 0; d < vector.length; d++) dot += (vector[d] ?? 0) * (query[d] ?? 0)
    return [dot, i] as const
  })
  return scores
    .sort((a, b) => b[0] - a[0])
    .slice(0, k)
    .map(([, i]) => i)
}
