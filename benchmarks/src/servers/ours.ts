import {
  type Backend,
  type EdgeRecord,
  type EdgeSet,
  type NodeRecord,
  parseFilter,
  type RowRecord,
  type Scope,
  type TableDefinition,
  type UpsertMode,
  type VectorRecord,
} from '@veritas-db/core/contract'
import type { GraphContestant, Ours, TableContestant, VectorContestant } from './compare.ts'
import {
  batches,
  DIMENSIONS,
  EDGE_TYPE,
  FIND_LIMIT,
  type Item,
  K,
  SINCE,
  SINCE_FILTER,
  VECTOR_FIELDS,
} from './shape.ts'

const toVector = ({ key, documentId, version, vector, text, metadata }: Item): VectorRecord => ({
  key,
  documentId,
  version,
  ordinal: 0,
  vector,
  text,
  metadata,
})

/** Where one contestant's documents are; made anew they get a place that nobody had before, as the manager's do. */
class Place {
  #incarnation = Math.floor(Date.now() / 1000)

  get scope(): Scope {
    return { collection: 'bench', incarnation: this.#incarnation }
  }

  next(): Scope {
    this.#incarnation++
    return this.scope
  }
}

/** Our vector role; `settle` is for what a backend builds in the background. */
export function ourVectors(
  backend: Backend<'vector'>,
  settle?: () => Promise<void>,
  dimensions = DIMENSIONS,
): VectorContestant & Ours<Backend<'vector'>['roles']['vector']> {
  const role = backend.roles.vector
  const place = new Place()
  const include = { metadata: true, text: true } as const
  let token: string | undefined
  const after = (): { after?: string } => (token === undefined ? {} : { after: token })
  const load = async (items: readonly Item[], mode: UpsertMode): Promise<void> => {
    for (const batch of batches(items)) {
      const result = await role.upsert({ scope: place.scope, records: batch.map(toVector), mode })
      check(result.outcomes)
      token = result.token
    }
  }
  return {
    role,
    place,
    async reset() {
      await role.dropCollection(place)
      await role.ensureCollection({ scope: place.next(), dimensions, metric: 'cosine', fields: VECTOR_FIELDS })
    },
    load: (items) => load(items, 'replace'),
    ...(newerOnly(role) && { loadNewer: (items: readonly Item[]) => load(items, 'ifNewer') }),
    ...(settle && { settle }),
    get: async ({ key }) => (await role.get({ scope: place.scope, keys: [key], ...after() }))[0]?.documentId,
    async query(vector, filtered) {
      const filter = filtered ? { filter: SINCE_FILTER } : {}
      const matches = await role.query({ scope: place.scope, vector, topK: K, include, ...filter, ...after() })
      return matches.map((match) => match.documentId)
    },
    async close() {
      await role.dropCollection(place)
      await backend.close()
    },
  }
}

export const TABLE = 'documents'
const table: TableDefinition = {
  columns: {
    title: { type: 'string' },
    kind: { type: 'string', index: true },
    year: { type: 'number', index: true },
    open: { type: 'boolean' },
    text: { type: 'string' },
  },
}

/** What a query of rows asks for. */
export const kindFilter = (kind: string): ReturnType<typeof parseFilter> => parseFilter({ kind, year: { $gte: SINCE } })

const toRow = ({ key, documentId, version, text, metadata }: Item): RowRecord => ({
  key,
  documentId,
  version,
  values: { ...metadata, text },
})

export function ourTable(
  backend: Backend<'relational'>,
  settle?: () => Promise<void>,
): TableContestant & Ours<Backend<'relational'>['roles']['relational']> {
  const role = backend.roles.relational
  const place = new Place()
  const load = async (items: readonly Item[], mode: UpsertMode): Promise<void> => {
    for (const batch of batches(items))
      check((await role.upsert({ scope: place.scope, table: TABLE, records: batch.map(toRow), mode })).outcomes)
  }
  return {
    role,
    place,
    async reset() {
      await role.dropTable({ scope: place.scope, table: TABLE })
      await role.ensureTable({ scope: place.next(), table: TABLE, ...table })
    },
    load: (items) => load(items, 'replace'),
    ...(newerOnly(role) && { loadNewer: (items: readonly Item[]) => load(items, 'ifNewer') }),
    ...(settle && { settle }),
    get: async ({ key }) => (await role.get({ scope: place.scope, table: TABLE, keys: [key] }))[0]?.documentId,
    async find(kind) {
      const page = await role.find({ scope: place.scope, table: TABLE, filter: kindFilter(kind), limit: FIND_LIMIT })
      return page.records.map((row) => row.documentId)
    },
    async close() {
      await role.dropTable({ scope: place.scope, table: TABLE })
      await backend.close()
    },
  }
}

const toNode = ({ key, documentId, version, metadata }: Item): NodeRecord => ({
  key,
  documentId,
  version,
  label: 'Document',
  placeholder: false,
  properties: metadata,
})

const toEdges = ({ key, version, targets }: Item): readonly EdgeRecord[] =>
  targets.map((target) => ({ source: key, target, type: EDGE_TYPE, ordinal: 0, version, properties: {} }))

const toEdgeSet = (item: Item): EdgeSet => ({ source: item.key, version: item.version, edges: toEdges(item) })

export function ourGraph(
  backend: Backend<'graph'>,
  settle?: () => Promise<void>,
): GraphContestant & Ours<Backend<'graph'>['roles']['graph']> {
  const role = backend.roles.graph
  const place = new Place()
  const loadNodes = async (items: readonly Item[], mode: UpsertMode): Promise<void> => {
    for (const batch of batches(items))
      check((await role.upsertNodes({ scope: place.scope, nodes: batch.map(toNode), mode })).outcomes)
  }
  return {
    role,
    place,
    async reset() {
      await role.dropSchema(place)
      await role.ensureSchema({
        scope: place.next(),
        labels: ['Document'],
        edgeTypes: [EDGE_TYPE],
        fields: VECTOR_FIELDS,
      })
    },
    async load(items) {
      await loadNodes(items, 'replace')
      for (const batch of batches(items))
        check((await role.upsertEdges({ scope: place.scope, edges: batch.flatMap(toEdges) })).outcomes)
    },
    ...(newerOnly(role) && {
      // What the manager calls: each document's edges as a set that replaces an older one.
      async loadNewer(items: readonly Item[]) {
        await loadNodes(items, 'ifNewer')
        for (const batch of batches(items))
          check((await role.replaceEdges({ scope: place.scope, sets: batch.map(toEdgeSet) })).outcomes)
      },
    }),
    ...(settle && { settle }),
    get: async ({ key }) => (await role.getNodes({ scope: place.scope, keys: [key] }))[0]?.documentId,
    async neighbors({ key }) {
      const found = await role.neighbors({ scope: place.scope, starts: [key], direction: 'out', limit: 100 })
      return found.map(({ node }) => node.documentId)
    },
    async close() {
      await role.dropSchema(place)
      await backend.close()
    },
  }
}

/** Whether the backend compares versions itself; the manager then writes with `ifNewer`. */
const newerOnly = (role: { readonly capabilities: { readonly upsertModes: readonly UpsertMode[] } }): boolean =>
  role.capabilities.upsertModes.includes('ifNewer')

function check(outcomes: readonly { readonly status: string }[]): void {
  const bad = outcomes.find((outcome) => outcome.status !== 'applied')
  if (bad) throw new Error(`A record was not written: ${JSON.stringify(bad)}`)
}
