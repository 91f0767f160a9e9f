import { createHash } from 'node:crypto'
import type { Metadata, MetadataValue } from '@veritas-db/core'

const MAX_ID_BYTES = 512
const MAX_TEXT_VALUE = 10_000
const MAX_DEPTH = 8
/** Values of one document's metadata: an alias bomb in YAML unfolds to more than any memory holds. */
const MAX_VALUES = 1000
/** The document's own attributes, which metadata cannot name. */
const ATTRIBUTES = new Set(['title', 'documentType', 'createdDate', 'filePath'])

/** Text that every store takes: no NUL, no half of a surrogate pair. */
export function safeText(text: string): string {
  return text.replaceAll('\u0000', '').toWellFormed()
}

/** An id within the limit; a longer one keeps its beginning and gets a hash of the whole. */
export function safeId(id: string): string {
  const safe = safeText(id)
  if (Buffer.byteLength(safe) <= MAX_ID_BYTES) return safe
  const hash = createHash('sha256').update(safe).digest('hex').slice(0, 16)
  let head = safe.slice(0, MAX_ID_BYTES)
  while (Buffer.byteLength(head) > MAX_ID_BYTES - 18) head = head.slice(0, -8)
  return `${head.toWellFormed()}~${hash}`
}

/** Whatever a file says, as metadata that can be stored: what has no place there becomes text or is left out. */
export function safeMetadata(input: Readonly<Record<string, unknown>>): Metadata {
  const budget = { values: MAX_VALUES }
  return record(input, 0, budget) ?? {}
}

function record(input: object, depth: number, budget: { values: number }): Metadata | undefined {
  if (depth > MAX_DEPTH) return undefined
  const result: Record<string, MetadataValue> = {}
  for (const [name, value] of Object.entries(input)) {
    const field = fieldName(name)
    if (field === '' || (depth === 0 && ATTRIBUTES.has(field)) || budget.values-- <= 0) continue
    const safe = metadataValue(value, depth, budget)
    if (safe !== undefined) result[field] = safe
  }
  return result
}

/** Dots and a leading `$` mean something in filters. */
function fieldName(name: string): string {
  const safe = safeText(name)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is removed
    .replace(/[\u0000-\u001f\u007f]/g, '')
    .replaceAll('.', '_')
    .replace(/^\$+/, '')
  return safe === '__proto__' ? '' : safe.slice(0, 60)
}

function metadataValue(value: unknown, depth: number, budget: { values: number }): MetadataValue | undefined {
  switch (typeof value) {
    case 'string':
      return safeText(value.slice(0, MAX_TEXT_VALUE))
    case 'boolean':
      return value
    case 'number':
      // Beyond 2^53 a number would lose digits; as text it keeps them.
      if (!Number.isFinite(value)) return undefined
      return Number.isInteger(value) && !Number.isSafeInteger(value) ? String(value) : value
    case 'object':
      if (value === null) return null
      if (value instanceof Date) return Number.isNaN(value.getTime()) ? undefined : value
      return Array.isArray(value) ? array(value, budget) : record(value, depth + 1, budget)
    default:
      return undefined
  }
}

/** Arrays hold only strings or only numbers: anything else becomes strings. */
function array(items: readonly unknown[], budget: { values: number }): string[] | number[] {
  const kept = items.slice(0, Math.max(0, budget.values)).filter((item) => item !== null && item !== undefined)
  budget.values -= kept.length
  const numbers = kept.filter((item): item is number => typeof item === 'number' && Number.isFinite(item))
  if (
    kept.length > 0 &&
    numbers.length === kept.length &&
    numbers.every((n) => !Number.isInteger(n) || Number.isSafeInteger(n))
  )
    return numbers
  return kept.map((item) => safeText(label(item).slice(0, MAX_TEXT_VALUE)))
}

function label(item: unknown): string {
  if (typeof item === 'string') return item
  if (item instanceof Date) return Number.isNaN(item.getTime()) ? 'invalid date' : item.toISOString()
  // Nested structures in a list are named, not unfolded: they may be endless.
  return typeof item === 'object'
    ? `{${Object.keys(item ?? {})
        .slice(0, 20)
        .join(', ')}}`
    : String(item)
}
