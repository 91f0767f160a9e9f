import type { RoleCapabilities, UpsertMode, VectorCapabilities } from './capabilities.js'
import { checkDimensions, checkLimit } from './checks.js'
import { invalid, type RoleName, unsupported } from './errors.js'
import type { VectorMatch } from './records.js'
import type { CollectionDefinition, VectorQuery } from './roles/vector.js'
import { checkFieldName, checkVector } from './values.js'

/**
 * Checks a collection against what a backend can: its metric, its dimensions, the names of its fields.
 * @throws VeritasError UNSUPPORTED for the metric, VALIDATION for the rest
 */
export function checkCollection(
  { dimensions, metric, fields = {} }: CollectionDefinition,
  capabilities: Pick<VectorCapabilities, 'metrics' | 'maxDimensions'>,
  backend: string,
): void {
  if (!capabilities.metrics.includes(metric))
    throw unsupported(backend, 'vector', `the metric ${String(metric)}`, `it has ${capabilities.metrics.join(', ')}.`)
  checkDimensions(dimensions, capabilities.maxDimensions)
  for (const path of Object.keys(fields)) for (const part of path.split('.')) checkFieldName(part, 'fields')
}

/**
 * Checks a query of vectors, but for its filter.
 * @throws VeritasError VALIDATION for the vector or `topK`, UNSUPPORTED for `exact` where the backend is never exact
 */
export function checkVectorQuery(
  { vector, topK, exact }: Pick<VectorQuery, 'vector' | 'topK' | 'exact'>,
  { dimensions }: Pick<CollectionDefinition, 'dimensions'>,
  capabilities: Pick<VectorCapabilities, 'exact' | 'maxTopK'>,
  backend: string,
): void {
  if (exact === true && capabilities.exact === 'never')
    throw unsupported(backend, 'vector', 'exact queries', 'leave out exact.')
  checkVector(vector, dimensions)
  checkLimit(topK, 'topK', capabilities.maxTopK, 1)
}

/** Checks the mode of a write. @throws VeritasError UNSUPPORTED for one that the backend does not declare, VALIDATION for one that is none */
export function checkUpsertMode(
  mode: UpsertMode,
  { upsertModes, conditionalUpsert }: Pick<RoleCapabilities, 'upsertModes' | 'conditionalUpsert'>,
  backend: string,
  role: RoleName,
): void {
  if (upsertModes.includes(mode)) return
  if (!MODES.includes(mode)) throw invalid('mode', `needs ${MODES.join(', ')}`)
  const instead =
    conditionalUpsert === 'none' ? 'record ids hold the version, so that nothing newer is overwritten.' : undefined
  throw unsupported(backend, role, `writing with mode ${mode}`, instead)
}

const MODES: readonly string[] = ['replace', 'ifNewer', 'ifAbsent']

/** Compares matches: best first, ties by key, then by ordinal. */
export function bestFirst(
  a: Pick<VectorMatch, 'score' | 'key' | 'ordinal'>,
  b: Pick<VectorMatch, 'score' | 'key' | 'ordinal'>,
): number {
  return b.score - a.score || (a.key < b.key ? -1 : a.key > b.key ? 1 : a.ordinal - b.ordinal)
}

/** The powers of ten that a number holds exactly. */
const POWERS: readonly number[] = Array.from({ length: 23 }, (_, i) => Number(`1e${i}`))

/**
 * A vector as numbers whose JSON is short: 9 digits, which always suffice for 32-bit floats (IEEE 754), in place of the 16 or 17
 * that their 64-bit values have. Each reads back as the same 32-bit float.
 */
export function shortNumbers(vector: Float32Array): number[] {
  return Array.from(vector, shortNumber)
}

function shortNumber(x: number): number {
  // Digits after the point, so that there are 9.
  const power = POWERS[8 - Math.floor(Math.log10(Math.abs(x)))]
  if (power === undefined) return Number(x.toPrecision(9))
  // A whole number over a power of ten is the number nearest to that decimal: twice as fast as writing and reading it.
  const short = Math.round(x * power) / power
  return Math.fround(short) === x ? short : Number(x.toPrecision(9))
}
