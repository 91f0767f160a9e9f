import { type Limits, splitBatches } from '@veritas-db/core/contract'

/** What one request holds: far below what a server takes, so that no single one takes long. */
export const limits: Limits = { batchRecords: 1000, batchBytes: 4 * 1024 * 1024 }

/** Keys of one request. */
export const KEYS_A_REQUEST = 5000

/** About how many bytes a value takes as JSON: the limit is our own, and encoding everything twice would cost more than it saves. */
const roughSize = (value: unknown): number => {
  if (typeof value === 'string') return value.length + 3
  if (typeof value !== 'object' || value === null) return 8
  let size = 2
  if (Array.isArray(value)) for (const item of value) size += roughSize(item) + 1
  else for (const [name, item] of Object.entries(value)) size += name.length + 4 + roughSize(item)
  return size
}

/** Documents in batches by count and size. */
export const documentBatches = <T>(documents: readonly T[]): (readonly T[])[] => [
  ...splitBatches(documents, limits, roughSize),
]

/** Items in parts of a size. */
export const chunks = <T>(items: readonly T[], size: number): (readonly T[])[] => [
  ...splitBatches(items, { batchRecords: size }),
]
