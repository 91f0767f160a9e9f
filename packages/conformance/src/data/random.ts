import { type Version, version } from '@veritas-db/core/contract'

/** Pseudo-random numbers in [0, 1), the same for the same seed (mulberry32). */
export function random(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

/** A copy of the items in another order. */
export function shuffled<T>(items: readonly T[], next: () => number): T[] {
  const out = items.slice()
  for (let i = out.length - 1; i > 0; i--) {
    const j = Math.floor(next() * (i + 1))
    const other = out[j] as T
    out[j] = out[i] as T
    out[i] = other
  }
  return out
}

/** The nth version: a larger n is newer. */
export const v = (n: number): Version => version(1_700_000_000_000 + n)

/** A vector that depends on the text alone. */
export function vectorFor(text: string, dimensions: number): Float32Array {
  let seed = 2166136261
  for (let i = 0; i < text.length; i++) seed = Math.imul(seed ^ text.charCodeAt(i), 16777619)
  return randomVector(dimensions, random(seed))
}

export function randomVector(dimensions: number, next: () => number): Float32Array {
  return Float32Array.from({ length: dimensions }, () => next() * 2 - 1)
}
