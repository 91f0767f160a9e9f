import type { TableDefinition } from '../contract/roles/relational.js'
import type { Scope } from '../contract/values.js'

/** Where the manager keeps its own records: in the authority, beside the documents. */
export const SYSTEM_SCOPE: Scope = { collection: 'veritas_system' }
export const SYSTEM_TABLE = 'registry'

/** Names of collections that start so are VERITAS's own. */
export const RESERVED_PREFIX = 'veritas_'

export const SYSTEM_DEFINITION: TableDefinition = {
  columns: {
    kind: { type: 'string', index: true },
    floor: { type: 'string' },
    name: { type: 'string' },
    tenant: { type: 'string' },
    dimensions: { type: 'number' },
    metric: { type: 'string' },
    embedder: { type: 'string' },
    incarnation: { type: 'number' },
    fields: { type: 'json' },
    deleted: { type: 'boolean' },
  },
}
