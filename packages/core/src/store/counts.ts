import { VeritasError } from '../contract/errors.js'
import type { FilterNode } from '../contract/filter/ast.js'
import type { RelationalRole } from '../contract/roles/relational.js'
import { DOCUMENT_TABLE } from '../documents/project.js'
import { documentFilter } from '../search/row-filter.js'
import type { Collection, Collections } from './collections.js'

/** How many documents the authority has in a scope that match a filter which it can take. */
export async function countRows(
  authority: RelationalRole,
  scope: Collection['scope'],
  filter: FilterNode,
  signal?: AbortSignal,
): Promise<number> {
  try {
    return await authority.count({ scope, table: DOCUMENT_TABLE, filter, ...(signal && { signal }) })
  } catch (error) {
    // A collection that was declared and never stored into has no table yet.
    if (VeritasError.is(error, 'NOT_FOUND')) return 0
    throw error
  }
}

/** How many documents each collection has, by name. */
export async function countCollections(
  authority: RelationalRole,
  collections: Collections,
  signal: AbortSignal,
): Promise<Readonly<Record<string, number>>> {
  const { pushed } = documentFilter(undefined, {}, authority.capabilities.filter)
  const counts = await Promise.all(
    (await collections.list(signal)).map(
      async ({ scope }) => [scope.collection, await countRows(authority, scope, pushed, signal)] as const,
    ),
  )
  return Object.fromEntries(counts)
}
