import type { FilterCapabilities } from '../contract/capabilities.js'
import type { FilterNode } from '../contract/filter/ast.js'
import { evaluateFilter } from '../contract/filter/evaluate.js'
import { parseFilter } from '../contract/filter/parse.js'
import { all, isMatchAll, mapPaths, splitFilter } from '../contract/filter/pushdown.js'
import type { RowRecord } from '../contract/records.js'
import type { FieldType } from '../contract/values.js'
import { ATTRIBUTE_TYPES } from '../documents/types.js'

/** A document filter in terms of the authority's columns, without tombstones. */
export function rowFilter(filter: FilterNode): FilterNode {
  return all([{ op: 'eq', path: 'deleted', value: false }, mapPaths(filter, columnOf)])
}

const COLUMNS: Readonly<Record<keyof typeof ATTRIBUTE_TYPES, string>> = {
  title: 'title',
  documentType: 'document_type',
  createdDate: 'created_date',
  filePath: 'file_path',
}

function columnOf(path: string): string {
  return Object.hasOwn(COLUMNS, path) ? COLUMNS[path as keyof typeof COLUMNS] : `metadata.${path}`
}

/** A user's filter on documents, split into what the authority applies and what is left. */
export interface DocumentFilter {
  readonly pushed: FilterNode
  /** Whether nothing is left. */
  readonly complete: boolean
  /** Whether a row that the authority returned matches the rest. */
  matches(row: RowRecord): boolean
}

/** @throws VeritasError VALIDATION with the exact place of a mistake */
export function documentFilter(
  filter: unknown,
  fields: Readonly<Record<string, FieldType>>,
  capabilities: FilterCapabilities,
): DocumentFilter {
  const { pushed, residual } = splitFilter(
    rowFilter(parseFilter(filter, { fields: { ...fields, ...ATTRIBUTE_TYPES } })),
    capabilities,
  )
  return { pushed, complete: isMatchAll(residual), matches: (row) => evaluateFilter(residual, row.values) }
}
